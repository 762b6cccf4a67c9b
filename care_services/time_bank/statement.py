"""Statements: what an account of minutes got and gave, with the balance after each line; the ledger by pages."""

import csv
import datetime as dt
import io
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, may_do, require
from care_network.errors import NotFoundError
from care_services.time_bank import holders
from care_services.time_bank.books import limits
from care_services.time_bank.holders import Holder
from care_services.time_bank.kinds import KINDS, TRANSACTIONS
from care_services.time_bank.ledger import UNBOUNDED, Line, Lot, with_balances
from vocabulary.times import SHANGHAI, local


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """An account over some days: the balance before, its lines, the balance after, and what is left by age."""

    holder: Holder
    first: dt.date
    last: dt.date
    before: int
    lines: list[Line]
    after: int
    now: int
    lots: list[Lot]
    ending: list[tuple[dt.date, int]]
    """Minutes that expire within 90 days: (the day on which they do, how many)."""


_LINES = """
    SELECT t.at, t.number, t.kind, sum(e.minutes)::integer AS minutes, 0 AS balance, t.relation, t.reason,
           coalesce(q.kind, '') AS about_zh, '' AS about_en, q.number AS request, o.number AS "order", o.alert_id
    FROM time_entry e JOIN time_transaction t ON t.id = e.transaction_id
    LEFT JOIN time_request q ON q.id = t.request_id LEFT JOIN work_order o ON o.id = q.order_id
    WHERE e.account_id = %s AND t.at >= %s AND t.at < %s
    GROUP BY t.id, q.id, o.id ORDER BY t.at, t.number
"""


def statement(
    conn: Connection[Any], account: Account, holder: Holder, first: dt.date, last: dt.date, now: dt.datetime,
    origin: str = "",
) -> Statement:  # fmt: skip
    """The statement of a holder from a day to a day; the look is in the audit.

    For staff of care, and for a family of its relative: whoever may find the holder (:func:`holders.find`).
    """
    if not may_do(account, Action.VIEW_CARE):
        require(account, Action.CONFIRM_HELP)
    if holder.kind in ("resident", "volunteer"):
        detail = {"account": holder.address}
        audit(conn, account, "view_statement", at=now, resident_id=holder.resident_id, origin=origin, detail=detail)
    return of_holder(conn, holder, first, last, now)


def of_holder(conn: Connection[Any], holder: Holder, first: dt.date, last: dt.date, now: dt.datetime) -> Statement:
    """Make a statement for whoever was let in before: of an account, or of a volunteer by their own link."""
    begins, ends = (dt.datetime.combine(day, dt.time(), SHANGHAI) for day in (first, last + dt.timedelta(days=1)))
    if holder.account_id is None:
        return Statement(holder=holder, first=first, last=last, before=0, lines=[], after=0, now=0, lots=[], ending=[])
    before = holders.balance(conn, holder.account_id, begins - dt.timedelta(microseconds=1))
    rows = conn.cursor(row_factory=class_row(Line)).execute(_LINES, (holder.account_id, begins, ends)).fetchall()
    lines = with_balances((_named(line) for line in rows), before)
    lots = holders.lots(conn, holder.account_id)
    return Statement(
        holder=holder, first=first, last=last, before=before, lines=lines, lots=lots,
        after=lines[-1].balance if lines else before,
        now=holders.balance(conn, holder.account_id) if holder.kind in UNBOUNDED else sum(lot.minutes for lot in lots),
        ending=_ending(conn, lots, now),
    )  # fmt: skip


def _named(line: Line) -> Line:
    kind = KINDS.get(line.about_zh)
    return msgspec.structs.replace(line, about_zh=kind.zh if kind else "", about_en=kind.en if kind else "")


def _ending(conn: Connection[Any], lots: list[Lot], now: dt.datetime) -> list[tuple[dt.date, int]]:
    today = now.astimezone(SHANGHAI).date()
    rule = limits(conn, "expire", today)
    found: dict[dt.date, int] = {}
    for lot in lots:
        ends = rule.good_until(lot.earned_on)
        if ends is not None and ends <= today + dt.timedelta(days=90):
            found[ends] = found.get(ends, 0) + lot.minutes
    return sorted(found.items())


HEADS = ("时间", "编号", "类型", "事项", "分钟", "余额（分钟）", "说明")


