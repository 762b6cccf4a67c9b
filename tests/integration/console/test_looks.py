"""Every page that shows people leaves a line in the audit, and a board that asks each second leaves one."""

import datetime as dt

import httpx2
import psycopg
import pytest

from care_network.access.permissions import PERMISSIONS, Role
from console.app import create_app
from console.settings import ConsoleSettings
from console.shell.looks import EVERY, MOST, Looks
from database.settings import DatabaseSettings
from firmware_profiles.link.mqtt import Broker
from tests.integration.console.test_every_route import EXAMPLES, LOGINS, City, Example, rating, site_of
from tests.integration.console.test_every_route import city as city
from tests.support.care_routes import gathered
from tests.support.console import ConsoleRoute, broker_away, console, routes_of
from tests.support.databases import of_service
from tests.support.network import build_city

pytestmark = pytest.mark.integration
ABOUT_NOBODY = {
    "GET /decisions/file/{form}",  # sums of an area; taking them out is in the audit as an export
    "GET /map/tiles/{version}/{z}/{x}/{y}",  # streets, and nobody on them
    "GET /styles/{version}.css",
    "GET /audit/checkpoints",
    "GET /audit/checkpoints/{position}",
    "GET /account",
    "GET /account/passkeys/new",
    "GET /account/second-factor",
    "GET /accounts/new",
    "GET /accounts/roles",
    "GET /admin",
    "GET /healthz",
    "GET /parameter-previews/{number}",  # counts of a replay that was audited, with each resident, as it began
    "GET /login",
    "GET /login/second-factor",
    "GET /password",
    "GET /push-worker.js",
    "GET /api/push",
    "GET /api/openapi.json",
    "GET /machines/tokens/new",
    "GET /machines/hooks/new",
    "GET /family-app/manifest.webmanifest",
    "GET /family-app/worker.js",
    "GET /family-app/offline",
    "GET /apple-touch-icon.png",
    "GET /field-worker.js",
    "GET /home/{token}",
    "GET /home/{token}/now",
    "GET /home/{token}/services",
    "GET /home/{token}/consents",
    "GET /w/{token}/mark",  # a mark of the state that the page shows, for a page whose look is in the audit
    *gathered("ABOUT_NOBODY"),
}
"""Pages that show the one who asks, as the panel in a home does, or nobody."""
WHOSE = {"/family": "daughter", "/mine": "carer", **gathered("WHOSE")}
"""Who is shown a page that leads a dispatcher elsewhere."""


def reader_of(route: ConsoleRoute) -> str:
    """The login of somebody to whom the page is shown: a dispatcher, where they may see it."""
    first = (Role.DISPATCHER, Role.FAMILY, Role.ADMIN)
    roles = [role for role in (*first, *LOGINS) if PERMISSIONS[role] & set(route.needs)]
    return WHOSE.get(route.path) or LOGINS[roles[0] if roles else Role.DISPATCHER]


def lists() -> list[str]:
    """Paths of the pages that show people, and name nobody in their address."""
    return [
        route.path
        for route in routes_of(create_app(ConsoleSettings(), DatabaseSettings(), Broker()))
        if route.method == "GET"
        and route.name not in ABOUT_NOBODY
        and "{" not in route.path
        and reader_of(route) == "dispatcher"
    ]


def test_no_page_shows_people_without_a_line_in_the_audit(city: City, database_url: str) -> None:
    looks = "SELECT count(*) FROM audit WHERE action ~ '^(view|export)' AND origin LIKE '%127.0.0.1'"
    silent = []
    with (
        broker_away() as broker,
        site_of(city, DatabaseSettings(url=of_service(database_url, "console")), broker) as site,
    ):
        for route in site.routes:
            if route.method != "GET" or route.name in ABOUT_NOBODY:
                continue
            example = EXAMPLES[route.name](city, Role.DISPATCHER)
            before = city.conn.execute(looks).fetchone()
            status = site.ask(route, example, reader_of(route))
            assert status == 200, route.name
            if city.conn.execute(looks).fetchone() == before:
                silent.append(route.name)
    assert silent == [], silent


def test_a_rating_and_a_refused_look_at_one_are_in_the_audit(city: City, database_url: str) -> None:
    path = rating(city)
    with (
        broker_away() as broker,
        site_of(city, DatabaseSettings(url=of_service(database_url, "console")), broker) as site,
    ):
        route = next(route for route in site.routes if route.name == "GET /rate/{token}")
        pressed = next(route for route in site.routes if route.name == "POST /rate/{token}")
        assert site.ask(pressed, Example(path, data={"stars": "5"}), None) == 200
        city.conn.execute("DELETE FROM contact")
        assert site.ask(route, Example(path), None) == 410
    lines = city.conn.execute(
        "SELECT action, r.code, detail->>'by', account_id FROM audit JOIN resident r ON r.id = resident_id"
        " WHERE origin = 'link 127.0.0.1' ORDER BY audit.id"
    ).fetchall()
    assert lines == [
        (action, "R1", "contact:R1", None) for action in ("rate_order", "view_order", "refused_view_order")
    ]


def test_every_list_is_in_the_audit(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)

        def lines() -> list[tuple[str, dict[str, str], str]]:
            return conn.execute(
                "SELECT a.login, e.detail, e.origin FROM audit e JOIN account a ON a.id = e.account_id"
                " WHERE e.action = 'view_page' ORDER BY e.id"
            ).fetchall()

        with console(database_url, None, None) as client:
            log_in(client)
            every = [path for path in lists() if path not in ("/outbox", "/outbox/cards")]
            assert len(every) >= 10
            for path in every:
                for _ in range(3):
                    assert client.get(path).status_code == 200, path
            assert [(login, detail["page"]) for login, detail, _ in lines()] == [("dispatcher", path) for path in every]
            assert {origin for _, _, origin in lines()} == {"127.0.0.1"}
            client.get("/residents", params={"q": "陈"})
            assert lines()[-1][1] == {"page": "/residents", "words": "陈"}
            count = len(lines())
            assert client.get("/residents/R1").status_code == 200
            assert len(lines()) == count, "its loader writes a line with the resident"
            assert conn.execute("SELECT count(*) FROM audit WHERE action = 'view_resident'").fetchone() == (1,)


def log_in(client: httpx2.Client) -> None:
    body = {"login": "dispatcher", "password": "three words together"}
    assert client.post("/api/login", json=body).status_code == 200


def test_a_look_counts_again_after_a_while_and_memory_is_bounded() -> None:
    looks, now = Looks(), dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    assert looks.is_new((1, "/", ""), now)
    assert not looks.is_new((1, "/", ""), now + EVERY / 2)
    assert looks.is_new((2, "/", ""), now)
    assert looks.is_new((1, "/", ""), now + EVERY)
    looks.forget((1, "/", ""))
    assert looks.is_new((1, "/", ""), now + EVERY)
    for number in range(MOST + 5):
        looks.is_new((number, "/x", ""), now)
    assert looks.is_new((0, "/x", ""), now), "the oldest was forgotten"
