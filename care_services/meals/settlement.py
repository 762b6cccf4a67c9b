"""The month's settlement of a canteen: what was ordered, delivered and refused, and who pays how much.

Subsidies that hung on facts nobody knew are decided anew once somebody recorded them, while the month is open.
"""

import csv
import datetime as dt
import io
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_network.importing.tables import as_text
from care_services.core.acting import Acting
from care_services.core.money import in_yuan
from care_services.meals import orders
from care_services.meals.canteens import Canteen, managed
from vocabulary.times import SHANGHAI

PAID = ("delivered", "eaten", "refused", "absent")
"""States of meals that were made: they are paid. One that was not delivered by the canteen's own fault is not."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A resident's meals of the month, in fen."""

    resident_id: int
    code: str
    name_zh: str
    name_en: str
    ordered: int
    delivered: int
    """Delivered to the door or eaten at the canteen."""
    refused: int
    absent: int
    failed: int
    cancelled: int
    waiting: int
    """Still to come, or nobody recorded what happened."""
    price: int
    subsidy: int
    unsettled: int
    """Meals whose subsidy hung on facts that nobody knew."""

    @property
    def own(self) -> int:
        """The resident's own part."""
        return self.price - self.subsidy


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """A canteen's month as a whole."""

    residents: int
    ordered: int
    delivered: int
    refused: int
    absent: int
    failed: int
    cancelled: int
    waiting: int
    price: int
    subsidy: int
    unsettled: int

    @property
    def own(self) -> int:
        """The residents' own part."""
        return self.price - self.subsidy


_COUNTS: LiteralString = """
    count(*) FILTER (WHERE m.state <> 'cancelled') AS ordered,
    count(*) FILTER (WHERE m.state IN ('delivered', 'eaten')) AS delivered,
    count(*) FILTER (WHERE m.state = 'refused') AS refused,
    count(*) FILTER (WHERE m.state = 'absent') AS absent,
    count(*) FILTER (WHERE m.state = 'failed') AS failed,
    count(*) FILTER (WHERE m.state = 'cancelled') AS cancelled,
    count(*) FILTER (WHERE m.state = 'ordered') AS waiting,
    coalesce(sum(m.price_fen) FILTER (WHERE m.state = ANY (%(paid)s)), 0)::bigint AS price,
    coalesce(sum(m.subsidy_fen) FILTER (WHERE m.state = ANY (%(paid)s)), 0)::bigint AS subsidy,
    count(*) FILTER (WHERE m.state = ANY (%(paid)s) AND m.missing <> '{}') AS unsettled
"""
_OF: LiteralString = "m.canteen_id = %(canteen)s AND m.day >= %(first)s AND m.day < %(last)s"


def month_of(text: str) -> tuple[dt.date, dt.date]:
    """The first day of a month such as '2026-11', and of the one after it. Raises ProvisioningError."""
    try:
        first = dt.date.fromisoformat(f"{text}-01")
    except ValueError:
        raise ProvisioningError(en="write the month as 2026-11", zh="月份写法如 2026-11", field="month") from None
    return first, (first.replace(day=28) + dt.timedelta(days=4)).replace(day=1)


def sums(conn: Connection[Any], acting: Acting, code: str, month: str) -> tuple[Canteen, Sums]:
    """The sums of a canteen's month; for who manages it. Raises ProvisioningError, NotFoundError, NotPermittedError."""
    canteen = managed(conn, acting, code)
    with conn.cursor(row_factory=class_row(Sums)) as cursor:
        row = cursor.execute(
            f"SELECT count(DISTINCT m.resident_id) FILTER (WHERE m.state <> 'cancelled') AS residents, {_COUNTS}"  # noqa: S608 - constants
            f" FROM meal_order m WHERE {_OF}",
            _asked(canteen, month),
        ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate has a row
    return canteen, row


def rows(
    conn: Connection[Any], acting: Acting, code: str, month: str, after: int = 0, limit: int | None = None
) -> list[Row]:
    """The month by resident, by key; ``limit`` None: all, for a file; else one more than that at most."""
    canteen = managed(conn, acting, code)
    with conn.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(
            f"SELECT r.id AS resident_id, r.code, r.name_zh, r.name_en, {_COUNTS}"  # noqa: S608 - constants
            " FROM meal_order m JOIN resident r ON r.id = m.resident_id JOIN household h ON h.id = r.household_id"
            f" AND NOT h.synthetic WHERE {_OF} AND r.id > %(after)s"
            " GROUP BY r.id ORDER BY r.id LIMIT %(limit)s",
            _asked(canteen, month) | {"after": after, "limit": None if limit is None else limit + 1},
        ).fetchall()


def _asked(canteen: Canteen, month: str) -> dict[str, Any]:
    first, last = month_of(month)
    return {"canteen": canteen.id, "first": first, "last": last, "paid": list(PAID)}


HEADS = (
    "老人编号 code", "姓名 name", "订餐 ordered", "送达 delivered", "拒收 refused", "无人应门 nobody home",
    "未送出 not delivered", "取消 cancelled", "未登记 not recorded", "金额（元）price",
    "补贴（元）subsidy", "自付（元）own",
    "补贴待核实 to be settled",
)  # fmt: skip


def as_csv(conn: Connection[Any], acting: Acting, code: str, month: str) -> str:
    """The month as a file for a spreadsheet, a line for each resident and the sums; the export is in the audit."""
    acting.require(Action.MANAGE_MEALS)
    _, total = sums(conn, acting, code, month)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADS)
    for row in rows(conn, acting, code, month):
        writer.writerow([row.code, as_text(row.name_zh), *_cells(row)])
    writer.writerow(["合计 total", total.residents, *_cells(total)])
    acting.audit(conn, "export_meals", what=code, month=month, residents=total.residents)
    return "\ufeff" + out.getvalue()


