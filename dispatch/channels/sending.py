"""Take messages through their states in the database: claim, record attempts, move on to the next channel.

A claim is a lease of LEASE_S that its worker renews while the attempt lasts: when it is killed, or stands still,
another one repeats the attempt with the same idempotency key. Times are the database's: workers need no common clock.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from dispatch.channels import policy
from dispatch.channels.adapters.base import DeliveryError, RetryableError, Sent
from dispatch.channels.config import Channel
from dispatch.channels.planner import give_up
from dispatch.core import history
from observability import metrics

LEASE_S = 5.0
"""Time after which a message of a worker that gives no sign is another's; with the second in which the others look, it
stays below the 10 s by which an alert may be late where one process dies or stands still."""
PATIENCE_S = 10.0
"""Pause asked for by a peer above which an emergency goes to the next channel."""


class ClaimedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message that this worker has claimed: columns of ``message``, and the attempt that was opened for it."""

    id: int
    key: uuid.UUID
    recipient_kind: str
    recipient_key: str
    severity: str
    reason: str
    name_zh: str
    name_en: str
    language: str
    route: list[str]
    addresses: dict[str, str]
    position: int
    channel: str
    content: dict[str, Any]
    created_at: dt.datetime
    attempts: int
    attempt_id: int
    agreed: bool = True
    """Of a contact: the resident still agrees, at this moment, that they are told."""

    @property
    def last_channel(self) -> bool:
        """Whether no other channel is left to try."""
        return self.position >= len(self.route)

    @property
    def peer_key(self) -> uuid.UUID:
        """The idempotency key for the peer: the same at every attempt on this channel."""
        return send_key(self.key, self.position, self.channel)


def claim(conn: Connection[Any], channel: str, worker: str, limit: int) -> list[ClaimedMessage]:
    """Claim up to ``limit`` messages that are due on this channel, and open their attempts: the gravest first, and of
    them first calls before repetitions."""
    with conn.cursor(row_factory=class_row(ClaimedMessage)) as cursor:
        return cursor.execute(
            """
            WITH due AS MATERIALIZED (
                SELECT m.id FROM message m
                CROSS JOIN LATERAL (
                    SELECT min(n.round) AS round, min(n.step) AS step FROM notification n
                    WHERE n.message_id = m.id AND n.state = 'waiting'
                ) wanted
                WHERE m.channel = %(channel)s AND m.due_at <= clock_timestamp() AND wanted.step IS NOT NULL
                  AND (m.state = 'waiting' OR (m.state = 'sending' AND m.claimed_until < clock_timestamp()))
                ORDER BY severity_rank(m.severity),
                         wanted.round, wanted.step, m.due_at
                LIMIT %(limit)s FOR UPDATE OF m SKIP LOCKED
            ), taken AS (
                UPDATE message m SET state = 'sending', claimed_by = %(worker)s, attempts = m.attempts + 1,
                       claimed_until = clock_timestamp() + make_interval(secs => %(lease)s)
                FROM due WHERE m.id = due.id RETURNING m.*
            ), opened AS (
                INSERT INTO delivery_attempt (message_id, channel, number, worker, started_at)
                SELECT id, channel, attempts, %(worker)s, clock_timestamp() FROM taken RETURNING id, message_id
            )
            SELECT t.id, t.key, t.recipient_kind, t.recipient_key, t.severity, t.reason, t.name_zh, t.name_en,
                   t.language, t.route, t.addresses, t.position, t.channel, t.content, t.created_at, t.attempts,
                   o.id AS attempt_id,
                   t.recipient_kind <> 'contact' OR EXISTS (
                       SELECT FROM resident r JOIN contact c ON c.resident_id = r.id
                       WHERE r.code = split_part(t.recipient_key, '/', 1) AND r.code || '/' || c.phone = t.recipient_key
                         AND c.consent_at <= clock_timestamp()) AS agreed
            FROM taken t JOIN opened o ON o.message_id = t.id
            """,
            {"channel": channel, "worker": worker, "lease": LEASE_S, "limit": limit},
        ).fetchall()


def room(conn: Connection[Any], channel: str, per_minute: int) -> int:
    """Count how many more attempts the channel's ceiling allows now; at the ceiling, remember that it was reached."""
    row = conn.execute(
        """
        SELECT count(*) FROM delivery_attempt
        WHERE channel = %s AND started_at > clock_timestamp() - INTERVAL '1 minute'
        """,
        (channel,),
    ).fetchone()
    free = max(0, per_minute - (0 if row is None else int(row[0])))
    if not free:
        conn.execute(
            """
            INSERT INTO channel_ceiling (channel, reached_at) VALUES (%s, clock_timestamp())
            ON CONFLICT (channel) DO UPDATE SET reached_at = excluded.reached_at, times = channel_ceiling.times + 1
            """,
            (channel,),
        )
    return free


