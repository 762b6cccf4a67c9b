"""Measure the console of a whole district: how long its pages take, and what the first one weighs on the wire.

7,198 residents with their homes, gateways and devices, 500 open alerts, a year of roll-ups of some homes. PostgreSQL,
broker and console run as in the demonstration; one dispatcher asks over one connection, page after page.
"""

import contextlib
import datetime as dt
import gzip
import http.client
import posixpath
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import numpy as np
import psycopg

from bench.board import _fill
from bench.figures import Figure
from care_network.access import accounts, sessions
from care_network.demo.people import people_of
from care_network.demo.places import COMPOUNDS
from console.shell.security import COOKIE
from device_simulators.homes import DEVICES, demo_home
from shouwang.brokers.local import free_port
from shouwang.platform.demo import login_of
from shouwang.platform.platform import Platform

RESIDENTS, OPEN = 7198, 500
FIRST_HOMES, HOMES_OF_A_YEAR, DAYS = 6, 20, 365
TIMES = 60
LIMIT_MS, LIMIT_KB = 100.0, 300.0
_VITALS = "('heart_rate', 70), ('spo2', 97), ('respiration_rate', 16), ('systolic_bp', 128), ('body_temperature', 36.4)"
_READING = re.compile(rb"""(?:src|href)="(/(?:static|styles)/[^"]+)"|(?:import|from)\s*"(\.[^"]+\.js)\"""")


@contextlib.contextmanager
def district_console() -> Iterator[tuple[Platform, str, list[Any]]]:
    """A console with a district behind it: platform, a dispatcher's session, and the open alerts."""
    with (
        tempfile.TemporaryDirectory(prefix="shouwang-bench-") as folder,
        Platform(Path(folder), free_port()) as platform,
    ):
        loaded = platform.load_district([demo_home(number) for number in range(1, FIRST_HOMES + 1)])
        with psycopg.connect(platform.postgres.url, autocommit=True) as conn:
            _add_homes(conn)
            _add_past(conn)
            alerts = _fill(conn)
            conn.execute("ANALYZE")
            session = session_of(conn, login_of(loaded, "dispatcher")[0])
        platform.start_services(("console",))
        yield platform, session, alerts


def session_of(conn: psycopg.Connection[Any], login: str) -> str:
    """Open a session of an account."""
    account = accounts.account_by_login(conn, login)
    assert account is not None  # noqa: S101 - made above
    return sessions.open_session(conn, account, "127.0.0.1", dt.datetime.now(dt.UTC))


def _add_homes(conn: psycopg.Connection[Any]) -> None:
    """Fill the district up to RESIDENTS, beside the homes of the demonstration."""
    row = conn.execute("SELECT count(*) FROM resident").fetchone()
    assert row is not None  # noqa: S101 - one row by its form
    missing, number = RESIDENTS - int(row[0]), FIRST_HOMES
    homes: list[tuple[Any, ...]] = []
    people: list[tuple[Any, ...]] = []
    while missing > 0:
        number += 1
        compound = COMPOUNDS[(number - 1) % len(COMPOUNDS)].area
        building, floor, flat = 1 + number % 8, 2 + number * 3 % 24, 1 + number % 4
        address = f"某路{number}号{compound.name_zh}{building}栋{floor}{flat:02d}"
        homes.append((f"H{number:04d}", compound.path, address, f"{number} Road", f"0755-0000{number:04d}", floor))
        for person in people_of(number)[:missing]:
            people.append((f"H{number:04d}", person.code, person.name_zh, person.name_en, person.sex,
                           person.birth_date, person.ability_grade))  # fmt: skip
            missing -= 1
    with conn.transaction(), conn.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE h (code text, path text, zh text, en text, phone text, floor int)")
        cursor.execute("CREATE TEMP TABLE p (h text, code text, zh text, en text, sex text, born date, grade text)")
        for table, rows in (("h", homes), ("p", people)):
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                for line in rows:
                    copy.write_row(line)
        cursor.execute(
            "INSERT INTO household (code, area_id, address_zh, address_en, phone, floor)"
            " SELECT code, (SELECT id FROM area a WHERE a.path::text = h.path), zh, en, phone, floor FROM h"
        )
        cursor.execute(
            "INSERT INTO resident (household_id, code, name_zh, name_en, sex, birth_date, ability_grade, lives_alone)"
            " SELECT o.id, p.code, zh, en, sex, born, grade, true FROM p JOIN household o ON o.code = p.h"
        )
        cursor.execute(
            "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order,"
            " consent_at) SELECT r.id, '0755-0001' || lpad((r.id % 10000)::text, 4, '0'), '女士', 'Ms', '女儿',"
            " 'daughter', 1, now() FROM p JOIN resident r USING (code)"
        )
        cursor.execute(
            "INSERT INTO gateway (name, household_id, state, state_at)"
            " SELECT 'gw-' || lower(h.code), o.id, 'online', now() FROM h JOIN household o USING (code)"
        )
        cursor.execute(
            "INSERT INTO device (gateway_id, name, model, room) SELECT g.id, d.name, d.model, d.room"
            " FROM h JOIN gateway g ON g.name = 'gw-' || lower(h.code),"
            " unnest(%s::text[], %s::text[], %s::text[]) d (name, model, room)",
            (*([getattr(one, field) for one in DEVICES] for field in ("name", "model", "room")),),
        )
        cursor.execute(
            "INSERT INTO ingest_stream (gateway_id, epoch, stream, high) SELECT id, 1, 'live', 1 FROM gateway"
        )


