"""Ask for notifications of people, and withdraw them, in the caller's transaction. Other folders begin here.

A row of ``notification`` is the durable job itself: it is there exactly if the caller's transaction commits. NOTIFY
wakes the delivery service (``python -m dispatch.channels``), which also looks every second.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, Literal
from uuid import UUID

import msgspec
import psycopg

from vocabulary.synthetic import RECIPIENT

RecipientKind = Literal["staff", "contact", "organisation", "service"]
Reason = Literal[
    "escalation", "update", "breach", "over", "work_order", "handover", "roster", "duty_test", "support",
    "order_off", "channel_test", "care",
]  # fmt: skip
WITHDRAWN_BY_AN_ANSWER: tuple[Reason, ...] = ("escalation", "update", "breach")
RATING = "work_order_rating"
"""Purpose of a page on which a visit is rated. Its message is an invitation, no alarm: it goes as ``attention``,
however grave the alert was, keeps to quiet hours, and that nobody can be invited is no news of the alert."""
DIGEST = "care_digest"
"""Purpose of the page that lists what a digest of care reminds of."""
REMINDED = "care:"
"""Begin of the key of a recipient whom only their digest knows; its number follows."""
WAKE = "notification"
"""The NOTIFY channel on which delivery services listen."""

GROUPING_S: dict[str, float] = {"emergency": 0, "urgent": 3, "attention": 10, "technical": 20}
"""Seconds that a notification waits for others like it, by the severity of its alert. An emergency never waits."""


class Recipient(msgspec.Struct, frozen=True):
    """Somebody to notify. ``key``: a staff code, a contact's ``resident/phone``, an organisation's code, or the
    name of a service in the settings ('120')."""

    kind: RecipientKind
    key: str


class Page(msgspec.Struct, frozen=True):
    """The target of a message's link in place of the acknowledgement: ``<path>/<token>`` of the console, the token
    signed for ``purpose`` and ``subject`` and the recipient as ``kind:key`` (``dispatch.core.links``)."""

    path: str
    purpose: str
    subject: str


def enqueue(
    connection: psycopg.Connection[Any],
    *,
    alert_id: UUID,
    step: int,
    round: int,
    recipients: Sequence[Recipient],
    reason: Reason,
    at: dt.datetime,
    page: Page | None = None,
) -> list[int]:
    """Ask for notifications of these people about an alert. Part of the caller's transaction if there is one.

    Gives the ids of the new notifications; recipients that have one (same alert, reason, step and round) are left out,
    so that a repetition does nothing; of a synthetic alert nobody but the loop-back is told. Raises
    psycopg.errors.ForeignKeyViolation for an alert that is not there.
    """
    if not recipients:
        return []
    # One statement: with autocommit, too, the rows and the wake-up are there together or not at all.
    rows = connection.execute(
        """
        WITH fresh AS (
            INSERT INTO notification (alert_id, reason, step, round, recipient_kind, recipient_key, page, at, due_at)
            SELECT %(alert)s, %(reason)s, %(step)s, %(round)s, r.kind, r.key, %(page)s::jsonb, %(at)s,
                   clock_timestamp() + make_interval(secs => coalesce(
                       (%(grouping)s::jsonb ->> (SELECT severity FROM alert WHERE id = %(alert)s))::float8, 0))
            FROM unnest(%(kinds)s::text[], %(keys)s::text[]) WITH ORDINALITY AS r (kind, key, n)
            WHERE (r.kind, r.key) = ('service', %(loopback)s) OR NOT is_synthetic(%(alert)s)
            ORDER BY r.n
            ON CONFLICT DO NOTHING RETURNING id
        )
        SELECT id, pg_notify(%(wake)s, '') FROM fresh ORDER BY id
        """,
        {
            "alert": alert_id,
            "reason": reason,
            "step": step,
            "round": round,
            "at": at,
            "page": None if page is None else msgspec.json.encode(page).decode(),
            "grouping": msgspec.json.encode(GROUPING_S).decode(),
            "kinds": [recipient.kind for recipient in recipients],
            "keys": [recipient.key for recipient in recipients],
            "wake": WAKE,
            "loopback": RECIPIENT,
        },
    ).fetchall()
    return [int(row[0]) for row in rows]


def tell_end(connection: psycopg.Connection[Any], alert_id: UUID, at: dt.datetime) -> list[int]:
    """Ask to tell all who got a message about an alert that its cause is over; each end once.

    Part of the caller's transaction if there is one.
    """
    rows = connection.execute(
        """
        SELECT recipient_kind, recipient_key, max(round) OVER () FROM notification
        WHERE alert_id = %s AND state IN ('sent', 'delivered', 'acknowledged') AND reason = ANY(%s)
        GROUP BY recipient_kind, recipient_key, round ORDER BY min(id)
        """,
        (alert_id, list(WITHDRAWN_BY_AN_ANSWER)),
    ).fetchall()
    ends = connection.execute(
        "SELECT count(DISTINCT step) FROM notification WHERE alert_id = %s AND reason = 'over'", (alert_id,)
    ).fetchone()
    people = list(dict.fromkeys(Recipient(row[0], row[1]) for row in rows))
    step = 1 + (0 if ends is None else int(ends[0]))
    round = rows[0][2] if rows else 1
    return enqueue(connection, alert_id=alert_id, step=step, round=round, recipients=people, reason="over", at=at)


def cancel(
    connection: psycopg.Connection[Any],
    alert_id: UUID,
    at: dt.datetime,
    reasons: Collection[Reason] = WITHDRAWN_BY_AN_ANSWER,
) -> None:
    """Withdraw the unsent notifications of an alert that somebody has or that is over; no other channel is tried.

    Part of the caller's transaction if there is one.

    Work orders and hand-overs go on unless they are named in ``reasons``: they begin where the ladder ends.
    """
    rows = connection.execute(
        """
        UPDATE notification SET state = 'withdrawn', settled_at = %s
        WHERE alert_id = %s AND state = 'waiting' AND reason = ANY(%s) RETURNING message_id
        """,
        (at, alert_id, list(reasons)),
    ).fetchall()
    _withdraw_messages(connection, rows)
    # A receipt that fails to come is no longer a reason to try another channel.
    connection.execute(
        """
        UPDATE message m SET receipt_due = NULL
        WHERE m.state = 'sent' AND m.receipt_due IS NOT NULL
          AND m.id IN (SELECT message_id FROM notification WHERE alert_id = %s AND reason = ANY(%s))
        """,
        (alert_id, list(reasons)),
    )


def warn(
    connection: psycopg.Connection[Any],
    warning_id: int,
    recipients: Sequence[Recipient],
    at: dt.datetime,
    due_at: dt.datetime,
) -> None:
    """Ask for notifications, not before ``due_at``, about hours in which nobody would answer (a ``duty_warning`` row).

    Part of the caller's transaction. Recipients that have one already are left out.
    """
    connection.execute(
        """
        WITH fresh AS (
            INSERT INTO notification (warning_id, reason, step, round, recipient_kind, recipient_key, at, due_at)
            SELECT %s, 'roster', 0, 0, r.kind, r.key, %s, %s
            FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS r (kind, key, n) ORDER BY r.n
            ON CONFLICT DO NOTHING RETURNING id
        )
        SELECT pg_notify(%s, '') FROM fresh
        """,
        (warning_id, at, due_at, [one.kind for one in recipients], [one.key for one in recipients], WAKE),
    )


def withdraw_warnings(connection: psycopg.Connection[Any], warnings: Sequence[int], at: dt.datetime) -> None:
    """Withdraw the unsent notifications about mended holes. Part of the caller's transaction."""
    rows = connection.execute(
        """
        UPDATE notification SET state = 'withdrawn', settled_at = %s
        WHERE warning_id = ANY(%s) AND state = 'waiting' RETURNING message_id
        """,
        (at, list(warnings)),
    ).fetchall()
    _withdraw_messages(connection, rows)


