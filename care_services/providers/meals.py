"""A canteen's meals of a day: portions by set, and for whom, from the day before until the day after.

Allergies are told of those alone who agreed that the canteen knows them (consent ``meal_allergies``); of the others the
list says that they are not told, never that there are none.
"""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.core.acting import Acting
from care_services.providers import desk


class Portions(msgspec.Struct, frozen=True, kw_only=True):
    """How many are ordered of a set."""

    meal: str
    code: str
    ordered: int
    delivered_or_eaten: int


class Eater(msgspec.Struct, frozen=True, kw_only=True):
    """A meal with its door. ``told`` False: the resident has not agreed that the canteen knows allergies."""

    order_id: int
    meal: str
    mode: str
    state: str
    code: str
    name_zh: str
    name_en: str
    area_zh: str
    area_en: str
    address_zh: str
    address_en: str
    phone: str
    told: bool
    allergies: list[str] | None
    other_allergies: str | None
    texture: str | None


def of_day(
    conn: Connection[Any], acting: Acting, day: dt.date
) -> tuple[desk.Provider, list[Portions], list[Eater]]:  # fmt: skip
    """The portions of a day, and who eats them where the provider may know it; the look is audited."""
    mine = desk.of(conn, acting)
    with conn.cursor(row_factory=class_row(Portions)) as cursor:
        portions = cursor.execute(
            "SELECT m.meal, f.code, count(*)::int AS ordered,"
            " count(*) FILTER (WHERE m.state IN ('delivered', 'eaten'))::int AS delivered_or_eaten"
            " FROM meal_order m JOIN meal_offer f ON f.id = m.offer_id"
            " WHERE m.canteen_id = %s AND m.day = %s AND m.state <> 'cancelled' GROUP BY 1, 2 ORDER BY 1 DESC, 2",
            (mine.id, day),
        ).fetchall()
    with conn.cursor(row_factory=class_row(Eater)) as cursor:
        eaters = cursor.execute("SELECT * FROM provider_meals(%s)", (day,)).fetchall()
    acting.audit(conn, "view_provider_day", None, what=mine.code, day=str(day), meals=len(eaters))
    return mine, portions, eaters


def eaten(conn: Connection[Any], acting: Acting, order_id: int) -> None:
    """Note that a meal that was ordered to be eaten at the canteen was eaten, today. Raises NotFoundError."""
    mine = desk.of(conn, acting)
    with conn.transaction():
        row = conn.execute(
            "SELECT m.state, m.mode, m.day, m.resident_id FROM meal_order m WHERE m.id = %s AND m.canteen_id = %s"
            " FOR UPDATE OF m",
            (order_id, mine.id),
        ).fetchone()
        if row is None or row[1] != "dine_in":
            raise NotFoundError(en="there is no such meal here", zh="本食堂没有这份堂食")
        if row[2] != acting.today:
            raise ProvisioningError(en="it can be noted on its day alone", zh="只能在用餐当天登记")
        if row[0] != "ordered":
            raise ChangedMeanwhileError(en="it was noted already", zh="这份餐已登记，请刷新查看")
        conn.execute(
            "UPDATE meal_order SET state = 'eaten', ended_at = %s, version = version + 1 WHERE id = %s",
            (acting.at, order_id),
        )
        conn.execute(
            "INSERT INTO meal_order_event (order_id, at, account_id, state) VALUES (%s, %s, %s, 'eaten')",
            (order_id, acting.at, acting.account.id),
        )
        acting.audit(conn, "record_meal", row[3], what="eaten")
