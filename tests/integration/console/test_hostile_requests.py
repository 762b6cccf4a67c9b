"""Every route with text that no database holds, and the whole OpenAPI description with generated requests: no 5xx."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes, urlsplit

import httpx2
import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.core.result import Ok

from care_network.access.permissions import Role
from console.app import create_app
from console.shell.guard import SIGNED
from console.shell.security import COOKIE
from database.settings import DatabaseSettings
from tests.integration.console.test_every_route import EXAMPLES, LOGINS, City
from tests.support.console import SOCKET, broker_away, routes_of, serving
from tests.support.databases import of_service
from tests.support.release import LONG_RUN, before_a_release

pytestmark = pytest.mark.integration

BAD = {"NUL": "a\0b", "lone surrogate": "a\ud800b", "direction": "a\u202eb", "control": "a\x1bb"}


def form_of(fields: dict[str, str]) -> str:
    """As a client sends it that does not care whether its UTF-8 is any."""
    return "&".join(f"{escaped(name)}={escaped(text)}" for name, text in fields.items())


def escaped(text: str) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"))


@pytest.fixture
def city(database_url: str, tmp_path: Path) -> Iterator[City]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield City(conn, tmp_path)


def test_no_text_that_can_not_be_stored_passes_any_route(city: City, database_url: str) -> None:
    """In each field of each form and each JSON body, in its names, and in the query: NUL, at which the database
    itself would stop; the other kinds in the query, and in one field of each route, another one from route to route."""
    with broker_away() as broker:
        app = create_app(city.settings, DatabaseSettings(url=of_service(database_url, "console")), broker)
        with serving(app) as url, httpx2.Client(base_url=url, headers={"Origin": url}, timeout=30) as client:
            tried = 0
            for turn, route in enumerate(routes_of(app)):
                role = Role.FAMILY if "by-family" in route.path else Role.ADMIN
                if route.method == SOCKET or route.path.startswith(SIGNED):
                    continue
                example = EXAMPLES[route.name](city, role)
                cookie = {"Cookie": f"{COOKIE}={city.session(LOGINS[role])}"}
                path = urlsplit(example.path).path
                for number, (kind, bad) in enumerate(BAD.items()):
                    if kind != "NUL" and (turn + number) % 3 and not LONG_RUN:
                        continue
                    requests: list[tuple[str, str | None, str]] = [(f"{path}?q={escaped(bad)}", None, "")]
                    if example.data is not None or example.json is not None:
                        fields = [*(example.data or example.json or {}), "more"]
                        names = fields if kind == "NUL" else [fields[turn % len(fields)]]
                        body = {name: str(value) for name, value in (example.data or example.json or {}).items()}
                        form = example.json is None
                        write = form_of if form else json.dumps
                        mime = "application/x-www-form-urlencoded" if form else "application/json"
                        requests += [(path, write({**body, name: bad}), mime) for name in names]
                        if kind == "NUL" or turn % 2:
                            requests.append((path, write({**body, bad: "x"}), mime))
                    for target, content, mime in requests:
                        headers = cookie | ({"Content-Type": mime} if mime else {})
                        answer = client.request(route.method, target, content=content, headers=headers)
                        # Starlette reads bytes that are no UTF-8 in an address or a form as U+FFFD, which can be stored
                        refused = kind != "lone surrogate" or mime == "application/json"
                        assert answer.status_code < 500, (route.name, kind, content)
                        assert not refused or 400 <= answer.status_code < 500, (route.name, kind, content)
                        assert answer.headers["x-content-type-options"] == "nosniff"
                        tried += 1
            assert tried > 500


@before_a_release
def test_no_generated_request_breaks_the_console(city: City, database_url: str) -> None:
    """schemathesis on our own description of the API, as an administrator and as one of the family."""
    with broker_away() as broker:
        app = create_app(city.settings, DatabaseSettings(url=of_service(database_url, "console")), broker)
        with serving(app) as url:
            schema = schemathesis.openapi.from_dict(app.openapi())
            met = set()
            for number, found in enumerate(schema.get_all_operations()):
                if number % 3 and not LONG_RUN:
                    continue
                assert isinstance(found, Ok)
                operation = found.ok()
                login = "daughter" if "family" in operation.path else "admin"
                cookie = f"{COOKIE}={city.session(login)}"

                @settings(
                    max_examples=6 if LONG_RUN else 2, deadline=None, database=None, phases=[Phase.generate],
                    derandomize=True, suppress_health_check=list(HealthCheck),
                )  # fmt: skip
                @given(case=operation.as_strategy())
                def ask(case: Case) -> None:
                    case.headers.update({"Cookie": cookie, "Origin": url})  # noqa: B023 - called in this turn
                    answer = case.call(base_url=url)
                    met.add(answer.status_code)
                    # 503 is what /healthz says without a broker
                    assert answer.status_code < 500 or case.path == "/healthz", (case.as_curl_command(), answer.text)

                ask()
            assert met & {200, 303}
            assert met & {404, 409, 422}
