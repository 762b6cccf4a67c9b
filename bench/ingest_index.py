"""Measure the cost of indexes on ``reading``: bare binary COPY of the same rows with each of them, on every grade.

The rows are those of ``ingest_drain``: 600 gateways × 10 series, batches of about 100,000 rows, in each batch the rows
of a series together (60 of each frame), as ingest writes them; and once with the rows of a batch in the order of time.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psycopg

from bench.district import servers
from bench.figures import Figure
from database.migrate import migrate
from database.server.postgres import PostgresServer
from ingest.storing import rows
from vocabulary.times import DAY_US

GATEWAYS, SERIES, READINGS, FRAMES = 600, 10, 60, 5
BATCH_GATEWAYS = 150
"""90,000 rows a transaction."""
OURS = "(series_id, time DESC)"
INDEXES = {
    OURS: "CREATE INDEX tried ON reading_row (series_id, time DESC)",
    "none": "",
    "BRIN (time)": "CREATE INDEX tried ON reading_row USING brin (time)",
    "(time DESC)": "CREATE INDEX tried ON reading_row (time DESC)",
    "unique (series_id, time)": "CREATE UNIQUE INDEX tried ON reading_row (series_id, time)",
}


def run() -> list[Figure]:
    """Measure rows per second with each index, beside the one that is used."""
    return [figure for server in servers() for figure in _measure(server)]


def _measure(make_server: Callable[[Path], PostgresServer]) -> list[Figure]:
    with (
        tempfile.TemporaryDirectory(prefix="shouwang-bench-") as folder,
        make_server(Path(folder) / "postgres") as postgres,
    ):
        grade = migrate(postgres.url)
        with psycopg.connect(postgres.url, autocommit=True) as conn:
            for name in ("reading_series_time", "reading_time_brin"):
                conn.execute(f"DROP INDEX IF EXISTS {name}".encode())
            clustered, mixed = list(_batches(clustered=True)), list(_batches(clustered=False))
            _rate(conn, INDEXES[OURS], clustered)  # warm-up
            rates = {f"index {name}": _rate(conn, index, clustered) for name, index in INDEXES.items()}
            rates[f"index {OURS}, batches in order of time"] = _rate(conn, INDEXES[OURS], mixed)
            _rate(conn, INDEXES[OURS], clustered)
            size = _size(conn)
        postgres.discard()
    ours = rates[f"index {OURS}"]
    number = GATEWAYS * SERIES * READINGS * FRAMES
    note = f"{number:,} rows, {grade}"
    figures = [
        Figure(
            name=name,
            value=rate,
            unit="rows/s",
            reference=ours,
            reference_name=f"index {OURS}",
            note=note,
        )
        for name, rate in rates.items()
    ]
    return [
        *figures,
        Figure(name=f"a fresh reading with index {OURS}", value=size / number, unit="bytes", note=note),
    ]


def _batches(*, clustered: bool) -> Iterator[bytes]:
    begin_us = (time.time_ns() // 1000 // DAY_US - 1) * DAY_US
    rng = np.random.default_rng(1)
    for frame in range(FRAMES):
        for first in range(0, GATEWAYS, BATCH_GATEWAYS):
            ids = np.repeat(np.arange(first * SERIES, (first + BATCH_GATEWAYS) * SERIES, dtype=np.int32), READINGS)
            second = np.tile(np.arange(READINGS, dtype=np.int64), BATCH_GATEWAYS * SERIES) + frame * READINGS
            if not clustered:
                order = np.argsort(second, kind="stable")
                ids, second = ids[order], second[order]
            yield rows.readings(begin_us + second * 1_000_000, ids, rng.normal(70, 1, len(ids)).astype(np.float32))


def _size(conn: psycopg.Connection[tuple[object, ...]]) -> int:
    """Measure the bytes on disk of the table, its chunks and their indexes."""
    query = """
        SELECT (pg_total_relation_size('reading_row') + coalesce(sum(pg_total_relation_size(inhrelid)), 0))::bigint
        FROM pg_inherits WHERE inhparent = 'reading_row'::regclass
    """
    (size,) = conn.execute(query).fetchone() or (0,)
    return int(str(size))


def _rate(conn: psycopg.Connection[tuple[object, ...]], index: str, batches: list[bytes]) -> float:
    conn.execute("TRUNCATE reading_row")
    conn.execute("DROP INDEX IF EXISTS tried")
    if index:
        conn.execute(index.encode())
    conn.execute("CHECKPOINT")
    begin = time.perf_counter()
    for data in batches:
        with conn.transaction(), conn.cursor() as cursor, cursor.copy(rows.copy_readings(conn).encode()) as copy:
            copy.write(rows.HEADER)
            copy.write(data)
            copy.write(rows.TRAILER)
    return sum(map(len, batches)) / rows.ROW.itemsize / (time.perf_counter() - begin)
