"""Publish the frames that wait in the database, in order; each is deleted when the broker has it.

A crash between the two publishes a frame again, with the same number, by which ingest knows it.
"""

import threading
import time

import psycopg
import structlog

from database.pool import connect_options
from database.settings import DatabaseSettings
from exchange.fhir.arrivals import ARRIVALS_KEPT
from firmware_profiles.link import mqtt
from firmware_profiles.link.mqtt import Broker
from observability import metrics
from observability.liveness import Liveness, Part

log = structlog.get_logger(__name__)
LOOK_S = 1.0
AT_ONCE = 200
ACKNOWLEDGED_S = 4.0
"""A transaction may rest for 6 s (database.pool)."""
RETRY_S = 2.0
KEPT_DAYS = 100
"""Of what is remembered of readings: longer than one may be old, so that a repetition is always known."""
CLEAN_S = 3600.0


class FrameSender:
    """One thread; several processes share the rows by their locks."""

    def __init__(self, database: DatabaseSettings, broker: Broker, worker: str, liveness: Liveness) -> None:
        self._database, self._broker, self._worker, self._liveness = database, broker, worker, liveness
        self._stop, self._wake = threading.Event(), threading.Event()
        self._cleaned_at = -CLEAN_S
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Connect and go on by itself."""
        self._liveness.certificates = self._broker.certificates
        self._client = mqtt.make_client(self._broker, self._worker, clean=True)
        mqtt.start(self._client, self._broker, self._liveness.part("broker link"))
        self._threads = [self._liveness.start("frames", self._run)]

    def stop(self) -> None:
        """End the thread and the connection."""
        self._stop.set()
        self._wake.set()
        for thread in self._threads:
            thread.join(10)
        mqtt.stop(self._client)

    def wake(self) -> None:
        """Look at once: something was written."""
        self._wake.set()

    def _run(self, part: Part) -> None:
        while not self._stop.is_set():
            try:
                options = connect_options(self._database, "exchange-frames")
                with psycopg.connect(self._database.url, autocommit=True, **options) as conn:
                    while not self._stop.is_set():
                        part.turned()
                        if self._client.is_connected() and self._send(conn) == AT_ONCE:
                            continue
                        self._clean(conn)
                        self._wake.wait(LOOK_S)
                        self._wake.clear()
            except psycopg.Error as error:
                part.held_up(f"the database is away: {error}")
                log.warning("database away; frames wait", error=str(error).strip())
                self._stop.wait(RETRY_S)

    def _send(self, conn: psycopg.Connection) -> int:
        """Publish the oldest frames; how many the broker has taken."""
        with conn.transaction():
            rows = conn.execute(
                "SELECT id, topic, payload FROM exchange_frame ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED", (AT_ONCE,)
            ).fetchall()
            sent = [(number, self._client.publish(topic, payload, qos=1)) for number, topic, payload in rows]
            until = time.monotonic() + ACKNOWLEDGED_S
            taken = []
            for number, info in sent:
                try:
                    info.wait_for_publish(max(0.0, until - time.monotonic()))
                except (RuntimeError, ValueError):  # the connection ended: it is published again
                    break
                if info.is_published():
                    taken.append(number)
            conn.execute("DELETE FROM exchange_frame WHERE id = ANY(%s)", (taken,))
        metrics.frames_unsent.set(len(rows) - len(taken))
        return len(taken)

    def _clean(self, conn: psycopg.Connection) -> None:
        now = time.monotonic()
        if now - self._cleaned_at >= CLEAN_S:
            self._cleaned_at = now
            conn.execute("SELECT forget_observations(%s)", (KEPT_DAYS,))
            conn.execute("DELETE FROM late_arrival WHERE arrived < now() - %s", (ARRIVALS_KEPT,))
