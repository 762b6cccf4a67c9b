"""Measure a district's load, 7,198 gateways and 20,000 readings/s: time until SQL sees a reading, cost of ingest.

Real broker with TLS, real database, ingest as a process of its own. The publisher is one client of the bench that may
publish for every gateway (7,198 connections would measure the publisher): each gateway sends a frame every three
seconds, as with ``frames.interval_s = 3``. A query every few milliseconds looks for markers among them. In the end the
database is stopped for a while under the same load.
"""

import contextlib
import itertools
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import psycopg

from bench.district import (
    IDENTITY,
    IN_FLIGHT,
    ingest_process,
    names,
    open_session,
    publisher,
    register,
    servers,
    speaking_for_all,
)
from bench.figures import Figure
from database.migrate import migrate
from database.server.postgres import PostgresServer
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from ingest.settings import IngestSettings
from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.nats_cluster import AnyBroker
from shouwang.brokers.pki import Pki

GATEWAYS = 7198
RATE = 20_000
FRAME_S = 3.0
SERIES = {"heart_rate": 72.0, "respiration_rate": 16.0, "spo2": 97.0}
"""Healthy values: the same load must raise no alerts in ``bench.alert_load``."""
MINUTES = float(os.environ.get("SHOUWANG_BENCH_LOAD_MINUTES", "1"))
AWAY_S = float(os.environ.get("SHOUWANG_BENCH_AWAY_S", "20"))
MARKER, MARKER_PAUSE_S, LOOK_S = "gw-marker", 0.1, 0.002


def run() -> list[Figure]:
    """Measure latency, processor and memory under load, on the best grade that this machine has."""
    *_, make_server = servers()
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as name, speaking_for_all():
        folder = Path(name)
        with (
            make_server(folder / "postgres") as postgres,
            EmbeddedBroker(folder / "broker", Pki(folder / "pki")) as broker,
        ):
            grade = migrate(postgres.url)
            register(postgres.url, [MARKER, *names(GATEWAYS)], ["d"])
            open_session(broker, IngestSettings())
            with ingest_process(postgres.url, broker, folder, IngestSettings()) as process, publishing(broker):
                figures = _measure(postgres, broker, process, f"{grade}, {GATEWAYS:,} gateways, {RATE:,} readings/s")
            postgres.discard()
    return figures