def remind(
    connection: psycopg.Connection[Any], digest_id: int, recipient: Recipient, page: Page, at: dt.datetime
) -> None:
    """Ask for a notification about a digest of care (a ``care_digest`` row), once. Part of the caller's transaction."""
    connection.execute(
        """
        WITH fresh AS (
            INSERT INTO notification (care_digest_id, reason, step, round, recipient_kind, recipient_key, page, at,
                                      due_at)
            VALUES (%s, 'care', 0, 0, %s, %s, %s::jsonb, %s, clock_timestamp()) ON CONFLICT DO NOTHING RETURNING id
        )
        SELECT pg_notify(%s, '') FROM fresh
        """,
        (digest_id, recipient.kind, recipient.key, msgspec.json.encode(page).decode(), at, WAKE),
    )


Fate = Literal["waiting", "sent", "delivered", "failed", "withdrawn"]


def fates_of_reminders(connection: psycopg.Connection[Any], digests: Collection[int]) -> dict[int, Fate]:
    """How the messages about digests of care went so far; one that was never handed over is missing."""
    rows = connection.execute(
        "SELECT care_digest_id, CASE state WHEN 'acknowledged' THEN 'delivered' ELSE state END"
        " FROM notification WHERE care_digest_id = ANY(%s)",
        (list(digests),),
    ).fetchall()
    return {row[0]: row[1] for row in rows}


def forget_reminders(connection: psycopg.Connection[Any], digests: Sequence[int], at: dt.datetime) -> None:
    """Withdraw the unsent notifications of digests whose reasons are over. Part of the caller's transaction."""
    rows = connection.execute(
        """
        UPDATE notification SET state = 'withdrawn', settled_at = %s
        WHERE care_digest_id = ANY(%s) AND state = 'waiting' RETURNING message_id
        """,
        (at, list(digests)),
    ).fetchall()
    _withdraw_messages(connection, rows)


def _withdraw_messages(connection: psycopg.Connection[Any], rows: Sequence[tuple[Any, ...]]) -> None:
    """Withdraw messages of which no notification waits any more; a message that a worker is sending now goes out."""
    connection.execute(
        """
        UPDATE message m SET state = 'withdrawn'
        WHERE m.state = 'waiting' AND m.id = ANY(%s)
          AND NOT EXISTS (SELECT FROM notification n WHERE n.message_id = m.id AND n.state = 'waiting')
        """,
        ([row[0] for row in rows if row[0] is not None],),
    )
