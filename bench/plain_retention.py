"""Compare removing old readings in batches, as plain PostgreSQL does here, with partitions by day (decision 0009).

Measures the cost for ingest, and the cost of partitions for COPY and the console's charts.
"""

import datetime as dt
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from bench.figures import Figure
from bench.history import CHARTS, charts
from database.grade import Grade
from database.maintenance import paced, round_of_work
from database.migrate import build_schema, migrate
from database.retention import Retention, load_retention, midnight, retire, set_retention
from database.server.embedded import EmbeddedPostgres
from device_simulators.month.month import MonthOptions
from ingest.storing import rows
from shouwang.cli.actions import write_history

RESIDENTS, DAYS = 16, 120
SHORTER_DAYS = 60
"""The retention is shortened to this, and the readings between are removed."""
BATCH, ROUNDS = 20_000, 12
STORING_S = 6.0
DAY = dt.timedelta(days=1)


def run() -> list[Figure]:
    with (
        tempfile.TemporaryDirectory(prefix="shouwang-bench-") as name,
        EmbeddedPostgres(Path(name) / "postgres", {"max_wal_size": "4GB"}) as server,
    ):
        urls = {}
        for kind in ("batches", "partitions"):
            with psycopg.connect(server.url, autocommit=True) as conn:
                conn.execute(f"CREATE DATABASE {kind}")
            urls[kind] = server.url_of(kind)
            _fill(urls[kind], kind == "partitions")
        figures = [*_copy(urls), *_charts(urls), *_removing(urls)]
        server.discard()
    return figures


def _fill(url: str, partitioned: bool) -> None:
    """Make the schema of grade 'plain', with ``reading`` in partitions or not, and residents with a history."""
    now = dt.datetime.now(dt.UTC)
    if partitioned:
        build_schema(url, Grade.PLAIN, "0003")
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("ALTER TABLE reading RENAME TO single")
            conn.execute("CREATE TABLE reading (LIKE single INCLUDING ALL) PARTITION BY RANGE (time)")
            conn.execute("DROP TABLE single")
            for day in _days(now):
                conn.execute(
                    f"CREATE TABLE {_part(day)} PARTITION OF reading FOR VALUES FROM ('{day}') TO ('{day + DAY}')"
                )
    migrate(url)
    with psycopg.connect(url, autocommit=True) as conn:
        plan = write_history.plan(conn, MonthOptions(days=DAYS, ordinary=True), now)
        with write_history.retention_waits(conn):
            for _ in write_history.write(conn, plan, RESIDENTS):
                pass
        for _ in round_of_work(conn, Grade.PLAIN, now):
            pass
        conn.execute("VACUUM ANALYZE")


def _days(now: dt.datetime) -> list[dt.datetime]:
    keep = Retention().raw_days
    return [midnight(now) + DAY * n for n in range(-keep - 1, 8)]


def _part(day: dt.datetime) -> str:
    return f"reading_{day:%Y%m%d}"


