"""A meal from the canteen, asked for at the panel: the sets that still can be ordered, one press, and taken back.

Where a canteen brings meals to the home, that is what "a meal" means first; cooking at home is asked for beside it.
"""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access.permissions import Action, Role, role_may
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.meals import canteens, orders
from care_services.meals.canteens import Canteen
from care_services.meals.checking import refused
from care_services.meals.orders import Choice, Quote
from care_services.meals.subsidies import Split
from care_services.one_tap import panel
from vocabulary.times import SHANGHAI

AHEAD = dt.timedelta(days=2)
"""Today, tomorrow and the day after: a canteen may want to know two days before."""
MOST = 6
"""Sets on one screen of large buttons."""


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """A meal that is ordered, for the panel: brought, or had at the canteen. ``cancel``: it can still be taken back."""

    id: int
    day: dt.date
    meal: str
    canteen_zh: str
    canteen_en: str
    brought: bool
    cancel: bool


def _who(conn: Connection[Any], household_id: int, resident: str) -> panel.Person:
    """The resident of the home; the first where none is named. Raises NotFoundError."""
    living = panel.people(conn, household_id)
    found = next((one for one in living if one.code == resident), None) if resident else next(iter(living), None)
    if found is None:
        raise NotFoundError(en="there is no such resident in this home", zh="家中没有这位老人")
    return found


def _serving(conn: Connection[Any], household_id: int) -> list[Canteen]:
    row = conn.execute(
        "SELECT a.path::text FROM household h JOIN area a ON a.id = h.area_id WHERE h.id = %s AND NOT h.synthetic",
        (household_id,),
    ).fetchone()
    return [] if row is None else [one for one in canteens.around(conn, row[0]) if one.delivers]


def brings(conn: Connection[Any], household_id: int) -> bool:
    """Whether a canteen brings meals to this home."""
    return bool(_serving(conn, household_id))


def menu(conn: Connection[Any], household_id: int, resident: str, at: dt.datetime) -> list[Quote]:
    """The sets that the resident may eat and that can still be ordered and brought, the soonest first.

    Sets that something speaks against are left out: nobody at the panel can judge it. Nor is a meal that was ordered.
    """
    serving = _serving(conn, household_id)
    if not serving:
        return []
    who, today = _who(conn, household_id, resident), at.astimezone(SHANGHAI).date()
    had = {
        (row[0], row[1])
        for row in conn.execute(
            "SELECT day, meal FROM meal_order WHERE resident_id = %s AND day BETWEEN %s AND %s"
            " AND state <> 'cancelled'",
            (who.id, today, today + AHEAD),
        ).fetchall()
    }
    found = [
        one for one in orders.quoted(conn, at, who.id, serving, today, today + AHEAD)
        if one.open and not refused(one.findings) and (one.offer.day, one.offer.meal) not in had
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.offer.day, one.offer.meal == "dinner", one.offer.code))[:MOST]


def order(conn: Connection[Any], household_id: int, resident: str, offer_id: int, at: dt.datetime) -> Split:
    """Order a set to be brought. Raises ProvisioningError with what speaks against it, NotFoundError."""
    if not role_may(Role.PANEL, Action.REQUEST_SERVICE):
        raise NotPermittedError(en="panels ask for no meals now", zh="平板暂不能订餐，请打电话给服务中心")
    who = _who(conn, household_id, resident)
    return orders.order_at_home(conn, at, who.id, Choice(offer_id), _serving(conn, household_id))


def ahead(conn: Connection[Any], household_id: int, at: dt.datetime) -> list[Ordered]:
    """The meals that were ordered for the home, of today and the days to come."""
    living = [one.id for one in panel.people(conn, household_id)]
    deadlines = {one.id: one.deadline for one in _serving(conn, household_id)} if living else {}
    rows = conn.execute(
        "SELECT m.id, m.day, m.meal, o.name_zh, o.name_en, m.canteen_id, m.mode FROM meal_order m"
        " JOIN organisation o ON o.id = m.canteen_id WHERE m.resident_id = ANY (%s) AND m.state = 'ordered'"
        " AND m.day >= %s ORDER BY m.day, m.meal = 'dinner', m.id LIMIT 3",
        (living, at.astimezone(SHANGHAI).date()),
    ).fetchall()
    return [
        Ordered(
            id=row[0], day=row[1], meal=row[2], canteen_zh=row[3], canteen_en=row[4],
            brought=row[6] == "delivery", cancel=row[5] in deadlines and deadlines[row[5]].is_open(row[1], at),
        )
        for row in rows
    ]  # fmt: skip


def take_back(conn: Connection[Any], household_id: int, number: int, at: dt.datetime) -> None:
    """Cancel a meal of this home before the canteen's deadline. Raises ProvisioningError, ChangedMeanwhileError."""
    found = next((one for one in ahead(conn, household_id, at) if one.id == number), None)
    if found is None:
        raise ChangedMeanwhileError(en="this meal is not ordered any more", zh="这份餐已不在订餐中")
    if not found.cancel:
        raise ProvisioningError(en="it is too late: call the canteen", zh="已过取消时间，请打电话给食堂")
    with conn.transaction():
        done = conn.execute(
            "UPDATE meal_order SET state = 'cancelled', ended_at = %s, version = version + 1"
            " WHERE id = %s AND state = 'ordered'",
            (at, number),
        )
        if done.rowcount:
            conn.execute(
                "INSERT INTO meal_order_event (order_id, at, state, note) VALUES (%s, %s, 'cancelled', '长者终端取消')",
                (number, at),
            )
            orders.not_wanted(conn, number, at, "长者终端")
