"""Deliver packages: once, in order, whatever the other side does.

One package of a receiver is on its way at a time, the lowest number first, and an advisory lock keeps a second process
away. Before the request an attempt is written down, afterwards what came of it; where we end in between, the package is
sent again under the same ``Idempotency-Key``, by which the receiver knows it. An answer that may change (none, 408,
409, 425, 429, 5xx) is asked for again, later and later, or when ``Retry-After`` says. Any other refusal holds the
receiver's queue until a person looks at it: nothing overtakes a package that was refused.

An answer with a counter-signature of another package, or by another key, is no delivery: somebody else may have
answered, and a person looks at it. A receiver that is known to counter-sign at once has taken a package only where its
counter-signature says so: a page of a proxy with status 200 is none.
"""

import base64
import datetime as dt
import hashlib
import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, LiteralString

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
from care_services.reporting.packages import COUNTER, counter_signed

log = structlog.get_logger(__name__)
PAUSES_S = (10, 30, 120, 600, 1800, 3600, 7200)
"""Between attempts; the last one again and again: a report is never given up by itself."""
AGAIN = frozenset({408, 409, 425, 429})
"""Besides 5xx: 409 is a receiver that still works on the same key (draft-ietf-httpapi-idempotency-key-header)."""
MOST_A_TURN = 50
ROUND_S, ROUND_MOST = 6.0, 3
"""Seconds of a request, and requests, of one turn of the rounds."""
_NOW: LiteralString = "(r.next_at <= %(now)s OR r.next_at > %(now)s + interval '25 hours')"
"""Due; a time further off than any pause was written by a clock that was wrong."""
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
    receipt: bool
    """Delivered only by an answer with the counter-signature."""


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
        f"SELECT r.id FROM report_receiver r WHERE r.active AND r.url <> '' AND r.held_at IS NULL AND {_NOW}"  # noqa: S608 - a constant
        " AND (%(only)s = '' OR r.code = %(only)s) ORDER BY r.id",
        {"now": clock(), "only": only},
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
    outcome = outcome_of(answer, receipt_in(due, answer), wanted=due.receipt)
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


def receipt_in(due: Due, answer: Answer) -> bool | None:
    """Whether the answer holds the receiver's counter-signature of this very package; None: it holds none at all."""
    if not due.signing_key:
        return None
    try:
        said = msgspec.json.decode(answer.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if "signature" not in said and said.get("title") != COUNTER:
        return None
    return counter_signed(due.content, answer.body, due.signing_key)


def outcome_of(answer: Answer, receipt: bool | None = None, *, wanted: bool = False) -> Outcome:
    """Decide what an answer means. ``receipt``: as :func:`receipt_in`; ``wanted``: no delivery without one."""
    if answer.status is None or answer.status in AGAIN or answer.status >= 500:
        return "later"
    if not 200 <= answer.status < 300 or receipt is False:
        return "refused"
    return "later" if wanted and not receipt else "delivered"


def pause(failures: int, chance: float = 0.5) -> dt.timedelta:
    """The pause after so many failures in a row; ``chance`` in [0, 1) spreads it by a tenth."""
    return dt.timedelta(seconds=PAUSES_S[min(failures, len(PAUSES_S)) - 1] * (0.9 + 0.2 * chance))


def _due(conn: Connection[Any], receiver: int, now: dt.datetime) -> Due | None:
    with conn.cursor(row_factory=class_row(Due)) as cursor:
        return cursor.execute(
            f"""
            SELECT k.id, r.id AS receiver_id, r.code AS receiver, r.url, r.signing_key, k.number,
                   (SELECT coalesce(max(d.number), 0) FROM report_package d
                    WHERE d.receiver_id = r.id AND d.state = 'delivered') AS previous,
                   k.key::text AS key, k.dataset, k.basis, k.content, r.failures, r.receipt
            FROM report_receiver r JOIN report_package k ON k.receiver_id = r.id AND k.state = 'waiting'
            WHERE r.id = %(receiver)s AND r.active AND r.held_at IS NULL AND {_NOW} ORDER BY k.number LIMIT 1
            """,  # noqa: S608 - a constant
            {"receiver": receiver, "now": now},
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
            if receipt_in(due, answer):
                keep_counter_signature(conn, due.id, answer.body.decode(), now)
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


def _words(answer: Answer, outcome: Outcome) -> str:
    if outcome == "delivered":
        return ""
    if answer.status is not None and 200 <= answer.status < 300:
        if outcome == "refused":
            return (
                "应答中的会签不是对本数据包的，或不是用登记的密钥签的：可能由他人应答，请联系对方核对"
                " the counter-signature is of another package, or by another key"
            )
        return "应答中没有会签，不算送达 no counter-signature in the answer: not counted as delivered"
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
