"""Measure a year of simulated residents: the rate of writing it, its size, and the time of the console's charts.

Also the maintenance job beside the rate of ingest, and the cost of its bookkeeping for ingest.
SHOUWANG_BENCH_RESIDENTS changes the number of residents (default: 24, five minutes with two grades).
"""

import datetime as dt
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from bench.district import servers
from bench.figures import Figure
from care_network.records import vitals
from database.grade import Grade, schema_grade
from database.maintenance import round_of_work
from database.migrate import migrate
from database.rollup import GRACE, advance, full_hour, roll_up
from database.server.postgres import PostgresServer
from database.storage import sizes
from device_simulators.month.month import MonthOptions
from ingest.batches.batch import Batch
from ingest.quarantine.quarantine import Quarantine
from ingest.storing import rows
from ingest.storing.writer import encode_rows, store
from shouwang.cli.actions import write_history
from vocabulary.times import DAY_US

RESIDENTS = int(os.environ.get("SHOUWANG_BENCH_RESIDENTS", "24"))
CHARTS = (("24 h", dt.timedelta(days=1), 50), ("7 d", dt.timedelta(days=7), 100), ("1 y", dt.timedelta(days=365), 200))
"""Length and limit in ms."""
CHARTED = ("heart_rate", "respiration_rate")
BATCHES, BATCH = 20, 100_000
DISTRICT_RATE = 20_000
"""Readings a second of a district at its peak."""
JOB_SERIES, JOB_S = 400, 3600
"""The job's hour: this many series with a reading each second."""


def run() -> list[Figure]:
    """Measure on every grade that this machine has."""
    return [figure for server in servers() for figure in _measure(server)]


def _measure(make_server: Callable[[Path], PostgresServer]) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as name, make_server(Path(name) / "postgres") as server:
        migrate(server.url)
        with psycopg.connect(server.url, autocommit=True) as conn:
            grade = schema_grade(conn)
            assert grade is not None  # noqa: S101 - just migrated
            figures = [*_history(conn, grade), *_charts(conn, grade), *_job(conn, grade), *_bookkeeping(conn, grade)]
        server.discard()
    return figures


def _history(conn: psycopg.Connection[Any], grade: Grade) -> Iterator[Figure]:
    began = time.perf_counter()
    plan = write_history.plan(conn, MonthOptions(days=365, ordinary=True), dt.datetime.now(dt.UTC))
    written = list(write_history.write(conn, plan, RESIDENTS))
    took = time.perf_counter() - began
    simulated, readings = sum(one.simulated for one in written), sum(one.kept for one in written)
    note = f"{RESIDENTS} residents, 365 days, {took:,.0f} s, {readings:,} kept as readings"
    yield Figure(name=f"history written, {grade}", value=simulated / took, unit="readings/s", note=note)
    conn.execute("VACUUM ANALYZE")
    size_of = sizes(conn, grade)
    yield Figure(
        name=f"bytes per reading, {grade}", value=size_of["readings"] / readings, unit="bytes", note="with its index"
    )
    for what, view in (("minutes", "rollup_minute"), ("hours", "rollup_hour")):
        row = conn.execute(f"SELECT sum(cardinality(slot)) FROM {view}").fetchone()
        count = int(row[0]) if row else 1
        note = f"{size_of[what] / simulated:.1f} bytes a reading of the year, {size_of[what] / 2**20:,.0f} MiB"
        yield Figure(name=f"bytes per row of {what}, {grade}", value=size_of[what] / count, unit="bytes", note=note)


def charts(conn: psycopg.Connection[Any]) -> Iterator[tuple[float, str]]:
    """Measure for each of CHARTS the 95th percentile in ms, by the console's own query; with a note."""
    residents = [row[0] for row in conn.execute("SELECT id FROM resident ORDER BY md5(code) LIMIT 40")]
    now = dt.datetime.now(dt.UTC)
    for _, length, _ in CHARTS:
        took, points = [], 0
        for resident in residents:
            for channel in CHARTED:
                began = time.perf_counter()
                chart = vitals.chart(conn, resident, channel, now - length, now)
                took.append(1000 * (time.perf_counter() - began))
                points = max(points, len(chart["time"]))
        note = f"median {np.median(took):.1f}, worst {max(took):.1f} ms of {len(took)}; up to {points} points"
        yield float(np.percentile(took, 95)), note


