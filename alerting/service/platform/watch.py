"""Tells people of what is wrong with the platform: a host's clock, what ingest refuses or throws away.

One look every LOOK_S, in a thread of its own; of several alerting processes each looks, and each alert is raised once.
"""

import datetime as dt
import threading
from typing import Any

import msgspec
import psycopg
import structlog
from psycopg.rows import class_row

from database.clock import DatabaseClock
from database.pool import connect_options
from database.reports import service_faults
from database.reports.service_faults import ServiceFault
from database.settings import DatabaseSettings
from dispatch.alerts import platform as alerts
from observability.liveness import Part, unwatched
from vocabulary.alert_state import OPEN
from vocabulary.text import clean_text
from vocabulary.times import MINUTE_US, SECOND_US

log = structlog.get_logger(__name__)

LOOK_S = 10.0
RULE_CLOCK, RULE_ALLOWANCE, RULE_REFUSED = "host_clock", "over_allowance", "messages_refused"
RULES = {"clock": RULE_CLOCK, "allowance": RULE_ALLOWANCE}
"""The rule of each kind of service fault."""
REFUSED_SUBJECT = "platform:quarantine"
QUIET = dt.timedelta(hours=1)
"""When nothing has been refused for so long, the alert about it is cleared."""
GROUPS_TOLD = 10


class Refused(msgspec.Struct, frozen=True):
    """Refusals of one gateway for one reason that are not settled. ``folded``: those whose bytes are thrown away."""

    gateway: str | None
    code: str
    times: int
    folded: int
    first_at: dt.datetime

    @property
    def words(self) -> str:
        lost = f"，丢弃 {self.folded} / {self.folded} thrown away" if self.folded else ""
        return clean_text(f"{self.gateway or '?'} · {self.code}: {self.times}{lost}", 200)


class PlatformWatch:
    """Looks at the clock of this process (``clock``, as ``worker``), at what services tell, and at the quarantine."""

    def __init__(self, database: DatabaseSettings, clock: DatabaseClock, worker: str) -> None:
        self._database, self._clock, self._worker = database, clock, worker

    def run(self, stop: threading.Event, part: Part | None = None) -> None:
        part = part or unwatched()
        while not stop.is_set():
            try:
                options = connect_options(self._database, "alerting-platform")
                with psycopg.connect(self._database.url, autocommit=True, **options) as conn:
                    self.look(conn)
                part.turned()
            except psycopg.Error as error:
                part.held_up(str(error))
                log.warning("the platform is looked at later", error=str(error).strip())
            stop.wait(LOOK_S)

    def look(self, conn: psycopg.Connection[Any]) -> None:
        """Look once. Raises psycopg.Error while the database is away."""
        self._clock.look(conn)
        ahead_us = self._clock.host_ahead_us
        detail = {"ahead_s": round(ahead_us / SECOND_US, 1)} if ahead_us else None
        service_faults.tell(conn, self._worker, "clock", detail)
        self._tell_faults(conn, service_faults.lasting(conn))
        _tell_refusals(conn, refused(conn))

    @staticmethod
    def _tell_faults(conn: psycopg.Connection[Any], faults: list[ServiceFault]) -> None:
        told = set()
        for fault in faults:
            rule = RULES.get(fault.kind)
            if rule is None:
                continue
            subject = f"host:{fault.host}/{fault.service}"
            told.add((rule, subject))
            if alerts.raise_once(conn, rule, subject, _words(fault), {"kind": "platform", **fault.detail}, fault.since):
                log.error("a fault of the platform", rule=rule, service=fault.service, host=fault.host)
        known = conn.execute(
            "SELECT DISTINCT rule, subject FROM alert WHERE rule = ANY(%s) AND state = ANY(%s)",
            (list(RULES.values()), list(OPEN)),
        ).fetchall()
        for rule, subject in set(known) - told:
            alerts.follow_up(conn, rule, subject, "clear", ("已恢复正常", "It is right again"))


