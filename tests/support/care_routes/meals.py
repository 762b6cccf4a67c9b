"""Meals: a canteen with a menu of days to come, one resident with a diet, orders and a round."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import psycopg

from care_network.access.permissions import Role
from care_services.core.acting import Acting
from care_services.meals import canteens, delivery, diets, menus, orders
from care_services.meals.arrangements import desk
from care_services.meals.arrangements.desk import NewArrangement
from care_services.meals.diets import NewDiet
from care_services.meals.orders import Choice
from tests.support.canteens import CANTEEN, add_canteen, offer, soon
from tests.support.network import account
from tests.support.route_example import Example


def _station(conn: psycopg.Connection[Any]) -> Acting:
    return Acting(account(conn, "station"), dt.datetime.now(dt.UTC), "test")


def _offer(conn: psycopg.Connection[Any], day: dt.date | None = None) -> int:
    """A set of a day on which nobody has ordered yet; R1 was asked what they eat."""
    add_canteen(conn)
    station = _station(conn)
    if diets.current_of(conn, [1]).get(1) is None:
        diets.record(conn, station, "R1", NewDiet(allergies=(), texture="soft", said_by="resident", said_on=soon(0)), 0)
    conn.execute("DELETE FROM meal_order")
    conn.execute("DELETE FROM meal_round")
    conn.execute("DELETE FROM meal_offer")
    return menus.put(conn, station, CANTEEN, offer(day or soon()))


def _order(conn: psycopg.Connection[Any], day: dt.date | None = None) -> int:
    orders.order(conn, _station(conn), "R1", [Choice(_offer(conn, day))])
    row = conn.execute("SELECT id FROM meal_order").fetchone()
    assert row is not None
    return int(row[0])


def _round(conn: psycopg.Connection[Any], *, made: bool = True) -> tuple[int, int]:
    """A round of today, and its order."""
    add_canteen(conn)
    conn.execute("DELETE FROM meal_canteen")
    canteens.set_hours(conn, _station(conn), CANTEEN, 0, dt.time(23, 59, 59), delivers=True, version=0)
    number = _order(conn, soon(0))
    conn.execute("DELETE FROM meal_canteen")
    if not made:
        return 0, number
    return delivery.plan(conn, _station(conn), CANTEEN, soon(0), "lunch", ["S11"])[0], number


def _absence(conn: psycopg.Connection[Any]) -> int:
    _, number = _round(conn)
    carer = Acting(account(conn, "station"), dt.datetime.now(dt.UTC), "test")
    delivery.record(conn, carer, number, "absent", 1, tried=("rang", "telephone"))
    return number


def _at(text: str) -> Callable[..., Example]:
    def example(city: Any, _role: Role) -> Example:
        _offer(city.conn)
        return Example(text)

    return example


def _walk(text: str) -> Callable[..., Example]:
    def example(city: Any, _role: Role) -> Example:
        return Example(text.format(round=_round(city.conn)[0]))

    return example


def _plan(city: Any, _role: Role) -> Example:
    _round(city.conn, made=False)
    data = {"place": CANTEEN, "day": str(soon(0)), "meal": "lunch", "staff": "S11"}
    return Example("/care/meals/rounds", data, success=303)


def _record(city: Any, _role: Role) -> Example:
    number, order = _round(city.conn)
    data = {"version": "1", "result": "delivered:resident"}
    return Example(f"/care/meals/rounds/{number}/at/{order}", data, success=303)


def _dine(city: Any, _role: Role) -> Example:
    _round(city.conn, made=False)
    return Example(f"/care/meals/canteens/{CANTEEN}/dining", {"code": "R1", "meal": "lunch"}, success=303)


def _see_to(city: Any, _role: Role) -> Example:
    return Example(f"/care/meals/absent/{_absence(city.conn)}", {"found": "well"}, success=303)


def _hours(city: Any, _role: Role) -> Example:
    add_canteen(city.conn)
    city.conn.execute("DELETE FROM meal_canteen")
    return Example(
        f"/care/meals/canteens/{CANTEEN}/hours", {"days": "1", "hour": "16:00", "delivers": "true", "version": "0"},
        success=303,
    )  # fmt: skip


def _set(city: Any, _role: Role) -> Example:
    _offer(city.conn)
    data = {
        "day": str(soon()), "meal": "lunch", "code": "B", "price": "15", "version": "0", "id": "0", "dish.0.zh": "粥",
        "dish.0.stated": "true", "dish.0.texture": "soft",
    }  # fmt: skip
    return Example(f"/care/meals/canteens/{CANTEEN}/set", data, success=303)


def _copy(city: Any, _role: Role) -> Example:
    _offer(city.conn)
    data = {"source": str(soon()), "week": str(soon(9))}
    return Example(f"/care/meals/canteens/{CANTEEN}/copy", data, success=303)


def _diet(city: Any, _role: Role) -> Example:
    _offer(city.conn)
    row = city.conn.execute("SELECT max(version) FROM meal_diet").fetchone()
    data = {"asked": "true", "texture": "soft", "said_by": "resident", "said_on": str(soon(0)), "version": str(row[0])}
    return Example("/care/meals/of/R1/diet", data, success=303)


def _choose(city: Any, _role: Role) -> Example:
    data = {f"meal.{soon()}.lunch": str(_offer(city.conn)), "mode": "delivery", "week": str(soon()), "sure": "true"}
    return Example("/care/meals/of/R1/order", data, success=303)


def _cancel(city: Any, _role: Role) -> Example:
    return Example(f"/care/meals/of/R1/cancel/{_order(city.conn)}", {"version": "1", "week": str(soon())}, success=303)


def _arranged(conn: psycopg.Connection[Any]) -> int:
    """An arrangement of R1 from today on, of which today's meal came too late; that meal's number."""
    _offer(conn)
    conn.execute("UPDATE meal_arrangement SET state = 'ended'")
    every = tuple(range(1, 8))
    desk.arrange(conn, _station(conn), "R1", NewArrangement(
        canteen=CANTEEN, mode="delivery", lunch=every, dinner=every, first_day=soon(0)
    ))  # fmt: skip
    row = conn.execute("SELECT min(id) FROM meal_gap WHERE closed_at IS NULL").fetchone()
    assert row is not None
    return int(row[0])


def _arrange(city: Any, _role: Role) -> Example:
    _arranged(city.conn)
    return Example("/care/meals/of/R1/arrangement", {"act": "ended", "version": "1"}, success=303)


def _close(city: Any, _role: Role) -> Example:
    return Example("/care/meals/gaps", {"meal": str(_arranged(city.conn)), "closed_as": "otherwise"}, success=303)


_CANTEEN = f"/care/meals/canteens/{CANTEEN}"
EXAMPLES: dict[str, Callable[..., Example]] = {
    "GET /care/meals": _at("/care/meals"),
    "GET /care/meals/absent": _at("/care/meals/absent"),
    "GET /care/meals/canteens/{place}/dining": _at(f"/care/meals/canteens/{CANTEEN}/dining?q=R1"),
    "POST /care/meals/canteens/{place}/dining": _dine,
    "POST /care/meals/absent/{number}": _see_to,
    "GET /care/meals/canteens/{place}/orders": _at(f"{_CANTEEN}/orders"),
    "GET /care/meals/canteens/{place}/settlement": _at(f"{_CANTEEN}/settlement"),
    "GET /care/meals/canteens/{place}/settlement.csv": _at(f"{_CANTEEN}/settlement.csv"),
    "GET /care/meals/canteens/{place}/menu": _at(f"{_CANTEEN}/menu"),
    "POST /care/meals/canteens/{place}/copy": _copy,
    "POST /care/meals/canteens/{place}/hours": _hours,
    "GET /care/meals/canteens/{place}/set": _at(f"{_CANTEEN}/set"),
    "POST /care/meals/canteens/{place}/set": _set,
    "GET /care/meals/gaps": _at("/care/meals/gaps"),
    "POST /care/meals/gaps": _close,
    "GET /care/meals/of/{code}/arrangement": _at("/care/meals/of/R1/arrangement"),
    "POST /care/meals/of/{code}/arrangement": _arrange,
    "GET /care/meals/of/{code}": _at("/care/meals/of/R1"),
    "POST /care/meals/of/{code}/diet": _diet,
    "POST /care/meals/of/{code}/order": _choose,
    "POST /care/meals/of/{code}/cancel/{number}": _cancel,
    "GET /care/meals/rounds": _at("/care/meals/rounds"),
    "POST /care/meals/rounds": _plan,
    "GET /care/meals/rounds/{number}": _walk("/care/meals/rounds/{round}"),
    "GET /care/meals/rounds/{number}/print": _walk("/care/meals/rounds/{round}/print"),
    "POST /care/meals/rounds/{number}/at/{order}": _record,
}
