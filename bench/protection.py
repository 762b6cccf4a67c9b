"""Measure the protection picture at the size of a district: the observer's look, and the pages that people ask for.

7,198 homes with eight devices each in an embedded PostgreSQL, every series with readings of the last minutes; one
home in twenty has lost its line, one in ten a device. The pages come over HTTP from a console of its own.
"""

import datetime as dt
import socket
import tempfile
import threading
import time
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from bench.figures import Figure
from care_network.access import sessions
from care_network.access.accounts import account_by_login
from care_network.protection.observer import Observer
from care_network.records import provisioning
from care_network.records.records import NewAccount, NewArea
from console.app import create_app
from console.server import make_server
from console.settings import ConsoleSettings
from console.shell.security import COOKIE
from database.migrate import migrate
from database.server.embedded import EmbeddedPostgres
from database.settings import DatabaseSettings
from firmware_profiles.link.mqtt import Broker
from shouwang.platform.processes import wait_until

HOMES, STREETS, COMMUNITIES, COMPOUNDS = 7198, 4, 5, 3
LIMIT_MS, LOOK_LIMIT_MS = 100.0, 10_000.0
ROUNDS = 40
DEVICES = {
    "pendant": ("shouwang-pendant", "worn", ("step_count", "battery")), "radar": ("seeed-mr60bha2", "bedroom",
    ("heart_rate", "respiration_rate", "presence")), "button": ("sonoff-snzb-01p", "bedside", ("battery",)),
    "pir": ("aqara-rtcgq11lm", "living_room", ("motion", "battery")), "door": ("aqara-mccgq11lm", "hall", ("battery",)),
    "smoke": ("heiman-hs1sa", "kitchen", ("battery",)), "gas": ("heiman-hs1cg", "kitchen", ("signal_strength",)),
    "water": ("aqara-sjcgq11lm", "bathroom", ("battery",)),
}  # fmt: skip
"""Model, room, channels."""


def run() -> list[Figure]:
    """Time of a look (first, later), and the 95th percentile of the pages."""
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as folder, EmbeddedPostgres(Path(folder)) as server:
        migrate(server.url)
        with psycopg.connect(server.url, autocommit=True) as conn:
            _fill(conn)
            observer = Observer(_now())
            first = _took(lambda: observer.look(conn, _now()))
            conn.execute("ANALYZE")
            later = [_took(partial(observer.look, conn, _now() + dt.timedelta(seconds=10 * n))) for n in range(1, 7)]
            observer.look(conn, _now())
            pages = {
                "totals of the district": "/protection",
                "who is blind for a call": "/protection?function=help&level=3",
                "residents of a compound": "/protection?area=c.d.s1.m1.p1",
            }
            return [
                Figure(
                    name="protection: first look", value=first, unit="ms", reference=60_000.0, reference_name="limit"
                ),
                Figure(
                    name="protection: a look, longest of 6", value=max(later), unit="ms", reference=LOOK_LIMIT_MS,
                    reference_name="interval",
                ),
                *_pages(conn, server.url, pages),
            ]  # fmt: skip


def _pages(conn: psycopg.Connection[Any], url: str, pages: dict[str, str]) -> list[Figure]:
    account = account_by_login(conn, "bench")
    assert account is not None  # noqa: S101 - made above
    token = sessions.open_session(conn, account, "127.0.0.1", _now())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # no broker answers there
        app = create_app(ConsoleSettings(), DatabaseSettings(url=url), Broker("127.0.0.1", taken.getsockname()[1]))
        server = make_server(app, app.state.console.settings.model_copy(update={"port": 0}))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            wait_until(lambda: server.started, 15, "the console answers")
            address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
            return [_page(name, address + path, token) for name, path in pages.items()]
        finally:
            server.should_exit = True
            thread.join(20)


def _page(name: str, address: str, token: str) -> Figure:
    request = urllib.request.Request(address, headers={"Cookie": f"{COOKIE}={token}"})  # noqa: S310 - our own console
    times, size = [], 0
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            size = len(answer.read())
        times.append((time.perf_counter() - began) * 1000)
    return Figure(
        name=f"protection: {name}, p95", value=float(np.percentile(times[1:], 95)), unit="ms", reference=LIMIT_MS,
        reference_name="limit", note=f"{HOMES} homes, {size // 1024} KiB",
    )  # fmt: skip


def _took(work: Any) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _fill(conn: psycopg.Connection[Any]) -> None:
    compounds = []
    provisioning.add_area(conn, NewArea("c", "city", "市", "City"))
    provisioning.add_area(conn, NewArea("c.d", "district", "区", "District"))
    for street in range(1, STREETS + 1):
        provisioning.add_area(conn, NewArea(f"c.d.s{street}", "street", f"街道{street}", f"Street {street}"))
        for community in range(1, COMMUNITIES + 1):
            above = f"c.d.s{street}.m{community}"
            provisioning.add_area(conn, NewArea(above, "community", f"社区{community}", f"Community {community}"))
            for compound in range(1, COMPOUNDS + 1):
                path = f"{above}.p{compound}"
                provisioning.add_area(conn, NewArea(path, "compound", f"小区{compound}", f"Compound {compound}"))
                compounds.append(path)
    new = NewAccount(
        login="bench", password="three words together", name_zh="某", name_en="Somebody", role="dispatcher", area="c.d"  # noqa: S106
    )  # fmt: skip
    provisioning.add_account(conn, new)
    statements = (
        "INSERT INTO household (code, area_id, address_zh, address_en) SELECT 'B' || n, (SELECT id FROM area WHERE"
        " path::text = (%(compounds)s::text[])[1 + n %% %(many)s]), n || '号', 'No. ' || n"
        " FROM generate_series(1, %(homes)s) n",
        "INSERT INTO resident (code, household_id, name_zh, name_en, sex, birth_date) SELECT 'B' || n, h.id, '王' || n,"
        " 'Wang ' || n, 'female', '1940-01-01' FROM generate_series(1, %(homes)s) n"
        " JOIN household h ON h.code = 'B' || n",
        "INSERT INTO gateway (name, household_id, state, state_at) SELECT 'gb-' || n, h.id,"
        " CASE WHEN n %% 20 = 0 THEN 'offline' ELSE 'online' END, now() FROM generate_series(1, %(homes)s) n"
        " JOIN household h ON h.code = 'B' || n",
        "INSERT INTO ingest_stream (gateway_id, epoch, stream, high) SELECT id, 1, 'live', 1 FROM gateway",
    )
    for statement in statements:
        conn.execute(statement, {"compounds": compounds, "many": len(compounds), "homes": HOMES})
    for name, (model, room, channels) in DEVICES.items():
        conn.execute(
            "INSERT INTO device (gateway_id, name, model, room) SELECT id, %s, %s, %s FROM gateway", (name, model, room)
        )
        for channel in channels:
            conn.execute(
                "INSERT INTO series (device_id, channel) SELECT id, %s FROM device WHERE name = %s", (channel, name)
            )
    conn.execute(
        "INSERT INTO reading_row (time, series_id, value) SELECT now() - n * INTERVAL '40 s', s.id, 50"
        " FROM series s JOIN device d ON d.id = s.device_id, generate_series(0, 9) n WHERE d.id % 80 <> 0",
    )
    conn.execute("ANALYZE")
