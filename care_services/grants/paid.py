"""The grants that are paid for a month: shown, settled once, and given out as a table.

A settlement writes its lines and never changes one; to settle a month again adds what was approved late.
"""

import csv
import datetime as dt
import io
from collections.abc import Iterable
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.below import people_below
from care_network.errors import ProvisioningError
from care_network.importing.tables import as_text
from care_services.core.money import in_yuan
from care_services.grants.kinds import KINDS
from care_services.grants.settling import month_of, next_month
from vocabulary.times import SHANGHAI

PAGE = 50


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A grant of a month. ``settled_at`` None: due, and not settled yet."""

    application: int
    kind: str
    resident: str
    name_zh: str
    name_en: str
    area_zh: str
    area_en: str
    amount_fen: int
    settled_by_rules: bool
    settled_at: dt.datetime | None


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """The grants of a kind in a month."""

    kind: str
    n: int
    amount_fen: int
    settled: int
    """Of them, those that are settled."""


# The days of a month for which a grant is paused are not paid; the same in settling.due_of. A grant that is paid once
# belongs to the first month that is settled from its own on.
_DUE: LiteralString = f"""
    SELECT g.id AS application, g.kind, g.resident_id, coalesce(p.amount_fen, part.fen) AS amount_fen,
           g.settled_by = 'rules' AS settled_by_rules, p.settled_at
    FROM grant_application g LEFT JOIN grant_payment p ON p.application_id = g.id AND p.month = %(month)s
    LEFT JOIN (
        SELECT s.application_id, sum(
            least(coalesce(s.until_on, %(next)s), %(next)s) - greatest(s.from_on, %(month)s)) AS days
        FROM grant_pause s WHERE s.from_on < %(next)s AND (s.until_on IS NULL OR s.until_on > %(month)s)
        GROUP BY s.application_id
    ) x ON x.application_id = g.id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN x.days IS NULL OR g.per = 'once' THEN g.amount_fen
               ELSE ((2 * g.amount_fen::bigint * (%(days)s - x.days) + %(days)s) / (2 * %(days)s))::integer END AS fen
    ) part
    WHERE g.state = 'approved' AND {people_below("g.resident_id")} AND g.pays_from <= %(month)s
      AND (p.id IS NOT NULL
           OR g.per = 'month' AND (g.pays_until IS NULL OR g.pays_until > %(month)s) AND part.fen > 0
           OR g.per = 'once' AND NOT EXISTS (SELECT FROM grant_payment paid WHERE paid.application_id = g.id))
"""  # noqa: S608 - of constants


def totals(conn: Connection[Any], account: Account, month: dt.date) -> list[Total]:
    """The sums of a month by kind, in the account's area."""
    require(account, Action.VIEW_CARE)
    with conn.cursor(row_factory=class_row(Total)) as cursor:
        found = cursor.execute(
            "SELECT kind, count(*)::integer AS n, sum(amount_fen)::bigint AS amount_fen,"  # noqa: S608 - of a constant
            f" count(settled_at)::integer AS settled FROM ({_DUE}) due GROUP BY kind",
            _asks(account, month),
        ).fetchall()
    return sorted(found, key=lambda one: list(KINDS).index(one.kind))


def lines(
    conn: Connection[Any], account: Account, month: dt.date, after: int = 0, most: int = PAGE, *, settled: bool = False
) -> list[Line]:  # fmt: skip
    """One page of a month by the application's number, and one more where there are more; of the ``settled`` alone."""
    require(account, Action.VIEW_CARE)
    only = "AND settled_at IS NOT NULL" if settled else ""
    with conn.cursor(row_factory=class_row(Line)) as cursor:
        return cursor.execute(
            f"""
            SELECT due.application, due.kind, r.code AS resident, r.name_zh, r.name_en, a.name_zh AS area_zh,
                   a.name_en AS area_en, due.amount_fen, due.settled_by_rules, due.settled_at
            FROM (SELECT * FROM ({_DUE}) every WHERE application > %(after)s {only}
                  ORDER BY application LIMIT %(most)s) due
            JOIN resident r ON r.id = due.resident_id JOIN household h ON h.id = r.household_id AND NOT h.synthetic
            JOIN area a ON a.id = h.area_id ORDER BY due.application
            """,  # noqa: S608 - of constants
            {**_asks(account, month), "after": after, "most": most + 1},
        ).fetchall()


def _asks(account: Account, month: dt.date) -> dict[str, Any]:
    after = next_month(month)
    return {
        "month": month,
        "next": after,
        "days": (after - month).days,
        "under": account.area_path,
        "area": account.area_path,
    }


def settle(conn: Connection[Any], account: Account, month: dt.date, *, at: dt.datetime, origin: str = "") -> int:
    """Settle a month for the account's area; gives the number of lines that were added.

    Raises ProvisioningError for a month that has not begun.
    """
    require(account, Action.APPROVE_BEDS)
    if month > month_of(at.astimezone(SHANGHAI).date()):
        raise ProvisioningError(en="this month has not begun", zh="该月份尚未开始", field="month")
    with conn.transaction():
        # One at a time: what is paid once must not be settled for two months at once.
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('shouwang settlement of grants', 0))")
        added = conn.execute(
            "INSERT INTO grant_payment"  # noqa: S608 - of a constant
            " (month, application_id, resident_id, amount_fen, settled_at, settled_by)"
            f" SELECT %(month)s, application, resident_id, amount_fen, %(at)s, %(by)s FROM ({_DUE}) due"
            " WHERE settled_at IS NULL ON CONFLICT (month, application_id) DO NOTHING",
            {**_asks(account, month), "at": at, "by": account.name_zh},
        ).rowcount
        audit(conn, account, "settle_grants", at=at, origin=origin, detail={"month": f"{month:%Y-%m}", "lines": added})
    return added


