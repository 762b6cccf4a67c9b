"""A dispatcher of one street finds nothing of another on any page, and changes nothing there.

The list of routes is the application's own; what each is asked for belongs to the first street, as in
:mod:`tests.integration.console.test_every_route`.
"""

import re

import psycopg
import pytest

from care_network.access.permissions import PERMISSIONS, Role
from database.settings import DatabaseSettings
from tests.integration.console.test_every_route import EXAMPLES, City, site_of
from tests.integration.console.test_every_route import city as city
from tests.support.console import SOCKET, broker_away
from tests.support.databases import of_service

pytestmark = pytest.mark.integration

FOREIGN = re.compile(r"(?<![\w-])(gw-1|路1号|R1|H1)(?!\w)", re.ASCII)
"""What names the first street's home, as words of their own: the page of push messages shows a random key."""


OF_THE_DISTRICT = {
    "GET /map/tiles/{version}/{z}/{x}/{y}",
    "GET /records/{kind}",
    "GET /records/{kind}/export",
    "GET /records/{kind}/new",
    "GET /imports/{sheet}",
    "GET /imports/{sheet}/template",
    "POST /imports/{sheet}",
}
"""The ground of the map: streets and houses, nobody's. Forms, and lists of one's own area (test_record_pages.py)."""


def test_no_page_shows_what_lies_in_another_street(city: City, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO ingest_stream (gateway_id, stream, epoch, high, gaps, updated_at)"
            " SELECT id, 'live', 1, 9, '{[3,5)}', now() FROM gateway"
        )
        conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)"
            " SELECT 'stranger', password_hash, '外', 'Stranger', role, 'sz.yt.ms', language FROM account"
            " WHERE login = 'dispatcher'"
        )
    shown, opened = {}, {}
    with (
        broker_away() as broker,
        site_of(city, DatabaseSettings(url=of_service(database_url, "console")), broker) as site,
    ):
        for route in site.routes:
            if route.method == SOCKET or not PERMISSIONS[Role.DISPATCHER] & set(route.needs):
                continue
            example = EXAMPLES[route.name](city, Role.DISPATCHER)
            if "{" in route.path:
                if route.name not in OF_THE_DISTRICT:
                    opened[route.name] = site.ask(route, example, "stranger")
            elif route.method == "GET":
                shown[route.path] = site.text(example, "stranger")
    assert len(opened) > 20
    assert {name: status for name, status in opened.items() if status not in (403, 404)} == {}
    assert "gw-2" in shown["/operations"], "its own"
    assert [
        (path, found[0]) for path, text in shown.items() if path != "/design" and (found := FOREIGN.search(text))
    ] == []
