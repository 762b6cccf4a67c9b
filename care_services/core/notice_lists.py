"""Read notices: one's own, those of the area with how they went, those of one digest.

The link of a digest is read by whoever holds the telephone, by programs that look at links before people do, and by
whom it is forwarded to. So its page says how many there are of which kind, and names and texts only to whoever knows
the end of the telephone number.
"""

import datetime as dt
import hmac
from collections.abc import Collection, Mapping
from typing import Any, Literal, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_services.core.notice_kinds import State
from care_services.core.notice_round import telephone_of
from care_services.core.notices import SignedPage

LIMIT = 50
DIGITS = 4
MOST_WRONG = 5
"""Tries of one link, whoever makes them: one in two thousand is guessed."""
Standing = Literal["ask", "locked", "gone", "no_phone"]
FILTERS: Mapping[str, tuple[str, ...]] = {
    "trouble": ("failed", "unknown"), "waiting": ("queued", "handed"), "sent": ("sent", "delivered"),
    "withdrawn": ("withdrawn",),
}  # fmt: skip


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A notice as it is shown."""

    id: int
    to_kind: str
    to_key: str
    name_zh: str
    name_en: str
    kind: str
    zh: str
    en: str
    link: str | None
    signed: dict[str, str] | None
    made_at: dt.datetime
    send_at: dt.datetime
    state: State
    state_at: dt.datetime
    why: str
    tries: int
    urgent: bool

    @property
    def page(self) -> SignedPage | None:
        """The page without a login to which it leads."""
        return None if self.signed is None else SignedPage(**self.signed)


_TOLD: LiteralString = (
    "SELECT id, to_kind, to_key, name_zh, name_en, kind, zh, en, link, signed, made_at, send_at, state, state_at, why,"
    " tries, urgent FROM care_notice"
)


def listing(conn: Connection[Any], account: Account, which: str, before: int | None = None) -> list[Told]:
    """Notices to people of the account's area, the newest first, LIMIT + 1 of them below number ``before``.

    ``which``: one of FILTERS; anything else: all. Raises NotPermittedError.
    """
    require(account, Action.VIEW_NOTICES)
    with conn.cursor(row_factory=class_row(Told)) as cursor:
        return cursor.execute(
            _TOLD + " WHERE area <@ %(area)s::ltree AND state = ANY (%(states)s) AND id < %(before)s"
            " ORDER BY id DESC LIMIT %(most)s",
            {
                "area": account.area_path, "before": before or 2**62, "most": LIMIT + 1,
                "states": list(FILTERS.get(which, [one for states in FILTERS.values() for one in states])),
            },
        ).fetchall()  # fmt: skip


def counts(conn: Connection[Any], account: Account, since: dt.datetime) -> dict[str, int]:
    """How many notices made since then stand how, by FILTERS, in the account's area. Raises NotPermittedError."""
    require(account, Action.VIEW_NOTICES)
    rows = conn.execute(
        "SELECT state, count(*)::integer FROM care_notice WHERE area <@ %s::ltree AND made_at > %s GROUP BY state",
        (account.area_path, since),
    ).fetchall()
    found = dict(rows)
    return {which: sum(found.get(state, 0) for state in states) for which, states in FILTERS.items()}


def own(conn: Connection[Any], account: Account) -> list[Told]:
    """The account's own notices, the newest first, LIMIT at most; those that are over last."""
    with conn.cursor(row_factory=class_row(Told)) as cursor:
        return cursor.execute(
            _TOLD + " WHERE account_id = %s ORDER BY (state = 'withdrawn'), id DESC LIMIT %s", (account.id, LIMIT)
        ).fetchall()


def of_digest(conn: Connection[Any], digest: int) -> list[Told]:
    """The notices of one digest, for whoever has its signed link."""
    with conn.cursor(row_factory=class_row(Told)) as cursor:
        return cursor.execute(_TOLD + " WHERE digest_id = %s ORDER BY (state = 'withdrawn'), id", (digest,)).fetchall()


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
