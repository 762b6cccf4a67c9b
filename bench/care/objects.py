"""What stands in the addresses of the pages: objects that a role sees, and the ways in which a list is asked for."""

import datetime as dt
import itertools
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg

from care_services.time_bank.running.telling import NEIGHBOUR
from dispatch.core.links import load_link_keys

if TYPE_CHECKING:
    from shouwang.platform.platform import Platform

MOST = 6
"""Objects of one kind that are asked for in turn."""
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
    "/care/registers/files/{number}": "SELECT f.id FROM checked_file f JOIN account a ON a.id = f.account_id"
    " WHERE a.login = %(login)s AND f.kind = 'table'",
    "/care/registers/sources/{code}": "SELECT code FROM register_source UNION ALL SELECT 'new'",
    "/care/registers/imports/{number}": "SELECT id FROM register_import WHERE area_path <@ %(area)s::ltree"
    " ORDER BY id DESC LIMIT 6",
    "line": "SELECT l.id FROM register_line l JOIN register_import i ON i.id = l.import_id"
    " WHERE i.area_path <@ %(area)s::ltree ORDER BY l.id LIMIT 5",
    "/care/reports/receivers/{code}": "SELECT code FROM report_receiver",
    "/care/reports/packages/{number}": "SELECT id FROM report_package WHERE area_path <@ %(area)s::ltree"
    " ORDER BY id DESC LIMIT 6",
    "/care/privacy/copies/{number}": "SELECT id FROM person_copy WHERE state = 'done' ORDER BY id DESC LIMIT 1",
    "/care/privacy/erasures/{number}": _of("erasure"),
    "/care/privacy/research/{number}": "SELECT id FROM research_project WHERE area_path <@ %(area)s::ltree"
    " ORDER BY id DESC LIMIT 6",
    "/care/privacy/research-exports/{number}": "SELECT id FROM research_export WHERE state = 'done'"
    " ORDER BY id DESC LIMIT 1",
    "/care/assessments-today/data": "SELECT '?number=' || string_agg(d.id || '', '&number=') FROM ("
    + _of("assessment", more="AND x.state = 'draft'") + ") d HAVING count(*) > 0",
    "/verify-certificate": "SELECT '?code=' || check_code FROM course_certificate ORDER BY id DESC LIMIT 6",
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
    "/care/left/{code}/before": ("?left_on={day}&reason=died&evidence=x", "?left_on={day}&reason=moved&evidence=x"),
    "/family/{code}/consents/withdraw": ("?purpose=outdoor_place",),
}
"""The ways in which a page is asked for; any other: as it is."""
UNASKED = {"/care/grants/paid.csv", "/care/meals/canteens/{place}/settlement.csv"}
"""Files of a whole month: measured, and held against the limit of a page all the same, in a line of their own."""


def query_of(address: str) -> str | None:
    """The query that fills an address; None: it has no parameter. Raises KeyError where nobody fills it."""
    names = re.findall(r"\{(\w+)\}", address)
    if not names or names[0] == "token":
        return OBJECTS.get(address)
    whole = [key for key in OBJECTS if key.startswith("/") and address.startswith(key)]
    return OBJECTS[max(whole, key=len)] if whole else OBJECTS[names[0]]


class Objects:
    """The addresses to ask for, filled with what a role sees; each query is asked once a role."""

    def __init__(self, conn: psycopg.Connection[Any], platform: "Platform", asked: dict[str, Any]) -> None:
        self._conn, self._asked = conn, asked
        self._known: dict[tuple[str, str], list[str]] = {}
        self._whose: dict[str, dict[str, Any]] = {}
        self._links = links_of(conn, platform)

    def paths(self, address: str, login: str) -> list[str]:
        """The paths of one page as one role: objects and ways in turn, so that each of both comes at least once."""
        if "{token}" in address:
            filled = [address.replace(begin, path) for begin, path in self._links.items() if address.startswith(begin)]
        elif query_of(address) is None:
            filled = [address]
        else:
            filled = self._filled(address, login)
        if not filled:
            return []
        ways = WAYS.get(address, ("",))
        turns = zip(itertools.cycle(filled), itertools.cycle(ways), strict=False)  # as far as the longer one goes
        both = itertools.islice(turns, max(len(filled), len(ways)))
        return [quote(path + way.format(**self._asked), safe="/?=&") for path, way in both]

    def _filled(self, address: str, login: str) -> list[str]:
        query = query_of(address)
        if not query:
            return []
        begin, end = (address.index("{"), address.rindex("}") + 1) if "{" in address else 2 * (len(address),)
        # an object that ends with the rest of the address brings it along
        return [
            address[:begin] + one + ("" if one.endswith(address[end:]) else address[end:])
            for one in self._objects(query, login)
        ]

    def _objects(self, query: str, login: str) -> list[str]:
        if (login, query) not in self._known:
            rows = self._conn.execute(query.encode(), {**self._asked, **self._of(login)}).fetchall()
            self._known[login, query] = [str(row[0]) for row in rows]
        return self._known[login, query]

    def _of(self, login: str) -> dict[str, Any]:
        if login not in self._whose:
            row: tuple[Any, ...] = self._conn.execute(
                "SELECT a.area_path::text, ARRAY(SELECT f.resident_id FROM family_member f WHERE f.account_id = a.id)"
                " FROM account a WHERE a.login = %s",
                (login,),
            ).fetchone() or (None, [])
            self._whose[login] = {"login": login, "area": row[0], "own": row[1]}
        return self._whose[login]


def links_of(conn: psycopg.Connection[Any], platform: "Platform") -> dict[str, str]:
    """The begins of pages that a signed link opens, each with one that holds: a home's panel, a volunteer's page."""
    found = {}
    gateway = conn.execute("SELECT name FROM gateway ORDER BY id LIMIT 1").fetchone()
    panel = platform.panel(gateway[0]) if gateway else None
    if panel is not None:
        found["/home/{token}"] = panel.removeprefix(platform.address)
    busiest = conn.execute(
        "SELECT v.code, v.link_serial FROM time_volunteer v WHERE v.link_until > now() ORDER BY (SELECT count(*)"
        " FROM time_request t WHERE t.volunteer_id = v.id) DESC LIMIT 1"
    ).fetchone()
    if busiest is not None:
        keys, until = load_link_keys(platform.data / "link.key"), dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
        token = keys.sign(NEIGHBOUR, f"{busiest[0]}.{busiest[1]}", busiest[0], until)
        found["/neighbour/{token}"] = f"/neighbour/{token}"
    return found
