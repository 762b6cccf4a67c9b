"""Measure every page of the wing, as each role that uses it.

The list is the console's own: each address of a folder of the wing that answers to GET. A parameter of an address is
filled with what the role sees (:data:`OBJECTS`), six different ones in turn; a list is asked for in several ways
(:data:`WAYS`). A new address whose parameters nobody fills ends the measurement with a word.
"""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
import psycopg
from starlette.routing import Route

from console.app import ROUTERS

if TYPE_CHECKING:
    from bench.console_district import Desk

FOLDERS = frozenset({
    "assessment", "beds", "care", "library", "meals", "privacy", "quality", "registers", "reporting", "services",
    "timebank", "workforce",
})  # fmt: skip
ROLES = ("admin", "lead", "manager-haishan", "station-haishan", "carer", "family-0001")
"""By login: of the whole district, of a street, and a daughter. The lead is asked what the administrator may not."""
LIMIT_MS = 200.0
CERTAIN, TIMES = 8, 24
"""A page whose first answers all take less than a third of the limit is not asked further."""
_HERE = (
    " JOIN resident r ON r.id = {of}.resident_id JOIN household h ON h.id = r.household_id AND NOT h.synthetic"
    " JOIN area a ON a.id = h.area_id WHERE (a.path <@ %(area)s::ltree OR r.id = ANY (%(own)s))"
)


def _of(table: str, what: str = "x.id", more: str = "", order: str = "x.id DESC") -> str:
    """The newest rows of a table about residents whom the role sees."""
    return f"SELECT {what} FROM {table} x{_HERE.format(of='x')} {more} ORDER BY {order} LIMIT 6"


_RESIDENTS = (
    "SELECT r.code FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area a"
    " ON a.id = h.area_id WHERE (a.path <@ %(area)s::ltree OR r.id = ANY (%(own)s)) ORDER BY r.id LIMIT 6"
)
_STAFF_HERE = (
    "SELECT s.code FROM staff s JOIN organisation o ON o.id = s.organisation_id JOIN area a ON a.id = o.area_id"
    " WHERE a.path <@ %(area)s::ltree ORDER BY s.id DESC LIMIT 6"
)
_UNDER = (
    "JOIN organisation o ON o.id = x.organisation_id JOIN area a ON a.id = o.area_id WHERE a.path <@ %(area)s::ltree"
)
_CANTEENS = (
    "SELECT o.code FROM organisation o JOIN area a ON a.id = o.area_id WHERE o.kind = 'canteen'"
    " AND a.path <@ %(area)s::ltree LIMIT 6"
)
_OWN_TESTS = (
    "SELECT c.{what} FROM course_{table} c JOIN account a ON a.id = c.account_id WHERE a.login = %(login)s LIMIT 6"
)
_VISITS = _of("service_order", more="AND x.planned_start > now() - INTERVAL '20 days' AND x.plan_id IS NOT NULL")
_FILE_OF = "SELECT file.id || '' FROM (SELECT id FROM {table} LIMIT 6) file"

