"""Tell of message storms: recipients or channels at their ceiling are counted, and become a technical alert."""

from typing import Any

import msgspec
import psycopg
import structlog

from dispatch.alerts.platform import follow_up, raise_once
from vocabulary.rule_words import KEY, RuleWords

log = structlog.get_logger(__name__)

RULE, SUBJECT = "message_storm", "platform:messages"
WORDS = RuleWords(zh="消息风暴", en="Message storm", outside_zh="消息风暴", outside_en="Message storm")
SINCE_S = 180.0
"""A storm is over once no recipient and no channel was at its ceiling for so long."""


class StormCount(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of the last SINCE_S seconds: recipients who get lists, those lists, alerts in them, and channels that may
    send no more."""

    recipients: int
    lists: int
    alerts: int
    channels: tuple[str, ...]

    @property
    def any(self) -> bool:
        return bool(self.recipients or self.channels)


def count(conn: psycopg.Connection[Any]) -> StormCount:
    """Count the recipients and channels at their ceilings of late."""
    row = conn.execute(
        """
        SELECT count(DISTINCT (recipient_kind, recipient_key)), count(*),
               coalesce(max((content ->> 'open')::integer), 0),
               (SELECT coalesce(array_agg(channel ORDER BY channel), '{}') FROM channel_ceiling
                WHERE reached_at > clock_timestamp() - make_interval(secs => %(since)s))
        FROM message
        WHERE created_at > clock_timestamp() - make_interval(secs => %(since)s) AND (content ->> 'open')::integer > 0
        """,
        {"since": SINCE_S},
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives one row
    return StormCount(recipients=row[0], lists=row[1], alerts=row[2], channels=tuple(row[3]))


def watch(conn: psycopg.Connection[Any]) -> None:
    """Raise the technical alert of a storm, once, and clear it when the storm is over."""
    found = count(conn)
    if not found.any:
        follow_up(conn, RULE, SUBJECT, "clear", ("消息风暴已结束", "The storm of messages is over"))
        return
    new = raise_once(conn, RULE, SUBJECT, _reason(found), {KEY: msgspec.to_builtins(WORDS)})
    if new:
        log.error("a storm of messages", **msgspec.to_builtins(found))


def _reason(found: StormCount) -> tuple[str, str]:
    zh = f"未处理的紧急预警过多：{found.recipients} 人改为每分钟收到一条汇总短信，一人最多有 {found.alerts} 条未结"
    en = (
        f"Too many emergencies wait: {found.recipients} recipients get one list a minute in place of single messages;"
        f" one of them has {found.alerts} open"
    )
    if found.channels:
        zh += f"；已达上限的渠道：{'、'.join(found.channels)}"
        en += f"; channels at their ceiling: {', '.join(found.channels)}"
    return zh, en
