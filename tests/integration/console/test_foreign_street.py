"""A dispatcher of one street finds nothing of another on any page, and changes nothing there.

The list of routes is the application's own; what each is asked for belongs to the first street, as in
:mod:`tests.integration.console.test_every_route`.
"""

import re

import psycopg
import pytest

from care_network.access.permissions import PERMISSIONS, WITHOUT_AREA, Role
from database.settings import DatabaseSettings
from tests.integration.console.test_every_route import EXAMPLES, LOGINS, City, site_of
from tests.integration.console.test_every_route import city as city
from tests.support.care_routes import gathered
from tests.support.console import SOCKET, broker_away
from tests.support.databases import of_service
from tests.support.release import LONG_RUN

pytestmark = pytest.mark.integration

FOREIGN = re.compile(r"(?<![\w-])(gw-1|路1号|R1|H1)(?!\w)", re.ASCII)
"""What names the first street's home, as words of their own: the page of push messages shows a random key."""


OF_THE_DISTRICT = {
    "GET /map/tiles/{version}/{z}/{x}/{y}",
    "GET /records/{kind}",
    "GET /records/{kind}/export",
    "GET /records/{kind}/suggest",
    "GET /records/{kind}/new",
    "GET /imports/{sheet}",
    "GET /imports/{sheet}/template",
    "POST /imports/{sheet}",
    "POST /imports/{sheet}/undo",
    "GET /decisions/file/{form}",
    "GET /decisions/list/{kind}",
    "GET /policies/{ladder}",  # rules, and nobody in them; the dry run is on the alerts of one's own area
    "GET /policies/{ladder}/versions",
    "GET /policies-file",
    "GET /policies/{ladder}/confirm",
    "GET /policies/{ladder}/dry-run",
    *gathered("OF_THE_DISTRICT"),
}
"""The ground of the map: streets and houses, nobody's. Forms, and lists of one's own area (test_record_pages.py)."""


REFUSED = (403, 404, 422)
"""The form of an example may be looked at before its object is looked up: then it says nothing of the object."""
OF_R2 = {"POST /family/{code}/leave"}
"""Their example is of the other street already."""
OF_ONES_OWN = {
    "POST /queue/support", "POST /handovers", "POST /api/handovers", "POST /mine/place", "POST /mine/place/withdraw",
    "POST /api/push", "DELETE /api/push", "POST /audit/verify", "POST /channels/test", "POST /storage/retention",
    "POST /care/time-bank/rounds/week", "POST /care/documents/new", "POST /care/courses-edit",
    "POST /care/privacy/breaches", "POST /care/privacy/research", "POST /care/grants/paid",
}  # fmt: skip
"""Forms that name nobody: what they do is for the asker's own area, or shows what would follow. All others name
somebody or something of the first street, and find nothing."""
ROLES_A_ROUTE = 3
"""Of those that may ask a route, by turns: the area counts, not the role. All of them before a release."""
STRANGERS = {role: f"{role}-far" for role in LOGINS}


def far_accounts(conn: psycopg.Connection) -> None:
    """An account of each role in the other street; the family's parent lives there."""
    for role, login in STRANGERS.items():
        conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)"
            " SELECT %s, password_hash, '外', 'Stranger', %s, %s, language FROM account WHERE login = 'dispatcher'",
            (login, role, None if role in WITHOUT_AREA else "sz.yt.ms"),
        )
    conn.execute(
        "INSERT INTO family_member SELECT a.id, r.id, '儿子', 'son', now() FROM account a, resident r"
        " WHERE a.login = %s AND r.code = 'R2'",
        (STRANGERS[Role.FAMILY],),
    )


def _some(asking: list[Role], turn: int) -> list[Role]:
    if LONG_RUN or len(asking) <= ROLES_A_ROUTE:
        return asking
    return [asking[(turn + number) % len(asking)] for number in range(ROLES_A_ROUTE)]


def test_no_page_shows_what_lies_in_another_street(city: City, database_url: str) -> None:
    """Each route that names something is asked as each role that may ask it, each list as the dispatcher."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO ingest_stream (gateway_id, stream, epoch, high, gaps, updated_at)"
            " SELECT id, 'live', 1, 9, '{[3,5)}', now() FROM gateway"
        )
        far_accounts(conn)
    shown, opened = {}, {}
    database = DatabaseSettings(url=of_service(database_url, "console"))
    with broker_away() as broker, site_of(city, database, broker) as site:
        for turn, route in enumerate(site.routes):
            asking = [role for role in LOGINS if PERMISSIONS[role] & set(route.needs)]
            if route.method == SOCKET or not asking:
                continue
            by = Role.DISPATCHER if Role.DISPATCHER in asking else asking[0]
            example = EXAMPLES[route.name](city, by)
            if "{" in route.path:
                if route.name in OF_THE_DISTRICT:
                    if route.method == "GET" and "{version}" not in route.path:
                        shown[route.path] = site.text(example, STRANGERS[by])
                elif route.name not in OF_R2:
                    for role in _some(asking, turn):
                        opened[route.name, role.value] = site.ask(route, example, STRANGERS[role])
            elif route.method == "GET" and by == Role.DISPATCHER:
                shown[route.path] = site.text(example, STRANGERS[by])
            elif route.method != "GET" and route.name not in OF_ONES_OWN:  # what it names stands in the form
                role = asking[turn % len(asking)]
                opened[route.name, role.value] = site.ask(route, example, STRANGERS[role])
    assert len({name for name, _ in opened}) > 20
    assert {role for _, role in opened} == {role.value for role in LOGINS}
    found = [f"{status} {name} {role}" for (name, role), status in opened.items() if status not in REFUSED]
    assert not found, "\n".join(found)
    assert "gw-2" in shown["/operations"], "its own"
    assert [
        (path, found[0]) for path, text in shown.items() if path != "/design" and (found := FOREIGN.search(text))
    ] == []
