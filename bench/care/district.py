"""A console with the care of a whole district behind it, of three years; kept, if a folder is named for it.

``SHOUWANG_BENCH_DATA=/folder python -m bench care_services`` makes the data in this folder once, and the next run goes
on with it. What a change of the fill adds is added; a part that was filled stays as it is.
"""

import contextlib
import datetime as dt
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg

from bench.care import fill_offices, fill_people, fill_services
from bench.console_district import FIRST_HOMES, _add_homes, _add_past
from care_services.home_services.plans.making import make_ahead
from device_simulators.homes import demo_home
from shouwang.brokers.local import free_port
from shouwang.platform.platform import Platform

KEEP = "SHOUWANG_BENCH_DATA"
Part = tuple[str, tuple[str, ...]]
"""Name and statements of a part of the fill."""
LANES: tuple[tuple[Part, ...], ...] = (
    fill_services.VISITS,
    (*fill_services.MEALS, *fill_people.PARTS, *fill_offices.PARTS),
)
"""Filled beside each other, by a connection each; the parts of a lane in order."""


@contextlib.contextmanager
def care_district() -> Iterator[Platform]:
    """A platform whose console runs, with the district's data."""
    with contextlib.ExitStack() as stack:
        kept = os.environ.get(KEEP)
        folder = Path(kept or stack.enter_context(tempfile.TemporaryDirectory(prefix="shouwang-bench-")))
        platform = stack.enter_context(Platform(folder, free_port()))
        _build(platform, folder / "filled.json")
        platform.start_services(("console",))
        yield platform


@contextlib.contextmanager
def without_indexes(conn: psycopg.Connection[Any], tables: Sequence[str]) -> Iterator[None]:
    """Take the indexes that hold no rule away from tables, and make them anew."""
    found = conn.execute(
        "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i"
        " WHERE i.indrelid = ANY (%s::text[]::regclass[]) AND NOT i.indisunique"
        " AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)",
        (list(tables),),
    ).fetchall()
    for name, _ in found:
        conn.execute(f"DROP INDEX {name}".encode())
    yield
    for _, definition in found:
        conn.execute(definition.encode())


def _build(platform: Platform, note: Path) -> None:
    done: dict[str, float] = json.loads(note.read_text()) if note.exists() else {}
    began = dict(done)
    now = dt.datetime.now(dt.UTC)
    with _connect(platform) as conn:
        if "homes" not in done:
            start = time.monotonic()
            platform.load_district([demo_home(number) for number in range(1, FIRST_HOMES + 1)])
            platform.fill_care_services()
            _add_homes(conn)
            _add_past(conn)
            conn.execute("ANALYZE")
            _note(note, done, "homes", start)
        _fill(platform, note, done, fill_offices.STAFF_PARTS, now)
        with ThreadPoolExecutor(len(LANES)) as lanes:
            for lane in [lanes.submit(_fill, platform, note, done, parts, now) for parts in LANES]:
                lane.result()
        if "ahead" not in done:
            conn.execute("ANALYZE")
            start = time.monotonic()
            conn.execute(
                "SELECT service_tally_anew(ARRAY(SELECT DISTINCT (planned_start AT TIME ZONE 'Asia/Shanghai')::date"
                " FROM service_order))"
            )
            make_ahead(conn, now)
            _note(note, done, "ahead", start)
        if done != began:
            start = time.monotonic()
            conn.execute("VACUUM ANALYZE")
            _note(note, done, "vacuum", start)


def _connect(platform: Platform) -> psycopg.Connection[Any]:
    conn = psycopg.connect(platform.postgres.url, autocommit=True)
    conn.execute("SET synchronous_commit = off")
    conn.execute("SET work_mem = '256MB'")
    conn.execute("SET maintenance_work_mem = '512MB'")
    return conn


def _fill(platform: Platform, note: Path, done: dict[str, float], parts: Sequence[Part], now: dt.datetime) -> None:
    """Write those parts of a lane that are not there yet, one after the other."""
    today = now.astimezone(fill_services.SHANGHAI).date()
    asked = {"now": now, "today": today, **fill_services.SIZES, **fill_offices.SIZES}
    with _connect(platform) as conn:
        conn.execute("SET session_replication_role = replica")  # the past is written as it was: nothing watches
        for name, statements in parts:
            if name in done:
                continue
            start = time.monotonic()
            with conn.transaction(), without_indexes(conn, fill_services.WITHOUT_INDEXES.get(name, ())):
                for statement in statements:
                    conn.execute(statement.encode(), asked)
            _note(note, done, name, start)


def _note(note: Path, done: dict[str, float], name: str, start: float) -> None:
    done[name] = round(time.monotonic() - start, 1)
    note.write_text(json.dumps(dict(done)))
