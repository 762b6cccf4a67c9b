"""How the channels have done lately: attempts, failures, times, receipts, ceilings. Nothing of any recipient."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from vocabulary.times import SHANGHAI

DAY = dt.timedelta(hours=24)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One channel in the last 24 hours; medians in seconds, None: of nothing."""

    channel: str
    attempts: int
    sent: int
    failed: int
    today: int
    """Attempts since midnight in Shanghai."""
    minute: int
    """Attempts of the last minute, which the ceiling counts."""
    to_sent_s: float | None
    delivered: int
    undelivered: int
    awaited: int
    """Sent, and a receipt that was promised has not come yet."""
    to_receipt_s: float | None
    last_sent_at: dt.datetime | None
    last_error: str | None
    last_error_at: dt.datetime | None
    last_outcome: str | None
    """'permanent' or 'retryable': whether trying again made sense."""
    ceiling_at: dt.datetime | None
    """When the ceiling was last reached; None: never."""


NOTHING = Figures(
    channel="", attempts=0, sent=0, failed=0, today=0, minute=0, to_sent_s=None, delivered=0, undelivered=0, awaited=0,
    to_receipt_s=None, last_sent_at=None, last_error=None, last_error_at=None, last_outcome=None, ceiling_at=None,
)  # fmt: skip


def load(conn: Connection[Any], names: Sequence[str], now: dt.datetime) -> dict[str, Figures]:
    """The figures of each of these channels that was used in the last 24 hours, or reached its ceiling ever."""
    midnight = now.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    with conn.cursor(row_factory=class_row(Figures)) as cursor:
        rows = cursor.execute(
            """
            WITH tried AS (
                SELECT d.*, m.created_at FROM delivery_attempt d JOIN message m ON m.id = d.message_id
                WHERE d.channel = ANY(%(names)s) AND d.started_at >= %(since)s
            ), summed AS (
                SELECT channel, count(*)::int AS attempts, count(*) FILTER (WHERE outcome = 'sent')::int AS sent,
                       count(*) FILTER (WHERE outcome IN ('retryable', 'permanent'))::int AS failed,
                       count(*) FILTER (WHERE started_at >= %(midnight)s)::int AS today,
                       count(*) FILTER (WHERE started_at > %(now)s - interval '1 minute')::int AS minute,
                       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - created_at)::float8)
                           FILTER (WHERE outcome = 'sent') AS to_sent_s,
                       count(*) FILTER (WHERE receipt = 'delivered')::int AS delivered,
                       count(*) FILTER (WHERE receipt IN ('undelivered', 'late'))::int AS undelivered,
                       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM receipt_at - started_at)::float8)
                           FILTER (WHERE receipt = 'delivered') AS to_receipt_s,
                       max(finished_at) FILTER (WHERE outcome = 'sent') AS last_sent_at
                FROM tried GROUP BY channel
            ), failures AS (
                SELECT DISTINCT ON (channel) channel, error, finished_at, outcome FROM tried
                WHERE outcome IN ('retryable', 'permanent') ORDER BY channel, id DESC
            ), open AS (
                SELECT channel, count(*)::int AS awaited FROM message
                WHERE state = 'sent' AND receipt_due IS NOT NULL GROUP BY channel
            )
            SELECT coalesce(s.channel, c.channel) AS channel, coalesce(attempts, 0) AS attempts,
                   coalesce(sent, 0) AS sent, coalesce(failed, 0) AS failed, coalesce(today, 0) AS today,
                   coalesce(minute, 0) AS minute, to_sent_s,
                   coalesce(delivered, 0) AS delivered, coalesce(undelivered, 0) AS undelivered,
                   coalesce(o.awaited, 0) AS awaited, to_receipt_s, last_sent_at, f.error AS last_error,
                   f.finished_at AS last_error_at, f.outcome AS last_outcome, c.reached_at AS ceiling_at
            FROM summed s FULL JOIN channel_ceiling c ON c.channel = s.channel
            LEFT JOIN failures f ON f.channel = s.channel LEFT JOIN open o ON o.channel = s.channel
            """,
            {
                "names": list(names),
                "since": min(now - DAY, midnight),
                "midnight": midnight,
                "now": now,
            },
        ).fetchall()
    return {row.channel: row for row in rows}
