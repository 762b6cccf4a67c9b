"""``shouwang simulate history``: write residents with a past, as ingest and maintenance would have stored it.

Each resident is one transaction: registered, readings of the time that is kept, roll-ups of all the time. So it can be
stopped at any moment and started again, and nobody is written twice.
"""

import datetime as dt
import os
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from typing import Any, Literal

import msgspec
import numpy as np
import psycopg
from psycopg import sql

from care_network.demo.places import AREAS, COMPOUNDS
from care_network.records import provisioning
from care_network.records.records import NewDevice, NewGateway, NewHousehold, NewResident
from database import packs
from database.grade import Grade, schema_grade
from database.maintenance import round_of_work
from database.packing.steps import list_due
from database.retention import hold_back, load_retention, midnight
from device_simulators.history import History, history
from device_simulators.month.month import MonthOptions
from firmware_profiles.devices import MODELS
from ingest.batches.horizon import begin_storing
from ingest.storing import rows
from vocabulary.times import DAY_US, HOUR_US, MINUTE_US

REFRESH_STEP = dt.timedelta(days=7)
SERIES_AT_MOST = 32
"""Of a resident."""


class Plan(msgspec.Struct, frozen=True):
    """µs since 1970. ``raw_from_us``: older readings leave only their roll-ups."""

    grade: Grade
    options: MonthOptions
    raw_from_us: int
    until_us: int


class Written(msgspec.Struct, frozen=True):
    """Count a resident's readings: ``simulated`` ones, of which ``kept`` are stored as such."""

    number: int
    simulated: int = 0
    kept: int = 0


class _Past(msgspec.Struct, kw_only=True):
    found: History
    """Without its columns."""
    series: list[tuple[int, str, str]]
    """(id, device, channel)"""
    simulated: int
    kept: int
    readings: bytes
    minutes: bytes
    hours: bytes


def plan(conn: psycopg.Connection[Any], options: MonthOptions, now: dt.datetime) -> Plan:
    """Plan the past for this database. First rolls up the readings that are stored already, so that both fit together.

    ``conn``: in autocommit. Raises RuntimeError for a database without a schema.
    """
    grade = schema_grade(conn)
    if grade is None:
        raise RuntimeError("the database has no schema yet: run 'shouwang migrate'")
    until = now.replace(minute=0, second=0, microsecond=0) - dt.timedelta(hours=1)
    if grade is Grade.COMMUNITY:  # its roll-ups are made from readings only; retention removes them afterwards
        return Plan(grade, options, 0, _us(until))
    for _ in round_of_work(conn, grade, now):
        pass
    raw_from = midnight(now - dt.timedelta(days=load_retention(conn).raw_days))
    return Plan(grade, options, _us(raw_from), _us(until))


def write(conn: psycopg.Connection[Any], plan: Plan, residents: int) -> Iterator[Written]:
    """Write residents 0 … ``residents`` - 1; one that is there already is skipped. ``conn``: in autocommit.
    Raises RuntimeError where the database cannot take a past any more.

    Simulating and packing run in processes of their own while the database stores.
    """
    there = {row[0] for row in conn.execute("SELECT name FROM gateway WHERE name LIKE 'gw-past-%'")}
    wanted = [number for number in range(residents) if _gateway(number) not in there]
    if wanted and plan.grade is Grade.COMMUNITY:
        _refuse_where_readings_are_gone(conn)
    yield from (Written(number) for number in range(residents) if _gateway(number) in there)
    with conn.transaction():
        for area in AREAS:
            provisioning.add_area(conn, area, exist_ok=True)
    workers = max(1, (os.cpu_count() or 2) - 1)
    # spawned: no copy of our connection in them
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with_parent) as pool:
        ahead: deque[Future[_Past]] = deque()
        for number in wanted:
            ahead.append(pool.submit(_past, number, plan, _series_ids(conn)))
            if len(ahead) > 2 * workers:
                hold_back(conn)
                yield _store(conn, plan, ahead.popleft().result())
        while ahead:
            hold_back(conn)
            yield _store(conn, plan, ahead.popleft().result())


def refresh(conn: psycopg.Connection[Any], plan: Plan) -> Iterator[float]:
    """At grade 'community': make the roll-ups of this run and of an interrupted earlier one; yields the share that is
    done. ``conn``: in autocommit, without a statement time-out."""
    if plan.grade is not Grade.COMMUNITY:
        return
    oldest = _oldest_chunk(conn)
    if oldest is None:
        return
    # compressed roll-ups of a past that is already there may have to be written anew
    conn.execute("SET timescaledb.max_tuples_decompressed_per_dml_transaction = 0")
    end = _time(plan.until_us)
    # never where readings are gone: that would empty their roll-ups
    begin = since = max(oldest, end - dt.timedelta(days=plan.options.days + 1))
    while since < end:
        until = min(since + REFRESH_STEP, end)
        hold_back(conn)
        for view in ("reading_minute", "reading_hour"):
            # not in a transaction, and without parameters: it commits by itself
            call = sql.SQL("CALL refresh_continuous_aggregate({}, {}, {})")
            conn.execute(call.format(view, since, until))
        since = until
        yield (since - begin) / (end - begin)


