"""The maintenance service: makes roll-ups and removes old readings where TimescaleDB has no policies for it."""

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import structlog

from database.faults import UNAVAILABLE
from database.freshness import clock_is_borne_out
from database.grade import Grade, schema_grade
from database.packing import steps as packing
from database.pool import connect_options
from database.reports import backup_ages
from database.retention import Retention, retire, set_retention
from database.rights import checking, checkpoints
from database.rights.sealed import head
from database.rights.settings import AuditSettings
from database.rollup import advance, roll_up
from database.settings import DatabaseSettings
from database.upkeep import requests as upkeep_requests
from database.upkeep import samples as storage_samples
from observability import metrics
from observability.liveness import Liveness, Part

log = structlog.get_logger(__name__)

ONE_OF_US = 0x4D41494E5441494E
"""'MAINTAIN': advisory lock of the process that works; others wait to take over."""
LOOK_S = 5.0
STEP_S = 240.0
"""Longest time for one step: nobody waits for it, and a table of a year may be large."""
STEPS_A_ROUND = 2000
RETIRE_EVERY_S = 3600.0
AFTER_TROUBLE_S = 5.0
DOUBT_S = 60.0
RETENTION: tuple[upkeep_requests.Kind, ...] = ("retention",)
"""The kind of request that is carried out here."""


def round_of_work(conn: psycopg.Connection[Any], grade: Grade, now: dt.datetime) -> Iterator[int]:
    """Make all roll-ups due at ``now``, one small transaction a step; yields the number of series of each.

    ``conn``: in autocommit. Raises psycopg.errors.LockNotAvailable where another session holds a lock for long: try
    again.
    """
    if grade is Grade.COMMUNITY:
        return  # TimescaleDB's own policies
    while True:
        advanced, rolled_up = advance(conn, now), roll_up(conn)
        if not advanced and not rolled_up:
            return
        yield rolled_up


def round_of_packing(conn: psycopg.Connection[Any], grade: Grade, now: dt.datetime) -> Iterator[int]:
    """Pack the readings of all days due at ``now``, one small transaction a step; yields the number of series of each.

    ``conn``: in autocommit. Raises psycopg.errors.LockNotAvailable where another session holds a lock for long: try
    again.
    """
    if grade is Grade.COMMUNITY:
        return  # TimescaleDB compresses
    packed = 0
    while True:
        advanced, some = packing.advance(conn, now), packing.pack_some(conn)
        if not advanced and not some:
            break
        packed += some
        yield some
    if packed:
        packing.drop_empty(conn, grade)


def run(database: DatabaseSettings, stop: threading.Event, liveness: Liveness | None = None) -> None:
    """Maintain the database until ``stop``; one that is away is tried again."""
    part = (liveness or Liveness()).part("maintenance", STEP_S)
    while not stop.is_set():
        try:
            with psycopg.connect(database.url, autocommit=True, **connect_options(database, "maintain")) as conn:
                _maintain(conn, stop, part, database.disk or storage_samples.usual_disk(conn.info))
        except UNAVAILABLE as error:  # away, or a lock that another session holds for long
            backup_ages.clear()
            part.held_up(f"the database is away: {error}")
            log.warning("maintenance: again in a moment", error=str(error).strip())
            stop.wait(AFTER_TROUBLE_S)
    log.info("maintenance: stopped")


class MaintenanceRun(msgspec.Struct, frozen=True):
    """Result of one round over everything: series rolled up, rows or chunks removed, series of a day packed."""

    rolled_up: int
    retired: int
    packed: int = 0


def run_once(database: DatabaseSettings, now: dt.datetime) -> MaintenanceRun:
    """Do everything due at ``now``, which is not checked against the readings.

    Raises psycopg.OperationalError where the database is away, RuntimeError where another process maintains it or there
    is no schema.
    """
    with psycopg.connect(database.url, autocommit=True, **connect_options(database, "maintain")) as conn:
        grade = schema_grade(conn)
        if grade is None:
            raise RuntimeError("there is no schema yet: run 'shouwang migrate'")
        if not _alone(conn):
            raise RuntimeError("another 'shouwang maintain' works on this database")
        rolled_up = sum(round_of_work(conn, grade, now))
        packed = sum(round_of_packing(conn, grade, now))
        keep_audit(conn, AuditSettings(), now)
        return MaintenanceRun(rolled_up, sum(retire(conn, grade, now)), packed)


