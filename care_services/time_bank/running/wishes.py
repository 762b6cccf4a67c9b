"""Wishes of a family: a gift, a transfer or a donation of its relative's minutes. The station asks the resident first.

Minutes are as good as money, and the family is not the resident: whoever asks never books. The station talks with the
resident, looks at what proves the relation, and books or refuses with a reason.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.access.visible import may_see, visible_residents
from care_network.below import people_below
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.time_bank import books, holders
from care_services.time_bank.kinds import RELATIONS, Words

WHAT: Mapping[str, Words] = {
    "gift": ("赠送亲属", "gift to a relative"),
    "transfer": ("转让他人", "transfer to somebody"),
    "donate": ("捐入公益池", "gift to the pool"),
}
STATES: Mapping[str, Words] = {
    "waiting": ("等待社区站办理", "waits for the station"), "booked": ("已办理", "booked"),
    "refused": ("未办理", "refused"), "withdrawn": ("已撤回", "withdrawn"),
}  # fmt: skip
MOST_WORDS = 400


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A wish with whose minutes it is about."""

    id: int
    resident_id: int
    resident: str
    resident_zh: str
    resident_en: str
    what: str
    taker: str
    minutes: int
    relation: str
    words: str
    asked_by: int
    asked_zh: str
    asked_at: dt.datetime
    state: str
    decided_at: dt.datetime | None
    reason: str
    balance: int


class NewWish(msgspec.Struct, frozen=True, kw_only=True):
    """A wish as a form sends it. ``taker``: the code of a resident or volunteer; empty for the pool."""

    resident: str
    what: str
    minutes: str
    taker: str = ""
    relation: str = ""
    words: str = ""


_WISH = """
    SELECT w.id, w.resident_id, r.code AS resident, r.name_zh AS resident_zh, r.name_en AS resident_en, w.what, w.taker,
           w.minutes, w.relation, w.words, w.asked_by, coalesce(a.name_zh, '') AS asked_zh, w.asked_at, w.state,
           w.decided_at, w.reason,
           coalesce((SELECT sum(l.minutes) FROM time_account c JOIN time_lot l ON l.account_id = c.id
                     WHERE c.resident_id = w.resident_id), 0)::integer AS balance
    FROM time_wish w JOIN resident r ON r.id = w.resident_id JOIN household h ON h.id = r.household_id
    JOIN area p ON p.id = h.area_id LEFT JOIN account a ON a.id = w.asked_by
    WHERE NOT h.synthetic AND
"""


def ask(conn: Connection[Any], account: Account, new: NewWish, now: dt.datetime, origin: str = "") -> int:
    """Ask for it; returns the wish's number. Raises ProvisioningError with the wrong field."""
    require(account, Action.CONFIRM_HELP)
    row = conn.execute(
        "SELECT r.id FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic WHERE r.code = %s",
        (new.resident.strip(),),
    ).fetchone()
    if row is None or not may_see(conn, account, row[0]):
        raise NotFoundError(zh="没有这位老人", en="there is no such resident", field="giver")
    if new.what not in WHAT:
        raise ProvisioningError(zh="请选择类型", en="choose what it is", field="what")
    minutes = int(new.minutes) if new.minutes.strip().isdecimal() and len(new.minutes.strip()) < 7 else 0
    holder = holders.find(conn, account, "resident", new.resident.strip())
    there = sum(lot.minutes for lot in books.lots_of(conn, holder))
    if not 1 <= minutes <= there:
        raise ProvisioningError(
            zh=f"请填写 1 到 {there} 分钟（当前余额）" if there else "当前余额为 0",
            en=f"write 1 to {there} minutes: what is there" if there else "there are no minutes",
            field="wished",
        )  # fmt: skip
    if new.what != "donate" and not new.taker.strip():
        raise ProvisioningError(
            zh="请填写接收人姓名或编号", en="write the name or the code of who gets them", field="taker"
        )
    if new.what == "gift" and new.relation not in RELATIONS:
        raise ProvisioningError(zh="请选择亲属关系", en="choose the relation", field="relation")
    with conn.transaction():
        made = conn.execute(
            "INSERT INTO time_wish (resident_id, what, taker, minutes, relation, words, asked_by, asked_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
            (
                row[0], new.what, new.taker.strip()[:60], minutes, new.relation if new.what == "gift" else "",
                new.words.strip()[:MOST_WORDS], account.id, now,
            ),
        ).fetchone()  # fmt: skip
        assert made is not None  # noqa: S101 - an INSERT returns its row
        _trace(conn, account, made[0], row[0], "waiting", now, origin)
    return int(made[0])


