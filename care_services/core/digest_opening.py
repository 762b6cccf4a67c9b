"""Open the page of a digest by its link: names and texts only for whoever knows the end of the telephone number.

A link in a message is read by whoever holds the telephone, by programs that look at links before people do, and by whom
it is forwarded to. So the page first says how many reminders of which kind there are, and asks.
"""

import datetime as dt
import hmac
from collections.abc import Collection
from typing import Any, Literal

from psycopg import Connection

from care_network.access.permissions import audit
from care_services.core.notice_round import telephone_of

DIGITS = 4
MOST_WRONG = 5
"""Tries of one link, whoever makes them: one in two thousand is guessed."""
Standing = Literal["ask", "locked", "gone", "no_phone"]


def standing(conn: Connection[Any], digest: int, now: dt.datetime) -> Standing:
    """Say what the page of a digest may do: ask for the digits, or why not."""
    telephone = telephone_of(conn, digest, now)
    if telephone is None:
        return "gone"
    if len(_digits(telephone)) < DIGITS:
        return "no_phone"
    return "locked" if _wrong(conn, digest) >= MOST_WRONG else "ask"


def try_digits(conn: Connection[Any], digest: int, said: str, now: dt.datetime, origin: str) -> bool:
    """Check the last digits of the recipient's telephone; each try is kept, and in the audit."""
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('care digest', %s))", (digest,))
        if standing(conn, digest, now) != "ask":
            return False
        right = _digits(telephone_of(conn, digest, now) or "")[-DIGITS:]
        good = hmac.compare_digest(_digits(said).encode(), right.encode())
        conn.execute(
            "INSERT INTO care_digest_opening (digest_id, at, good, origin) VALUES (%s, %s, %s, %s)",
            (digest, now, good, origin),
        )
        action = "open_reminders" if good else "refuse_reminders"
        audit(conn, None, action, at=now, origin=origin, detail={"number": digest})
    return good


def note_look(conn: Connection[Any], digest: int, notices: Collection[object], now: dt.datetime, origin: str) -> None:
    """Write a look at an opened digest into the audit."""
    audit(conn, None, "view_reminders", at=now, origin=origin, detail={"number": digest, "count": len(notices)})


def _wrong(conn: Connection[Any], digest: int) -> int:
    row = conn.execute(
        "SELECT count(*) FROM care_digest_opening WHERE digest_id = %s AND NOT good", (digest,)
    ).fetchone()
    return 0 if row is None else int(row[0])


def _digits(text: str) -> str:
    return "".join(one for one in text if one.isdecimal() and one.isascii())