def _cells(row: Row | Sums) -> list[Any]:
    return [
        row.ordered, row.delivered, row.refused, row.absent, row.failed, row.cancelled, row.waiting,
        in_yuan(row.price), in_yuan(row.subsidy), in_yuan(row.own), row.unsettled,
    ]  # fmt: skip


# Of what a meal misses something is known by now: the traits of its day, or what the record says.
_KNOWN_NOW: LiteralString = """
    SELECT m.resident_id, min(m.day), max(m.day) FROM meal_order m JOIN resident r ON r.id = m.resident_id
    JOIN household h ON h.id = r.household_id AND NOT h.synthetic
    WHERE m.missing <> '{}' AND m.state NOT IN ('cancelled', 'failed') AND m.day >= %(first)s
      AND (EXISTS (SELECT FROM resident_trait t WHERE t.resident_id = m.resident_id AND t.trait = ANY (m.missing)
                   AND t.valid_from <= m.day AND (t.valid_until IS NULL OR t.valid_until > m.day))
           OR 'ability_grade' = ANY (m.missing) AND r.ability_grade IS NOT NULL
           OR 'lives_alone' = ANY (m.missing) AND r.lives_alone IS NOT NULL)
    GROUP BY m.resident_id ORDER BY m.resident_id
"""


def open_since(today: dt.date) -> dt.date:
    """The first day of the months that are open: a month is paid out in the one after it, and then stays. Pure."""
    return (today.replace(day=1) - dt.timedelta(days=1)).replace(day=1)


def decide_anew(conn: Connection[Any], now: dt.datetime) -> int:
    """Split meals anew of which a fact that was missing is known by now; how many changed. For the rounds.

    By facts and rules of the meal's day. Nobody is given less by it, and a month that is over for a month stays.
    """
    first = open_since(now.astimezone(SHANGHAI).date())
    found = conn.execute(_KNOWN_NOW, {"first": first}).fetchall()
    changed = 0
    for resident_id, since, until in found:
        with conn.transaction():
            changed += _anew(conn, resident_id, since, until, now)
    return changed


def _anew(conn: Connection[Any], resident_id: int, first: dt.date, last: dt.date, now: dt.datetime) -> int:
    """Split a resident's meals anew, the earliest first, under the lock of their orders."""
    orders.lock(conn, resident_id)
    rows = conn.execute(
        "SELECT id, day, price_fen, subsidy_fen, missing FROM meal_order WHERE resident_id = %s AND missing <> '{}'"
        " AND state NOT IN ('cancelled', 'failed') AND day BETWEEN %s AND %s ORDER BY day, meal = 'dinner'",
        (resident_id, first, last),
    ).fetchall()
    days, changed = {row[1] for row in rows}, 0
    terms, used = orders.terms_of(conn, resident_id, days), orders.used_by_day(conn, resident_id, list(days))
    for order_id, day, price, before, missing in rows:
        others = used | {day: used.get(day, 0) - (before > 0)}
        paid = terms.split(price, day, orders.used_of(others, day))
        if paid.subsidy < before or list(paid.missing) == missing:
            continue
        conn.execute(
            "UPDATE meal_order SET subsidy_fen = %s, rule = %s, missing = %s WHERE id = %s",
            (paid.subsidy, paid.rule, list(paid.missing), order_id),
        )
        if paid.subsidy == before:
            continue
        conn.execute(
            "INSERT INTO meal_order_event (order_id, at, state, note) VALUES (%s, %s, %s, %s)",
            (order_id, now, orders.SPLIT_ANEW, f"{in_yuan(before)} → {in_yuan(paid.subsidy)}"),
        )
        used, changed = others | {day: others[day] + 1}, changed + 1
    return changed
