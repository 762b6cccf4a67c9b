"""Measure what a reading takes on disk once its day is packed, how fast a district's day is packed, and how fast read.

The limit is what pcodec makes of the same columns, each series and day by itself, where it is installed (it is no
dependency of ours); it unpacks in C, ours in SQL. Residents: SHOUWANG_BENCH_RESIDENTS (default: 40), a month each.
"""

import datetime as dt
import importlib
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
from database.grade import Grade, schema_grade
from database.maintenance import round_of_packing
from database.migrate import migrate
from database.server.postgres import PostgresServer
from database.storage import sizes
from device_simulators.month.month import MonthOptions
from ingest.storing import rows
from shouwang.cli.actions import write_history

RESIDENTS = int(os.environ.get("SHOUWANG_BENCH_RESIDENTS", "40"))
DAYS = 30
DISTRICT = 7198
"""Residents."""
LIMIT_BYTES, LIMIT_MINUTES = 8, 30
SAMPLE = 200
"""Packs that the limit is measured on."""


def run() -> list[Figure]:
    """Measure on every grade that this machine has."""
    return [figure for server in servers() for figure in _measure(server)]


def _measure(make_server: Callable[[Path], PostgresServer]) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as name, make_server(Path(name) / "postgres") as server:
        migrate(server.url)
        with psycopg.connect(server.url, autocommit=True) as conn:
            grade = schema_grade(conn)
            assert grade is not None  # noqa: S101 - just migrated
            figures = [] if grade is Grade.COMMUNITY else list(_figures(conn, grade))
        server.discard()
    return figures


def _figures(conn: psycopg.Connection[Any], grade: Grade) -> Iterator[Figure]:
    now = dt.datetime.now(dt.UTC)
    plan = write_history.plan(conn, MonthOptions(days=DAYS, ordinary=True), now)
    for _ in write_history.write(conn, plan, RESIDENTS):
        pass
    conn.execute("VACUUM ANALYZE")
    number = _one(conn, "SELECT count(*) FROM reading_row")
    loose = sizes(conn, grade)["readings"] / number
    reading = _reading_s(conn)
    # the history is rolled up already; it is packed as after an upgrade, from its first day on
    conn.execute("UPDATE storage SET packed_before = '-infinity', late_before = date_trunc('hour', now(), 'UTC')")
    began = time.perf_counter()
    for _ in round_of_packing(conn, grade, now):
        pass
    took = time.perf_counter() - began
    conn.execute("VACUUM ANALYZE reading_pack")
    packed = _one(conn, "SELECT sum(n) FROM reading_pack")
    note = f"{packed:,} readings of {RESIDENTS} residents in {_one(conn, 'SELECT count(*) FROM reading_pack'):,} packs"
    size = _one(conn, "SELECT pg_total_relation_size('reading_pack')") / packed
    yield Figure(
        name=f"bytes of a packed reading, {grade}", value=size, unit="bytes", reference=LIMIT_BYTES,
        reference_name="limit", note=f"{note}; with its index; {loose:.1f} before",
    )  # fmt: skip
    limit = _pcodec(conn)
    if limit is not None:
        yield Figure(
            name=f"bytes of a packed reading against pcodec, {grade}", value=size, unit="bytes", reference=limit,
            reference_name="pcodec, a series and day each, without rows and index", note=f"{SAMPLE} packs",
        )  # fmt: skip
    a_day = number / RESIDENTS / DAYS * DISTRICT
    yield Figure(
        name=f"packing a district's day, {grade}", value=took / packed * a_day / 60, unit="min",
        reference=LIMIT_MINUTES, reference_name="limit",
        note=f"{packed / took:,.0f} readings/s in {took:.0f} s; {a_day / 1e6:.1f} million readings a day",
    )  # fmt: skip
    yield Figure(
        name=f"reading packed days back, {grade}", value=_reading_s(conn) / number * 1e6, unit="µs/reading",
        reference=reading / number * 1e6, reference_name="the same rows before they were packed",
        note="all readings of each series, one after another",
    )  # fmt: skip


def _reading_s(conn: psycopg.Connection[Any]) -> float:
    took = []
    for _ in range(3):
        began = time.perf_counter()
        conn.execute(
            "SELECT max(r.time), sum(r.value)"
            " FROM series s CROSS JOIN LATERAL readings(s.id, '-infinity', 'infinity') r"
        ).fetchall()
        took.append(time.perf_counter() - began)
    return min(took)


def _pcodec(conn: psycopg.Connection[Any]) -> float | None:
    """Bytes a reading of what pcodec makes of times and values; None where it is not installed."""
    try:
        pcodec = importlib.import_module("pcodec")
    except ImportError:
        return None
    total = number = 0
    config = pcodec.ChunkConfig()
    for series, since, until in conn.execute(
        "SELECT series_id, since, until FROM reading_pack ORDER BY md5(series_id::text || since) LIMIT %s", (SAMPLE,)
    ).fetchall():
        with conn.cursor().copy(
            "COPY (SELECT time, %s::int, value FROM readings(%s, %s, %s::timestamptz + INTERVAL '1 microsecond')"
            " ORDER BY time) TO STDOUT (FORMAT BINARY)",
            (series, series, since, until),
        ) as copy:
            stored = np.frombuffer(b"".join(copy)[len(rows.HEADER) : -len(rows.TRAILER)], rows.ROW)
        for column in (stored["time"].astype(np.int64), stored["value"].astype(np.float32)):
            total += len(pcodec.standalone.simple_compress(column, config))
        number += len(stored)
    return total / number


def _one(conn: psycopg.Connection[Any], query: str) -> int:
    row = conn.execute(query.encode()).fetchone()
    return int(row[0] or 0) if row else 0
