"""Services at home: one resident with a plan, visits in several states, a settled month."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import psycopg

from care_services.home_services.orders import desk as orders
from care_services.home_services.plans import desk as plans
from care_services.home_services.plans.desk import PlanData
from tests.support.care_city import acting, add_services
from tests.support.route_example import Example


def _services(conn: psycopg.Connection[Any]) -> dt.datetime:
    now = dt.datetime.now(dt.UTC)
    row = conn.execute("SELECT EXISTS (SELECT FROM care_service)").fetchone()
    if row is None or not row[0]:
        add_services(conn, now)
    return now


def _visit(conn: psycopg.Connection[Any], **_: Any) -> int:
    now = _services(conn)
    made = orders.add_single(conn, acting(conn, "station", now), "R1", "bath", "center-1", now, staff="S1")
    conn.commit()
    return made


def _plan(conn: psycopg.Connection[Any]) -> int:
    now = _services(conn)
    station = acting(conn, "station", now)
    new = PlanData(service="bath", organisation="center-1", weekdays=(1,), times=(dt.time(9),),
                   first_day=station.today, minutes=60)  # fmt: skip
    made = plans.add(conn, station, "R1", new)
    conn.commit()
    return made


def _settlement(conn: psycopg.Connection[Any]) -> str:
    _services(conn)
    conn.execute(
        "INSERT INTO settlement (number, organisation_id, month, settled_at, actor, visits, minutes, amount_fen,"
        " subsidy_fen, own_fen, corrections, correction_fen, frozen) SELECT 'S-1', id, '2026-01-01', now(), '某', 0, 0,"
        " 0, 0, 0, 0, 0, true FROM organisation WHERE code = 'center-1' ON CONFLICT DO NOTHING"
    )
    conn.commit()
    return "S-1"


def _form() -> dict[str, Any]:
    tomorrow = dt.date.today() + dt.timedelta(days=2)
    return {
        "offer": "bath/center-1", "weekdays": ["2"], "times": "10:00", "minutes": "60", "every_weeks": "1",
        "first_day": str(tomorrow), "act": "save", "version": "1",
    }  # fmt: skip


def _page(address: str) -> Callable[..., Example]:
    def make(conn: psycopg.Connection[Any], *_: Any) -> Example:
        _services(conn)
        return Example(address)

    return make


def _own(conn: psycopg.Connection[Any], role: Any) -> int:
    """A visit of whoever has the role."""
    order = _visit(conn)
    login = {"carer": "carer", "station": "station"}.get(str(role), "carer")
    conn.execute(
        "UPDATE staff SET account_id = NULL WHERE account_id = (SELECT id FROM account WHERE login = %s)", (login,)
    )
    conn.execute("UPDATE staff SET account_id = (SELECT id FROM account WHERE login = %s) WHERE code = 'S1'", (login,))
    conn.commit()
    return order


def _settled(conn: psycopg.Connection[Any]) -> Example:
    """A provider whose month is open."""
    code = f"provider-{uuid.uuid4().hex[:8]}"
    conn.execute(
        "INSERT INTO organisation (code, area_id, kind, name_zh, name_en) SELECT %s, id, 'service_provider', '某', 'x'"
        " FROM area WHERE path = 'sz.yt.hs'",
        (code,),
    )
    conn.commit()
    return Example("/care/settlements", data={"organisation": code, "month": "2026-01"}, success=303)


def _new_service() -> dict[str, Any]:
    return {"code": f"s{uuid.uuid4().hex[:8]}", "work": "bathing", "name_zh": "助", "name_en": "x", "minutes": "30"}


def _request(conn: psycopg.Connection[Any], state: str = "asked") -> int:
    """A request of R1 that waits for Haishan's center."""
    now = _services(conn)
    conn.execute("UPDATE service_request SET state = 'withdrawn' WHERE state IN ('asked', 'station')")
    row = conn.execute(
        "INSERT INTO service_request (resident_id, service, asked_by, actor, wanted_at, state, organisation_id,"
        " answer_by, created_at) SELECT r.id, 'bath', 'family', '女儿', %s, %s, o.id, %s, %s FROM resident r,"
        " organisation o WHERE r.code = 'R1' AND o.code = 'center-1' RETURNING id",
        (now + dt.timedelta(hours=3), state, now + dt.timedelta(hours=1), now),
    ).fetchone()
    conn.commit()
    assert row is not None
    return int(row[0])


def _ask(address: str) -> Callable[..., Example]:
    def make(city: Any, *_: Any) -> Example:
        _request(city.conn, "withdrawn")
        return Example(address, data={"act": "ask", "service": "bath"}, success=303)

    return make


def _lost_press(conn: psycopg.Connection[Any]) -> int:
    """A press of a service button that became no request."""
    row = conn.execute(
        "INSERT INTO button_press (event_id, device_id, household_id, pressed_at, heard_at, outcome)"
        " SELECT coalesce((SELECT max(event_id) FROM button_press), 0) + 1, d.id, g.household_id, now(), now(),"
        " 'nobody'"
        " FROM device d JOIN gateway g ON g.id = d.gateway_id WHERE g.name = 'gw-1' ORDER BY d.id LIMIT 1"
        " RETURNING event_id"
    ).fetchone()
    assert row is not None
    conn.commit()
    return int(row[0])


