"""Tells the database every :data:`TELL_S` how far detection has come, for the beat of every console."""

import threading
import time
from collections.abc import Callable

import psycopg
import structlog

from database.pool import connect_options, deadline
from database.reports import alerting_workers
from database.settings import DatabaseSettings
from observability.liveness import Part, unwatched

log = structlog.get_logger(__name__)

TELL_S = 2.0
LONGEST_S = 5.0
"""A word that takes longer is given up: the database stands still, and this thread must not with it."""


class Progress:
    """The newest message that the engine has handled; :meth:`handled` by the engine's thread, :meth:`run` in one of its
    own, so that a standing engine is seen by a word that goes on and does not move."""

    def __init__(
        self,
        database: DatabaseSettings,
        worker: str,
        waiting: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._worker, self._waiting, self._clock = database, worker, waiting, clock
        self._arrived: float | None = None

    def handled(self, arrived: float) -> None:
        """Report that the message that arrived at this time of ``clock`` is handled."""
        if self._arrived is None or arrived > self._arrived:
            self._arrived = arrived

    @property
    def age_s(self) -> float | None:
        """Seconds since the newest handled message had arrived; None: none was handled yet."""
        return None if self._arrived is None else self._clock() - self._arrived

    def run(self, stop: threading.Event, part: Part | None = None) -> None:
        """Tell until ``stop``; a database that is away or stands still is waited for."""
        part = part or unwatched()
        while not stop.is_set():
            try:
                options = connect_options(self._database, "alerting-progress")
                with psycopg.connect(self._database.url, autocommit=True, **options) as conn:
                    while True:
                        with deadline(conn, LONGEST_S):
                            alerting_workers.tell(conn, self._worker, self.age_s, self._waiting())
                        part.turned()
                        if stop.wait(TELL_S):
                            return
            except psycopg.Error as error:
                part.held_up(str(error))
                log.warning("how far detection has come is not told", error=str(error).strip())
                stop.wait(TELL_S)
