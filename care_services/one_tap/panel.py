"""The panel in a home asks: "I need …", who comes and when, the code for the carer, and how it was. No account.

The caller has read the panel's signed address, and seen that it was not withdrawn: a panel stands for its household.
"""

import datetime as dt
import secrets
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access.permissions import Action, Role, role_may
from care_network.errors import NotFoundError, NotPermittedError, ProvisioningError
from care_services.home_services.catalogue.catalogue import offers, serves, services
from care_services.home_services.orders import store
from care_services.home_services.orders.states import AHEAD, DONE
from care_services.home_services.orders.store import Doer, Order
from care_services.home_services.visits import codes, ratings
from care_services.home_services.visits.checking import panel_code
from care_services.one_tap import requests
from care_services.one_tap.needs import BY_CODE, NEEDS, Need, service_of, soonest
from care_services.one_tap.requests import Request
from vocabulary.times import SHANGHAI

PANEL = Doer(None, "长者终端")
_LOCK = 237
"""Of advisory locks: requests of one resident by the panel."""
MOST_A_DAY = 12
"""Requests of one resident by the panel, taken back or not: each asks a provider, and a child may play with it."""
CODE_BEFORE, CODE_AFTER = dt.timedelta(minutes=45), dt.timedelta(hours=3)
"""The code is on the screen from so long before a visit until so long after its time, while nobody has checked in."""
ASKED_AFTER = dt.timedelta(minutes=5)
"""A visit is asked about from so long after its end: the carer has left."""
ASKED_UNTIL = dt.timedelta(hours=24)
FACES = {"good": 5, "fair": 3, "bad": 1}
"""Stars of the three faces. A bad one goes to the station's list (:mod:`ratings`)."""


class Person(msgspec.Struct, frozen=True):
    """A resident of the home."""

    id: int
    code: str
    name_zh: str
    name_en: str


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """Services as a home's panel shows them. ``code``: six digits for the carer who is due; '' for nobody."""

    requests: list[Request]
    booked: dict[int, Order]
    """Orders of confirmed requests, by request."""
    today: list[Order]
    code: str
    to_rate: Order | None


def people(conn: Connection[Any], household_id: int) -> list[Person]:
    """The residents of a home who are here, in the order of their records."""
    return [
        Person(*row)
        for row in conn.execute(
            "SELECT r.id, r.code, r.name_zh, r.name_en FROM resident r JOIN household h ON h.id = r.household_id"
            " WHERE h.id = %s AND NOT h.synthetic AND r.gone IS NULL ORDER BY r.id LIMIT 4",
            (household_id,),
        ).fetchall()
    ]


def buttons(conn: Connection[Any]) -> list[Need]:
    """The needs that the catalogue has a service for."""
    have = [(one.code, one.work) for one in services(conn, active=True)]
    return [need for need in NEEDS if service_of(need, have, ()) is not None]


def ask(conn: Connection[Any], household_id: int, need: str, resident: str, at: dt.datetime) -> int:
    """Ask for what stands on a button, as soon as it can be; the number of the request.

    A second press while the first is open is the first. Raises ProvisioningError, NotFoundError.
    """
    if not role_may(Role.PANEL, Action.REQUEST_SERVICE):
        raise NotPermittedError(en="panels ask for no services now", zh="平板暂不能申请服务，请打电话给服务中心")
    living = people(conn, household_id)
    who = next((one for one in living if one.code == resident), living[0] if living else None)
    if who is None or need not in BY_CODE:
        raise NotFoundError(en="there is no such button", zh="没有这个按钮")
    path = conn.execute(
        "SELECT a.path::text FROM household h JOIN area a ON a.id = h.area_id WHERE h.id = %s AND NOT h.synthetic",
        (household_id,),
    ).fetchone()
    assert path is not None  # noqa: S101 - somebody lives there
    offered = {one.service for one in offers(conn, at.astimezone(SHANGHAI).date()) if serves(one, path[0])}
    have = [(one.code, one.work) for one in services(conn, active=True)]
    code = service_of(BY_CODE[need], have, offered)
    if code is None:
        raise ProvisioningError(en="nobody offers this now: call the center", zh="现在没有这项服务，请打电话给服务中心")
    with conn.transaction():
        # the same resident's two presses come one after the other
        conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", (_LOCK, who.id))
        row = conn.execute(
            "SELECT id FROM service_request WHERE resident_id = %s AND service = %s AND state IN ('asked', 'station')",
            (who.id, code),
        ).fetchone()
        if row is not None:
            return int(row[0])
        made = conn.execute(
            "SELECT count(*) FROM service_request WHERE resident_id = %s AND asked_by = 'panel' AND created_at > %s",
            (who.id, at - dt.timedelta(days=1)),
        ).fetchone()
        if made is not None and made[0] >= MOST_A_DAY:
            raise ProvisioningError(
                en="this was asked for often today: call the center", zh="今天已申请多次，请打电话给服务中心"
            )
        return requests.make(conn, who.id, code, soonest(at), "", "panel", PANEL, at)


