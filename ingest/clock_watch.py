"""Holds this host's clock against the database's, tells when it is wrong, and takes back what it judged wrongly."""

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import structlog

from database.clock import TOLERANCE_US, DatabaseClock
from database.pool import connect_options
from database.reports import service_faults
from database.settings import DatabaseSettings
from ingest.batches.batch import Limits
from ingest.quarantine import quarantine
from ingest.quarantine.refusals import Code
from ingest.reprocess import reprocess
from observability.liveness import Part, unwatched
from vocabulary.times import SECOND_US

log = structlog.get_logger(__name__)

LOOK_S = 10.0
NAMES_TOLD = 20


class ClockWatch:
    """Looks every LOOK_S in a thread of its own (:meth:`run`).

    ``limits`` gives the accepted times of now; ``beyond`` the gateways that wait beyond their allowance, which is told
    on the way.
    """

    def __init__(
        self,
        database: DatabaseSettings,
        clock: DatabaseClock,
        worker: str,
        limits: Callable[[], Limits],
        beyond: Callable[[], list[str]],
    ) -> None:
        self._database, self._clock, self._worker = database, clock, worker
        self._limits, self._beyond = limits, beyond
        self._right_us = 0
        """Until when the times were judged by a clock that is known to have been right."""

    def run(self, stop: threading.Event, part: Part | None = None) -> None:
        part = part or unwatched()
        while not stop.is_set():
            try:
                options = connect_options(self._database, "ingest-clock")
                with psycopg.connect(self._database.url, autocommit=True, **options) as conn:
                    self._look(conn)
                part.turned()
            except psycopg.Error as error:
                part.held_up(str(error))
                log.warning("the clocks are compared later", error=str(error).strip())
            stop.wait(LOOK_S)

    def _look(self, conn: psycopg.Connection[Any]) -> None:
        judged_us = self._clock.now_us()
        database_us = self._clock.look(conn)
        since_us, self._right_us = self._right_us, database_us
        ahead_us = self._clock.host_ahead_us
        off = {"ahead_s": round(ahead_us / SECOND_US, 1)} if ahead_us else None
        service_faults.tell(conn, self._worker, "clock", off)
        beyond = self._beyond()
        waiting = {"gateways": len(beyond), "names": sorted(beyond)[:NAMES_TOLD]} if beyond else None
        service_faults.tell(conn, self._worker, "allowance", waiting)
        if since_us and abs(judged_us - database_us) > TOLERANCE_US + SECOND_US:
            log.error("times were judged by a wrong clock", off_s=(judged_us - database_us) // SECOND_US)
            self._take_back(conn, dt.datetime.fromtimestamp(since_us / SECOND_US, dt.UTC))

    def _take_back(self, conn: psycopg.Connection[Any], since: dt.datetime) -> None:
        """Judge again what was refused or marked for its time since then."""
        limits = self._limits()
        for code in (Code.TIME_AHEAD, Code.TIME_TOO_OLD):
            entries = quarantine.entries(conn, code=code.value, since=since)
            settled = sum(result.settled for result in reprocess(conn, entries, limits))
            log.info("quarantine processed again", reason=code.value, entries=len(entries), settled=settled)
        conn.execute(
            """
            UPDATE event SET time = to_timestamp(told_us / 1e6), told_us = NULL
            WHERE told_us BETWEEN %s AND %s AND received_at >= %s
            """,
            (limits.earliest_us, limits.latest_us, since),
        )
