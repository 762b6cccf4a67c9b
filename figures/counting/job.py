"""The refresh as a part of the maintenance service: every five minutes, with pauses that leave room to others."""

import datetime as dt
import threading
import time

import psycopg
import structlog

from database.pool import connect_options
from database.settings import DatabaseSettings
from figures.counting.refresh import refresh
from observability.liveness import Part

log = structlog.get_logger(__name__)
EVERY_S = 300.0
"""The page turns amber after two hours."""
SOON_S = 60.0
"""After the start, once the platform's other programs have looked at the homes."""
STEP_S = 240.0
"""Longest time for one month: nobody waits for it."""
LOOK_S, AGAIN_S = 5.0, 60.0


def run(database: DatabaseSettings, stop: threading.Event, part: Part) -> None:
    """Refresh until ``stop``; a database that is away, or has no such tables yet, is tried again."""
    due, trouble, pause = time.monotonic(), "", SOON_S
    while not stop.is_set():
        if trouble:
            part.held_up(trouble)
        else:
            part.turned()
        if time.monotonic() < due:
            stop.wait(LOOK_S)
            continue
        try:
            with psycopg.connect(database.url, autocommit=True, **connect_options(database, "figures")) as conn:
                _refresh(conn, stop, part)
            due, trouble, pause = time.monotonic() + pause, "", EVERY_S
        except psycopg.Error as error:  # whatever it is, roll-ups of readings and retention go on beside
            due, trouble = time.monotonic() + AGAIN_S, f"the figures are not counted: {error}"
            log.error("figures: again in a minute", error=str(error).strip())


def _refresh(conn: psycopg.Connection, stop: threading.Event, part: Part) -> None:
    began, count = time.monotonic(), 0
    for month in refresh(conn, dt.datetime.now(dt.UTC)):
        count += 1
        part.turned()
        log.debug("figures: counted", month=str(month.month), alerts=month.alerts, left=month.left)
        if stop.wait(min(5.0, (time.monotonic() - began) / count)):
            return
    log.info("figures: refreshed", months=count, seconds=round(time.monotonic() - began, 1))
