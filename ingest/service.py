"""The ingest service: gather, decode, store, acknowledge. Decoding one batch overlaps with storing the one before."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import psycopg
import structlog

from database.faults import TAKES_NOTHING
from database.pool import connect_options
from database.settings import DatabaseSettings
from firmware_profiles import wire
from firmware_profiles.mqtt import Broker
from ingest.batches.batch import Batch
from ingest.batches.builder import Builder
from ingest.gap_asker import GapAsker
from ingest.quarantine.quarantine import Quarantine, Room
from ingest.quarantine.refusals import Code, Refusal, fault, trace
from ingest.receiving.intake import Allowance
from ingest.receiving.subscriber import Received, Subscriber
from ingest.settings import IngestSettings, accepted_times
from ingest.storing import writer

log = structlog.get_logger(__name__)

RETRY_S = (0.2, 5.0)
REPORT_S = 10.0
MESSAGES_PER_BATCH = 2000
SHED_PER_BATCH = 2000
DECIDE_AGAIN = 20
"""So often is a batch decided anew when somebody else moves its marks all the time."""


class _Prepared(msgspec.Struct):
    messages: list[Received]
    shed: list[Received]
    batch: Batch | None = None
    """None: to be decided where it is stored."""
    copy_data: bytes = b""


class Ingest:
    """Two threads and paho's: ``_prepare`` decodes, ``_store`` commits and acknowledges.

    ``subscribe=False`` takes only what its session is subscribed to already; ``stored`` is told what was stored.
    """

    def __init__(
        self,
        settings: IngestSettings,
        database: DatabaseSettings,
        broker: Broker,
        *,
        subscribe: bool = True,
        stored: Callable[[list[Received]], None] = lambda _: None,
    ) -> None:
        self._settings, self._database = settings, database
        allowance = Allowance(
            settings.gateway_messages_per_s, settings.gateway_readings_per_s, settings.gateway_burst_s
        )
        self._subscriber = Subscriber(
            broker, settings.session, settings.share, settings.queue_mb * 1024 * 1024, allowance, subscribe=subscribe
        )
        self._stored = stored
        self._quarantine = Quarantine(
            Room(
                settings.quarantine_entries,
                settings.quarantine_gateway_mb * 1024 * 1024,
                settings.quarantine_mb * 1024 * 1024,
            )
        )
        self._asker = GapAsker(database, broker, settings.worker, settings.gap_look_s, settings.gap_age_s)
        self._prepared: queue.Queue[_Prepared | None] = queue.Queue(1)
        self._stop = threading.Event()
        self._moved = threading.Event()
        self.readings = self.frames_repeated = self.refused = 0

    @property
    def waiting(self) -> int:
        """Messages taken from the broker that no batch holds yet."""
        return self._subscriber.waiting + self._subscriber.shed

    @property
    def connected(self) -> bool:
        return self._subscriber.connected

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``; what is in hand is stored and acknowledged first if the database answers.

        Raises RuntimeError where one of its threads has ended: a process that only looks alive stores nothing.
        """
        self._subscriber.start()
        threads = [
            threading.Thread(target=self._prepare, name="prepare"),
            threading.Thread(target=self._keep_storing, name="store"),
            threading.Thread(target=self._asker.run, args=(self._stop,), name="gaps"),
        ]
        for thread in threads:
            thread.start()
        try:
            while not stop.wait(REPORT_S):
                if ended := [thread.name for thread in threads if not thread.is_alive()]:
                    raise RuntimeError(f"ended by a fault, see above: {', '.join(ended)}")
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
            self._stop.set()
            for thread in threads:
                thread.join(10)
            self._subscriber.stop()

    def _prepare(self) -> None:
        conn, builder = self._connected_builder()
        held: list[Received] = []
        shed: list[Received] = []
        while not self._stop.is_set() and builder is not None:
            if not held and not shed:
                held, shed = self._gather(), self._subscriber.take_shed(SHED_PER_BATCH)
            if not held and not shed:
                continue
            try:
                if self._moved.is_set():  # marks are read anew: first what was taken must be stored
                    self._prepared.join()
                    self._moved.clear()
                    builder = Builder(conn)
                batch = builder.build(held, shed, accepted_times(self._settings, time.time_ns() // 1000))
                prepared = _Prepared(held, shed, batch, writer.encode_rows(batch))
            except TAKES_NOTHING as error:
                log.warning("database away while decoding", error=str(error))
                conn.close()
                self._prepared.join()
                conn, builder = self._connected_builder()
                continue
            except Exception as error:  # a fault of ours: found by storing one by one, and what it took is forgotten
                log.warning("a batch can not be decided; once more", error=type(error).__name__)
                prepared = _Prepared(held, shed)
                self._moved.set()
            self._put(prepared)
            held, shed = [], []
        self._put(None)
        if conn is not None:
            conn.close()

    def _put(self, item: _Prepared | None) -> None:
        while True:
            with contextlib.suppress(queue.Full):
                self._prepared.put(item, timeout=0.2)
                return
            if self._stop.is_set() and item is None:
                return

    def _gather(self) -> list[Received]:
        """What waits now; when that is little, what comes within the next moment too.

        The moment is slept through: to be woken by every message costs more than the message.
        """
        budget = self._settings.batch_readings * 8  # bytes: a reading is 8
        messages = self._subscriber.take(MESSAGES_PER_BATCH, budget, 0.2)
        size = sum(message.size for message in messages)
        if messages and size < budget and len(messages) < MESSAGES_PER_BATCH:
            self._stop.wait(self._settings.gather_ms / 1000)
            messages += self._subscriber.take(MESSAGES_PER_BATCH - len(messages), budget - size, 0)
        return messages

    def _connected_builder(self) -> tuple[Any, Builder | None]:
        conn = self._connect("ingest-directory")
        while conn is not None:
            try:
                # New series need no flush of their own: the rows that name them are committed later, and a commit
                # flushes everything before it. A district's first minute makes twenty thousand.
                conn.execute("SET synchronous_commit = off")
                return conn, Builder(conn)
            except psycopg.Error as error:
                log.warning("the district can not be read; again in a moment", error=str(error))
                conn.close()
                self._stop.wait(RETRY_S[1])
                conn = self._connect("ingest-directory")
        return None, None

    def _connect(self, name: str) -> psycopg.Connection[Any] | None:
        """A connection in autocommit mode, however long it takes; None when asked to stop."""
        pause, longest = RETRY_S
        while not self._stop.is_set():
            try:
                return psycopg.connect(self._database.url, autocommit=True, **connect_options(self._database, name))
            except psycopg.OperationalError as error:
                log.warning("database away; nothing is acknowledged until it is back", error=str(error).strip())
                self._stop.wait(pause)
                pause = min(2 * pause, longest)
        return None

    def _keep_storing(self) -> None:
        conn = self._connect("ingest-writer")
        while True:
            try:
                item = self._prepared.get(timeout=0.5)
            except queue.Empty:
                if self._stop.is_set():
                    break
                continue
            if item is None:
                break
            while conn is not None:
                try:
                    self._store(conn, item)
                    break
                except psycopg.OperationalError as error:
                    log.warning("database away; the batch is kept", error=str(error).strip())
                except psycopg.Error as error:
                    log.error("the database takes nothing; the batch is kept", error=str(error).strip())
                    self._stop.wait(RETRY_S[1])
                conn.close()
                conn = self._connect("ingest-writer")
            self._prepared.task_done()
        if conn is not None:
            conn.close()

    def _store(self, conn: psycopg.Connection[Any], item: _Prepared) -> None:
        """Store and acknowledge. Raises psycopg.Error where the database is away or takes nothing at all."""
        try:
            self._commit(conn, item)
        except TAKES_NOTHING:
            raise
        except Exception as error:
            self._moved.set()
            self._store_singly(conn, item, error)
        self._subscriber.acknowledge(item.messages)
        self._subscriber.acknowledge(item.shed)
        self._stored(item.messages)

    def _commit(self, conn: psycopg.Connection[Any], item: _Prepared) -> None:
        """Store the batch; where its streams' marks were moved by somebody else, decide it anew."""
        # what was prepared on marks that had moved is not trusted either: by chance its versions may follow
        batch, data = (None, b"") if self._moved.is_set() else (item.batch, item.copy_data)
        for _ in range(DECIDE_AGAIN):
            if batch is None:
                limits = accepted_times(self._settings, time.time_ns() // 1000)
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
        self.readings += stored.readings
        self.frames_repeated += batch.repeated
        self.refused += len(stored.refusals)

    def _store_singly(self, conn: psycopg.Connection[Any], item: _Prepared, error: Exception) -> None:
        """Ingest or the database fails at the batch: store message by message, and put the one that it is into
        quarantine."""
        log.error("a batch fails; its messages are tried one by one", trace=trace(error))
        parts = [_Prepared([message], []) for message in item.messages]
        parts += [_Prepared([], [message]) for message in item.shed]
        for part in parts:
            try:
                self._commit(conn, part)
            except TAKES_NOTHING:
                raise
            except Exception as single:
                (message,) = part.messages or part.shed
                with conn.transaction(), conn.cursor() as cursor:
                    self._quarantine.store(cursor, [_refusal(message, single)])
                self.refused += 1


def _refusal(message: Received, error: Exception) -> Refusal:
    code, reason = Code.FAULT, fault(error)
    if isinstance(error, psycopg.Error):
        code, reason = Code.REFUSED_BY_DATABASE, f"PostgreSQL says: {str(error).strip()}"
    gateway = wire.gateway_in(message.topic)
    return Refusal(message.topic, gateway, code, reason, message.payload, message.size)


def run(settings: IngestSettings, database: DatabaseSettings, broker: Broker, stop: threading.Event) -> None:
    """Run the service until ``stop``."""
    Ingest(settings, database, broker).run(stop)