def renew(conn: Connection[Any], worker: str, messages: Sequence[int]) -> set[int]:
    """Renew the leases of a worker's messages; gives those that are still its own."""
    rows = conn.execute(
        """
        UPDATE message SET claimed_until = clock_timestamp() + make_interval(secs => %s)
        WHERE id = ANY(%s) AND state = 'sending' AND claimed_by = %s RETURNING id
        """,
        (LEASE_S, list(messages), worker),
    ).fetchall()
    return {row[0] for row in rows}


def succeed(conn: Connection[Any], message: ClaimedMessage, worker: str, sent: Sent, channel: Channel) -> None:
    """Record that the peer took a message. Without a promised receipt in time, the next channel will be tried."""
    with conn.transaction():
        _lock(conn, message.id)
        early = _close_attempt(conn, message.attempt_id, "sent", "", sent.provider_id)  # receipts may overtake answers
        state = "delivered" if sent.delivered or early == "delivered" else "sent"
        awaited = channel.receipt_s if channel.receipt_s and state == "sent" else None
        mine = conn.execute(
            """
            UPDATE message SET state = %s, claimed_until = NULL,
                   receipt_due = clock_timestamp() + make_interval(secs => %s)
            WHERE id = %s AND state = 'sending' AND claimed_by = %s
            """,
            (state, awaited, message.id, worker),
        )
        if mine.rowcount == 0:  # the lease ran out and somebody else repeated it: their result counts
            return
        rows = conn.execute(
            """
            UPDATE notification SET state = %s, settled_at = clock_timestamp()
            WHERE message_id = %s AND state = 'waiting' RETURNING alert_id
            """,
            (state, message.id),
        ).fetchall()
        _observe(conn, _alerts(rows), message)
        key = message.recipient_key
        zh = f"{message.name_zh} ({key}) · {channel.zh or message.channel}"
        en = f"{message.name_en} ({key}) · {channel.en or message.channel}"
        history.record(conn, _alerts(rows), _clock(conn), "notify", zh, en)
        if early == "undelivered":
            _reopen(conn, message.id, message.route, message.position)


def fail(
    conn: Connection[Any],
    message: ClaimedMessage,
    worker: str,
    error: DeliveryError,
    channel: Channel,
    *,
    skip: bool = False,
) -> str:
    """Record a failed attempt, and choose between another attempt, the next channel and the next person.

    Gives the choice (``retry``, ``channel``, ``person``; ``withdrawn`` where no notification waits any more, ``lost``
    where another worker has the message by now). ``skip``: the channel is suspended, so another one is preferred.
    """
    retryable = isinstance(error, RetryableError)
    allowed = policy.attempts_allowed(message.severity, channel.attempts, another=not message.last_channel)
    with conn.transaction():
        _lock(conn, message.id)
        _close_attempt(conn, message.attempt_id, "retryable" if retryable else "permanent", str(error), "")
        mine = conn.execute(
            "SELECT FROM message WHERE id = %s AND state = 'sending' AND claimed_by = %s FOR UPDATE",
            (message.id, worker),
        ).fetchone()
        if mine is None:
            return "lost"
        if not _wanted(conn, message.id):
            conn.execute("UPDATE message SET state = 'withdrawn', claimed_until = NULL WHERE id = %s", (message.id,))
            return "withdrawn"
        asked = error.after_s if isinstance(error, RetryableError) else None
        hurry = message.severity == "emergency" and (asked or 0) > PATIENCE_S
        again = retryable and message.attempts < allowed and not ((skip or hurry) and not message.last_channel)
        if again:
            pause = policy.pause_s(message.severity, message.attempts, str(message.key), asked)
            conn.execute(
                """
                UPDATE message SET state = 'waiting', claimed_until = NULL,
                       due_at = clock_timestamp() + make_interval(secs => %s) WHERE id = %s
                """,
                (pause, message.id),
            )
            return "retry"
        return _move_on(conn, message.id, message.route, message.position)