def _measure(postgres: PostgresServer, broker: EmbeddedBroker, ingest: psutil.Process, note: str) -> list[Figure]:
    marker, seqs = publisher(broker.settings(IDENTITY), "marker"), itertools.count(1)
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        _latencies(conn, marker, seqs, 10.0)  # warm-up: the first frames of every gateway make its series
        (warm,) = conn.execute("SELECT count(*) FROM reading_row").fetchone() or (0,)
        parts = {"ingest": ingest, "broker": psutil.Process(broker.pid), "database": psutil.Process(postgres.pid)}
        before, began = {part: _cpu_s(process) for part, process in parts.items()}, time.monotonic()
        latencies, memory = _latencies(conn, marker, seqs, MINUTES * 60, ingest)
        spent = time.monotonic() - began
        share = {part: 100 * (_cpu_s(process) - before[part]) / spent for part, process in parts.items()}
        (stored,) = conn.execute("SELECT count(*) - %s FROM reading_row", (warm,)).fetchone() or (0,)
    postgres.stop()
    away = [_rss_mb(ingest) for _ in _ticks(AWAY_S)]
    postgres.start()
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        _latencies(conn, marker, seqs, 5.0)
    mqtt.stop(marker)
    return [
        Figure(
            name="visible to SQL, p99",
            value=float(np.percentile(latencies, 99)),
            unit="ms",
            reference=250,
            reference_name="limit",
            note=note,
        ),
        Figure(name="visible to SQL, p50", value=float(np.percentile(latencies, 50)), unit="ms", note=note),
        Figure(
            name="ingest at district load, share of a core",
            value=share["ingest"],
            unit="%",
            reference=25,
            reference_name="limit",
            note=note,
        ),
        Figure(name="broker at district load, share of a core", value=share["broker"], unit="%", note=note),
        Figure(name="database at district load, share of a core", value=share["database"], unit="%", note=note),
        Figure(
            name="ingest, peak memory", value=max(memory), unit="MB", reference=300, reference_name="limit", note=note
        ),
        Figure(name="ingest, memory grown by", value=memory[-1] - memory[len(memory) // 4], unit="MB", note=note),
        Figure(
            name=f"ingest, peak memory, database away {AWAY_S:g} s",
            value=max(away),
            unit="MB",
            reference=300,
            reference_name="limit",
            note=note,
        ),
        Figure(
            name="stored meanwhile",
            value=stored / spent,
            unit="readings/s",
            reference=RATE,
            reference_name="sent",
            note=note,
        ),
    ]


def _latencies(
    conn: psycopg.Connection[Any],
    marker: Any,
    seqs: Iterator[int],
    seconds: float,
    watched: psutil.Process | None = None,
) -> tuple[list[float], list[float]]:
    """Measure the ms from publishing a marker to a query that sees it, and the watched process's memory in MB.

    ``seqs`` numbers the frames without a gap: a stream of scattered numbers would be refused in the end.
    """
    latencies: list[float] = []
    memory: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        number = time.time_ns() // 1_000_000
        series = wire.make_series("d", "heart_rate", number * 1000, np.array([number * 1000]), np.array([70.0]))
        frame = wire.Frame(1, MARKER, 1, 1, "live", next(seqs), number * 1000, [series])
        sent = time.perf_counter()
        marker.publish(wire.topic(MARKER, "readings"), wire.encode(frame), qos=1)
        query = """
            SELECT 1 FROM reading_row r JOIN series s ON s.id = r.series_id JOIN device d ON d.id = s.device_id
            JOIN gateway g ON g.id = d.gateway_id WHERE g.name = %s AND r.time = to_timestamp(%s / 1000.0)
        """
        while conn.execute(query, (MARKER, number)).fetchone() is None:
            time.sleep(LOOK_S)
            if time.perf_counter() - sent > 60:
                raise TimeoutError("a marker was not stored within a minute")
        latencies.append(1000 * (time.perf_counter() - sent))
        if watched is not None:
            memory.append(_rss_mb(watched))
        time.sleep(MARKER_PAUSE_S)
    return latencies, memory


def _ticks(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.5)


def _cpu_s(process: psutil.Process) -> float:
    """Read the processor time of a process and its children, s."""
    every = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return float(sum(one.user + one.system for one in every))


def _rss_mb(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 1e6


@contextlib.contextmanager
def publishing(broker: AnyBroker) -> Iterator[psutil.Process]:
    """Publish the district's frames from a process of its own, which is given."""
    stop = multiprocessing.get_context("spawn").Event()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=publish, args=(broker.settings(IDENTITY), stop))
    process.start()
    try:
        yield psutil.Process(process.pid)
    finally:
        stop.set()
        process.join(20)


def publish(broker: mqtt.Broker, stop: Any) -> None:
    """Publish each gateway's frame every FRAME_S, evenly spread, until ``stop``; wait for a broker that lags."""
    client = publisher(broker, "district")
    taken = itertools.count(1)
    acknowledged = 0

    def published(*_: object) -> None:
        nonlocal acknowledged
        acknowledged = next(taken)

    client.on_publish = published
    readings = round(RATE * FRAME_S / GATEWAYS / len(SERIES))
    extra = RATE * FRAME_S / GATEWAYS / len(SERIES) - readings
    gateways = names(GATEWAYS)
    topics = [wire.topic(name, "readings") for name in gateways]
    spellings = [(gateways[0].encode(), name.encode()) for name in gateways]
    rng = np.random.default_rng(1)
    begin, sent = time.monotonic(), 0
    while not stop.is_set():
        due = int((time.monotonic() - begin) * GATEWAYS / FRAME_S)
        if sent >= due or sent - acknowledged > IN_FLIGHT // 2:
            time.sleep(0.005)
            continue
        # frames of the same moment and length differ by the gateway's name alone, whose length is the same for all
        now_us, made = time.time_ns() // 1000, dict[tuple[int, int], bytes]()
        for _ in range(min(due - sent, 500)):
            gateway = sent % GATEWAYS
            seq = sent // GATEWAYS + 1
            n = readings + (rng.random() < extra if extra > 0 else 0)
            if (seq, n) not in made:
                made[seq, n] = _encoded(gateways[0], seq, n, now_us)
            client.publish(topics[gateway], made[seq, n].replace(*spellings[gateway]), qos=1)
            sent += 1
    mqtt.stop(client)


def _encoded(gateway: str, seq: int, n: int, now_us: int) -> bytes:
    times = now_us - np.arange(n, 0, -1, dtype=np.int64) * int(FRAME_S * 1e6 / max(n, 1))
    series = [wire.make_series("d", code, int(times[0]), times, np.full(n, value)) for code, value in SERIES.items()]
    return wire.encode(wire.Frame(1, gateway, 1, 1, "live", seq, int(times[0]), series))
