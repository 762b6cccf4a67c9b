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
PARTS = (*fill_services.PARTS, *fill_people.PARTS, *fill_offices.PARTS)
"""Name and statements of each part of the fill, in order."""


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
    now = dt.datetime.now(dt.UTC)
    with psycopg.connect(platform.postgres.url, autocommit=True) as conn:
        conn.execute("SET synchronous_commit = off")
        conn.execute("SET work_mem = '256MB'")
        conn.execute("SET maintenance_work_mem = '512MB'")
        if "homes" not in done:
            began = time.monotonic()
            platform.load_district([demo_home(number) for number in range(1, FIRST_HOMES + 1)])
            platform.fill_care_services()
            _add_homes(conn)
            _add_past(conn)
            conn.execute("ANALYZE")
            done["homes"] = round(time.monotonic() - began, 1)
            note.write_text(json.dumps(done))
        today = now.astimezone(fill_services.SHANGHAI).date()
        asked = {"now": now, "today": today, **fill_services.SIZES, **fill_offices.SIZES}
        fresh = [part for part in PARTS if part[0] not in done]
        for name, statements in fresh:
            began = time.monotonic()
            conn.execute("SET session_replication_role = replica")  # the past is written as it was: nothing watches
            with conn.transaction(), without_indexes(conn, fill_services.WITHOUT_INDEXES.get(name, ())):
                for statement in statements:
                    conn.execute(statement.encode(), asked)
            conn.execute("SET session_replication_role = origin")
            done[name] = round(time.monotonic() - began, 1)
            note.write_text(json.dumps(done))
        if "ahead" not in done:
            conn.execute("ANALYZE")
            began = time.monotonic()
            conn.execute(
                "SELECT service_tally_anew(ARRAY(SELECT DISTINCT (planned_start AT TIME ZONE 'Asia/Shanghai')::date"
                " FROM service_order))"
            )
            make_ahead(conn, now)
            done["ahead"] = round(time.monotonic() - began, 1)
            note.write_text(json.dumps(done))
            fresh.append(("ahead", ()))
        if fresh:
            conn.execute("VACUUM ANALYZE")