OBJECTS: dict[str, str] = {
    "code": _RESIDENTS,
    "/care/visits/{order_id}": _VISITS,
    "/mine/visits/{order_id}": "SELECT x.id FROM service_order x JOIN staff s ON s.id = x.staff_id JOIN account a"
    " ON a.id = s.account_id WHERE a.login = %(login)s ORDER BY x.planned_start DESC LIMIT 6",
    "/care/plans/{plan_id}": _of("service_plan"),
    "/care/requests/{request_id}": _of("service_request", more="AND x.id > 20000"),
    "/care/catalogue/{service}": "SELECT code FROM care_service",
    "/care/settlements/{number}": "SELECT s.number FROM settlement s JOIN organisation o"
    " ON o.id = s.organisation_id JOIN area a ON a.id = o.area_id WHERE a.path <@ %(area)s::ltree"
    " ORDER BY s.month DESC LIMIT 6",
    "place": _CANTEENS,
    "/care/meals/rounds/{number}": "SELECT x.id FROM meal_round x JOIN organisation o ON o.id = x.canteen_id"
    " JOIN area a ON a.id = o.area_id WHERE a.path <@ %(area)s::ltree ORDER BY x.day DESC LIMIT 6",
    "/care/complaints/of/{code}": "SELECT code FROM complaint WHERE area_path <@ %(area)s::ltree LIMIT 6",
    "/care/quality/checks/{number}": f"SELECT x.id FROM quality_check x {_UNDER} ORDER BY x.id DESC LIMIT 6",
    "/care/quality/findings/{number}": f"SELECT x.id FROM quality_finding x {_UNDER} ORDER BY x.id DESC LIMIT 6",
    "/care/quality/plans/{number}": "SELECT id FROM quality_plan WHERE area_path <@ %(area)s::ltree LIMIT 6",
    "provider": "SELECT o.code FROM organisation o JOIN area a ON a.id = o.area_id WHERE a.path <@ %(area)s::ltree"
    " AND o.kind IN ('home_care_bed_team', 'service_provider', 'canteen') LIMIT 6",
    "volunteer": "SELECT v.code FROM time_volunteer v JOIN area a ON a.id = v.area_id WHERE a.path <@ %(area)s::ltree"
    " ORDER BY v.id DESC LIMIT 6",
    "/care/time-bank/requests/{number}": _of("time_request", "x.number", order="x.number DESC"),
    "/care/time-bank/ledger/{number}": "SELECT t.number FROM time_transaction t JOIN time_request x"
    " ON x.id = t.request_id" + _HERE.format(of="x") + " ORDER BY t.number DESC LIMIT 6",
    "/care/time-bank/statement/{kind}/{holder}": "SELECT 'volunteer/' || v.code FROM time_volunteer v JOIN area a"
    " ON a.id = v.area_id WHERE a.path <@ %(area)s::ltree ORDER BY v.id DESC LIMIT 6",
    "/care/time-bank/rounds/{code}": "SELECT x.code FROM time_round x JOIN area a ON a.id = x.area_id"
    " WHERE a.path <@ %(area)s::ltree ORDER BY x.id DESC LIMIT 6",
    "assessment_id": _of("assessment", more="AND x.state = 'in_force'"),
    "/care/assessments/{assessment_id}/sign": _of("assessment", more="AND x.state = 'signed'"),
    "proposal_id": _of("care_proposal"),
    "subject": "SELECT unnest(ARRAY['service_subsidy', 'meal_subsidy'])",
    "staff": _STAFF_HERE,
    "document": "SELECT code FROM library_document WHERE area @> %(area)s::ltree AND code LIKE 'bench%%' LIMIT 6",
    "/care/documents/{document}/file/{number}": "SELECT d.code || '/file/' || v.number FROM library_document d"
    " JOIN library_version v ON v.document_id = d.id WHERE v.file IS NOT NULL LIMIT 6",
    "model": "SELECT DISTINCT model FROM device LIMIT 6",
    "course": "SELECT code FROM course",
    "/care/courses/tests/{number}": _OWN_TESTS.format(what="id", table="attempt"),
    "/care/courses/certificates/{number}": _OWN_TESTS.format(what="number", table="certificate"),
    "/care/registers/files/{number}": "",
    "/care/registers/imports/{number}": "SELECT id FROM register_import WHERE area_path <@ %(area)s::ltree"
    " ORDER BY id DESC LIMIT 6",
    "line": "SELECT l.id FROM register_line l JOIN register_import i ON i.id = l.import_id"
    " WHERE i.area_path <@ %(area)s::ltree ORDER BY l.id LIMIT 5",
    "/care/reports/receivers/{code}": "SELECT code FROM report_receiver",
    "/care/reports/packages/{number}": "SELECT id FROM report_package WHERE area_path <@ %(area)s::ltree"
    " ORDER BY id DESC LIMIT 6",
    "/care/privacy/copies/{number}": "SELECT id FROM person_copy WHERE state = 'done' LIMIT 6",
    "/care/privacy/erasures/{number}": _of("erasure"),
    "/care/privacy/research/{number}": "SELECT id FROM research_project WHERE area_path <@ %(area)s::ltree"
    " ORDER BY id DESC LIMIT 6",
    "/care/privacy/research-exports/{number}": "SELECT id FROM research_export WHERE state = 'done' LIMIT 6",
    "stage": "SELECT unnest(ARRAY['applied', 'surveying', 'installing', 'in_service', 'closed'])",
    "bed_id": _of("home_bed"),
    "/care/beds/at/{bed}/devices/{number}/now": "SELECT x.id || '/devices/' || d.id || '/now' FROM home_bed_device d"
    " JOIN home_bed x ON x.id = d.bed_id" + _HERE.format(of="x") + " AND x.state = 'installing' LIMIT 6",
    "item_id": f"SELECT x.id FROM equipment_item x {_UNDER} ORDER BY x.id DESC LIMIT 6",
    "application_id": _of("grant_application"),
}  # fmt: skip
"""By the begin of an address, else by the name of a parameter: the query of what stands in its place.

What the query gives replaces the address from the first parameter on to the last.
"""

