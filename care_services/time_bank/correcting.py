"""Set minutes right: after the earning of a help was reversed, the right minutes are earned anew, once, by two people.

Nothing that is booked changes. The first earning, its reversal and the new earning stand one after the other, and each
reversal gives at most one new earning: so a help is never paid more than once.
"""

import datetime as dt
import uuid
from typing import Any

import msgspec
from psycopg import Connection, errors
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.time_bank import books, holders, store
from care_services.time_bank.ledger import Earning, open_again
from care_services.time_bank.store import Request


class Credits(msgspec.Struct, frozen=True, kw_only=True):
    """Minutes that a help counts by the rules of its day, and by which rule: the volunteer's, a pair's second's."""

    credited: int
    partner_credited: int | None
    rule: str | None
    partner_rule: str | None


def credits_of(conn: Connection[Any], one: Request, minutes: int) -> Credits:
    """Find out what minutes of a help count, in the caller's transaction: its volunteers are held until it ends."""
    day = books.day_of(one.wanted_from)
    found: list[tuple[int | None, str | None]] = []
    both = [number for number in (one.volunteer_id, one.partner_id) if number is not None]
    for number in sorted(both):
        # Whoever confirms another visit of the same volunteer at this moment waits: caps are held.
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('shouwang volunteer ' || %s, 0))", (number,))
    for number in both:
        group = conn.execute("SELECT belongs_to FROM time_volunteer WHERE id = %s", (number,)).fetchone()
        rule = books.limits(conn, "earn", day, help=one.kind, group=group[0] if group else None)
        so_far = conn.execute("SELECT * FROM time_credited(%s, %s, %s)", (number, rule.rule, day)).fetchone()
        of_day, of_month = so_far or (0, 0)
        found.append((rule.credit(minutes, of_day, of_month), rule.rule))
    (credited, code), (of_second, code_of_second) = (*found, (None, None), (None, None))[:2]
    return Credits(credited=credited or 0, partner_credited=of_second, rule=code, partner_rule=code_of_second)


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """Right minutes of a help that somebody wrote down after its earning was reversed."""

    id: int
    minutes: int
    reason: str
    asked_by: int
    asked_zh: str
    asked_at: dt.datetime
    agreed: bool | None
    """None: it waits for a second person."""


class Reversed(msgspec.Struct, frozen=True, kw_only=True):
    """An earning that was reversed: whether its minutes may be earned anew, and what was asked for so far."""

    may: bool
    corrections: list[Correction]
    """Of this reversal, the oldest first."""

    @property
    def waiting(self) -> Correction | None:
        """The one that waits for a second person; None: nothing does."""
        return next((one for one in self.corrections if one.agreed is None), None)


def look(conn: Connection[Any], number: int) -> Reversed | None:
    """Read what became of the minutes of a reversed earning, by its number; None: it is none, or was not reversed."""
    row = conn.execute(
        "SELECT t.request_id, b.id FROM time_transaction t JOIN time_transaction b ON b.reverses_id = t.id"
        " WHERE t.number = %s AND t.kind = 'earn'", (number,),
    ).fetchone()  # fmt: skip
    if row is None:
        return None
    corrections = conn.cursor(row_factory=class_row(Correction)).execute(
        "SELECT c.id, c.minutes, c.reason, c.asked_by, a.name_zh AS asked_zh, c.asked_at, c.agreed"
        " FROM time_correction c JOIN account a ON a.id = c.asked_by WHERE c.after_id = %s ORDER BY c.id", (row[1],),
    ).fetchall()  # fmt: skip
    return Reversed(may=open_again(_earnings(conn, row[0])) == row[1], corrections=corrections)


def ask(
    conn: Connection[Any], account: Account, number: int, minutes: int, reason: str, now: dt.datetime, origin: str = ""
) -> None:
    """Ask that a help whose earning was reversed be paid by its right minutes; a second person decides.

    ``number``: of the earning that was reversed. ``minutes``: how long the help was. Raises ProvisioningError.
    """
    require(account, Action.MANAGE_TIME_BANK)
    one, after = _reversed(conn, account, number)
    if not 1 <= minutes <= 720:
        raise ProvisioningError(zh="时长为 1 到 720 分钟", en="1 to 720 minutes", field="minutes")
    if not reason.strip():
        raise ProvisioningError(zh="请写明更正依据", en="write what the right minutes rest on", field="reason")
    _not_their_own(conn, account, one)
    try:
        with conn.transaction():
            conn.execute(
                "INSERT INTO time_correction (request_id, after_id, minutes, reason, asked_by, asked_at)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                (one.id, after, minutes, reason.strip()[: books.MOST_WORDS], account.id, now),
            )
            detail = {"number": number, "minutes": minutes}
            audit(conn, account, "ask_correction", at=now, resident_id=one.resident_id, origin=origin, detail=detail)
    except errors.UniqueViolation as error:
        raise ChangedMeanwhileError(
            zh="已有人申请更正，等待复核", en="somebody has asked for it already: it waits for a second person"
        ) from error


