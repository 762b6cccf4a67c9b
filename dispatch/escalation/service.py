"""Run the dispatch service: sweep every second and when notified, watch the roster to come, report every 5 s."""

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
from dispatch.escalation import (
    broker_sessions,
    broker_stores,
    certificate_warnings,
    duty_tests,
    duty_warnings,
    holes,
    path_watch,
    status,
    storms,
)
from dispatch.escalation.settings import DispatchSettings
from dispatch.escalation.sweeper import BATCH, Sweeper
from dispatch.ladders.ladder import DUE
from observability import metrics
from observability.liveness import Liveness, Part
from vocabulary.times import SHANGHAI

log = structlog.get_logger(__name__)

SWEEP_S = 1.0
RETRY_S = 1.0
REPORT_S = 5.0
TESTS_S = 15.0
"""Interval at which is looked who is to be asked before a shift, and who has answered."""
LATE_S = 5.0
"""Delay of a step from which the log has a warning."""
_DAY = dt.timedelta(days=1)


def run(
    settings: DispatchSettings, database: DatabaseSettings, stop: threading.Event, liveness: Liveness | None = None
) -> None:
    """Run until ``stop``. Several processes share the work; while the database is away they wait for it."""
    liveness = liveness or Liveness()
    liveness.until(stop)
    part = liveness.part("ladders")
    watcher = liveness.start(
        "roster watch",
        lambda part: _watch(settings, database, stop, part),
        pause_s=min(settings.holes_every_s, TESTS_S),
    )
    started = dt.datetime.now(dt.UTC)
    while not stop.is_set():
        try:
            with _connect(database, "dispatch") as conn:
                conn.execute(f"LISTEN {DUE}")
                log.info("climbing", worker=settings.process)
                _climb(conn, Sweeper(conn), settings, started, stop, part)
        except psycopg.Error as error:  # away, a standby after a fail-over, amid a migration
            part.held_up(f"the database takes no steps: {error}")
            log.warning("the database takes no steps; ladders wait", error=str(error).strip())
            stop.wait(RETRY_S)
        except Exception as error:  # one faulty ladder must not stop the others
            part.held_up(f"climbing stumbled: {type(error).__name__}")
            log.error("climbing stumbled", fault=type(error).__name__, where=traceback_summary(error))
            stop.wait(RETRY_S)
    liveness.finish()
    watcher.join(10)


def _climb(
    conn: psycopg.Connection[Any],
    sweeper: Sweeper,
    settings: DispatchSettings,
    started: dt.datetime,
    stop: threading.Event,
    part: Part,
) -> None:
    report_at = 0.0
    latest = 0.0
    while not stop.is_set():
        while sweeper.sweep() == BATCH and not stop.is_set():
            latest = max(latest, sweeper.latest_s)
            part.turned()
        part.turned()
        latest = max(latest, sweeper.latest_s)
        sweeper.latest_s = 0.0
        if time.monotonic() >= report_at:
            report_at = time.monotonic() + REPORT_S
            _report(conn, sweeper, settings, started, latest)
            latest = 0.0
        # Notifications that come during a sweep wait in the connection: none is missed.
        list(conn.notifies(timeout=SWEEP_S, stop_after=1))


def _report(
    conn: psycopg.Connection[Any], sweeper: Sweeper, settings: DispatchSettings, started: dt.datetime, latest: float
) -> None:
    oldest = status.oldest_overdue_s(conn)
    storms.watch(conn)
    path_watch.watch(conn)
    broker_sessions.watch(conn)
    metrics.step_overdue.set(oldest)
    for severity, number in status.open_alerts(conn).items():
        metrics.alerts_open.labels(severity).set(number)
    status.report_worker(conn, settings.process, started, sweeper.steps, latest)
    if max(oldest, latest) > LATE_S:
        log.warning("steps are late", oldest_overdue_s=round(oldest, 1), latest_s=round(latest, 1))


def _watch(settings: DispatchSettings, database: DatabaseSettings, stop: threading.Event, part: Part) -> None:
    """Ask the people of the next shifts, and check the roster: at once, at intervals, at ``holes_at``, when somebody
    has not answered in time or answers at last. New holes go to those who can mend them and to the log; at ``holes_at``
    the log has all."""
    all_at, look_at = _next(settings.holes_at), 0.0
    silent: frozenset[Any] = frozenset()
    while not stop.is_set():
        log_all = dt.datetime.now(dt.UTC) >= all_at
        try:
            with _connect(database, "dispatch-roster") as conn:
                before = silent
                if settings.duty_tests:
                    asked, silent = duty_tests.ask(conn, _clock(conn))
                    if asked:
                        log.info("the people of the next shift were asked", people=asked)
                if log_all or silent != before or time.monotonic() >= look_at:
                    _look(conn, settings, log_all)
                    look_at = time.monotonic() + settings.holes_every_s
            if log_all:
                all_at = _next(settings.holes_at)
            part.turned()
        except psycopg.Error as error:
            part.held_up(f"the database is away: {error}")
            log.warning("the roster to come was not looked at", error=str(error).strip())
            silent = frozenset()  # looked at anew
            stop.wait(RETRY_S)
            continue
        except Exception as error:  # a faulty roster must not stop the ladders
            part.held_up(f"the roster watch stumbled: {type(error).__name__}")
            log.error("the roster watch stumbled", fault=type(error).__name__, where=traceback_summary(error))
        wait = min(settings.holes_every_s, TESTS_S, (all_at - dt.datetime.now(dt.UTC)).total_seconds())
        stop.wait(max(wait, 1.0))


def _look(conn: psycopg.Connection[Any], settings: DispatchSettings, log_all: bool) -> None:
    now = _clock(conn)
    until = now + dt.timedelta(hours=settings.holes_hours)
    warnings = holes.load(conn, now, until)
    new = duty_warnings.record(conn, warnings, now, until)
    if expiring := certificate_warnings.record(conn, now):
        log.warning("certificates expire", new_warnings=expiring)
    if filling := broker_stores.record(conn, now):
        log.warning("a broker's store is half full", brokers=filling)
    metrics.roster_holes.set(len(warnings))
    for warning in warnings if log_all else new:
        log.warning("nobody would answer", posts=warning.posts, since=str(warning.starts_at), en=warning.text_en)
    if log_all:
        duty_tests.drop_old(conn)
        log.info("tonight's roster was looked at", holes=len(warnings))


def _clock(conn: psycopg.Connection[Any]) -> dt.datetime:
    """The database's time: of several machines none tests too early or too late."""
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    moment: dt.datetime = row[0]
    return moment


def _next(clock: dt.time) -> dt.datetime:
    now = dt.datetime.now(SHANGHAI)
    today = dt.datetime.combine(now.date(), clock, SHANGHAI)
    return (today if today > now else today + _DAY).astimezone(dt.UTC)


@contextlib.contextmanager
def _connect(database: DatabaseSettings, name: str) -> Any:
    with psycopg.connect(database.url, autocommit=True, **connect_options(database, name)) as conn:
        yield conn
