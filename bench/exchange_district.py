"""Measure the exchange of a whole district: how long its lists take, and an export of everybody.

7,198 residents who agreed to one system, with homes, gateways, devices, 300,000 readings and 500 open alerts.
PostgreSQL, broker and exchange run as in the demonstration; one client asks over one connection, page after page.
"""

import contextlib
import datetime as dt
import http.client
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import numpy as np
import psycopg

from bench.board import _fill
from bench.console_district import FIRST_HOMES, RESIDENTS, _add_homes
from bench.figures import Figure
from care_network.access import accounts, machine_tokens
from care_network.access.machine_tokens import SCOPES, NewToken
from device_simulators.homes import demo_home
from shouwang.brokers.local import free_port
from shouwang.platform.demo import login_of
from shouwang.platform.platform import Platform
from shouwang.platform.processes import wait_until

READINGS = 300_000
LIMIT_MS, LIMIT_EXPORT_S = 150.0, 60.0
ROUNDS = 40
LISTS = {
    "Patient, 100 a page": "/fhir/Patient?_count=100",
    "Device, 100 a page": "/fhir/Device?_count=100",
    "DeviceMetric, 100 a page": "/fhir/DeviceMetric?_count=100",
    "Observation, 1,000 a page": "/fhir/Observation?_count=1000",
    "Observation since an hour, 100 a page": "/fhir/Observation?_count=100&_since={hour}",
    "Observation of a resident": "/fhir/Observation?patient={resident}&_count=100",
    "DetectedIssue, 100 a page": "/fhir/DetectedIssue?_count=100",
    "Flag, open ones": "/fhir/Flag?status=active&_count=100",
}
_VITALS = "('heart_rate', 70), ('spo2', 97), ('respiration_rate', 16), ('systolic_bp', 128), ('diastolic_bp', 76)"


@contextlib.contextmanager
def district_exchange(folder: Path) -> Iterator[tuple[Platform, str, str]]:
    """An exchange with a district behind it: platform, address, and a token that may see everybody."""
    port = free_port()
    os.environ |= {"SHOUWANG_EXCHANGE_REQUESTS_PER_S": "10000", "SHOUWANG_EXCHANGE_BURST": "10000"}
    with Platform(folder, free_port(), port) as platform:
        loaded = platform.load_district([demo_home(number) for number in range(1, FIRST_HOMES + 1)])
        with psycopg.connect(platform.postgres.url, autocommit=True) as conn:
            _add_homes(conn)
            _add_readings(conn)
            _fill(conn)
            token = _agree(conn, login_of(loaded, "admin")[0])
            conn.execute("ANALYZE")
        platform.start_services(("exchange",))
        wait_until(lambda: _answers(port), 30, "the exchange answers")
        yield platform, f"http://127.0.0.1:{port}", token


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        connection.request("GET", "/fhir/metadata")
        return connection.getresponse().status == 200
    return False


def _add_readings(conn: psycopg.Connection[Any]) -> None:
    """One resident of each home wears the oximeter; its five series have readings of the last day."""
    conn.execute(
        "UPDATE device d SET resident_id = r.id FROM gateway g, LATERAL (SELECT min(id) AS id FROM resident"
        " WHERE household_id = g.household_id) r WHERE g.id = d.gateway_id AND d.name = 'oximeter'"
        " AND d.resident_id IS NULL AND r.id IS NOT NULL"
    )
    conn.execute(
        f"INSERT INTO series (device_id, channel) SELECT d.id, c.channel FROM device d, (VALUES {_VITALS}) c"
        " (channel, usual) WHERE d.name = 'oximeter' AND d.resident_id IS NOT NULL ORDER BY 1, 2 ON CONFLICT DO NOTHING"
    )
    conn.execute(
        f"""
        INSERT INTO reading_row SELECT now() - n * INTERVAL '1 day' / (s.most + 1), s.id, s.usual + n % 5
        FROM (SELECT s.id, c.usual, {READINGS} / count(*) OVER () AS most FROM series s
              JOIN (VALUES {_VITALS}) c (channel, usual) USING (channel)) s, generate_series(1, s.most) n
        """
    )