_MONTHS = ("?month={month}", "?month={earlier}")
WAYS: dict[str, tuple[str, ...]] = {
    "/care/visits": ("", "?part=done", "?part=planned", "?part=off", "?day={earlier}-11", "?provider=anhe"),
    "/care/compared": (*_MONTHS, "", "?month={month}&provider=anhe", "?month={earlier}&provider=home-care-beds"),
    "/care/settlements": ("", *_MONTHS),
    "/care/complaints": ("", "?view=overdue", "?view=answered", "?view=all"),
    "/care/quality": ("", "?view=overdue", "?view=mended", "?view=closed", "?view=closed&provider=anhe"),
    "/care/quality/checks": ("", "?view=done", "?view=done&kind=station"),
    "/care/assessments": ("", "?view=all", "?view=late", "?view=waiting"),
    "/care/time-bank/requests": ("", "?view=all", "?view=closed"),
    "/care/time-bank/ledger": ("", "?kind=earn", "?kind=redeem"),
    "/care/time-bank/volunteers": ("", "?state=resting", "?q=志愿者1"),
    "/care/workforce": ("", "?q=王", "?skill=lifting", "?after=Y0300"),
    "/care/workforce/ending": ("", "?only=missing"),
    "/care/documents": ("", "?q=跌倒", "?kind=guide", "?after=bench-50"),
    "/care/courses-issued": ("",),
    "/care/equipment/items": ("", "?state=lent", "?state=stock", "?overdue=1"),
    "/care/grants": ("", "?state=approved", "?kind=service_subsidy", "?state=refused"),
    "/care/grants/paid": ("", *_MONTHS),
    "/care/consents": ("", "?purpose=research", "?state=withdrawn", "?after=20000"),
    "/care/meals/canteens/{place}/orders": ("", "?day={month}-10", "?day={month}-10&meal=dinner"),
    "/care/meals/canteens/{place}/settlement": _MONTHS,
    "/care/meals/canteens/{place}/set": ("?day={month}-10&meal=lunch&code=A",),
    "/care/beds/new": ("", "?resident=R0001"),
    "/care/consents/{code}/withdraw": ("?purpose=research",),
    "/care/beds/at/{bed_id}/confirm": ("?step=withdraw", "?step=suspend", "?step=close", "?step=renew"),
    "/verify-certificate": ("?code=ESKM7BMJS53JZP6V",),
}
"""The ways in which a page is asked for; any other: as it is."""
UNASKED = {"/care/grants/paid.csv", "/care/meals/canteens/{place}/settlement.csv"}
"""Files of a whole month: measured, and held against the limit of a page all the same, in a line of their own."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page as one role uses it: ms of its answers, ms that the processor worked for one, bytes of the largest."""

    address: str
    login: str
    times: list[float]
    processor: float
    size: int


def addresses() -> list[str]:
    """The addresses of the wing's pages, as the console has them."""
    return sorted({
        route.path
        for router in ROUTERS for route in router.routes
        if isinstance(route, Route) and "GET" in (route.methods or ())
        and route.endpoint.__module__.split(".")[:2] == ["console", "pages"]
        and route.endpoint.__module__.split(".")[2] in FOLDERS
    })  # fmt: skip


def query_of(address: str) -> str | None:
    """The query that fills an address; None: it has no parameter. Raises KeyError where nobody fills it."""
    names = re.findall(r"\{(\w+)\}", address)
    if not names:
        return None
    whole = [key for key in OBJECTS if key.startswith("/") and address.startswith(key)]
    return OBJECTS[max(whole, key=len)] if whole else OBJECTS[names[0]]


def paths_of(conn: psycopg.Connection[Any], address: str, login: str, asked: dict[str, Any]) -> list[str]:
    """The addresses to ask for one page as one role."""
    query = query_of(address)
    filled = [address]
    if query is not None:
        begin, end = address.index("{"), address.rindex("}") + 1
        rows = conn.execute(query.encode(), {**asked, "login": login}).fetchall() if query else []
        # an object that ends with the rest of the address brings it along
        filled = [
            address[:begin] + str(row[0]) + ("" if str(row[0]).endswith(address[end:]) else address[end:])
            for row in rows
        ]
    ways = WAYS.get(address, ("",))
    return [quote(path + way.format(**asked), safe="/?=&") for path in filled for way in ways]


def measure(desk: "Desk", address: str, login: str, paths: list[str], spent: Callable[[], float]) -> Page | None:
    """The times of a page; None: the role does not use it. ``spent``: the processor's time so far."""
    desk.renew()
    answers = [(path, desk.status(path)) for path in paths]
    good = [path for path, status in answers if status == 200]
    bad = {path: status for path, status in answers if status >= 500}
    if bad:
        raise RuntimeError(f"{login}: {bad}")
    if not good:
        return None
    times, size, before = [], 0, spent()
    for number in range(TIMES):
        took, body, _ = desk.ask(good[number % len(good)])
        times.append(took)
        size = max(size, len(body))
        if number + 1 == max(CERTAIN, min(len(good), TIMES)) and max(times) < LIMIT_MS / 3:
            break
    return Page(address=address, login=login, times=times, processor=(spent() - before) / len(times), size=size)


def pages(
    conn: psycopg.Connection[Any], desks: dict[str, "Desk"], asked: dict[str, Any], spent: Callable[[], float]
) -> Iterator[Page]:
    """Every page of the wing as every role that uses it."""
    whose = {
        login: conn.execute(
            "SELECT a.area_path::text, ARRAY(SELECT f.resident_id FROM family_member f WHERE f.account_id = a.id)"
            " FROM account a WHERE a.login = %s", (login,),
        ).fetchone()
        for login in desks
    }  # fmt: skip
    for address in addresses():
        shown: set[str] = set()
        for login, desk in desks.items():
            area, own = whose[login] or (None, [])
            if login == "lead" and "admin" in shown:
                continue
            paths = paths_of(conn, address, login, {**asked, "area": area, "own": own})
            found = measure(desk, address, login, paths, spent)
            if found is not None:
                shown.add(login)
                yield found