def table(
    conn: Connection[Any], account: Account, month: dt.date, *, at: dt.datetime, origin: str = ""
) -> str:  # fmt: skip
    """The settled lines of a month as CSV with a byte order mark, for a spreadsheet; the export is audited."""
    found = lines(conn, account, month, most=1_000_000, settled=True)
    audit(conn, account, "export_grants", at=at, origin=origin,
          detail={"month": f"{month:%Y-%m}", "lines": len(found)})  # fmt: skip
    file = io.StringIO()
    file.write("\ufeff")
    writer = csv.writer(file)
    writer.writerow(["月份", "老人编号", "姓名", "区域", "补贴", "金额（元）", "核定方式", "申请编号"])
    writer.writerows(_cells(month, found))
    return file.getvalue()


def _cells(month: dt.date, found: Iterable[Line]) -> Iterable[list[str]]:
    for one in found:
        cells = [
            f"{month:%Y-%m}", one.resident, one.name_zh, one.area_zh, KINDS[one.kind].zh, in_yuan(one.amount_fen),
            "规则" if one.settled_by_rules else "人工", str(one.application),
        ]  # fmt: skip
        yield [as_text(cell) for cell in cells]


class OpenBalance(msgspec.Struct, frozen=True, kw_only=True):
    """A grant of which more was settled than is due (``open_fen`` above zero: to be reclaimed), or less."""

    application: int
    kind: str
    resident: str
    name_zh: str
    name_en: str
    area_zh: str
    area_en: str
    open_fen: int
    since: dt.date
    """The first day for which it is not paid."""


# Of months before the first pause everything that was settled is due: they are left out.
_OPEN: LiteralString = """
    SELECT g.id AS application, g.kind, r.code AS resident, r.name_zh, r.name_en, a.name_zh AS area_zh,
           a.name_en AS area_en, t.since, (t.paid - t.due - t.back)::integer AS open_fen
    FROM (
        SELECT f.id, f.since, sum(p.amount_fen) AS paid,
               sum(CASE WHEN p.month >= f.pays_until THEN 0
                   ELSE (2 * f.amount_fen::bigint * (d.days - coalesce(x.days, 0)) + d.days) / (2 * d.days) END) AS due,
               coalesce((SELECT sum(c.amount_fen) FROM grant_correction c WHERE c.application_id = f.id), 0) AS back
        FROM (
            SELECT g.id, g.amount_fen, g.pays_until, least(min(s.from_on), g.pays_until) AS since
            FROM (
                SELECT application_id AS id FROM grant_pause
                UNION SELECT id FROM grant_application WHERE pays_until IS NOT NULL
            ) o JOIN grant_application g ON g.id = o.id AND g.per = 'month'
            LEFT JOIN grant_pause s ON s.application_id = g.id GROUP BY g.id
        ) f
        JOIN grant_payment p ON p.application_id = f.id AND p.month >= date_trunc('month', f.since)
        CROSS JOIN LATERAL (SELECT (p.month + interval '1 month')::date AS after,
                                   (p.month + interval '1 month')::date - p.month AS days) d
        LEFT JOIN LATERAL (
            SELECT sum(least(coalesce(s.until_on, d.after), d.after) - greatest(s.from_on, p.month))::integer AS days
            FROM grant_pause s WHERE s.application_id = f.id AND s.from_on < d.after
              AND (s.until_on IS NULL OR s.until_on > p.month)
        ) x ON true
        GROUP BY f.id, f.since
    ) t JOIN grant_application g ON g.id = t.id JOIN resident r ON r.id = g.resident_id
    JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
    WHERE t.paid - t.due - t.back <> 0 AND a.path <@ %(under)s::ltree AND NOT h.synthetic
"""


def open_balances(conn: Connection[Any], account: Account, after: int = 0, most: int = PAGE) -> list[OpenBalance]:
    """Grants of the account's area with something to be reclaimed or still owed, and one more where there are more."""
    require(account, Action.VIEW_CARE)
    with conn.cursor(row_factory=class_row(OpenBalance)) as cursor:
        return cursor.execute(
            f"{_OPEN} AND g.id > %(after)s ORDER BY g.id LIMIT %(most)s",
            {"under": account.area_path, "after": after, "most": most + 1},
        ).fetchall()


def to_reclaim(conn: Connection[Any], account: Account) -> tuple[int, int]:
    """How many grants of the account's area have something to be reclaimed, and how much together, in fen."""
    require(account, Action.VIEW_CARE)
    row = conn.execute(
        f"SELECT count(*)::integer, coalesce(sum(open_fen), 0)::bigint FROM ({_OPEN}) o"  # noqa: S608 - of a constant
        " WHERE open_fen > 0",
        {"under": account.area_path},
    ).fetchone()
    assert row is not None  # noqa: S101 - one row always
    return row[0], row[1]


def read_month(text: str, today: dt.date) -> dt.date:
    """A month as it is typed, 2026-11; the present one where nothing is. Raises ProvisioningError."""
    if not text:
        return month_of(today)
    try:
        return dt.date.fromisoformat(f"{text}-01")
    except ValueError:
        raise ProvisioningError(en="write the month as 2026-11", zh="月份写法如 2026-11", field="month") from None