def _agree(conn: psycopg.Connection[Any], login: str) -> str:
    """A token of the district, and the consent of all."""
    now, admin = dt.datetime.now(dt.UTC), accounts.account_by_login(conn, login)
    assert admin is not None  # noqa: S101 - made above
    new = NewToken(
        name="bench", login="hospital", scopes=tuple(SCOPES), area=admin.area_path or "",
        expires_at=now + dt.timedelta(days=30), name_zh="医院", name_en="Hospital",
    )  # fmt: skip
    _, token = machine_tokens.add(conn, admin, new, at=now, origin="bench")
    conn.execute(
        "INSERT INTO exchange_consent (resident_id, account_id, purpose, given_at)"
        " SELECT r.id, a.id, 'care', now() FROM resident r JOIN household h ON h.id = r.household_id, account a"
        " WHERE NOT h.synthetic AND a.login = 'hospital'"
    )
    return token


class Client:
    """Another system, over one connection."""

    def __init__(self, address: str, token: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}", "Prefer": "respond-async"}

    def ask(self, path: str) -> tuple[float, http.client.HTTPResponse, bytes]:
        """(ms until the last byte, answer, body). Raises RuntimeError for an error."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status} {body[:300]!r}")
        return took, answer, body

    def pages(self, path: str, rounds: int = ROUNDS) -> tuple[list[float], int]:
        """The ms of so many pages, one after another, from the beginning again at the end; entries of the last."""
        took, entries, onward = [], 0, path
        self.ask(path)
        for _ in range(rounds):
            ms, _, body = self.ask(onward)
            took.append(ms)
            page = msgspec.json.decode(body)
            entries = max(entries, len(page.get("entry", ())))
            links = {one["relation"]: one["url"] for one in page["link"]}
            parts = urlsplit(links.get("next", ""))
            onward = f"{parts.path}?{parts.query}" if parts.path else path
        return took, entries

    def export(self) -> tuple[float, int]:
        """(s until the manifest, resources) of an export of everything."""
        began = time.perf_counter()
        _, answer, _ = self.ask("/fhir/$export")
        path = urlsplit(answer.getheader("Content-Location") or "").path
        while True:
            _, answer, body = self.ask(path)
            if answer.status == 200:
                return time.perf_counter() - began, sum(one["count"] for one in msgspec.json.decode(body)["output"])
            time.sleep(0.2)


def run() -> list[Figure]:
    """The p95 of each list page, and the time of an export of the whole district."""
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as folder, district_exchange(Path(folder)) as found:
        platform, address, token = found
        with psycopg.connect(platform.postgres.url) as conn:
            row = conn.execute(
                "SELECT min(d.resident_id) FROM series s JOIN device d ON d.id = s.device_id"
                " WHERE s.channel = 'spo2' AND d.resident_id > 3000"
            ).fetchone()
        hour = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        client = Client(address, token)
        figures = []
        for name, path in LISTS.items():
            took, entries = client.pages(path.format(hour=hour, resident=row[0] if row else 1))
            figures.append(
                Figure(
                    name=f"exchange: {name}, p95", value=float(np.percentile(took, 95)), unit="ms",
                    reference=LIMIT_MS, reference_name="limit",
                    note=f"{RESIDENTS:,} residents; median {np.median(took):.0f} ms, {len(took)} pages, {entries} each",
                )
            )  # fmt: skip
        seconds, resources = client.export()
    figures.append(
        Figure(
            name="exchange: $export of the district", value=seconds, unit="s", reference=LIMIT_EXPORT_S,
            reference_name="limit", note=f"{RESIDENTS:,} residents, {resources:,} resources in all",
        )
    )  # fmt: skip
    return figures
