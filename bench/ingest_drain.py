"""Ingest's drain rate beside bare binary COPY of the same rows, in the same order, into the same table.

A persistent session is filled first (frames of 10 series × 60 readings, QoS 1), then ingest is started: the publisher's
cost stays out. Afterwards the table is emptied and the rows go in again by plain COPY over one connection, in one
transaction per 100,000 rows.
"""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psycopg

from bench.alert_latency import connected
from bench.figures import Figure
from database.embedded import EmbeddedPostgres, PostgresServer
from database.migrate import migrate
from database.settings import DatabaseSettings
from database.timescaledb import timescaledb_bin_dir
from firmware_profiles import mqtt, wire
from firmware_profiles.channels import CHANNELS
from ingest import rows
from ingest.service import Ingest
from ingest.settings import IngestSettings
from ingest.subscriber import LEAVES
from shouwang.broker import EmbeddedBroker
from shouwang.pki import Pki
from shouwang.processes import wait_until

GATEWAYS = 20
FRAMES = 150
"""Per gateway."""
SERIES = ("heart_rate", "respiration_rate", "spo2", "systolic_bp", "diastolic_bp")
DEVICES = ("radar", "oximeter")
READINGS = 60
COMMAND = "python -m bench ingest_drain"


def run() -> list[Figure]:
    """Readings per second through ingest, and the ratio to bare COPY, on every grade this machine has."""
    return [figure for server in servers() for figure in _measure(server)]


def servers() -> Iterator[Callable[[Path], PostgresServer]]:
    """The embedded PostgreSQL, and TimescaleDB where it is installed."""
    yield EmbeddedPostgres
    timescaledb = timescaledb_bin_dir()
    if timescaledb is not None:
        yield lambda folder: PostgresServer(timescaledb, folder, {"shared_preload_libraries": "timescaledb"})


def _measure(make_server: Callable[[Path], PostgresServer]) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as name:
        folder = Path(name)
        with make_server(folder / "postgres") as postgres:
            with EmbeddedBroker(folder / "broker", Pki(folder / "pki")) as broker:
                grade = migrate(postgres.url)
                gateways = [f"gw-bench-{n:03d}" for n in range(GATEWAYS)]
                broker.allow_gateways(gateways)
                _register(postgres.url, gateways)
                open_session(broker)
                _fill(broker, gateways)
                total = GATEWAYS * FRAMES * len(SERIES) * len(DEVICES) * READINGS
                drained = _drain(postgres.url, broker, total)
            bare = _bare_copy(postgres.url, total)
            postgres.discard()
    return [
        Figure(
            name=f"ingest drain rate, {grade}",
            value=total / drained,
            unit="readings/s",
            reference=total / bare,
            reference_name="bare binary COPY, same rows",
            command=COMMAND,
            note=f"{total:,} readings, {grade} PostgreSQL, NATS, TLS",
        )
    ]


def _register(url: str, gateways: list[str]) -> None:
    with psycopg.connect(url) as conn:
        conn.execute("INSERT INTO area (path, level, name_zh, name_en) VALUES ('bench', 'district', 'bench', 'bench')")
        conn.execute(
            "INSERT INTO household (code, area_id, address_zh, address_en)"
            " SELECT 'bench', id, 'bench', 'bench' FROM area LIMIT 1"
        )
        for gateway in gateways:
            conn.execute("INSERT INTO gateway (name, household_id) SELECT %s, id FROM household LIMIT 1", (gateway,))
        conn.execute(
            "INSERT INTO device (gateway_id, name, model)"
            " SELECT g.id, d, 'gateway' FROM gateway g, unnest(%s::text[]) d",
            (list(DEVICES),),
        )


def open_session(broker: EmbeddedBroker) -> None:
    """Subscribe once as ingest does, and go: from now on the broker keeps what comes."""
    settings = broker.settings("svc-ingest")
    subscribed = threading.Event()
    client = mqtt.make_client(settings, IngestSettings().worker, clean=False, manual_ack=True)
    filters = [(wire.subscription(leaf), 1) for leaf in LEAVES]
    client.on_connect = lambda c, *_: c.subscribe(filters)
    client.on_subscribe = lambda *_: subscribed.set()
    mqtt.start(client, settings)
    if not subscribed.wait(10):
        raise TimeoutError("the bench could not open ingest's session")
    mqtt.stop(client)


def _fill(broker: EmbeddedBroker, gateways: list[str]) -> None:
    rng = np.random.default_rng(1)
    begin_us = time.time_ns() // 1000 - FRAMES * READINGS * 1_000_000  # the last reading is of now
    middle = {code: (CHANNELS[code].low + CHANNELS[code].high) / 3 for code in SERIES}
    for gateway in gateways:
        client = connected(broker.settings(gateway), gateway)
        infos = []
        for number in range(FRAMES):
            base = begin_us + number * READINGS * 1_000_000
            times = base + np.arange(READINGS, dtype=np.int64) * 1_000_000
            series = [
                wire.make_series(device, code, base, times, rng.normal(middle[code], 1, READINGS).astype(np.float32))
                for device in DEVICES
                for code in SERIES
            ]
            frame = wire.Frame(1, gateway, 1, 1, "live", number + 1, base, series)
            infos.append(client.publish(wire.topic(gateway, "readings"), wire.encode(frame), qos=1))
        for info in infos:
            info.wait_for_publish(60)
        mqtt.stop(client)


def _drain(url: str, broker: EmbeddedBroker, total: int) -> float:
    stop = threading.Event()
    ingest = Ingest(IngestSettings(), DatabaseSettings(url=url), broker.settings("svc-ingest"))
    thread = threading.Thread(target=ingest.run, args=(stop,))
    begin = time.perf_counter()
    thread.start()
    try:
        wait_until(lambda: ingest.readings >= total, 300, f"{total} readings stored", pause_s=0.02)
        return time.perf_counter() - begin
    finally:
        stop.set()
        thread.join()


def _bare_copy(url: str, total: int) -> float:
    with psycopg.connect(url, autocommit=True) as conn:
        cursor = conn.execute("SELECT extract(epoch FROM time) * 1e6, series_id, value FROM reading")
        found = cursor.fetchall()
        if len(found) != total:
            raise RuntimeError(f"{len(found)} rows are stored, {total} were sent")
        times = np.array([int(row[0]) for row in found], np.int64)
        ids = np.array([row[1] for row in found], np.int32)
        values = np.array([row[2] for row in found], np.float32)
        conn.execute("TRUNCATE reading")
        begin = time.perf_counter()
        for at in range(0, total, 100_000):
            piece = slice(at, at + 100_000)
            with conn.transaction(), conn.cursor() as one, one.copy(rows.COPY_READINGS) as copy:
                copy.write(rows.HEADER)
                copy.write(rows.readings(times[piece], ids[piece], values[piece]))
                copy.write(rows.TRAILER)
        return time.perf_counter() - begin