def decide(
    conn: Connection[Any], account: Account, number: int, now: dt.datetime, *, agreed: bool, origin: str = ""
) -> None:
    """Agree to right minutes that somebody else wrote down, and book them, or refuse them.

    Own hours of the resident come back as far as the help was shorter than what was paid for it.
    """
    require(account, Action.MANAGE_TIME_BANK)
    one, after = _reversed(conn, account, number)
    _not_their_own(conn, account, one)
    with conn.transaction():
        row = conn.execute(
            "SELECT id, asked_by, minutes FROM time_correction WHERE after_id = %s AND decided_at IS NULL FOR UPDATE",
            (after,),
        ).fetchone()
        if row is None:
            raise NotFoundError(zh="没有待复核的更正申请", en="no correction waits for a decision")
        if row[1] == account.id:
            raise NotPermittedError(
                zh="申请人不能自己复核，请由另一位工作人员决定", en="a second person has to decide, not who has asked"
            )
        counts = credits_of(conn, one, row[2]) if agreed else None
        if counts and counts.credited + (counts.partner_credited or 0) == 0:
            raise ProvisioningError(
                zh="按当日规则（上限）没有可存入的分钟，请不同意此申请",
                en="by the caps of its day there is nothing to book: refuse it",
            )
        conn.execute(
            "UPDATE time_correction SET decided_by = %(by)s, decided_at = %(now)s, agreed = %(agreed)s,"
            " credited = %(credited)s, partner_credited = %(partner_credited)s, rule = %(rule)s,"
            " partner_rule = %(partner_rule)s WHERE id = %(id)s",
            {"id": row[0], "by": account.id, "now": now, "agreed": agreed, **dict.fromkeys(Credits.__struct_fields__),
             **(msgspec.structs.asdict(counts) if counts else {})},
        )  # fmt: skip
        if agreed:
            conn.execute("SELECT time_earn(%s, %s)", (one.id, now))
            if one.paid_by == "hours":
                books.refund(conn, one.id, now, account.id)
        detail = {"number": number, "agreed": agreed}
        audit(conn, account, "decide_correction", at=now, resident_id=one.resident_id, origin=origin, detail=detail)


def _reversed(conn: Connection[Any], account: Account, number: int) -> tuple[Request, uuid.UUID]:
    """The help of a reversed earning and the reversal after which it may be earned anew."""
    row = conn.execute(
        "SELECT t.request_id, b.id FROM time_transaction t LEFT JOIN time_transaction b ON b.reverses_id = t.id"  # noqa: S608
        f" WHERE t.number = %(number)s AND t.kind = 'earn' AND {holders.OF_AREA}",
        {"number": number, "area": account.area_path},
    ).fetchone()
    one = store.by_id(conn, row[0]) if row else None
    if row is None or one is None:
        raise NotFoundError(zh="没有这笔记录，或不在您的辖区", en="there is no such transaction in your area")
    if row[1] is None or open_again(_earnings(conn, one.id)) != row[1]:
        raise ProvisioningError(
            zh="这次服务的时间没有被冲正，或冲正后已重新存入", field="minutes",
            en="the minutes of this help were not reversed, or were earned anew since",
        )  # fmt: skip
    return one, row[1]


def _earnings(conn: Connection[Any], request_id: uuid.UUID) -> list[Earning]:
    return [
        Earning(*row)
        for row in conn.execute(
            "SELECT t.number, b.id FROM time_transaction t LEFT JOIN time_transaction b ON b.reverses_id = t.id"
            " WHERE t.request_id = %s AND t.kind = 'earn'",
            (request_id,),
        )
    ]


def _not_their_own(conn: Connection[Any], account: Account, one: Request) -> None:
    row = conn.execute("SELECT time_own_word(%s, %s)", (one.id, f"account:{account.id}")).fetchone()
    if row is not None and row[0]:
        raise NotPermittedError(
            zh="您就是这次服务的志愿者，须由他人更正", en="you are the volunteer of this help: others set it right"
        )