def carry_out(conn: psycopg.Connection[Any]) -> bool:
    """Set the retention that somebody asked for by page; False where nobody did.

    It is set as it was asked for, or refused where it is no retention that can be.
    """
    request = upkeep_requests.claim(conn, RETENTION, {"retention": STEP_S})
    if request is None:
        return False
    try:
        set_retention(conn, msgspec.convert(request.detail["after"], Retention))
    except (ValueError, KeyError) as error:  # msgspec's own error is a ValueError
        upkeep_requests.settle(conn, request.id, "refused", str(error))
        return True
    upkeep_requests.settle(conn, request.id, "done", "set")
    log.info("maintenance: another retention", by=request.login, **request.detail["after"])
    return True


def _maintain(conn: psycopg.Connection[Any], stop: threading.Event, part: Part, disk: Path | None) -> None:
    grade = schema_grade(conn)
    if grade is None:
        raise psycopg.OperationalError("there is no schema yet: run 'shouwang migrate'")
    while not stop.is_set() and not _alone(conn):
        part.turned()
        stop.wait(LOOK_S)
    log.info("maintenance: working", grade=str(grade), by="TimescaleDB" if grade is Grade.COMMUNITY else "us")
    retire_at = time.monotonic()
    while not stop.is_set():
        backup_ages.look(conn)
        if carry_out(conn):
            retire_at = time.monotonic()
        if storage_samples.is_due(conn, now := dt.datetime.now(dt.UTC)):
            storage_samples.take(conn, grade, now, disk)
        if not clock_is_borne_out(conn, dt.datetime.now(dt.UTC)):
            part.held_up("no reading of the last day: is the clock right?")
            log.error("maintenance waits: no reading of the last day, is the clock right?")
            stop.wait(DOUBT_S)
            continue
        part.turned()
        # Bounded, so that retention has its turn however fast late readings come.
        rows = paced(islice(round_of_work(conn, grade, dt.datetime.now(dt.UTC)), STEPS_A_ROUND), stop, part.turned)
        metrics.rolled_up.inc(rows)
        if rows:
            log.info("maintenance: rolled up", series_hours=rows)
        steps = islice(round_of_packing(conn, grade, dt.datetime.now(dt.UTC)), STEPS_A_ROUND)
        packed = paced(steps, stop, part.turned)
        if packed:
            log.info("maintenance: packed", series_days=packed)
        if time.monotonic() >= retire_at:
            gone = paced(retire(conn, grade, dt.datetime.now(dt.UTC)), stop, part.turned)
            metrics.retired.inc(gone)
            if gone:
                log.info("maintenance: retired", rows_or_chunks=gone)
            sealed = head(conn)
            if sealed is not None:  # in a place that the database's owner cannot change
                log.info("head of the audit's chain", head=str(sealed))
            keep_audit(conn, AuditSettings(), dt.datetime.now(dt.UTC), part.turned)
            retire_at = time.monotonic() + RETIRE_EVERY_S
        stop.wait(LOOK_S)


def keep_audit(
    conn: psycopg.Connection[Any],
    settings: AuditSettings,
    now: dt.datetime,
    turned: Callable[[], None] = lambda: None,
) -> None:
    """Once a day check the audit's chain and sign its head; what fails is logged, and told by its age."""
    last = checking.last_check(conn)
    if last is None or now - last.at >= checking.EVERY:
        found = checking.check_chain(conn, now, "maintain", turned)
        for fault in found.faults:
            log.error("the audit's chain is broken", fault=fault)
    if settings.key_file is None:
        log.warning("no checkpoint of the audit is signed: SHOUWANG_AUDIT_KEY_FILE is not set")
        return
    try:
        made = checkpoints.daily(conn, now, settings.key_file, settings.checkpoint_folder)
    except (OSError, ValueError) as error:
        log.error("the audit's checkpoint could not be made", error=str(error))
        return
    if made is not None:
        log.info("checkpoint of the audit", head=str(made.head), key=made.key)


def _alone(conn: psycopg.Connection[Any]) -> bool:
    row = conn.execute("SELECT pg_try_advisory_lock(%s)", (ONE_OF_US,)).fetchone()
    return row is not None and bool(row[0])


def paced(
    steps: Iterator[int],
    stop: threading.Event,
    turned: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Take the steps and rest after each as long as it took, which leaves half of the time to ingest; report each."""
    total, began = 0, clock()
    for done in steps:
        total += done
        turned()
        if stop.wait(clock() - began):
            break
        began = clock()
    return total