def stop(conn: Connection[Any], message: ClaimedMessage, worker: str, reason: str) -> None:
    """End a message that may not be sent any more on any channel, and tell the next person instead."""
    with conn.transaction():
        _lock(conn, message.id)
        _close_attempt(conn, message.attempt_id, "permanent", reason, "")
        mine = conn.execute(
            "SELECT FROM message WHERE id = %s AND state = 'sending' AND claimed_by = %s FOR UPDATE",
            (message.id, worker),
        ).fetchone()
        if mine is not None:
            _move_on(conn, message.id, (), 0)


def release(conn: Connection[Any], message: ClaimedMessage, worker: str, pause_s: float, reason: str) -> None:
    """Put off a message that was not attempted (its only channel is suspended), without counting an attempt."""
    with conn.transaction():
        _close_attempt(conn, message.attempt_id, "retryable", reason, "")
        conn.execute(
            """
            UPDATE message SET state = 'waiting', claimed_until = NULL, attempts = attempts - 1,
                   due_at = clock_timestamp() + make_interval(secs => %s)
            WHERE id = %s AND state = 'sending' AND claimed_by = %s
            """,
            (pause_s, message.id, worker),
        )


def receipt(conn: Connection[Any], attempt_key: uuid.UUID, message_id: int, *, delivered: bool) -> bool:
    """Record the peer's report on a message; False where there is no such message. Repetitions change nothing.

    Undelivered: the next channel, or the next person, unless somebody has answered meanwhile.
    """
    with conn.transaction():
        _lock(conn, message_id)
        row = conn.execute(
            """
            SELECT m.route, m.position, m.state, m.channel, m.key, a.id, a.receipt
            FROM message m LEFT JOIN delivery_attempt a ON a.message_id = m.id AND a.channel = m.channel
            WHERE m.id = %s ORDER BY a.id DESC LIMIT 1 FOR UPDATE OF m
            """,
            (message_id,),
        ).fetchone()
        if row is None:
            return False
        route, position, state, channel, key, attempt, before = row
        if send_key(key, position, channel) != attempt_key:
            return True  # of a channel that was given up already: too late to matter
        if before in ("delivered", "undelivered"):
            return True
        conn.execute(
            "UPDATE delivery_attempt SET receipt = %s, receipt_at = clock_timestamp() WHERE id = %s",
            ("delivered" if delivered else "undelivered", attempt),
        )
        if delivered and state == "sent":
            conn.execute("UPDATE message SET state = 'delivered', receipt_due = NULL WHERE id = %s", (message_id,))
            conn.execute(
                "UPDATE notification SET state = 'delivered', settled_at = clock_timestamp()"
                " WHERE message_id = %s AND state = 'sent'",
                (message_id,),
            )
        elif state == "sent":
            _reopen(conn, message_id, route, position)
        return True


def late_receipts(conn: Connection[Any]) -> int:
    """Move messages whose promised receipt did not come in time to the next channel; gives their number."""
    moved = 0
    for (identity,) in conn.execute(
        "SELECT id FROM message WHERE state = 'sent' AND receipt_due < clock_timestamp() LIMIT 200"
    ).fetchall():
        with conn.transaction():
            _lock(conn, identity)
            row = conn.execute(
                """
                SELECT route, position FROM message
                WHERE id = %s AND state = 'sent' AND receipt_due < clock_timestamp() FOR UPDATE
                """,
                (identity,),
            ).fetchone()
            if row is None:  # another process was quicker, or the receipt has come
                continue
            conn.execute(
                """
                UPDATE delivery_attempt SET receipt = 'late', receipt_at = clock_timestamp()
                WHERE id = (SELECT max(id) FROM delivery_attempt WHERE message_id = %s)
                """,
                (identity,),
            )
            _reopen(conn, identity, row[0], row[1])
            moved += 1
    return moved


def send_key(key: uuid.UUID, position: int, channel: str) -> uuid.UUID:
    """Make the idempotency key for the peer: the same at every attempt of a message on this channel."""
    return uuid.uuid5(key, f"{position}/{channel}")


def waiting(conn: Connection[Any]) -> tuple[int, float]:
    """Count the notifications that are due and not sent; gives their number and the delay of the oldest, s."""
    row = conn.execute(
        """
        SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(n.due_at)), 0)::float8
        FROM notification n LEFT JOIN message m ON m.id = n.message_id
        WHERE n.state = 'waiting' AND greatest(n.due_at, coalesce(m.due_at, n.due_at)) <= clock_timestamp()
        """
    ).fetchone()
    return (0, 0.0) if row is None else (int(row[0]), float(row[1]))


