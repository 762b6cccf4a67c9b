"""Book minutes: spend, transfer, give, grant, let expire, correct. Each booking is one transaction of the database.

A booking holds the accounts that it draws on until the end, so that two at once are one after the other; the database
itself refuses a lot below zero, entries that do not sum to zero, and every change of what is booked.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from psycopg import Connection, errors

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, covers_every_home, may_do, require
from care_network.errors import (
    ChangedMeanwhileError,
    ExistsError,
    NotFoundError,
    NotPermittedError,
    ProvisioningError,
)
from care_services.core import rule_book
from care_services.time_bank import holders
from care_services.time_bank.holders import Holder
from care_services.time_bank.kinds import RELATIONS
from care_services.time_bank.ledger import Leg, Lot, move, overdrawn, reversed_legs
from care_services.time_bank.limits import SUBJECT, Limits, limits_of
from vocabulary.times import SHANGHAI

MOST_WORDS = 400
_OUT = "transfer", "gift"


def limits(conn: Connection[Any], purpose: str, on: dt.date, **facts: Any) -> Limits:
    """The limits that the rules of that day give for a purpose."""
    return limits_of(rule_book.current(conn, SUBJECT, on), purpose, **facts)


def day_of(moment: dt.datetime) -> dt.date:
    """The day in Shanghai."""
    return moment.astimezone(SHANGHAI).date()


def book(
    conn: Connection[Any], kind: str, legs: Sequence[Leg], key: str, at: dt.datetime, *, by: int | None = None,
    second: int | None = None, request: uuid.UUID | None = None, reverses: uuid.UUID | None = None, relation: str = "",
    reason: str = "",
) -> uuid.UUID:  # fmt: skip
    """Write a transaction and its entries, in the caller's transaction; the same key books once.

    Returns the transaction of that key. Raises OverdrawnError, and ExistsError where the key was used for something
    else.
    """
    if (before := _of_key(conn, kind, legs, key)) is not None:
        return before
    number = uuid.uuid4()
    try:
        with conn.transaction():
            conn.execute(
                "INSERT INTO time_transaction (id, at, kind, request_key, request_id, reverses_id, relation, reason,"
                " account_id, second_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (number, at, kind, key, request, reverses, relation, reason[:MOST_WORDS], by, second),
            )
            conn.cursor().executemany(
                "INSERT INTO time_entry (transaction_id, account_id, minutes, earned_on) VALUES (%s, %s, %s, %s)",
                [(number, leg.account, leg.minutes, leg.earned_on) for leg in legs],
            )
            conn.execute("SET CONSTRAINTS time_transaction_whole IMMEDIATE")
            conn.execute("SET CONSTRAINTS time_transaction_whole DEFERRED")
    except errors.CheckViolation as error:
        if error.diag.constraint_name == "time_lot_never_negative":
            spent = sum(-leg.minutes for leg in legs if leg.minutes < 0)
            if kind != "reverse":
                raise overdrawn(spent, 0) from error
            raise ProvisioningError(
                zh="这些时间已被使用，不能冲正；请先冲正后面的使用记录",
                en="these minutes were spent meanwhile: reverse what they were spent on first", field="reason",
            ) from error  # fmt: skip
        if error.diag.constraint_name == "time_transaction_form" and "oldest" in str(error.diag.message_primary):
            raise ExistsError(
                zh="账户刚刚有变动，请重试", en="the account has just changed: try again", field="key"
            ) from error  # older minutes came in between the look and the booking
        if error.diag.constraint_name in ("time_sum_zero", "time_transaction_form") and reverses is not None:
            raise NotPermittedError(
                zh="该笔涉及辖区外的账户，请由区级账号处理",
                en="it touches an account outside your area: an account of the district does it",
            ) from error
        raise
    except errors.UniqueViolation as error:
        raise _used(key) from error
    return number


def _of_key(conn: Connection[Any], kind: str, legs: Sequence[Leg], key: str) -> uuid.UUID | None:
    row = conn.execute(
        "SELECT t.id, t.kind, (SELECT array_agg(DISTINCT account_id ORDER BY account_id) FROM time_entry e"
        " WHERE e.transaction_id = t.id), (SELECT sum(minutes) FROM time_entry e WHERE e.transaction_id = t.id"
        " AND minutes > 0) FROM time_transaction t WHERE request_key = %s",
        (key,),
    ).fetchone()
    if row is None:
        return None
    same = (kind, sorted({leg.account for leg in legs}), sum(leg.minutes for leg in legs if leg.minutes > 0))
    if (row[1], row[2], row[3]) != same:
        raise _used(key)
    number: uuid.UUID = row[0]
    return number


def _used(key: str) -> ExistsError:
    return ExistsError(
        zh=f"请求编号 {key[:60]} 已用于另一笔记录，请刷新页面后重试",
        en=f"the request key {key[:60]} was used for something else: load the page again", field="key",
    )  # fmt: skip


def lock(conn: Connection[Any], *accounts: int) -> None:
    """Hold accounts against other bookings until the transaction ends, always in the same order."""
    for number in sorted(set(accounts)):
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('shouwang time account ' || %s, 0))", (number,))


def spend(
    conn: Connection[Any], account: Account, holder: Holder, minutes: int, request: uuid.UUID, key: str,
    now: dt.datetime, origin: str = "",
) -> uuid.UUID:  # fmt: skip
    """Spend a resident's minutes on a request of theirs that is to be paid by hours. Raises OverdrawnError.

    By whoever may ask for it: the station, or the family. The database books what the request says, once.
    """
    if not may_do(account, Action.MANAGE_TIME_BANK):
        require(account, Action.CONFIRM_HELP)
    key = _clean_key(key)
    if holder.account_id is None:
        raise overdrawn(minutes, 0)
    try:
        with conn.transaction():
            lock(conn, holder.account_id)
            _within_cap(conn, "redeem", holder.account_id, minutes, now)
            row = conn.execute(
                "SELECT time_redeem(%s, %s, %s, %s, %s)", (request, key, now, expired_before(conn, now), account.id)
            ).fetchone()
            detail = {"what": "redeem", "minutes": minutes, "from": holder.address, "to": "issuer"}
            audit(conn, account, "book_minutes", at=now, resident_id=holder.resident_id, origin=origin, detail=detail)
    except errors.CheckViolation as error:
        if error.diag.constraint_name != "time_lot_never_negative":
            raise
        raise overdrawn(minutes, int(error.diag.message_detail or 0)) from error
    except errors.UniqueViolation as error:
        raise _used(key) from error
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    number: uuid.UUID = row[0]
    return number


def transfer(
    conn: Connection[Any], account: Account, giver: Holder, taker: Holder, minutes: int, key: str, now: dt.datetime,
    *, reason: str = "", origin: str = "",
) -> uuid.UUID:  # fmt: skip
    """Move minutes from one person to another, or into the gift pool, or from it to a person."""
    require(account, Action.MANAGE_TIME_BANK)
    people = giver.kind in ("resident", "volunteer"), taker.kind in ("resident", "volunteer")
    kind = {(True, True): "transfer", (True, False): "donate", (False, True): "grant"}.get(people)
    if kind is None or not {giver.kind, taker.kind} <= {"resident", "volunteer", "gift_pool"}:
        raise ProvisioningError(zh="这两个账户之间不能转让", en="nothing moves between these accounts", field="taker")
    return _move(conn, account, kind, giver, taker, minutes, key, now, origin, reason=reason)


def join(conn: Connection[Any], account: Account, volunteer_id: int, resident: Holder, now: dt.datetime) -> int:
    """Move all that a volunteer has to the account of the resident that they are, in the caller's transaction.

    One person, one account: no cap counts, and the minutes keep their age. Returns how many. Raises as :func:`book`.
    """
    row = conn.execute("SELECT id FROM time_account WHERE volunteer_id = %s", (volunteer_id,)).fetchone()
    if row is None:
        return 0
    from_, to = int(row[0]), holders.opened(conn, resident)
    lock(conn, from_, to)
    expire_of(conn, from_, now)
    there = holders.lots(conn, from_)
    total = sum(lot.minutes for lot in there)
    if total:
        legs = move(there, from_, to, total)
        reason = "账户合并：志愿者为本区老人"
        book(conn, "transfer", legs, f"join/{from_}/{to}/{uuid.uuid4()}", now, by=account.id, reason=reason)
    return total


def give(
    conn: Connection[Any], account: Account, giver: Holder, taker: Holder, minutes: int, relation: str, evidence: str,
    key: str, now: dt.datetime, origin: str = "",
) -> uuid.UUID:  # fmt: skip
    """Give minutes to a relative. ``evidence``: what proved the relation, such as the household register."""
    require(account, Action.MANAGE_TIME_BANK)
    if relation not in RELATIONS:
        raise ProvisioningError(zh="请选择亲属关系", en="choose the relation", field="relation")
    if not evidence.strip():
        raise ProvisioningError(
            zh="请写明核对了什么证明（如户口簿、结婚证）", en="write what proved the relation", field="reason"
        )
    if {giver.kind, taker.kind} - {"resident", "volunteer"}:
        raise ProvisioningError(zh="只能赠送给个人", en="a gift goes to a person", field="taker")
    return _move(
        conn, account, "gift", giver, taker, minutes, key, now, origin, relation=relation, reason=evidence.strip()
    )


def _move(
    conn: Connection[Any], account: Account, kind: str, giver: Holder, taker: Holder, minutes: int, key: str,
    now: dt.datetime, origin: str, **more: Any,
) -> uuid.UUID:  # fmt: skip
    key = _clean_key(key)
    with conn.transaction():
        from_, to = holders.opened(conn, giver), holders.opened(conn, taker)
        lock(conn, from_, to)
        # A repetition is known before lots are looked at: they may be gone by then.
        if (before := _of_key(conn, kind, _sketch(from_, to, minutes, now), key)) is not None:
            return before
        expire_of(conn, from_, now)
        if kind in _OUT:
            _within_cap(conn, kind, from_, minutes, now)
        legs = move(holders.lots(conn, from_), from_, to, minutes)
        number = book(conn, kind, legs, key, now, by=account.id, **more)
        for one in (giver, taker):
            if one.kind in ("resident", "volunteer"):
                detail = {"what": kind, "minutes": minutes, "from": giver.address, "to": taker.address}
                audit(conn, account, "book_minutes", at=now, resident_id=one.resident_id, origin=origin, detail=detail)
        return number


def _sketch(from_: int, to: int, minutes: int, now: dt.datetime) -> list[Leg]:
    day = day_of(now)
    return [Leg(from_, -minutes, day), Leg(to, minutes, day)]


def _clean_key(key: str) -> str:
    key = key.strip()[:120]
    if not key:
        raise ProvisioningError(zh="缺少请求编号，请刷新页面", en="the request key is missing", field="key")
    return key


def _within_cap(conn: Connection[Any], kind: str, account_id: int, minutes: int, now: dt.datetime) -> None:
    rule = limits(conn, kind, day_of(now))
    if rule.month_cap is None:
        return
    # what was spent in the month, less what came back of it
    row = conn.execute(
        "SELECT coalesce(-sum(e.minutes), 0) FROM time_entry e JOIN time_transaction t ON t.id = e.transaction_id"
        " LEFT JOIN time_transaction o ON o.id = t.reverses_id WHERE e.account_id = %(account)s"
        " AND CASE WHEN o.id IS NULL THEN t.kind = %(kind)s AND t.at >= %(month)s AND e.minutes < 0"
        " ELSE o.kind = %(kind)s AND o.at >= %(month)s AND e.minutes > 0 END",
        {"account": account_id, "kind": kind, "month": _month(now)},
    ).fetchone()
    so_far = int(row[0]) if row else 0
    if so_far + minutes > rule.month_cap:
        raise ProvisioningError(
            zh=f"超过本月上限：{rule.zh}；本月已用 {so_far} 分钟", field="minutes",
            en=f"over the cap of this month: {rule.en}; {so_far} minutes so far",
        )  # fmt: skip


def _month(now: dt.datetime) -> dt.datetime:
    return now.astimezone(SHANGHAI).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def expired_before(conn: Connection[Any], now: dt.datetime) -> dt.date | None:
    """The day before which earned minutes have expired by the rules of today in Shanghai; None: they do not."""
    today = day_of(now)
    return limits(conn, "expire", today).old_before(today)


def expire_of(conn: Connection[Any], account_id: int, now: dt.datetime) -> int:
    """Let an account's old minutes expire, in the caller's transaction; returns how many. The account must be held.

    Raises ProvisioningError where the clock of this machine is so far ahead of the database's that young minutes would
    be old.
    """
    before = expired_before(conn, now)
    if before is None:
        return 0
    try:
        with conn.transaction():
            row = conn.execute("SELECT time_expire(%s, %s, %s)", (before, now, account_id)).fetchone()
    except errors.InsufficientPrivilege as error:
        raise ProvisioningError(
            zh="本机时钟与数据库不一致，时间账暂停办理，请联系管理员校时", field="minutes",
            en="the clock of this machine is not the database's: nothing is booked until an administrator sets it",
        ) from error  # fmt: skip
    return int(row[0]) if row else 0


def expire_due(conn: Connection[Any], now: dt.datetime) -> int:
    """Let expire what is old by now, account by account, each in a transaction of its own; returns the minutes.

    For the rounds: a turn that is killed half way, or days without one, are made good by the next, and nothing expires
    twice. A booking in between draws on nothing that is old, either.
    """
    before = expired_before(conn, now)
    if before is None:
        return 0
    concerned = conn.execute(
        "SELECT DISTINCT account_id FROM time_lot WHERE minutes > 0 AND earned_on < %s ORDER BY 1", (before,)
    ).fetchall()
    total = 0
    for (number,) in concerned:
        with conn.transaction():
            total += expire_of(conn, number, now)
    return total


def expire(conn: Connection[Any], account: Account, now: dt.datetime, origin: str = "") -> int:
    """Let expire what is older than the rules allow; returns the minutes. Safe to repeat."""
    require(account, Action.SET_CARE_RULES)
    if not covers_every_home(conn, account):
        raise NotPermittedError(
            en="minutes expire in the whole district: an account of the district does it",
            zh="到期处理对全区有效，只有区级账号可以执行",
        )
    with conn.transaction():
        total = expire_due(conn, now)
        detail = {"minutes": total, "before": str(expired_before(conn, now))}
        audit(conn, account, "expire_minutes", at=now, origin=origin, detail=detail)
    return total


def ask_reversal(
    conn: Connection[Any], account: Account, number: int, reason: str, now: dt.datetime, origin: str = ""
) -> None:
    """Ask that a transaction be reversed; a second person decides. Raises ProvisioningError."""
    require(account, Action.MANAGE_TIME_BANK)
    found = _transaction(conn, account, number)
    if not reason.strip():
        raise ProvisioningError(zh="请写明冲正原因", en="write why it is to be reversed", field="reason")
    if found[1] in ("reverse", "refund"):
        raise ProvisioningError(zh="冲正记录不能再冲正", en="a reversal is not reversed again", field="reason")
    if conn.execute("SELECT FROM time_transaction WHERE reverses_id = %s", (found[0],)).fetchone() is not None:
        raise ProvisioningError(zh="该笔已冲正", en="it is reversed already", field="reason")
    try:
        with conn.transaction():
            conn.execute(
                "INSERT INTO time_reversal (transaction_id, reason, asked_by, asked_at) VALUES (%s, %s, %s, %s)",
                (found[0], reason.strip()[:MOST_WORDS], account.id, now),
            )
            audit(conn, account, "ask_reversal", at=now, origin=origin, detail={"number": number})
    except errors.UniqueViolation as error:
        raise ChangedMeanwhileError(
            zh="已有人申请冲正，等待复核", en="somebody has asked for it already: it waits for a second person"
        ) from error


def decide_reversal(
    conn: Connection[Any], account: Account, number: int, now: dt.datetime, *, agreed: bool, origin: str = ""
) -> None:
    """Agree to a reversal that somebody else has asked for, or refuse it."""
    require(account, Action.MANAGE_TIME_BANK)
    found = _transaction(conn, account, number)
    with conn.transaction():
        row = conn.execute(
            "SELECT v.id, v.asked_by, v.reason FROM time_reversal v WHERE transaction_id = %s AND decided_at IS NULL",
            (found[0],),
        ).fetchone()
        if row is None:
            raise NotFoundError(zh="没有待复核的冲正申请", en="no reversal waits for a decision")
        if row[1] == account.id:
            raise NotPermittedError(
                zh="申请人不能自己复核，请由另一位工作人员决定", en="a second person has to decide, not who has asked"
            )
        done = conn.execute(
            "UPDATE time_reversal SET decided_by = %s, decided_at = %s, agreed = %s"
            " WHERE id = %s AND decided_at IS NULL",
            (account.id, now, agreed, row[0]),
        )
        if done.rowcount == 0:
            raise ChangedMeanwhileError(zh="他人刚刚已复核", en="somebody else has just decided")
        if agreed:
            legs = legs_of(conn, found[0])
            lock(conn, *(leg.account for leg in legs))
            book(
                conn, "reverse", reversed_legs(legs), f"reverse/{found[0]}", now, by=row[1], second=account.id,
                reverses=found[0], reason=row[2],
            )  # fmt: skip
        audit(conn, account, "decide_reversal", at=now, origin=origin, detail={"number": number, "agreed": agreed})


def refund(conn: Connection[Any], request: uuid.UUID, now: dt.datetime, by: int | None) -> int:
    """Give back what was spent on a request, in the caller's transaction; returns the minutes.

    All of it where the request is cancelled; the difference where the help was shorter than what was paid for it.
    """
    row = conn.execute("SELECT time_refund(%s, %s, %s)", (request, now, by)).fetchone()
    return int(row[0]) if row else 0


def legs_of(conn: Connection[Any], transaction: uuid.UUID) -> list[Leg]:
    """The entries of a transaction, in their order."""
    return [
        Leg(*row)
        for row in conn.execute(
            "SELECT account_id, minutes, earned_on FROM time_entry WHERE transaction_id = %s ORDER BY id",
            (transaction,),
        )
    ]


def lots_of(conn: Connection[Any], holder: Holder) -> list[Lot]:
    """Lots that are left in a holder's account, by age."""
    return [] if holder.account_id is None else holders.lots(conn, holder.account_id)


def _transaction(conn: Connection[Any], account: Account, number: int) -> tuple[uuid.UUID, str]:
    row = conn.execute(
        f"SELECT t.id, t.kind FROM time_transaction t WHERE t.number = %(number)s AND {holders.OF_AREA}",  # noqa: S608
        {"number": number, "area": account.area_path},
    ).fetchone()
    if row is None:
        raise NotFoundError(zh="没有这笔记录，或不在您的辖区", en="there is no such transaction in your area")
    return row[0], row[1]
