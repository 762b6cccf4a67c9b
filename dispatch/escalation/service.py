"""The dispatch service: sweep every second and whenever told, look at the roster to come, say how it goes."""

import contextlib
import datetime as dt
import threading
import time
from typing import Any

import psycopg
import structlog

from database.pool import connect_options
from database.settings import DatabaseSettings
from dispatch.core.faults import traceback_summary
from dispatch.escalation import duty_warnings, holes
from dispatch.escalation.settings import DispatchSettings
from dispatch.escalation.sweeper import BATCH, Sweeper, oldest_overdue_s
from dispatch.ladders.ladder import DUE
from vocabulary.times import SHANGHAI

log = structlog.get_logger(__name__)

SWEEP_S = 1.0
RETRY_S = 1.0
REPORT_S = 5.0
LATE_S = 5.0
"""An overdue step of this age is worth a warning."""
_DAY = dt.timedelta(days=1)


def run(settings: DispatchSettings, database: DatabaseSettings, stop: threading.Event) -> None:
    """Until ``stop``. Several side by side share the work; with the database away it waits for it."""
    watcher = threading.Thread(target=_watch, args=(settings, database, stop), name="roster watch")
    watcher.start()
    started = dt.datetime.now(dt.UTC)
    while not stop.is_set():
        try:
            with _connect(database, "dispatch") as conn:
                conn.execute(f"LISTEN {DUE}")
                log.info("climbing", worker=settings.process)
                _climb(conn, Sweeper(conn), settings, started, stop)
        except psycopg.Error as error:  # away, a standby after a fail-over, amid a migration
            log.warning("the database takes no steps; ladders wait", error=str(error).strip())
            stop.wait(RETRY_S)
        except Exception as error:  # ladders climb on whatever happens
            log.error("climbing stumbled", fault=type(error).__name__, where=traceback_summary(error))
            stop.wait(RETRY_S)
    watcher.join(10)


def _climb(
    conn: psycopg.Connection[Any],
    sweeper: Sweeper,
    settings: DispatchSettings,
    started: dt.datetime,
    stop: threading.Event,
) -> None:
    report_at = 0.0
    latest = 0.0
    while not stop.is_set():
        while sweeper.sweep() == BATCH and not stop.is_set():
            latest = max(latest, sweeper.latest_s)
        latest = max(latest, sweeper.latest_s)
        sweeper.latest_s = 0.0
        if time.monotonic() >= report_at:
            report_at = time.monotonic() + REPORT_S
            _report(conn, sweeper, settings, started, latest)
            latest = 0.0
        # What is notified while we sweep waits in the connection: nothing is missed between the two.
        list(conn.notifies(timeout=SWEEP_S, stop_after=1))


def _report(
    conn: psycopg.Connection[Any], sweeper: Sweeper, settings: DispatchSettings, started: dt.datetime, latest: float
) -> None:
    oldest = oldest_overdue_s(conn)
    conn.execute(
        """
        INSERT INTO dispatch_worker (name, started_at, seen_at, steps, latest_s)
        VALUES (%s, %s, clock_timestamp(), %s, %s)
        ON CONFLICT (name)
        DO UPDATE SET seen_at = excluded.seen_at, steps = excluded.steps, latest_s = excluded.latest_s
        """,
        (settings.process, started, sweeper.steps, latest),
    )
    conn.execute("DELETE FROM dispatch_worker WHERE seen_at < clock_timestamp() - INTERVAL '1 day'")
    if max(oldest, latest) > LATE_S:
        log.warning("steps are late", oldest_overdue_s=round(oldest, 1), latest_s=round(latest, 1))


def _watch(settings: DispatchSettings, database: DatabaseSettings, stop: threading.Event) -> None:
    """Look at the roster at once, every so often, and at ``holes_at``. What is new is told to those who can mend it;
    the log has it, too, and at that hour all."""
    aloud_at = _next(settings.holes_at)
    while not stop.is_set():
        now = dt.datetime.now(dt.UTC)
        aloud = now >= aloud_at
        try:
            with _connect(database, "dispatch-roster") as conn:
                until = now + dt.timedelta(hours=settings.holes_hours)
                found = holes.load(conn, now, until)
                new = duty_warnings.record(conn, found, now, until)
            for warning in found if aloud else new:
                log.warning(
                    "nobody would answer", posts=warning.posts, since=str(warning.starts_at), en=warning.text_en
                )
            if aloud:
                aloud_at = _next(settings.holes_at)
                log.info("tonight's roster was looked at", holes=len(found))
        except psycopg.Error as error:
            log.warning("the roster to come was not looked at", error=str(error).strip())
            stop.wait(RETRY_S)
            continue
        wait = min(settings.holes_every_s, (aloud_at - dt.datetime.now(dt.UTC)).total_seconds())
        stop.wait(max(wait, 1.0))


def _next(clock: dt.time) -> dt.datetime:
    now = dt.datetime.now(SHANGHAI)
    today = dt.datetime.combine(now.date(), clock, SHANGHAI)
    return (today if today > now else today + _DAY).astimezone(dt.UTC)


@contextlib.contextmanager
def _connect(database: DatabaseSettings, name: str) -> Any:
    with psycopg.connect(database.url, autocommit=True, **connect_options(database, name)) as conn:
        yield conn