EXAMPLES: dict[str, Callable[..., Example]] = {
    "GET /care/visits": lambda city, *_: _page("/care/visits")(city.conn),
    "GET /care/visits/another": lambda city, *_: _page("/care/visits/another")(city.conn),
    "GET /care/visits/{order_id}": lambda city, *_: Example(f"/care/visits/{_visit(city.conn)}"),
    "POST /care/visits/{order_id}": lambda city, *_: Example(
        f"/care/visits/{_visit(city.conn)}", data={"act": "assign", "version": "1", "staff": "S9"}, success=303
    ),
    "GET /care/ratings": lambda city, *_: _page("/care/ratings")(city.conn),
    "GET /care/plans": lambda city, *_: _page("/care/plans")(city.conn),
    "GET /care/plans/{plan_id}": lambda city, *_: Example(f"/care/plans/{_plan(city.conn)}"),
    "POST /care/plans/{plan_id}": lambda city, *_: Example(
        f"/care/plans/{_plan(city.conn)}", data=_form(), success=303
    ),
    "GET /care/residents/{code}/services": lambda city, *_: _page("/care/residents/R1/services")(city.conn),
    "POST /care/residents/{code}/services": lambda city, *_: _page("/care/residents/R1/services")(city.conn)
    and Example("/care/residents/R1/services", data={"act": "code"}),
    "GET /care/residents/{code}/plans/new": lambda city, *_: _page("/care/residents/R1/plans/new")(city.conn),
    "POST /care/residents/{code}/plans/new": lambda city, *_: _page("/")(city.conn)
    and Example("/care/residents/R1/plans/new", data=_form(), success=303),
    "GET /care/catalogue": lambda city, *_: _page("/care/catalogue")(city.conn),
    "GET /care/catalogue/{service}": lambda city, *_: _page("/care/catalogue/bath")(city.conn),
    "POST /care/catalogue/{service}": lambda *_: Example("/care/catalogue/new", data=_new_service(), success=303),
    "POST /care/catalogue/{service}/price": lambda city, *_: _page("/")(city.conn)
    and Example(
        "/care/catalogue/bath/price",
        data={"organisation": "center-1", "valid_from": str(dt.date.today() + dt.timedelta(days=2)), "price": "9.50"},
        success=303,
    ),
    "GET /care/compared": lambda city, *_: _page("/care/compared?provider=center-1")(city.conn),
    "GET /care/settlements": lambda city, *_: _page("/care/settlements")(city.conn),
    "POST /care/settlements": lambda city, *_: _settled(city.conn),
    "GET /care/settlements/{number}/csv": lambda city, *_: Example(f"/care/settlements/{_settlement(city.conn)}/csv"),
    "GET /care/settlements/{number}": lambda city, *_: Example(f"/care/settlements/{_settlement(city.conn)}"),
    "GET /care/requests": lambda city, *_: _page("/care/requests")(city.conn),
    "GET /care/requests/{request_id}": lambda city, *_: Example(f"/care/requests/{_request(city.conn)}"),
    "POST /care/requests/{request_id}": lambda city, role, *_: (_own(city.conn, role), Example(
        f"/care/requests/{_request(city.conn)}", data={"act": "decline", "version": "1", "note": "忙"}, success=303
    ))[1],
    "GET /care/residents/{code}/request": lambda city, *_: _page("/care/residents/R1/request")(city.conn),
    "POST /care/requests/presses/{event_id}": lambda city, *_: Example(
        f"/care/requests/presses/{_lost_press(city.conn)}", success=303
    ),
    "POST /care/residents/{code}/request": _ask("/care/residents/R1/request"),
    "GET /family/{code}/services": lambda city, *_: _page("/family/R1/services")(city.conn),
    "POST /family/{code}/services": _ask("/family/R1/services"),
    "GET /care/rounds": lambda *_: Example("/care/rounds"),
    "GET /mine/visits/{order_id}": lambda city, role, *_: Example(f"/mine/visits/{_own(city.conn, role)}"),
    "POST /mine/visits/{order_id}": lambda city, role, *_: Example(
        f"/mine/visits/{_own(city.conn, role)}",
        data={"action": "check_in", "how": "place", "key": uuid.uuid4().hex, "longitude": "114.2410",
              "latitude": "22.5600", "accuracy_m": "20"},
        success=303,
    ),
}  # fmt: skip
OF_THE_DISTRICT = {"GET /care/catalogue/{service}"}
"""The catalogue is the whole district's."""
ABOUT_NOBODY = {
    "GET /care/rounds", "GET /care/catalogue", "GET /care/catalogue/{service}", "GET /care/compared",
    "GET /care/settlements",
}  # fmt: skip