def _charts(conn: psycopg.Connection[Any], grade: Grade) -> Iterator[Figure]:
    for (name, _, limit), (p95, note) in zip(CHARTS, charts(conn), strict=True):
        yield Figure(
            name=f"chart of {name}, p95, {grade}",
            value=p95,
            unit="ms",
            reference=limit,
            reference_name="limit",
            note=note,
        )


def _job(conn: psycopg.Connection[Any], grade: Grade) -> Iterator[Figure]:
    """Measure how fast the job rolls up a complete hour."""
    now = dt.datetime.now(dt.UTC)
    for _ in round_of_work(conn, grade, now):
        pass
    series = [row[0] for row in conn.execute("SELECT id FROM series ORDER BY id LIMIT %s", (JOB_SERIES,))]
    hour = full_hour(now)
    begin_us = round(hour.timestamp()) * 1_000_000
    for part in range(0, len(series), BATCH // JOB_S):
        some = np.array(series[part : part + BATCH // JOB_S], np.int32)
        times = begin_us + np.tile(np.arange(JOB_S, dtype=np.int64) * 1_000_000, len(some))
        _store(
            conn,
            Batch(
                times_us=times,
                series_ids=np.repeat(some, JOB_S),
                values=np.random.default_rng(1).normal(70, 5, len(times)).astype("f4"),
            ),
        )
    total = len(series) * JOB_S
    began = time.perf_counter()
    later = hour + dt.timedelta(hours=1) + GRACE
    while advance(conn, later) | bool(roll_up(conn)):
        pass
    rate = total / (time.perf_counter() - began)
    note = f"{100 * DISTRICT_RATE / rate:.1f} % of a core at a district's peak"
    yield Figure(
        name=f"roll-up job, {grade}",
        value=rate,
        unit="readings/s",
        reference=DISTRICT_RATE,
        reference_name="a district's peak",
        note=note,
    )


def _bookkeeping(conn: psycopg.Connection[Any], grade: Grade) -> Iterator[Figure]:
    """Measure the same batches by bare COPY and through the writer, live and late (the dearest case), turn by turn."""
    series = np.repeat(np.arange(1, BATCH // 60 + 1, dtype=np.int32), 60)
    values = np.random.default_rng(2).normal(70, 5, len(series)).astype(np.float32)
    begin_us = round((full_hour(dt.datetime.now(dt.UTC)) - dt.timedelta(days=2)).timestamp()) * 1_000_000
    took: dict[str, list[float]] = {"bare": [], "late": [], "live": []}
    for number in range(3 * BATCHES):
        how = list(took)[number % 3]
        offset_us = 3 * DAY_US if how == "live" else 0  # ahead of what is rolled up
        times = (
            begin_us + offset_us + (number * 60 + np.tile(np.arange(60, dtype=np.int64), len(series) // 60)) * 1_000_000
        )
        one = Batch(times_us=times, series_ids=series, values=values)
        data = encode_rows(one)
        began = time.perf_counter()
        if how == "bare":
            with conn.transaction(), conn.cursor() as cursor, cursor.copy(rows.copy_readings(conn).encode()) as copy:
                copy.write(rows.HEADER + data + rows.TRAILER)
        else:
            store(conn, one, data, Quarantine())
        took[how].append(time.perf_counter() - began)
    bare = len(series) / float(np.median(took["bare"]))
    for how in ("live", "late"):
        rate = len(series) / float(np.median(took[how]))
        note = f"median of {BATCHES} transactions of {len(series):,} rows"
        yield Figure(
            name=f"COPY with bookkeeping, {how}, {grade}",
            value=rate,
            unit="rows/s",
            reference=bare,
            reference_name="bare COPY",
            note=note,
        )


def _store(conn: psycopg.Connection[Any], batch: Batch) -> None:
    store(conn, batch, encode_rows(batch), Quarantine())