def _batches(url: str) -> Iterator[bytes]:
    """Yield batches of new readings, clustered by series as those of ingest."""
    with psycopg.connect(url) as conn:
        series = np.array([row[0] for row in conn.execute("SELECT id FROM series ORDER BY id")], np.int32)
    some = np.repeat(np.resize(series, BATCH // 60), 60)
    begin_us = round(time.time()) * 1_000_000
    values = np.random.default_rng(3).normal(70, 5, len(some)).astype("f4")
    while True:
        times = begin_us + np.tile(np.arange(60, dtype=np.int64), len(some) // 60) * 100_000
        yield rows.HEADER + rows.readings(times, some, values) + rows.TRAILER
        begin_us += 6_000_000


def _store(conn: psycopg.Connection[Any], data: bytes) -> None:
    with conn.transaction(), conn.cursor() as cursor, cursor.copy(rows.copy_readings(conn).encode()) as copy:
        copy.write(data)


def _copy(urls: dict[str, str]) -> Iterator[Figure]:
    took: dict[str, list[float]] = {kind: [] for kind in urls}
    for _ in range(ROUNDS):  # turn by turn
        for kind, url in urls.items():
            with psycopg.connect(url, autocommit=True) as conn:
                given = _batches(url)
                _store(conn, next(given))
                began = time.perf_counter()
                for _ in range(4):
                    _store(conn, next(given))
                took[kind].append(time.perf_counter() - began)
    size = 4 * (BATCH // 60 * 60)
    rate = {kind: size / float(np.median(times)) for kind, times in took.items()}
    note = f"medians of {ROUNDS} times 4 transactions of {BATCH:,} rows"
    yield Figure(
        name="COPY into partitions by day",
        value=rate["partitions"],
        unit="rows/s",
        reference=rate["batches"],
        reference_name="one table",
        note=note,
    )


def _charts(urls: dict[str, str]) -> Iterator[Figure]:
    found = {}
    for kind, url in urls.items():
        with psycopg.connect(url, autocommit=True) as conn:
            found[kind] = [p95 for p95, _ in charts(conn)]
    for (name, _, _), single, parts in zip(CHARTS, found["batches"], found["partitions"], strict=True):
        yield Figure(
            name=f"chart of {name}, p95, partitions",
            value=parts,
            unit="ms",
            reference=single,
            reference_name="one table",
        )


def _removing(urls: dict[str, str]) -> Iterator[Figure]:
    now = dt.datetime.now(dt.UTC)
    alone = _ingest_meanwhile(urls["batches"], lambda stop: stop.wait(STORING_S) and 0)[0]
    with psycopg.connect(urls["batches"], autocommit=True) as conn:
        keep = load_retention(conn)
        set_retention(conn, Retention(SHORTER_DAYS, keep.minute_days, keep.hour_days))
        began = time.perf_counter()
        ingest, removed = _ingest_meanwhile(urls["batches"], lambda stop: paced(retire(conn, Grade.PLAIN, now), stop))
        took = time.perf_counter() - began
    note = f"{removed:,} rows in steps, resting as long as each took"
    yield Figure(name="removed in batches beside ingest", value=removed / took, unit="rows/s", note=note)
    yield Figure(
        name="ingest at full speed meanwhile",
        value=ingest,
        unit="rows/s",
        reference=alone,
        reference_name="alone",
    )

    dropped: list[float] = []

    def drop(stop: threading.Event) -> int:
        with psycopg.connect(urls["partitions"], autocommit=True) as conn:
            for day in _days(now)[:8]:
                stop.wait(STORING_S / 8)
                began = time.perf_counter()
                conn.execute(f"DROP TABLE {_part(day)}")
                dropped.append(1000 * (time.perf_counter() - began))
        return len(dropped)

    ingest_alone = _ingest_meanwhile(urls["partitions"], lambda stop: stop.wait(STORING_S) and 0)[0]
    ingest, _ = _ingest_meanwhile(urls["partitions"], drop)
    note = f"median of {len(dropped)}; the longest {max(dropped):.0f} ms"
    yield Figure(
        name="a day's partition dropped beside ingest",
        value=float(np.median(dropped)),
        unit="ms",
        note=note,
    )
    yield Figure(
        name="ingest into partitions meanwhile",
        value=ingest,
        unit="rows/s",
        reference=ingest_alone,
        reference_name="alone",
    )


def _ingest_meanwhile(url: str, work: Callable[[threading.Event], int]) -> tuple[float, int]:
    """Measure the rate of ingest (rows/s) while ``work`` runs; returns its result, too."""
    done, stored = threading.Event(), [0]

    def keep_storing() -> None:
        with psycopg.connect(url, autocommit=True) as conn:
            for data in _batches(url):
                if done.is_set():
                    return
                _store(conn, data)
                stored[0] += BATCH // 60 * 60

    thread = threading.Thread(target=keep_storing)
    thread.start()
    began = time.perf_counter()
    try:
        result = work(threading.Event())
        return stored[0] / (time.perf_counter() - began), result
    finally:
        done.set()
        thread.join()