def _add_past(conn: psycopg.Connection[Any]) -> None:
    """Write a year of hours, two days of minutes and an hour of readings, for the first homes."""
    conn.execute(
        f"""
        INSERT INTO series (device_id, channel) SELECT d.id, c.channel FROM (VALUES {_VITALS}) c (channel, usual)
        JOIN (SELECT d.id FROM device d JOIN gateway g ON g.id = d.gateway_id
              WHERE d.name = 'oximeter' ORDER BY d.id LIMIT %s) d ON true ON CONFLICT DO NOTHING
        """,
        (HOMES_OF_A_YEAR,),
    )
    conn.execute("UPDATE storage SET late_before = date_trunc('hour', now())")
    arrays = "array_agg(n::smallint), array_agg(60), array_agg(x), array_agg(x - 3), array_agg(x + 3)"
    for table, step, span, parts in (("hour", "day", f"{DAYS} days", 24), ("minute", "hour", "2 days", 60)):
        conn.execute(
            f"""
            INSERT INTO rollup_{table}
            SELECT s.id, t, {arrays}
            FROM (SELECT s.id, c.usual FROM series s JOIN (VALUES {_VITALS}) c (channel, usual) USING (channel)) s,
                 generate_series(date_trunc('{step}', now() - INTERVAL '{span}', 'UTC'),
                                 date_trunc('{step}', now(), 'UTC') - INTERVAL '1 {step}', INTERVAL '1 {step}') t,
                 LATERAL (SELECT n, (s.usual + n % 7)::real AS x FROM generate_series(0, {parts - 1}) n) v
            GROUP BY s.id, t
            """
        )
    conn.execute(
        f"""
        INSERT INTO reading_row SELECT now() - n * INTERVAL '10 seconds', s.id, c.usual + n % 5
        FROM series s JOIN (VALUES {_VITALS}) c (channel, usual) USING (channel), generate_series(1, 360) n
        """
    )


PATIENCE_S = 30.0


class Desk:
    """One dispatcher's connection to the console."""

    def __init__(self, address: str, session: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE_S)
        self._headers = {"Cookie": f"{COOKIE}={session}", "Accept-Encoding": "gzip"}

    def ask(self, path: str) -> tuple[float, bytes, int]:
        """(ms until the last byte, the page, bytes of its body on the wire). Raises RuntimeError for an error."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}")
        packed = answer.getheader("Content-Encoding") == "gzip"
        return took, gzip.decompress(body) if packed else body, len(body)

    def renew(self) -> None:
        """Open the connection anew: the console ends one that stood idle."""
        self._connection.close()

    def look(self, path: str) -> tuple[float, bytes, int]:
        """(ms until the last byte, the page, its status), whatever the status; 504: none in PATIENCE_S.

        Asked once more where the line was ended.
        """
        for last in (False, True):
            began = time.perf_counter()
            try:
                self._connection.request("GET", path, headers=self._headers)
                answer = self._connection.getresponse()
                body = answer.read()
            except TimeoutError:
                self.renew()
                return PATIENCE_S * 1000, b"", 504
            except (ConnectionError, http.client.HTTPException):
                self.renew()
                if last:
                    raise
            else:
                took = (time.perf_counter() - began) * 1000
                packed = answer.getheader("Content-Encoding") == "gzip"
                return took, gzip.decompress(body) if packed else body, answer.status
        raise AssertionError("unreachable")

    def times(self, paths: Sequence[str], rounds: int = TIMES) -> list[float]:
        """The ms of each answer, the paths in turn; the first round does not count: templates are compiled in it."""
        self._connection.close()  # the console has ended one that stood idle; the first round opens it anew
        for path in paths:
            self.ask(path)
        return [self.ask(paths[number % len(paths)])[0] for number in range(rounds)]


def run() -> list[Figure]:
    """The p95 of the pages that a desk has open all day, and the weight of the first one."""
    with district_console() as (platform, session, alerts):
        desk = Desk(platform.address, session)
        known = [alert for alert in alerts if alert.resident_code][:20]
        pages = {
            "the desk": ["/"],
            "an alert": [f"/alerts/{alert.id}" for alert in known],
            "a resident": [f"/residents/R{number:04d}" for number in range(1, 13)],
            "a resident's values, again": [f"/residents/R{number:04d}/now" for number in range(1, 13)],
            "the residents": ["/residents", "/residents?grade=severe", "/residents?after=R3000"],
            "the protection of the district": ["/protection"],
        }
        figures = [_page_figure(name, desk.times(paths)) for name, paths in pages.items()]
        weight, parts = _weigh(desk)
    figures.append(
        Figure(
            name="console: first page on the wire, all of its files",
            value=weight / 1024,
            unit="kB",
            reference=LIMIT_KB,
            reference_name="limit",
            note=f"{parts} files; {OPEN} open alerts",
        )
    )
    return figures


def _page_figure(name: str, took: list[float]) -> Figure:
    return Figure(
        name=f"console: {name}, p95",
        value=float(np.percentile(took, 95)),
        unit="ms",
        reference=LIMIT_MS,
        reference_name="limit",
        note=f"{RESIDENTS:,} residents, {OPEN} open alerts; median {np.median(took):.0f} ms, fastest"
        f" {min(took):.0f} ms, {len(took)} times",
    )


def _weigh(desk: Desk) -> tuple[int, int]:
    """Bytes of the first page with its sheets, scripts and what these import, and how many files these are."""
    seen = {"/"}
    waiting, total = ["/"], 0
    while waiting:
        path = waiting.pop()
        _, body, size = desk.ask(path)
        total += size
        if not path.endswith((".js", ".css")) and path != "/":
            continue
        for whole, beside in _READING.findall(body):
            found = whole.decode() or posixpath.normpath(urljoin(path, beside.decode()))
            if found not in seen:
                seen.add(found)
                waiting.append(found)
    return total, len(seen)


def address_of(words: str) -> str:
    """The address of the list below the search's field."""
    return f"/search/suggest?q={quote(words)}"
