"""Read notices: one's own, those of the area with how they went, those of one digest.

The link of a digest is read by whoever holds the telephone, by programs that look at links before people do, and by
whom it is forwarded to. So its page says how many there are of which kind, and names and texts only to whoever knows
the end of the telephone number.
"""

import datetime as dt
import hmac
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.errors import NotFoundError, ProvisioningError
from care_services.core.notice_kinds import STATES, WHY, State
from care_services.core.notice_round import telephone_of
from care_services.core.notices import SignedPage
from vocabulary.times import SHANGHAI

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


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a channel to send the message of a notice. ``outcome`` None: under way, or nobody knows."""

    channel: str
    started_at: dt.datetime
    outcome: str | None
    error: str
    receipt: str | None


def one(conn: Connection[Any], account: Account, number: int) -> Told:
    """A notice to somebody of the account's area. Raises NotPermittedError, NotFoundError."""
    require(account, Action.VIEW_NOTICES)
    with conn.cursor(row_factory=class_row(Told)) as cursor:
        found = cursor.execute(_TOLD + " WHERE id = %s AND area <@ %s::ltree", (number, account.area_path)).fetchone()
    if found is None:
        raise NotFoundError(en=f"there is no reminder {number} in your area", zh=f"您的管辖区域内没有提醒 {number}")
    return found


def tries(conn: Connection[Any], account: Account, number: int) -> list[Try]:
    """The attempts of the channels for the last message of a notice, in their order. Raises as :func:`one`."""
    one(conn, account, number)
    with conn.cursor(row_factory=class_row(Try)) as cursor:
        return cursor.execute(
            "SELECT a.channel, a.started_at, a.outcome, a.error, a.receipt FROM care_notice n"
            " JOIN notification t ON t.care_digest_id = n.digest_id"
            " JOIN delivery_attempt a ON a.message_id = t.message_id WHERE n.id = %s ORDER BY a.id LIMIT 50",
            (number,),
        ).fetchall()


def reason_of(told: Told, now: dt.datetime) -> tuple[str, str]:
    """Say in a sentence why a notice has not been sent, or how it went, in Chinese and English. Pure."""
    at = told.send_at.astimezone(SHANGHAI).strftime("%m-%d %H:%M")
    match told.state:
        case "queued" if told.tries:
            return f"已试 {told.tries} 次未成功，{at} 再发", f"{told.tries} tries failed; the next one is on {at}"
        case "queued" if told.send_at > now:
            return f"未到时间，{at} 起发送", f"it is not time yet: from {at} on"
        case "queued":
            return "轮到发送，等待定时工作", "due: the rounds send it next (at night only what is urgent)"
        case "handed":
            return "已交给通知服务，尚无结果", "handed to the delivery service, which has not told how it went"
        case "failed":
            return f"{told.tries} 次都未能发出", f"{told.tries} mornings failed"
        case "unknown":
            return "交出 30 分钟无人发送：通知服务可能未运行", "nobody sent it in 30 minutes: does delivery run?"
        case "withdrawn":
            return WHY.get(told.why, ("已撤回", "withdrawn"))
        case _:
            return STATES[told.state]


def send_again(
    conn: Connection[Any], account: Account, numbers: Sequence[int], *, at: dt.datetime, origin: str = ""
) -> int:
    """Queue notices anew that could not be sent, or of which nothing is known; how many. At night they wait as all do.

    One of which nothing is known may come twice. Raises NotPermittedError; ProvisioningError where none is such a one.
    """
    require(account, Action.VIEW_NOTICES)
    with conn.transaction():
        found = conn.execute(
            "UPDATE care_notice SET state = 'queued', send_at = %(at)s, tries = 0, state_at = %(at)s"
            " WHERE id = ANY (%(ids)s) AND state = ANY (%(states)s) AND area <@ %(area)s::ltree RETURNING id",
            {"at": at, "ids": list(numbers), "states": list(FILTERS["trouble"]), "area": account.area_path},
        ).fetchall()
        if not found:
            raise ProvisioningError(
                en="none of them waits for a new try: only what could not be sent, or is not known, is sent again",
                zh="没有可以重发的提醒：只有发送失败或情况不明的可以重发",
            )
        detail = {"notices": [row[0] for row in found][:50], "count": len(found)}
        audit(conn, account, "send_notice_again", at=at, origin=origin, detail=detail)
    return len(found)


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