@contextmanager
def retention_waits(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """Hold retention back until the roll-ups are made; :func:`write` and :func:`refresh` renew it.

    After a crash retention goes on by itself some hours later, which leaves time to start again."""
    hold_back(conn)
    try:
        yield
    finally:
        with suppress(psycopg.OperationalError):  # gone: then it ends by itself
            hold_back(conn, dt.timedelta(0))


def _refuse_where_readings_are_gone(conn: psycopg.Connection[Any]) -> None:
    """Raise RuntimeError where readings were dropped: a refresh of that time would empty everybody else's roll-ups."""
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM reading_hour WHERE time < coalesce(%s::timestamptz, 'infinity'))",
        (_oldest_chunk(conn),),
    ).fetchone()
    if row is not None and row[0]:
        raise RuntimeError(
            "this database has roll-ups whose readings are gone: at grade 'community' a past cannot be added to it"
            " without losing them; use a fresh database and write all residents in one go"
        )


def _oldest_chunk(conn: psycopg.Connection[Any]) -> dt.datetime | None:
    """Find the begin of the oldest chunk of readings; older ones were dropped."""
    row = conn.execute(
        "SELECT min(range_start) FROM timescaledb_information.chunks WHERE hypertable_name = 'reading'"
    ).fetchone()
    return None if row is None else row[0]


def _series_ids(conn: psycopg.Connection[Any]) -> list[int]:
    """Reserve numbers for a resident's series before their count is known: packing needs them."""
    query = "SELECT nextval(pg_get_serial_sequence('series', 'id'))::int FROM generate_series(1, %s)"
    return [row[0] for row in conn.execute(query, (SERIES_AT_MOST,))]


def _end_with_parent() -> None:
    """End this process of the pool with its parent: it would wait for work for ever after the parent was killed."""

    def wait() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _past(number: int, plan: Plan, ids: list[int]) -> _Past:
    """Simulate a resident's past as COPY data; runs in a process of its own."""
    found = history(number, plan.options, plan.until_us)
    traces, found.traces = found.traces, []
    series = [(ids[place], trace.device, trace.channel) for place, trace in enumerate(traces)]
    series_ids = np.repeat(np.array(ids[: len(traces)], np.int32), [len(trace.time_us) for trace in traces])
    time_us = np.concatenate([trace.time_us for trace in traces])
    value = np.concatenate([trace.value for trace in traces])
    minutes, hours = b"", b""
    if plan.grade is not Grade.COMMUNITY:
        by_minute = packs.minutes(series_ids, time_us, value)
        minutes = b"".join(packs.copy_rows(by_minute, MINUTE_US, HOUR_US))
        hours = b"".join(packs.copy_rows(packs.hours(by_minute), HOUR_US, DAY_US))
    kept = time_us >= plan.raw_from_us
    readings = rows.readings(time_us[kept], series_ids[kept], value[kept])
    return _Past(
        found=found,
        series=series,
        simulated=len(time_us),
        kept=int(kept.sum()),
        readings=readings,
        minutes=minutes,
        hours=hours,
    )


def _store(conn: psycopg.Connection[Any], plan: Plan, past: _Past) -> Written:
    number = past.found.resident.number
    with conn.transaction(), conn.cursor() as cursor:
        if begin_storing(cursor).kept_from_us > plan.raw_from_us and plan.grade is not Grade.COMMUNITY:
            raise RuntimeError("the retention has moved on meanwhile: start again, what is written stays")
        _register(conn, past, _time(plan.until_us).date())
        _copy(cursor, rows.copy_readings(conn), past.readings)
        if past.minutes:
            list_due(conn, [one for one, *_ in past.series], _time(plan.raw_from_us), _time(plan.until_us))
            _copy(cursor, packs.COPY_MINUTES, past.minutes)
            _copy(cursor, packs.COPY_HOURS, past.hours)
    return Written(number, past.simulated, past.kept)


def _copy(cursor: psycopg.Cursor[Any], statement: str, data: bytes) -> None:
    with cursor.copy(statement.encode()) as copy:
        copy.write(rows.HEADER)
        copy.write(data)
        copy.write(rows.TRAILER)


def _register(conn: psycopg.Connection[Any], past: _Past, today: dt.date) -> None:
    number, compound = past.found.resident.number, COMPOUNDS[past.found.resident.number % len(COMPOUNDS)]
    code, gateway = f"P{number + 1:05d}", _gateway(number)
    home = NewHousehold(
        code=code,
        area=compound.area.path,
        address_zh=f"{compound.street_zh}{number + 1}号",
        address_en=f"{number + 1} {compound.street_en}",
    )
    provisioning.add_household(conn, home)
    born = dt.date(1935 + number % 25, 1 + number % 12, 1 + number % 28)
    sex: Literal["female", "male"] = "female" if number % 3 else "male"
    provisioning.add_resident(
        conn,
        NewResident(
            code=code,
            household=code,
            name_zh=f"模拟老人{number + 1}",
            name_en=f"Simulated {number + 1}",
            sex=sex,
            birth_date=born,
        ),
        today,
    )
    provisioning.add_gateway(conn, NewGateway(gateway, code))
    devices = {}
    for device in past.found.devices:
        wearer = code if MODELS[device.model].wearable or MODELS[device.model].transport == "ble-gatt" else None
        new = NewDevice(gateway, device.name, device.model, device.room, wearer)
        devices[device.name] = provisioning.add_device(conn, new)
    conn.cursor().executemany(
        "INSERT INTO series (id, device_id, channel) OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s)",
        [(series_id, devices[device], channel) for series_id, device, channel in past.series],
    )


def _gateway(number: int) -> str:
    return f"gw-past-{number + 1:05d}"


def _us(time: dt.datetime) -> int:
    return round(time.timestamp()) * 1_000_000


def _time(us: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(us // 1_000_000, dt.UTC)
