"""The ingest service: gather, decode, store, acknowledge. One batch is decoded while the one before is stored."""

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import psycopg
import structlog

from database.clock import DatabaseClock
from database.faults import UNAVAILABLE, is_unavailable
from database.pool import connect_options
from database.reports import certificate_ends
from database.settings import DatabaseSettings
from firmware_profiles import wire
from firmware_profiles.link.connection_watch import WATCH
from firmware_profiles.link.mqtt import Broker
from ingest import requests
from ingest.batches.batch import Batch, Limits
from ingest.batches.builder import Builder
from ingest.clock_watch import ClockWatch
from ingest.gap_asker import GapAsker
from ingest.quarantine.quarantine import Quarantine, Room
from ingest.quarantine.refusals import Code, Refusal, fault, trace
from ingest.receiving.intake import Allowance
from ingest.receiving.subscriber import ReceivedMessage, Subscriber
from ingest.settings import IngestSettings, accepted_times
from ingest.storing import writer
from observability import metrics
from observability.liveness import Liveness, Part

log = structlog.get_logger(__name__)

RETRY_S = (0.2, 5.0)
"""First and longest pause before connecting to the database again."""
REPORT_S = 10.0
MESSAGES_PER_BATCH = 2000
SHED_PER_BATCH = 2000
DECIDE_AGAIN = 20
"""How often a batch is decided anew while another process moves its marks, at most."""


class _PreparedBatch(msgspec.Struct):
    """Messages on their way from decoding to storing."""

    messages: list[ReceivedMessage]
    shed: list[ReceivedMessage]
    batch: Batch | None = None
    """None: decoding failed, and the storing thread decides anew."""
    copy_data: bytes = b""


