"""Make the rounds: each job at its time, by one process of several, and what came of it where everybody sees it."""

import datetime as dt
import threading
import time
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import psycopg
import structlog
from psycopg.rows import dict_row

from care_services.rounds.jobs import JOBS, Job
from care_services.rounds.outside import Outside
from database.pool import connect_options
from database.settings import DatabaseSettings
from observability.liveness import Part

log = structlog.get_logger(__name__)
LOOK_S = 2.0
AFTER_TROUBLE_S = 5.0
AGAIN = dt.timedelta(seconds=30)
"""A job that failed is tried again after so long, or at its next time where that is sooner."""
_LOCKS = 0x43415245
"""'CARE': first half of the advisory locks, the second is the job's name."""
Standing = Literal["good", "late", "failing", "never"]


class Turn(msgspec.Struct, frozen=True):
    """The jobs of one turn: done by name with how much, and those that failed with their fault."""

    done: dict[str, int]
    faults: dict[str, str]


def turn(conn: psycopg.Connection[Any], outside: Outside, now: dt.datetime, jobs: Sequence[Job] = JOBS) -> Turn:
    """Do each job that is due, and write down what came of it. ``conn``: in autocommit.

    A job that fails stops no other one. Raises psycopg.OperationalError where the database is away.
    """
    found = Turn({}, {})
    due = {row[0]: row[1] for row in conn.execute("SELECT name, next_at FROM care_round").fetchall()}
    for job in jobs:
        if job.name in due and due[job.name] > now:
            continue
        if not _alone(conn, job):
            continue
        try:
            again = conn.execute("SELECT next_at > %s FROM care_round WHERE name = %s", (now, job.name)).fetchone()
            if again is None or not again[0]:
                _do(conn, job, outside, now, found)
        finally:
            if not conn.closed:
                conn.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", (_LOCKS, job.name))
    return found


def _alone(conn: psycopg.Connection[Any], job: Job) -> bool:
    row = conn.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", (_LOCKS, job.name)).fetchone()
    return row is not None and bool(row[0])


def _do(conn: psycopg.Connection[Any], job: Job, outside: Outside, now: dt.datetime, found: Turn) -> None:
    began = time.monotonic()
    done, fault = 0, ""
    try:
        done = job.work(conn, now, outside)
    except psycopg.OperationalError:
        raise
    except Exception as error:
        fault = f"{type(error).__name__}: {error}".partition("\n")[0][:300]
        found.faults[job.name] = fault
        log.exception("a job of the rounds failed", job=job.name)
    else:
        found.done[job.name] = done
    conn.execute(
        """
        INSERT INTO care_round (name, next_at, begun_at, ended_at, done, ms, fault, faults)
        VALUES (%(name)s, %(next)s, %(now)s, CASE WHEN %(fault)s = '' THEN %(now)s END, %(done)s, %(ms)s, %(fault)s,
                (%(fault)s <> '')::int)
        ON CONFLICT (name) DO UPDATE SET next_at = excluded.next_at, begun_at = excluded.begun_at,
            ended_at = coalesce(excluded.ended_at, care_round.ended_at), done = excluded.done, ms = excluded.ms,
            fault = excluded.fault,
            faults = CASE WHEN excluded.fault = '' THEN 0 ELSE care_round.faults + 1 END
        """,
        {
            "name": job.name, "now": now, "next": now + (min(job.every, AGAIN) if fault else job.every), "done": done,
            "ms": round((time.monotonic() - began) * 1000), "fault": fault,
        },
    )  # fmt: skip


def run(
    database: DatabaseSettings, stop: threading.Event, part: Part, outside: Outside, jobs: Sequence[Job] = JOBS
) -> None:
    """Make the rounds until ``stop``; a database that is away is tried again, and the part says that it is held up."""
    log.info("rounds of care: begun", jobs=[job.name for job in jobs])
    while not stop.is_set():
        try:
            with psycopg.connect(database.url, autocommit=True, **connect_options(database, "rounds")) as conn:
                while not stop.wait(LOOK_S):
                    found = turn(conn, outside, _clock(conn), jobs)
                    if found.faults:
                        part.held_up(f"jobs fail: {', '.join(found.faults)}")
                    else:
                        part.turned()
                    if any(found.done.values()):
                        log.info("rounds of care", **found.done)
        except psycopg.Error as error:  # away, a standby after a fail-over, amid a migration
            part.held_up(f"the database takes nothing: {error}")
            log.warning("rounds of care: the database takes nothing", error=str(error).strip())
            stop.wait(AFTER_TROUBLE_S)
    log.info("rounds of care: stopped")


def _clock(conn: psycopg.Connection[Any]) -> dt.datetime:
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    moment: dt.datetime = row[0]
    return moment


class JobStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How a job stands. ``age`` since its last good turn; None: it never had one."""

    job: Job
    standing: Standing
    ended_at: dt.datetime | None
    age: dt.timedelta | None
    done: int
    ms: int | None
    fault: str


def standings(
    conn: psycopg.Connection[Any], now: dt.datetime, jobs: Sequence[Job] = JOBS
) -> list[JobStanding]:  # fmt: skip
    """How each job stands, the worst first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = {row["name"]: row for row in cursor.execute("SELECT * FROM care_round").fetchall()}
    found = []
    for job in jobs:
        row = rows.get(job.name)
        ended = row["ended_at"] if row else None
        found.append(
            JobStanding(
                job=job, standing=standing(job, ended, row["fault"] if row else "", now), ended_at=ended,
                age=None if ended is None else now - ended, done=row["done"] if row else 0,
                ms=row["ms"] if row else None, fault=row["fault"] if row else "",
            )
        )  # fmt: skip
    order = ("never", "late", "failing", "good")
    return sorted(found, key=lambda one: order.index(one.standing))


def standing(job: Job, ended_at: dt.datetime | None, fault: str, now: dt.datetime) -> Standing:
    """Judge a job by its last good turn. Pure."""
    if ended_at is None:
        return "never"
    if now - ended_at > job.late_after:
        return "late"
    return "failing" if fault else "good"


def blind(conn: psycopg.Connection[Any], now: dt.datetime, name: str) -> bool:
    """Whether a job stands still, so that what it would tell is not known."""
    return any(one.job.name == name and one.standing in ("never", "late") for one in standings(conn, now))