def shown(conn: Connection[Any], household_id: int, at: dt.datetime) -> Services:
    """Load what the panel shows now: open requests and who comes, the code for a visit that is due, a visit to rate."""
    living = [one.id for one in people(conn, household_id)]
    if not living:
        return Services(requests=[], booked={}, today=[], code="", to_rate=None)
    asked = requests.select(
        conn,
        " WHERE q.resident_id = ANY (%(living)s) AND (q.state IN ('asked', 'station') OR q.created_at > %(since)s"
        " AND q.state IN ('confirmed', 'refused')) ORDER BY q.id DESC LIMIT 8",
        {"living": living, "since": at - dt.timedelta(days=14)},
    )
    midnight = at.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    around = store.select(
        conn,
        " WHERE o.resident_id = ANY (%(living)s) AND (o.planned_start BETWEEN %(since)s AND %(until)s"
        " OR o.id = ANY (%(booked)s)) AND o.state <> 'cancelled' ORDER BY o.planned_start, o.id",
        {
            "living": living, "since": min(midnight, at - ASKED_UNTIL), "until": midnight + dt.timedelta(days=1),
            "booked": [one.order_id for one in asked if one.order_id is not None],
        },
    )  # fmt: skip
    by_id = {one.id: one for one in around}
    booked = {one.id: by_id[one.order_id] for one in asked if one.order_id in by_id}
    due = [one for one in around if one.state in AHEAD and -CODE_BEFORE <= at - one.planned_start <= CODE_AFTER]
    return Services(
        requests=[
            one for one in asked
            if one.state in ("asked", "station") or (one.id in booked and booked[one.id].state in AHEAD)
            or (one.state == "refused" and at - one.created_at < dt.timedelta(days=1))
        ][:3],
        booked=booked,
        today=[
            one for one in around
            if one.state in AHEAD and midnight <= one.planned_start < midnight + dt.timedelta(days=1)
        ][:4],
        code=_code(conn, household_id, at) if due else "",
        to_rate=_to_rate(conn, around, at),
    )  # fmt: skip


def _code(conn: Connection[Any], household_id: int, at: dt.datetime) -> str:
    conn.execute(
        "INSERT INTO visit_code (household_id, secret, made_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (household_id, secrets.token_bytes(20), at),
    )
    found = codes.of_home(conn, household_id)
    return panel_code(found.secret, at) if found else ""


def _to_rate(conn: Connection[Any], around: list[Order], at: dt.datetime) -> Order | None:
    """The latest visit that was done within a day and that nobody in the home has rated or passed over."""
    done = [
        one for one in around
        if one.checked_out_at is not None and one.state in ("checked_out", "confirmed")
        and ASKED_AFTER <= at - one.checked_out_at <= ASKED_UNTIL
    ]  # fmt: skip
    rated = {
        row[0]
        for row in conn.execute(
            "SELECT order_id FROM service_rating WHERE order_id = ANY (%s) AND rated_by IN ('panel', 'resident')"
            " UNION SELECT order_id FROM service_order_event WHERE order_id = ANY (%s) AND action = 'pass_rating'",
            ([one.id for one in done], [one.id for one in done]),
        ).fetchall()
    }
    return next((one for one in reversed(done) if one.id not in rated), None)


def rate(conn: Connection[Any], household_id: int, order_id: int, face: str, at: dt.datetime) -> None:
    """Store how it was, or that nobody wants to say ('skip'): it is not asked again. Raises NotFoundError."""
    order = _own(conn, household_id, order_id)
    if face == "skip":
        if order.state not in DONE:
            raise NotFoundError(en="there is nothing to be rated yet", zh="还没有需要评价的服务")
        passed = "SELECT FROM service_order_event WHERE order_id = %s AND action = 'pass_rating'"
        if conn.execute(passed, (order_id,)).fetchone() is None:
            store.add_event(conn, order_id, "pass_rating", order.state, order.state, PANEL, at)
        return
    if face not in FACES:
        raise NotFoundError(en="there is no such button", zh="没有这个按钮")
    ratings.put(conn, order_id, "panel", FACES[face], "", PANEL, at)


def take_back(conn: Connection[Any], household_id: int, request_id: int, at: dt.datetime) -> None:
    """Take a request of this home back; where somebody was to come, that visit is cancelled. Raises NotFoundError."""
    found = requests.select(conn, " WHERE q.id = %(id)s", {"id": request_id})
    if not found or found[0].resident_id not in {one.id for one in people(conn, household_id)}:
        raise NotFoundError(en="there is no such request", zh="没有这项申请")
    with conn.transaction():
        requests.take_back(conn, found[0], PANEL, at)


def _own(conn: Connection[Any], household_id: int, order_id: int) -> Order:
    order = store.load(conn, order_id)
    if order.household_id != household_id:
        raise store.missing()
    return order
