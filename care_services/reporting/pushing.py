"""Deliver packages: once, in order, whatever the other side does.

One package of a receiver is on its way at a time, the lowest number first, and an advisory lock keeps a second process
away. Before the request an attempt is written down, afterwards what came of it; where we end in between, the package is
sent again under the same ``Idempotency-Key``, by which the receiver knows it. An answer that may change (none, 408,
409, 425, 429, 5xx) is asked for again, later and later, or when ``Retry-After`` says. Any other refusal holds the
receiver's queue until a person looks at it: nothing overtakes a package that was refused.
"""

import base64
import datetime as dt
import hashlib
import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import msgspec
import structlog
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account, clean
from care_network.access.permissions import audit
from care_network.errors import ProvisioningError
from care_services.core.calls import Answer, ask, retry_after
from care_services.reporting import receivers
from care_services.reporting.datasets import withdrawn
from care_services.reporting.making import LOCK, keep_counter_signature
from care_services.reporting.packages import counter_signed

log = structlog.get_logger(__name__)
PAUSES_S = (10, 30, 120, 600, 1800, 3600, 7200)
"""Between attempts; the last one again and again: a report is never given up by itself."""
AGAIN = frozenset({408, 409, 425, 429})
"""Besides 5xx: 409 is a receiver that still works on the same key (draft-ietf-httpapi-idempotency-key-header)."""
MOST_A_TURN = 50
ROUND_S, ROUND_MOST = 6.0, 3
"""Seconds of a request, and requests, of one turn of the rounds."""
Outcome = Literal["delivered", "later", "refused"]
Post = Callable[[str, str, Mapping[str, str], bytes], Answer]


class Due(msgspec.Struct, frozen=True):
    """The next package of a receiver."""

    id: int
    receiver_id: int
    receiver: str
    url: str
    signing_key: str
    number: int
    previous: int
    """The number that was delivered last; 0: none."""
    key: str
    dataset: str
    basis: str
    content: bytes
    failures: int


class Sent(msgspec.Struct, frozen=True):
    """One attempt and what came of it."""

    receiver: str
    number: int
    outcome: str
    status: int | None
    error: str


def send_in_rounds(conn: Connection[Any], now: dt.datetime) -> int:
    """Send what is due within the rounds, whose other jobs wait meanwhile: few requests, and each for a short while."""
    return len(send_due(conn, lambda: now, post=partial(ask, timeout_s=ROUND_S), most=ROUND_MOST))


def send_due(
    conn: Connection[Any],
    clock: Callable[[], dt.datetime],
    *,
    post: Post = ask,
    only: str = "",
    most: int = MOST_A_TURN,
) -> list[Sent]:
    """Send what is due to every receiver (or to ``only`` one), ``most`` attempts in all; returns them.

    ``conn`` is in autocommit: each step holds before the next.
    """
    found: list[Sent] = []
    rows = conn.execute(
        "SELECT id FROM report_receiver WHERE active AND url <> '' AND held_at IS NULL AND next_at <= %s"
        " AND (%s = '' OR code = %s) ORDER BY id",
        (clock(), only, only),
    ).fetchall()
    for (receiver,) in rows:
        locked = conn.execute("SELECT pg_try_advisory_lock(%s, %s)", (LOCK, receiver)).fetchone()
        if locked is None or not locked[0]:
            continue  # another process is at it
        try:
            while len(found) < most:
                sent = _send_next(conn, receiver, clock, post)
                if sent is None:
                    break
                found.append(sent)
                if sent.outcome in ("later", "refused"):
                    break
        finally:
            conn.execute("SELECT pg_advisory_unlock(%s, %s)", (LOCK, receiver))
    return found


def _send_next(conn: Connection[Any], receiver: int, clock: Callable[[], dt.datetime], post: Post) -> Sent | None:
    due = _due(conn, receiver, clock())
    if due is None:
        return None
    if due.basis == "consent" and (gone := withdrawn(conn, due.id)):
        conn.execute(
            "UPDATE report_package SET state = 'withdrawn', ended_for = %s WHERE id = %s AND state = 'waiting'",
            (f"发送前有 {gone} 人撤回同意，请重新生成 consent withdrawn by {gone} before it was sent", due.id),
        )
        return Sent(due.receiver, due.number, "withdrawn", None, "consent withdrawn")
    row = conn.execute(
        "INSERT INTO report_attempt (package_id, begun_at) VALUES (%s, %s) RETURNING id", (due.id, clock())
    ).fetchone()
    assert row is not None  # noqa: S101 - RETURNING
    answer = post("POST", due.url, headers_of(due), due.content)
    outcome = outcome_of(answer)
    error = _settle(conn, due, int(row[0]), answer, outcome, clock())
    log.info("package sent", receiver=due.receiver, number=due.number, outcome=outcome, status=answer.status)
    return Sent(due.receiver, due.number, outcome, answer.status, error)


