"""A provider's own pages: a visit, a request, a meal and a finding of the provider whose login is ``provider``."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import psycopg

from tests.support.care_routes.services import _services as add_services_once
from tests.support.providers import add_provider
from tests.support.route_example import Example
from vocabulary.times import SHANGHAI


def _ready(conn: psycopg.Connection[Any]) -> int:
    add_services_once(conn)
    return add_provider(conn)


def _visit(conn: psycopg.Connection[Any]) -> int:
    mine = _ready(conn)
    row = conn.execute(
        "INSERT INTO service_order (resident_id, service, organisation_id, source, planned_start, planned_minutes,"
        " state, unit, price_fen, amount_fen, subsidy_fen, own_fen, created_at) SELECT id, 'bath', %s, 'single', now(),"
        " 60, 'planned', 'visit', 1, 1, 0, 1, now() FROM resident WHERE code = 'R1' RETURNING id",
        (mine,),
    ).fetchone()
    assert row is not None
    return int(row[0])


def _named(city: Any) -> int:
    """A visit of PV2."""
    order = _visit(city.conn)
    city.conn.execute(
        "UPDATE service_order SET state = 'assigned', staff_id = (SELECT id FROM staff WHERE code = 'PV2')"
        " WHERE id = %s",
        (order,),
    )
    city.conn.commit()
    return order


def _door(city: Any) -> str:
    """The link of a visit of PV2."""
    order, until = _named(city), dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    return f"/door/{city.keys.sign('visit_door', f'{order}.PV2', 'staff:PV2', until)}"


def _request(conn: psycopg.Connection[Any]) -> int:
    mine = _ready(conn)
    row = conn.execute(
        "INSERT INTO service_request (resident_id, service, asked_by, actor, wanted_at, state, organisation_id,"
        " answer_by, created_at) SELECT id, 'bath', 'family', '女儿', now() + INTERVAL '3 hours', 'asked', %s,"
        " now() + INTERVAL '1 hour', now() FROM resident WHERE code = 'R1' RETURNING id",
        (mine,),
    ).fetchone()
    assert row is not None
    return int(row[0])


def _meal(conn: psycopg.Connection[Any]) -> int:
    mine, day = _ready(conn), dt.datetime.now(SHANGHAI).date()
    conn.execute("UPDATE meal_order SET state = 'cancelled' WHERE day = %s AND meal = 'dinner'", (day,))
    row = conn.execute(
        "WITH set AS (INSERT INTO meal_offer (canteen_id, day, meal, code, dishes, price_fen) VALUES"
        " (%(mine)s, %(day)s, 'dinner', 'A', '[]', 1500) ON CONFLICT (canteen_id, day, meal, code)"
        " DO UPDATE SET price_fen = 1500 RETURNING id)"
        " INSERT INTO meal_order (resident_id, canteen_id, offer_id, day, meal, mode, state, price_fen, subsidy_fen,"
        " ordered_at) SELECT r.id, %(mine)s, set.id, %(day)s, 'dinner', 'dine_in', 'ordered', 1500, 0, now()"
        " FROM resident r, set WHERE r.code = 'R1' RETURNING id",
        {"mine": mine, "day": day},
    ).fetchone()
    assert row is not None
    return int(row[0])


def _finding(conn: psycopg.Connection[Any]) -> int:
    mine = _ready(conn)
    row = conn.execute(
        "WITH looked AS (INSERT INTO quality_check (kind, list, edition, organisation_id, area_path, due_on, state,"
        " done_at) VALUES ('street', 'home_service', 1, %(mine)s, 'sz.yt', current_date, 'done', now()) RETURNING id)"
        " INSERT INTO quality_finding (check_id, item, organisation_id, area_path, severity, words, responsible,"
        " due_on, state) SELECT id, 'x', %(mine)s, 'sz.yt', 'minor', '没有签到', '罗', current_date, 'open' FROM looked"
        " RETURNING id",
        {"mine": mine},
    ).fetchone()
    assert row is not None
    return int(row[0])


def _page(address: str) -> Callable[..., Example]:
    def make(city: Any, *_: Any) -> Example:
        _ready(city.conn)
        return Example(address)

    return make


EXAMPLES: dict[str, Callable[..., Example]] = {
    "GET /door/{token}": lambda city, *_: Example(_door(city)),
    "POST /door/{token}": lambda city, *_: Example(
        _door(city), data={"action": "refuse", "note": "老人不在", "key": uuid.uuid4().hex}, success=303
    ),
    "GET /provider": _page("/provider"),
    "GET /provider/requests": _page("/provider/requests"),
    "GET /provider/meals": _page("/provider/meals"),
    "GET /provider/record": _page("/provider/record"),
    "POST /provider/visits/{order_id}": lambda city, *_: Example(
        f"/provider/visits/{_visit(city.conn)}", data={"staff": "PV1", "version": "1"}, success=303
    ),
    "POST /provider/visits/{order_id}/link": lambda city, *_: Example(
        f"/provider/visits/{_named(city)}/link", data={"reason": "手机丢失"}
    ),
    "POST /provider/requests/{number}": lambda city, *_: Example(
        f"/provider/requests/{_request(city.conn)}", data={"act": "no", "version": "1", "note": "忙"}, success=303
    ),
    "POST /provider/meals/{order_id}": lambda city, *_: Example(
        f"/provider/meals/{_meal(city.conn)}", data={}, success=303
    ),
    "POST /provider/findings/{number}": lambda city, *_: Example(
        f"/provider/findings/{_finding(city.conn)}", data={"words": "已补签", "version": "1"}, success=303
    ),
}  # fmt: skip