def withdraw(conn: Connection[Any], account: Account, number: int, now: dt.datetime, origin: str = "") -> None:
    """Take one's own wish back while nobody has decided."""
    require(account, Action.CONFIRM_HELP)
    one = _find(conn, account, number)
    if one.asked_by != account.id:
        raise NotPermittedError(zh="只能撤回自己的申请", en="only who has asked takes it back")
    _decide(conn, account, one, "withdrawn", "", now, origin)


def decide(
    conn: Connection[Any], account: Account, number: int, taker: str, reason: str, now: dt.datetime, *, agreed: bool,
    origin: str = "",
) -> None:  # fmt: skip
    """Book a wish, or refuse it. ``reason``: what proved it (the word of the resident, a paper), or why not.

    ``taker``: the code of who gets them, as the station found it. Raises as :func:`books.give`.
    """
    require(account, Action.MANAGE_TIME_BANK)
    one = _find(conn, account, number)
    if one.asked_by == account.id:
        raise NotPermittedError(zh="请由另一位工作人员办理", en="a colleague decides what you have asked for")
    if not reason.strip():
        raise ProvisioningError(
            zh="请写明：老人本人的意思、核对了什么证明，或不办理的原因", field="reason",
            en="write what the resident said and what proved it, or why not",
        )  # fmt: skip
    with conn.transaction():
        if not agreed:
            _decide(conn, account, one, "refused", reason, now, origin)
            return
        giver = holders.find(conn, account, "resident", one.resident)
        key = f"wish/{one.id}"
        if one.what == "gift":
            to = holders.find(conn, account, *holders.read_address(taker or one.taker))
            booked = books.give(conn, account, giver, to, one.minutes, one.relation, reason, key, now, origin)
        else:
            address = "gift_pool" if one.what == "donate" else taker or one.taker
            to = holders.find(conn, account, *holders.read_address(address))
            booked = books.transfer(conn, account, giver, to, one.minutes, key, now, reason=reason, origin=origin)
        _decide(conn, account, one, "booked", reason, now, origin, booked)


def of_family(conn: Connection[Any], account: Account, limit: int = 20) -> list[Wish]:
    """Wishes about the residents whom a family sees, the newest first."""
    require(account, Action.CONFIRM_HELP)
    mine = list(visible_residents(conn, account)) if account.role == "family" else []
    return conn.cursor(row_factory=class_row(Wish)).execute(
        f"{_WISH} w.resident_id = ANY(%s) ORDER BY w.id DESC LIMIT %s", (mine, limit)
    ).fetchall()  # fmt: skip


def waiting(conn: Connection[Any], account: Account, limit: int = 50) -> list[Wish]:
    """Wishes in the account's area that wait for the station, the oldest first."""
    require(account, Action.VIEW_CARE)
    return conn.cursor(row_factory=class_row(Wish)).execute(
        f"{_WISH} w.state = 'waiting' AND p.path <@ %s::ltree ORDER BY w.id LIMIT %s", (account.area_path, limit)
    ).fetchall()  # fmt: skip


def count(conn: Connection[Any], account: Account) -> int:
    """How many wishes of the account's area wait for the station."""
    require(account, Action.VIEW_CARE)
    row = conn.execute(
        f"SELECT count(*) FROM time_wish w WHERE w.state = 'waiting' AND {people_below('w.resident_id')}",  # noqa: S608
        {"area": account.area_path},
    ).fetchone()
    return int(row[0]) if row else 0


def _find(conn: Connection[Any], account: Account, number: int) -> Wish:
    found = None
    if 0 < number < 2**31:
        cursor = conn.cursor(row_factory=class_row(Wish))
        found = cursor.execute(f"{_WISH} w.id = %s", (number,)).fetchone()
    if found is None or not may_see(conn, account, found.resident_id):
        raise NotFoundError(zh="没有这项申请，或不在您的辖区", en="there is no such wish in your area")
    return found


def _decide(
    conn: Connection[Any], account: Account, one: Wish, state: str, reason: str, now: dt.datetime, origin: str,
    booked: object = None,
) -> None:  # fmt: skip
    with conn.transaction():
        done = conn.execute(
            "UPDATE time_wish SET state = %s, decided_by = %s, decided_at = %s, reason = %s, transaction_id = %s"
            " WHERE id = %s AND state = 'waiting'",
            (state, account.id, now, reason.strip()[:MOST_WORDS], booked, one.id),
        )
        if done.rowcount == 0:
            raise ChangedMeanwhileError(zh="他人刚刚已处理这项申请", en="somebody else has just decided it")
        _trace(conn, account, one.id, one.resident_id, state, now, origin)


def _trace(
    conn: Connection[Any], account: Account, number: int, resident: int, state: str, now: dt.datetime, origin: str
) -> None:
    detail = {"wish": number, "state": state}
    audit(conn, account, "wish_minutes", at=now, resident_id=resident, origin=origin, detail=detail)
