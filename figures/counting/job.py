"""The refresh as a part of the maintenance service: every quarter of an hour, with pauses that leave room to others."""

import datetime as dt
import threading
import time

import psycopg
import structlog

from database.faults import UNAVAILABLE
from database.pool import connect_options
from database.settings import DatabaseSettings
from figures.counting.refresh import refresh
from observability.liveness import Part

log = structlog.get_logger(__name__)
EVERY_S = 900.0
"""The page turns amber after two hours."""
STEP_S = 240.0
"""Longest time for one month: nobody waits for it."""
LOOK_S = 5.0


def run(database: DatabaseSettings, stop: threading.Event, part: Part) -> None:
    """Refresh until ``stop``; a database that is away, or has no such tables yet, is tried again."""
    due = time.monotonic()
    while not stop.is_set():
        part.turned()
        if time.monotonic() < due:
            stop.wait(LOOK_S)
            continue
        due = time.monotonic() + EVERY_S
        try:
            with psycopg.connect(database.url, autocommit=True, **connect_options(database, "figures")) as conn:
                _refresh(conn, stop, part)
        except UNAVAILABLE as error:
            due = time.monotonic() + LOOK_S
            part.held_up(f"the database is away: {error}")
            log.warning("figures: again in a moment", error=str(error).strip())
            stop.wait(LOOK_S)


def _refresh(conn: psycopg.Connection, stop: threading.Event, part: Part) -> None:
    began, count = time.monotonic(), 0
    for month in refresh(conn, dt.datetime.now(dt.UTC)):
        count += 1
        part.turned()
        log.debug("figures: counted", month=str(month.month), alerts=month.alerts, left=month.left)
        if stop.wait(min(5.0, (time.monotonic() - began) / count)):
            return
    log.info("figures: refreshed", months=count, seconds=round(time.monotonic() - began, 1))