def as_csv(one: Statement) -> bytes:
    """The statement as CSV with a byte order mark, as spreadsheets in China read it."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow([_plain(f"{one.holder.name_zh} {one.holder.code}"), f"{one.first} — {one.last}"])
    rows.writerow(HEADS)
    rows.writerow(["", "", "期初余额", "", "", one.before, ""])
    for line in one.lines:
        alarm = f"预警 #{line.alert} 工单 {line.order}" if line.alert else ""
        words = _plain(" ".join(part for part in (line.relation, line.reason, alarm) if part))
        rows.writerow([
            local(line.at), line.number, TRANSACTIONS[line.kind][0], _plain(line.about_zh), line.minutes,
            line.balance, words,
        ])  # fmt: skip
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _plain(text: str) -> str:
    """Keep a spreadsheet from reading words as a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction of the ledger, as far as the account that asks sees its entries."""

    number: int
    at: dt.datetime
    kind: str
    minutes: int
    reason: str
    relation: str
    request: int | None
    reverses: int | None
    reversed_by: int | None
    by_zh: str | None
    by_en: str | None
    second_zh: str | None
    second_en: str | None
    waiting: bool


_BOOKED = """
    SELECT t.number, t.at, t.kind, t.reason, t.relation, q.number AS request, o.number AS reverses,
           back.number AS reversed_by, a.name_zh AS by_zh, a.name_en AS by_en,
           s.name_zh AS second_zh, s.name_en AS second_en,
           (SELECT greatest(coalesce(sum(e.minutes) FILTER (WHERE e.minutes > 0), 0),
                            -coalesce(sum(e.minutes) FILTER (WHERE e.minutes < 0), 0))
            FROM time_entry e WHERE e.transaction_id = t.id)::integer AS minutes,
           EXISTS (SELECT FROM time_reversal v WHERE v.transaction_id = t.id AND v.decided_at IS NULL) AS waiting
    FROM time_transaction t LEFT JOIN time_request q ON q.id = t.request_id
    LEFT JOIN time_transaction o ON o.id = t.reverses_id LEFT JOIN time_transaction back ON back.reverses_id = t.id
    LEFT JOIN account a ON a.id = t.account_id LEFT JOIN account s ON s.id = t.second_id
"""
_FROM = "FROM time_transaction t"


def ledger(
    conn: Connection[Any], account: Account, before: int | None = None, kind: str = "", limit: int = 50
) -> tuple[list[Booked], str | None]:
    """The transactions of people in the account's area, the newest first, and the key of the next page."""
    require(account, Action.VIEW_CARE)
    wanted = "(%(before)s::bigint IS NULL OR t.number < %(before)s) AND (%(kind)s = '' OR t.kind = %(kind)s)"
    found = f"{wanted} AND {holders.OF_AREA} ORDER BY t.number DESC LIMIT %(limit)s"
    page = f"FROM (SELECT * FROM time_transaction t WHERE {found}) t"  # noqa: S608 - of constants
    rows = conn.cursor(row_factory=class_row(Booked)).execute(
        f"{_BOOKED.replace(_FROM, page)} ORDER BY t.number DESC",
        {"before": before, "kind": kind, "area": account.area_path, "limit": limit + 1},
    ).fetchall()  # fmt: skip
    return rows[:limit], str(rows[limit - 1].number) if len(rows) > limit else None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a transaction with whose account it is."""

    kind: str
    code: str
    name_zh: str
    name_en: str
    minutes: int
    earned_on: dt.date


def transaction(conn: Connection[Any], account: Account, number: int) -> tuple[Booked, list[Entry]]:
    """A transaction with its entries. Raises NotFoundError for one of another area."""
    require(account, Action.VIEW_CARE)
    found = conn.cursor(row_factory=class_row(Booked)).execute(
        f"{_BOOKED} WHERE t.number = %(number)s AND {holders.OF_AREA}",
        {"number": number, "area": account.area_path},
    ).fetchone()  # fmt: skip
    if found is None:
        raise NotFoundError(zh="没有这笔记录，或不在您的辖区", en="there is no such transaction in your area")
    entries = conn.cursor(row_factory=class_row(Entry)).execute(
        "SELECT c.kind, coalesce(r.code, v.code, '') AS code, coalesce(r.name_zh, v.name_zh, '') AS name_zh,"
        " coalesce(r.name_en, v.name_en, '') AS name_en, e.minutes, e.earned_on FROM time_entry e"
        " JOIN time_transaction t ON t.id = e.transaction_id JOIN time_account c ON c.id = e.account_id"
        " LEFT JOIN resident r ON r.id = c.resident_id LEFT JOIN time_volunteer v ON v.id = c.volunteer_id"
        " WHERE t.number = %s ORDER BY e.id",
        (number,),
    ).fetchall()  # fmt: skip
    return found, entries


def totals(conn: Connection[Any], first: dt.datetime, last: dt.datetime) -> dict[str, int]:
    """Minutes booked in a time by kind of transaction, as far as the viewer sees the accounts."""
    return {
        kind: int(minutes)
        for kind, minutes in conn.execute(
            "SELECT t.kind, sum(e.minutes) FROM time_transaction t JOIN time_entry e ON e.transaction_id = t.id"
            " WHERE t.at >= %s AND t.at < %s AND e.minutes > 0 GROUP BY 1",
            (first, last),
        )
    }


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """Minutes of a month: earned, spent (redeemed and given back), and the month's first day."""

    first: dt.date
    earned: int = 0
    spent: int = 0


