"""The whole API of the exchange: generated requests break nothing, every route has an example, people find a page."""

import hashlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.core.result import Ok

from exchange.app import ROUTERS
from exchange.shell.access import Scoped
from tests.support.exchange_site import ExchangeSite, exchange_site, now
from tests.support.orders import raise_alert

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
PUBLIC = "https://care.example.org:8444"
OPEN = {"/", "/style.css", "/fhir/metadata", "/api/v1/status", "/api/v1/status.json"}
"""Without a token: nobody's data."""


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ExchangeSite]:
    with exchange_site(database_url, tmp_path, requests_per_s=1e6) as site:
        yield site


def test_no_generated_request_breaks_the_exchange(site: ExchangeSite) -> None:
    series = site.series("heart_rate")
    site.reading(series, now(), 72)
    raise_alert(site.conn, now())
    with site.client() as client:
        schema = schemathesis.openapi.from_dict(client.get("/api/openapi.json").json())
    met = set()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)

        @settings(
            max_examples=3, deadline=None, database=None, phases=[Phase.explicit, Phase.generate], derandomize=True,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=found.ok().as_strategy())
        def ask(case: Case) -> None:
            case.headers.update({"Authorization": f"Bearer {site.token}", "Prefer": "respond-async"})
            answer = case.call(base_url=site.address)
            met.add(answer.status_code)
            assert answer.status_code < 500, (case.as_curl_command(), answer.text)

        ask()
    assert met & {200, 201, 202}
    assert met & {400, 404, 422}


ODD = (
    "/fhir/Patient?_id=%00", "/fhir/Patient?identifier=%ED%A0%80", "/fhir/Observation?_page=9.99999999999999999999",
    "/fhir/Observation?_page=1.-5", "/fhir/Observation?date=ge9999", "/fhir/Observation?date=0000",
    "/fhir/Device/%2e%2e", "/fhir/DetectedIssue?_page=1.x", "/fhir/Flag?_since=-1",
    "/fhir/Patient/1/$everything?start=%00", "/api/v1/entries?count=%D9%A1",
    "/api/v1/entries?find[date][$gte]=999999999999999999999", "/webhooks/99999999999999999999/deliveries",
    "/fhir/$export-file/00000000-0000-0000-0000-000000000000/99999999999", "/fhir/Observation/1-99999999999999999",
)  # fmt: skip


def test_odd_addresses_are_refused_in_words(shared: ExchangeSite) -> None:
    with shared.client() as client:
        for address in ODD:
            answer = client.get(address)
            assert answer.status_code < 500, (address, answer.text)
            assert answer.status_code == 200 or "json" in answer.headers["content-type"], (address, answer.text)


@pytest.fixture(scope="module")
def shared(database_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeSite]:
    with (
        database_cluster.fresh_database() as url,
        exchange_site(url, tmp_path_factory.mktemp("exchange"), requests_per_s=1e6) as site,
    ):
        yield site


def test_odd_bodies_are_refused_in_words(shared: ExchangeSite) -> None:
    bodies = [b"", b"{", b"[]", b"null", b'"\\ud800"', b"[" * 100_000,
              b'{"resourceType": "Bundle", "type": "batch", "entry": 7}',
              b'{"resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/\\u0000"}}',
              b'{"sgv": 1e400, "date": 1}', b'{"sgv": 100, "date": 1e300}', "{\"x\": \"\u202e\"}".encode()]  # fmt: skip
    with shared.client() as client:
        for path in ("/fhir", "/fhir/Observation", "/api/v1/entries"):
            for body in bodies:
                answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
                assert 200 <= answer.status_code < 500, (path, body[:60], answer.text)
        huge = client.post("/fhir", content=b"x" * (5 * 1024 * 1024))
        assert (huge.status_code, huge.json()["issue"][0]["code"]) == (413, "too-long")
        assert client.get("/fhir/Patient?_format=xml").status_code == 406
        parameters = client.get("/fhir/Patient?_count=x").json()["issue"][0]["diagnostics"]
        assert parameters == "the request's parameters are wrong: _count is a whole number"


def asked(command: str, site: ExchangeSite) -> httpx2.Request:
    """The request of a curl command of the documentation."""
    secret = hashlib.sha1(site.token.encode(), usedforsecurity=False).hexdigest()
    command = re.sub(r"\$\(printf .*?-f1\)", secret, command).replace("$TOKEN", site.token)
    words = shlex.split(command.replace("Patient/7", f"Patient/{site.resident_id()}"), comments=True)[1:]
    headers, method, body, address = {}, "GET", None, ""
    while words:
        word = words.pop(0)
        if word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word == "-X":
            method = words.pop(0)
        elif word == "-d":
            body = re.sub(r"2026-11-29T08:00:00\+08:00", now().isoformat(), words.pop(0))
        elif word == "-D":
            words.pop(0)
        else:
            address = word
    return httpx2.Request(method, address.replace(PUBLIC, site.address), headers=headers, content=body)


def test_every_curl_of_the_documentation_does_what_it_says(shared: ExchangeSite) -> None:
    shared.reading(shared.series("glucose"), now(), 6)
    page = (ROOT / "docs/interfaces.md").read_text()
    text = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).replace("\\\n", " ")
    commands = re.findall(r"^curl .*?(?=^curl |^shouwang |\Z)", text, re.DOTALL | re.MULTILINE)
    met = []
    with shared.client("") as client:
        export = ""
        for command in commands:
            answer = client.send(asked(command.replace(f"{PUBLIC}/fhir/$export-status/<id>", export), shared))
            export = answer.headers.get("content-location", export)
            met.append(answer.status_code)
            assert answer.status_code < 300, (command, answer.text)
    assert len(met) == len(re.findall(r"^curl ", page, re.MULTILINE)) >= 5
    assert {200, 201, 202} <= set(met)


def test_the_description_has_an_example_of_every_route_and_errors_in_words(shared: ExchangeSite) -> None:
    with shared.client(language="zh") as client:
        document = client.get("/api/openapi.json").json()
        bare = []
        for path, methods in document["paths"].items():
            for method, route in methods.items():
                good = [route["responses"][code] for code in ("200", "201", "202") if code in route["responses"]]
                if not any("example" in media for one in good for media in one.get("content", {}).values()):
                    bare.append(f"{method} {path}")
        assert bare == []
        page = client.get("/").text
        assert "外部系统接口" in page
        assert all(path in page for path in document["paths"])
        problem = client.get("/webhooks/1/deliveries")
        assert problem.headers["content-type"] == "application/problem+json"
        assert problem.json()["detail"].startswith("您的管辖范围内没有")


def test_every_route_but_the_open_ones_asks_for_a_scope() -> None:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    without = {
        route.path for route in routes if not any(isinstance(one.call, Scoped) for one in route.dependant.dependencies)
    }
    assert without == OPEN