def _lock(conn: Connection[Any], message_id: int) -> None:
    """Lock in the order of all of dispatch: alerts (a person's action locks one first), notifications, the message."""
    conn.execute(
        """
        SELECT FROM alert WHERE id IN (SELECT alert_id FROM notification WHERE message_id = %s)
        ORDER BY id FOR KEY SHARE
        """,
        (message_id,),
    )
    conn.execute("SELECT FROM notification WHERE message_id = %s ORDER BY id FOR UPDATE", (message_id,))


def tidy(conn: Connection[Any]) -> None:
    """Withdraw messages without a waiting notification, and drop used links past their date. Called now and then."""
    conn.execute(
        """
        UPDATE message m SET state = 'withdrawn', claimed_until = NULL
        WHERE (m.state = 'waiting' OR (m.state = 'sending' AND m.claimed_until < clock_timestamp()))
          AND NOT EXISTS (SELECT FROM notification n WHERE n.message_id = m.id AND n.state = 'waiting')
        """
    )
    conn.execute("DELETE FROM used_link WHERE expires_at < clock_timestamp() - INTERVAL '1 day'")


def _wanted(conn: Connection[Any], message_id: int) -> bool:
    waiting = conn.execute(
        "SELECT FROM notification WHERE message_id = %s AND state = 'waiting' LIMIT 1", (message_id,)
    ).fetchone()
    return waiting is not None


def _reopen(conn: Connection[Any], message_id: int, route: Sequence[str], position: int) -> None:
    waiting = conn.execute(
        """
        UPDATE notification SET state = 'waiting', settled_at = NULL
        WHERE message_id = %s AND state = 'sent' RETURNING id
        """,
        (message_id,),
    )
    if waiting.rowcount:
        _move_on(conn, message_id, route, position)
    else:  # answered, or withdrawn: nobody has to be notified any more
        conn.execute("UPDATE message SET receipt_due = NULL WHERE id = %s", (message_id,))


def _move_on(conn: Connection[Any], message_id: int, route: Sequence[str], position: int) -> str:
    if position < len(route):
        conn.execute(
            """
            UPDATE message SET state = 'waiting', position = position + 1, channel = %s, attempts = 0,
                   due_at = clock_timestamp(), claimed_until = NULL, receipt_due = NULL WHERE id = %s
            """,
            (route[position], message_id),
        )
        conn.execute("SELECT pg_notify('notification', 'planned')")
        return "channel"
    conn.execute(
        "UPDATE message SET state = 'failed', claimed_until = NULL, receipt_due = NULL WHERE id = %s", (message_id,)
    )
    rows = conn.execute(
        "SELECT alert_id, id FROM notification WHERE message_id = %s AND state = 'waiting' FOR UPDATE", (message_id,)
    ).fetchall()
    now = _clock(conn)
    name = conn.execute("SELECT name_zh, name_en, recipient_key FROM message WHERE id = %s", (message_id,)).fetchone()
    if rows and name is not None:
        zh, en = (f"{word} ({name[2]})" for word in name[:2])
        history.record(conn, _alerts(rows), now, "notify_failed", zh, en)
    give_up(conn, [row[1] for row in rows], now)
    return "person"


def _observe(conn: Connection[Any], alerts: list[uuid.UUID], message: ClaimedMessage) -> None:
    """Note the delay of alerts' first messages for the metrics."""
    if message.reason != "escalation" or (message.content.get("step"), message.position) != (1, 1):
        return
    for severity, delay_s in conn.execute(
        "SELECT severity, extract(epoch FROM clock_timestamp() - raised_at)::float8 FROM alert"
        " WHERE id = ANY(%s) AND NOT is_synthetic(id)",
        (alerts,),
    ):
        metrics.notify_seconds.labels(severity).observe(delay_s)


def _alerts(rows: Sequence[tuple[Any, ...]]) -> list[uuid.UUID]:
    """The alerts of rows that have one: a hole in the roster has none."""
    return [row[0] for row in rows if row[0] is not None]


def _close_attempt(conn: Connection[Any], attempt: int, outcome: str, error: str, provider_id: str) -> str | None:
    """Record how an attempt ended; gives the receipt that came before."""
    row = conn.execute(
        """
        UPDATE delivery_attempt SET finished_at = clock_timestamp(), outcome = %s, error = %s, provider_id = %s
        WHERE id = %s RETURNING receipt
        """,
        (outcome, _storable(error), _storable(provider_id), attempt),
    ).fetchone()
    return row[0] if row else None


def _storable(text: str) -> str:
    """Cut a peer's text to characters and a length that the database takes."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:500]


def _clock(conn: Connection[Any]) -> dt.datetime:
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    moment: dt.datetime = row[0]
    return moment
