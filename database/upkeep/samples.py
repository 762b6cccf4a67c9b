"""Sizes of the tables and the state of roll-ups and retention, taken once an hour by the maintenance service.

A page shows the last sample and says how old it is: to look anew would take seconds in a full district.
"""

import datetime as dt
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from database.address import is_local
from database.grade import Grade
from database.retention import load_retention, midnight
from database.storage import examine_storage, sizes

EVERY = dt.timedelta(hours=1)
POSTGRES_PORT = 5432
KEPT = dt.timedelta(days=400)
SERIES_LOOKED_AT = 200
"""Of so many series the rows of the next drop are counted, and scaled up."""
TABLES: Mapping[str, tuple[str, ...]] = {
    "events": ("event",),
    "alerts": ("alert", "alert_event", "alert_finding"),
    "messages": ("message", "notification", "delivery_attempt", "outbox_entry"),
    "audit": ("audit", "sealed_entry"),
    "quarantine": ("quarantine", "pairing"),
    "protection": ("protection_now", "protection_change", "protection_total"),
    "photos": ("work_order_photo", "ground_map"),
}
"""Groups beside readings, minutes and hours."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The state that goes with a sample. ``drops``: rows of the next drop by class, about; None: not known."""

    grade: str
    lag_s: float | None
    text: str
    findings: list[str]
    drops: dict[str, int | None]


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One sample; bytes."""

    at: dt.datetime
    sizes: dict[str, int]
    state: State | None
    free_bytes: int | None
    disk_bytes: int | None

    @property
    def total(self) -> int:
        """Bytes of the whole database."""
        return self.sizes.get("all", 0)


def take(conn: psycopg.Connection[Any], grade: Grade, now: dt.datetime, disk: Path | None) -> Sample:
    """Measure and store a sample, and drop those that are too old. ``disk``: a folder on the database's disk."""
    measured = dict(sizes(conn, grade))
    for name, tables in TABLES.items():
        row = conn.execute(
            "SELECT coalesce(sum(pg_total_relation_size(to_regclass(t))), 0)::bigint FROM unnest(%s::text[]) t",
            (list(tables),),
        ).fetchone()
        measured[name] = int(row[0]) if row else 0
    row = conn.execute("SELECT pg_database_size(current_database())").fetchone()
    measured["all"] = int(row[0]) if row else 0
    storage = examine_storage(conn, now)
    lag = storage.lag.total_seconds()
    state = State(
        grade=str(grade),
        lag_s=lag if storage.lag < dt.timedelta(days=3650) else None,
        text=storage.text,
        findings=list(storage.findings),
        drops=next_drops(conn, grade, now),
    )
    free, size = _room(disk)
    sample = Sample(at=now, sizes=measured, state=state, free_bytes=free, disk_bytes=size)
    with conn.transaction():
        conn.execute("DELETE FROM storage_sample WHERE at < %s", (now - KEPT,))
        conn.execute(
            "INSERT INTO storage_sample (at, sizes, state, free_bytes, disk_bytes) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            (now, Jsonb(measured), Jsonb(msgspec.to_builtins(state)), free, size),
        )
    return sample


def is_due(conn: psycopg.Connection[Any], now: dt.datetime) -> bool:
    """Whether the last sample is an hour old."""
    row = conn.execute("SELECT max(at) FROM storage_sample").fetchone()
    return row is None or row[0] is None or now - row[0] >= EVERY


def latest(conn: psycopg.Connection[Any]) -> Sample | None:
    """The newest sample; None: the maintenance service has never taken one."""
    found = _samples(conn, "ORDER BY at DESC LIMIT 1", ())
    return found[0] if found else None


def daily(conn: psycopg.Connection[Any], since: dt.datetime) -> list[Sample]:
    """The first sample of each day since then, the oldest first."""
    return _samples(
        conn,
        "WHERE at IN (SELECT min(at) FROM storage_sample WHERE at >= %s GROUP BY date_trunc('day', at)) ORDER BY at",
        (since,),
    )


def next_drops(conn: psycopg.Connection[Any], grade: Grade, now: dt.datetime) -> dict[str, int | None]:
    """Rows that go with the next midnight, by class; about, from a part of the series."""
    keep = load_retention(conn)
    days = {"readings": keep.raw_days, "minutes": keep.minute_days, "hours": keep.hour_days}
    return {
        name: rows_before(conn, grade, name, midnight(now) - dt.timedelta(days=kept), 1) for name, kept in days.items()
    }


def rows_before(conn: psycopg.Connection[Any], grade: Grade, name: str, first: dt.datetime, days: int) -> int | None:
    """About how many rows of a class lie in ``days`` days from ``first`` on; None where that cannot be told."""
    total = conn.execute("SELECT count(*) FROM series").fetchone()
    series = 0 if total is None else int(total[0])
    if not series:
        return 0
    looked_at = [
        row[0]
        for row in conn.execute(
            "SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM series) s"
            " WHERE n %% greatest(1, %s / %s) = 0 ORDER BY id LIMIT %s",
            (series, SERIES_LOOKED_AT, SERIES_LOOKED_AT),
        )
    ]
    until = first + dt.timedelta(days=days)
    if name == "readings":
        query = "SELECT coalesce(sum(n), 0)::bigint FROM reading_hours(%s::int[], %s, %s)"
    elif grade is Grade.COMMUNITY:
        return None  # kept as materialised chunks: their rows are TimescaleDB's own
    elif name == "minutes":
        query = "SELECT count(*) FROM rollup_minute WHERE series_id = ANY(%s) AND hour >= %s AND hour < %s"
    else:
        query = "SELECT count(*) FROM rollup_hour WHERE series_id = ANY(%s) AND day >= %s AND day < %s"
    row = conn.execute(query.encode(), (looked_at, first, until)).fetchone()
    return 0 if row is None or not looked_at else round(int(row[0]) * series / len(looked_at))


def _samples(conn: psycopg.Connection[Any], which: str, values: tuple[Any, ...]) -> list[Sample]:
    query = f"SELECT at, sizes, state, free_bytes, disk_bytes FROM storage_sample {which}"  # noqa: S608 - fixed parts
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query.encode(), values).fetchall()
    return [
        Sample(
            at=row["at"],
            sizes=row["sizes"],
            state=msgspec.convert(row["state"], State) if row["state"] else None,
            free_bytes=row["free_bytes"],
            disk_bytes=row["disk_bytes"],
        )
        for row in rows
    ]


def usual_disk(server: psycopg.ConnectionInfo, root: Path = Path("/")) -> Path | None:
    """Find the folder of the data of a database on this machine at PostgreSQL's own port; None where nobody can tell.

    Its own setting ``data_directory`` may be read by a superuser alone. ``root``: of the file system.
    """
    if not is_local(server.host) or server.port != POSTGRES_PORT:
        return None
    major = server.server_version // 10_000
    usual = (f"var/lib/postgresql/{major}/main", f"var/lib/pgsql/{major}/data", "var/lib/pgsql/data")
    return next((root / one for one in usual if (root / one).is_dir()), None)


def _room(disk: Path | None) -> tuple[int | None, int | None]:
    if disk is None:
        return None, None
    try:
        found = os.statvfs(disk)
    except OSError:
        return None, None
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