def refused(conn: psycopg.Connection[Any]) -> list[Refused]:
    """Read the refusals that are not settled, of gateways and reasons with one in the last hour, the most first."""
    with conn.cursor(row_factory=class_row(Refused)) as cursor:
        return cursor.execute(
            """
            SELECT gateway, code, sum(times + folded)::bigint AS times, sum(folded)::bigint AS folded,
                   min(first_at) AS first_at
            FROM quarantine WHERE settled_at IS NULL
            GROUP BY gateway, code HAVING max(last_at) > clock_timestamp() - %s ORDER BY times DESC
            """,
            (QUIET,),
        ).fetchall()


def _tell_refusals(conn: psycopg.Connection[Any], groups: list[Refused]) -> None:
    if not groups:
        alerts.follow_up(conn, RULE_REFUSED, REFUSED_SUBJECT, "clear", ("一小时内没有新的拒收", "None for an hour"))
        return
    total, folded = sum(group.times for group in groups), sum(group.folded for group in groups)
    gateways = {group.gateway for group in groups}
    lost_zh = f"，其中 {folded} 条超出待查数据上限，内容已丢弃" if folded else ""
    lost_en = f", of which {folded} are beyond the quarantine's limit: their contents are thrown away" if folded else ""
    alerts.raise_once(
        conn,
        RULE_REFUSED,
        REFUSED_SUBJECT,
        (
            f"平台拒收了 {len(gateways)} 个网关的 {total} 条消息{lost_zh}；原因见判断依据，处理后重新入库："
            "shouwang quarantine",
            f"{total} messages of {len(gateways)} gateways are refused{lost_en}. Mend the causes below, then process"
            " the messages again: shouwang quarantine",
        ),
        {
            "kind": "refused",
            "times": total,
            "thrown_away": folded,
            "refusals": [group.words for group in groups[:GROUPS_TOLD]],
        },
        min(group.first_at for group in groups),
    )
    _tell_news(conn, groups)


def _tell_news(conn: psycopg.Connection[Any], groups: list[Refused]) -> None:
    """Add to the open alert's story a gateway and reason, or a loss, that it does not tell of; at most GROUPS_TOLD."""
    for (number,) in alerts.running(conn, RULE_REFUSED, REFUSED_SUBJECT):
        row = conn.execute(
            """
            SELECT a.evidence::text || coalesce((SELECT string_agg(note_en, ' ') FROM alert_event e
                                                 WHERE e.alert_id = a.id), ''),
                   (SELECT count(*) FROM alert_event e WHERE e.alert_id = a.id AND e.actor = 'system')
            FROM alert a WHERE a.id = %s
            """,
            (number,),
        ).fetchone()
        assert row is not None  # noqa: S101 - the alert is open
        known, notes = row
        news = [group for group in groups if f"{group.gateway or '?'} · {group.code}:" not in known]
        if news and notes <= GROUPS_TOLD:
            words = "; ".join(group.words for group in news[:GROUPS_TOLD])
            alerts.follow_up(conn, RULE_REFUSED, REFUSED_SUBJECT, "note", (words, words))


def _words(fault: ServiceFault) -> tuple[str, str]:
    who = clean_text(f"{fault.host} ({fault.service})", 100)
    if fault.kind == "clock":
        ahead_s = float(fault.detail.get("ahead_s", 0))
        by = _length(abs(ahead_s))
        return (
            f"主机 {who} 的时钟比数据库{'快' if ahead_s > 0 else '慢'} {by[0]}：已按数据库时间处理，"
            "请检查该主机的时间同步（NTP）",
            f"The clock of host {who} is {by[1]} {'ahead of' if ahead_s > 0 else 'behind'} the database's. Times are"
            " taken from the database; mend this host's time service (NTP)",
        )
    names = ", ".join(str(name) for name in fault.detail.get("names", ()))
    count = fault.detail.get("gateways", 0)
    return (
        clean_text(f"{count} 个网关超出接收配额，正在排队：{names}", 500),
        clean_text(f"{count} gateways send more than their allowance and wait: {names}", 500),
    )


def _length(seconds: float) -> tuple[str, str]:
    if seconds < 2 * MINUTE_US / SECOND_US:
        return f"{seconds:.0f} 秒", f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} 分钟", f"{seconds / 60:.0f} min"