def by_month(conn: Connection[Any], first: dt.datetime, now: dt.datetime) -> list[Month]:
    """Minutes earned and spent by month, as far as the viewer sees the accounts; every month is there."""
    rows = conn.execute(
        "SELECT date_trunc('month', t.at AT TIME ZONE 'Asia/Shanghai')::date,"
        " coalesce(sum(e.minutes) FILTER (WHERE t.kind = 'earn'), 0),"
        " coalesce(sum(e.minutes) FILTER (WHERE t.kind = 'redeem'), 0)"
        " FROM time_transaction t JOIN time_entry e ON e.transaction_id = t.id AND e.minutes > 0"
        " WHERE t.at >= %s AND t.kind IN ('earn', 'redeem') GROUP BY 1",
        (first,),
    )
    known = {row[0]: (int(row[1]), int(row[2])) for row in rows}
    day, found = first.astimezone(SHANGHAI).date().replace(day=1), list[Month]()
    while day <= now.astimezone(SHANGHAI).date():
        earned, spent = known.get(day, (0, 0))
        found.append(Month(first=day, earned=earned, spent=spent))
        day = (day + dt.timedelta(days=32)).replace(day=1)
    return found


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A month of the picture: where its two bars stand, in a drawing of 720 × 160."""

    month: Month
    x: float
    earned_y: float
    earned_h: float
    spent_y: float
    spent_h: float


def picture(months: list[Month]) -> list[Bar]:
    """Bars of minutes earned and spent by month, side by side; the highest is 105 high."""
    top = max([1, *(one.earned for one in months), *(one.spent for one in months)])
    step = 720 / max(1, len(months))
    return [
        Bar(
            month=one, x=round(place * step, 1), earned_h=round(105 * one.earned / top, 1),
            earned_y=round(130 - 105 * one.earned / top, 1), spent_h=round(105 * one.spent / top, 1),
            spent_y=round(130 - 105 * one.spent / top, 1),
        )
        for place, one in enumerate(months)
    ]  # fmt: skip


def community(conn: Connection[Any]) -> dict[str, int]:
    """Balances of the community's accounts and of all people, as far as the viewer sees them."""
    # the newest seal carries these two: they are what they are, whoever looks
    row = conn.execute("SELECT issued, expired FROM time_seal ORDER BY position DESC LIMIT 1").fetchone()
    found = {"issuer": int(row[0] or 0), "expired": int(row[1] or 0)} if row else {"issuer": 0, "expired": 0}
    rows = conn.execute(
        # of the community's accounts the pool alone has lots; the accounts' own policies need not be asked again
        "SELECT CASE WHEN account_id = ANY ((SELECT time_community())::integer[]) THEN 'gift_pool' ELSE 'people' END,"
        " sum(minutes) FROM time_lot WHERE minutes > 0 GROUP BY 1"
    ).fetchall()
    return found | {name: int(minutes) for name, minutes in rows}


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A reversal that somebody asked for."""

    reason: str
    asked_by: int
    asked_zh: str
    asked_at: dt.datetime


def reversal(conn: Connection[Any], number: int) -> Waiting | None:
    """The reversal of a transaction that waits for a second person; None: there is none."""
    return conn.cursor(row_factory=class_row(Waiting)).execute(
        "SELECT v.reason, v.asked_by, a.name_zh AS asked_zh, v.asked_at FROM time_reversal v"
        " JOIN time_transaction t ON t.id = v.transaction_id JOIN account a ON a.id = v.asked_by"
        " WHERE t.number = %s AND v.decided_at IS NULL",
        (number,),
    ).fetchone()  # fmt: skip