def headers_of(due: Due) -> dict[str, str]:
    """The headers of a request: key (RFC 8941 string), order, and digest of the body (RFC 9530)."""
    digest = base64.b64encode(hashlib.sha256(due.content).digest()).decode()
    return {
        "Content-Type": "application/zip", "Idempotency-Key": f'"{due.key}"', "Content-Digest": f"sha-256=:{digest}:",
        "Report-Number": str(due.number), "Report-Previous": str(due.previous), "Report-Dataset": due.dataset,
        "User-Agent": "shouwang",
    }  # fmt: skip


def outcome_of(answer: Answer) -> Outcome:
    """Decide what an answer means."""
    if answer.status is None or answer.status in AGAIN or answer.status >= 500:
        return "later"
    return "delivered" if 200 <= answer.status < 300 else "refused"


def pause(failures: int, chance: float = 0.5) -> dt.timedelta:
    """The pause after so many failures in a row; ``chance`` in [0, 1) spreads it by a tenth."""
    return dt.timedelta(seconds=PAUSES_S[min(failures, len(PAUSES_S)) - 1] * (0.9 + 0.2 * chance))


def _due(conn: Connection[Any], receiver: int, now: dt.datetime) -> Due | None:
    with conn.cursor(row_factory=class_row(Due)) as cursor:
        return cursor.execute(
            """
            SELECT k.id, r.id AS receiver_id, r.code AS receiver, r.url, r.signing_key, k.number,
                   (SELECT coalesce(max(d.number), 0) FROM report_package d
                    WHERE d.receiver_id = r.id AND d.state = 'delivered') AS previous,
                   k.key::text AS key, k.dataset, k.basis, k.content, r.failures
            FROM report_receiver r JOIN report_package k ON k.receiver_id = r.id AND k.state = 'waiting'
            WHERE r.id = %s AND r.active AND r.held_at IS NULL AND r.next_at <= %s ORDER BY k.number LIMIT 1
            """,
            (receiver, now),
        ).fetchone()


def _settle(conn: Connection[Any], due: Due, attempt: int, answer: Answer, outcome: Outcome, now: dt.datetime) -> str:
    """Write down what came of an attempt, in one transaction; returns the words that are kept with it."""
    error = answer.error or _words(answer, outcome)
    with conn.transaction():
        if outcome == "delivered":
            conn.execute(
                "UPDATE report_package SET state = 'delivered', delivered_at = %s WHERE id = %s AND state = 'waiting'",
                (now, due.id),
            )
            conn.execute(
                "UPDATE report_receiver SET failures = 0, next_at = '-infinity' WHERE id = %s", (due.receiver_id,)
            )
            error = _counter(conn, due, answer, now)
        elif outcome == "later":
            then = retry_after(answer, now) or now + pause(due.failures + 1, random.random())  # noqa: S311 - a spread
            conn.execute(
                "UPDATE report_receiver SET failures = failures + 1, next_at = %s WHERE id = %s",
                (then, due.receiver_id),
            )
        else:
            conn.execute(
                "UPDATE report_receiver SET failures = failures + 1, held_at = %s, held_for = %s WHERE id = %s",
                (now, f"{due.number}：{error}"[:300], due.receiver_id),
            )
        conn.execute(
            "UPDATE report_attempt SET ended_at = %s, status = %s, outcome = %s, error = %s WHERE id = %s",
            (now, answer.status, outcome, error[:300], attempt),
        )
    return error


def _counter(conn: Connection[Any], due: Due, answer: Answer, now: dt.datetime) -> str:
    """Keep the counter-signature that came with the answer, where there is one."""
    if not due.signing_key or not answer.body.strip().startswith(b"{"):
        return ""
    if counter_signed(due.content, answer.body, due.signing_key):
        keep_counter_signature(conn, due.id, answer.body.decode(), now)
        return ""
    return "回执中的会签与数据包不符 the counter-signature in the answer does not fit"


def _words(answer: Answer, outcome: Outcome) -> str:
    if outcome == "delivered":
        return ""
    text = "".join(one for one in answer.body[:200].decode("utf-8", "replace") if one.isprintable())
    return f"HTTP {answer.status} {text}".strip()


def resume(
    conn: Connection[Any], account: Account, receiver: str, reason: str, *, at: dt.datetime, origin: str = ""
) -> None:
    """Let a receiver's queue go on, at once: after a refusal was looked at, or instead of waiting for the next time."""
    receivers.of_the_district(conn, account)
    found, reason = receivers.one(conn, account, receiver), clean(reason)[:200]
    if found.held_at is not None and not reason:
        raise ProvisioningError(en="say what was done about the refusal", zh="请填写已如何处理退回", field="reason")
    with conn.transaction():
        conn.execute(
            "UPDATE report_receiver SET held_at = NULL, held_for = '', next_at = '-infinity' WHERE id = %s", (found.id,)
        )
        audit(conn, account, "resume_receiver", at=at, origin=origin, detail={"receiver": receiver, "reason": reason})