class Ingest:
    """Runs two threads beside paho's: ``_prepare`` decodes, ``_keep_storing`` commits and acknowledges.

    ``subscribe=False`` receives only what its session is subscribed to already; ``on_stored`` is called with the
    messages of each batch after its commit.
    """

    def __init__(
        self,
        settings: IngestSettings,
        database: DatabaseSettings,
        broker: Broker,
        *,
        subscribe: bool = True,
        on_stored: Callable[[list[ReceivedMessage]], None] = lambda _: None,
        liveness: Liveness | None = None,
    ) -> None:
        self._liveness = liveness or Liveness()
        self._settings, self._database, self._broker = settings, database, broker
        allowance = Allowance(
            settings.gateway_messages_per_s, settings.gateway_readings_per_s, settings.gateway_burst_s
        )
        self._clock = DatabaseClock()
        self._subscriber = Subscriber(
            broker,
            settings.session,
            settings.share,
            settings.queue_mb * 1024 * 1024,
            allowance,
            subscribe=subscribe,
            by_shard=settings.by_shard,
            now_us=self._clock.now_us,
        )
        self._on_stored = on_stored
        self._quarantine = Quarantine(
            Room(
                settings.quarantine_entries,
                settings.quarantine_gateway_mb * 1024 * 1024,
                settings.quarantine_mb * 1024 * 1024,
            )
        )
        self._clock_watch = ClockWatch(database, self._clock, settings.worker, self._limits, self._subscriber.beyond)
        self._asker = GapAsker(
            database, broker, settings.worker, settings.gap_look_s, settings.gap_age_s, settings.gap_event_age_s
        )
        self._prepared: queue.Queue[_PreparedBatch | None] = queue.Queue(1)
        self._stop = threading.Event()
        self._moved = threading.Event()
        self.readings = self.frames_repeated = self.refused = 0

    @property
    def waiting(self) -> int:
        """Number of messages taken from the broker that no batch holds yet."""
        return self._subscriber.waiting + self._subscriber.shed

    @property
    def connected(self) -> bool:
        return self._subscriber.connected

    def run(self, stop: threading.Event) -> None:
        """Run until ``stop``; prepared batches are stored and acknowledged first if the database answers.

        Raises RuntimeError where one of its threads (paho's, too) has ended, since a process without it would store
        nothing.
        """
        start = self._liveness.start
        self._liveness.gauges.append(self._gauge)
        self._liveness.certificates = self._broker.certificates
        self._subscriber.start([self._liveness.part(name) for name in ("broker link", "broker link of events")])
        threads = [
            start("prepare", self._prepare),
            start("store", self._keep_storing, waiting=lambda: self.waiting),
            start(
                "gaps",
                lambda part: self._asker.run(self._stop, part, self._liveness.part("broker link of the gaps")),
                pause_s=self._settings.gap_look_s,
            ),
            start("requests", lambda part: requests.run(self._database, self._settings, self._stop, part)),
            start("clock", lambda part: self._clock_watch.run(self._stop, part)),
        ]
        try:
            while not stop.wait(REPORT_S):
                if self._liveness.faults:
                    break
                log.info(
                    "ingest",
                    readings=self.readings,
                    repeated_frames=self.frames_repeated,
                    refused=self.refused,
                    waiting=self.waiting,
                )
                if beyond := self._subscriber.beyond():
                    log.warning("gateways wait: beyond their allowance", gateways=beyond[:20], number=len(beyond))
        finally:
            self._liveness.finish()
            self._stop.set()
            for thread in threads:
                thread.join(10)
            self._subscriber.stop()
        if self._liveness.faults:
            raise RuntimeError(f"ended by a fault, see above: {', '.join(self._liveness.faults)}")

    def _limits(self) -> Limits:
        """The accepted times, by the database's clock."""
        return accepted_times(self._settings, self._clock.now_us())

    def _gauge(self) -> None:
        metrics.messages_waiting.set(self.waiting)
        metrics.gateways_beyond.set(len(self._subscriber.beyond()))

    def _count(self, readings: int, repeated: int, refused: int) -> None:
        self.readings += readings
        self.frames_repeated += repeated
        self.refused += refused
        metrics.readings_stored.inc(readings)
        metrics.frames_repeated.inc(repeated)
        metrics.messages_refused.inc(refused)

    def _prepare(self, part: Part) -> None:
        conn, builder = self._connected_builder(part)
        messages: list[ReceivedMessage] = []
        shed: list[ReceivedMessage] = []
        while not self._stop.is_set() and builder is not None:
            part.turned()
            if not messages and not shed:
                messages, shed = self._gather(), self._subscriber.take_shed(SHED_PER_BATCH)
            if not messages and not shed:
                continue
            try:
                if self._moved.is_set():  # before marks are read anew, the prepared batch is stored
                    self._prepared.join()
                    self._moved.clear()
                    builder = Builder(conn)
                batch = builder.build(messages, shed, self._limits())
                prepared = _PreparedBatch(messages, shed, batch, writer.encode_rows(batch))
            except UNAVAILABLE as error:
                log.warning("database away while decoding", error=str(error))
                conn.close()
                self._prepared.join()
                conn, builder = self._connected_builder(part)
                continue
            except Exception as error:
                # A fault of ours: storing one by one finds its message. Numbers taken meanwhile are forgotten.
                log.warning("a batch cannot be decided; once more", error=type(error).__name__)
                prepared = _PreparedBatch(messages, shed)
                self._moved.set()
            self._put(prepared, part)
            messages, shed = [], []
        self._put(None, part)
        if conn is not None:
            conn.close()

    def _put(self, item: _PreparedBatch | None, part: Part) -> None:
        while True:
            part.turned()  # waits for the other thread, which is watched itself
            with contextlib.suppress(queue.Full):
                self._prepared.put(item, timeout=0.2)
                return
            if self._stop.is_set() and item is None:
                return

    def _gather(self) -> list[ReceivedMessage]:
        """Take the waiting messages; when they are few, wait a moment for more.

        Sleeps that moment: a wake-up for every message costs more than the message.
        """
        budget = self._settings.batch_readings * 8  # bytes: a reading is 8
        messages = self._subscriber.take(MESSAGES_PER_BATCH, budget, 0.2)
        size = sum(message.size for message in messages)
        if messages and size < budget and len(messages) < MESSAGES_PER_BATCH:
            self._stop.wait(self._settings.gather_ms / 1000)
            messages += self._subscriber.take(MESSAGES_PER_BATCH - len(messages), budget - size, 0)
        return messages

    def _connected_builder(self, part: Part) -> tuple[Any, Builder | None]:
        conn = self._connect("ingest-directory", part)
        while conn is not None:
            try:
                # New series need no flush of their own: the rows that name them are committed later, and a commit
                # flushes everything before it. A district's first minute makes twenty thousand.
                conn.execute("SET synchronous_commit = off")
                self._clock.look(conn)  # before any time is judged
                return conn, Builder(conn)
            except psycopg.Error as error:
                log.warning("the district cannot be read; again in a moment", error=str(error))
                part.held_up(f"the district cannot be read: {error}")
                conn.close()
                self._stop.wait(RETRY_S[1])
                conn = self._connect("ingest-directory", part)
        return None, None

    def _connect(self, name: str, part: Part) -> psycopg.Connection[Any] | None:
        """Connect in autocommit mode, however long it takes; None when asked to stop."""
        pause, longest = RETRY_S
        while not self._stop.is_set():
            try:
                return psycopg.connect(self._database.url, autocommit=True, **connect_options(self._database, name))
            except psycopg.OperationalError as error:
                part.held_up(f"the database is away: {error}")
                log.warning("database away; nothing is acknowledged until it is back", error=str(error).strip())
                self._stop.wait(pause)
                pause = min(2 * pause, longest)
        return None

    def _keep_storing(self, part: Part) -> None:
        conn = self._connect("ingest-writer", part)
        while True:
            try:
                item = self._prepared.get(timeout=0.5)
            except queue.Empty:
                if self._stop.is_set():
                    break
                part.turned()
                continue
            if item is None:
                break
            while conn is not None:
                try:
                    with metrics.store_seconds.time():
                        self._store(conn, item)
                    part.done()
                    break
                except psycopg.OperationalError as error:
                    part.held_up(f"the database is away: {error}")
                    log.warning("database away; the batch is kept", error=str(error).strip())
                except psycopg.Error as error:
                    part.held_up(f"the database takes nothing: {error}")
                    log.error("the database takes nothing; the batch is kept", error=str(error).strip())
                    self._stop.wait(RETRY_S[1])
                conn.close()
                conn = self._connect("ingest-writer", part)
            self._prepared.task_done()
        if conn is not None:
            conn.close()

    def _store(self, conn: psycopg.Connection[Any], item: _PreparedBatch) -> None:
        """Store a batch and acknowledge it. Raises psycopg.Error where the database can store nothing now."""
        try:
            self._commit(conn, item)
        except Exception as error:
            if is_unavailable(error):
                raise
            self._moved.set()
            self._store_singly(conn, item, error)
        self._subscriber.acknowledge(item.messages)
        self._subscriber.acknowledge(item.shed)
        self._on_stored(item.messages)

    def _commit(self, conn: psycopg.Connection[Any], item: _PreparedBatch) -> None:
        """Store the batch; where another process moved its streams' marks, decide it anew."""
        # A batch prepared before marks moved is decided anew, too: by chance its versions may fit.
        batch, data = (None, b"") if self._moved.is_set() else (item.batch, item.copy_data)
        for _ in range(DECIDE_AGAIN):
            if batch is None:
                limits = self._limits()
                batch = Builder(conn).build(item.messages, item.shed, limits)
                data = writer.encode_rows(batch)
            try:
                stored = writer.store(conn, batch, data, self._quarantine)
                break
            except writer.MarksMovedError as error:
                log.info("a batch is decided anew", reason=str(error))
                self._moved.set()
                batch = None
        else:
            raise psycopg.OperationalError("the marks move all the time: does another worker store these gateways?")
        self._count(stored.readings, batch.repeated, len(stored.refusals))

    def _store_singly(self, conn: psycopg.Connection[Any], item: _PreparedBatch, error: Exception) -> None:
        """Store a batch that fails message by message, and put the message that fails into quarantine."""
        log.error("a batch fails; its messages are tried one by one", trace=trace(error))
        parts = [_PreparedBatch([message], []) for message in item.messages]
        parts += [_PreparedBatch([], [message]) for message in item.shed]
        for part in parts:
            try:
                self._commit(conn, part)
            except Exception as single:
                if is_unavailable(single):
                    raise
                (message,) = part.messages or part.shed
                with conn.transaction(), conn.cursor() as cursor:
                    self._quarantine.store(cursor, [_refusal(message, single)])
                self._count(0, 0, 1)


def _refusal(message: ReceivedMessage, error: Exception) -> Refusal:
    code, reason = Code.FAULT, fault(error)
    if isinstance(error, psycopg.Error):
        code, reason = Code.REFUSED_BY_DATABASE, f"PostgreSQL says: {str(error).strip()}"
    gateway = wire.gateway_in(message.topic)
    return Refusal(
        topic=message.topic, gateway=gateway, code=code, reason=reason, payload=message.payload, size=message.size
    )


def run(
    settings: IngestSettings,
    database: DatabaseSettings,
    broker: Broker,
    stop: threading.Event,
    liveness: Liveness | None = None,
) -> None:
    """Run the service until ``stop``."""
    WATCH.tell_ends(certificate_ends.recorder(database))
    Ingest(settings, database, broker, liveness=liveness).run(stop)
