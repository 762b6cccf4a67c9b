"""The ingest service: gather, decode, store, acknowledge. Decoding one batch overlaps with storing the one before."""

import contextlib
import queue
import threading
import time
from typing import Any

import msgspec
import psycopg
import structlog

from database.pool import connect_options
from database.settings import DatabaseSettings
from firmware_profiles.mqtt import Broker
from ingest import writer
from ingest.batch import Batch, Batcher, Limits
from ingest.directory import DatabaseDirectory
from ingest.refusals import Code, Refusal
from ingest.settings import IngestSettings
from ingest.subscriber import Received, Subscriber

log = structlog.get_logger(__name__)

RETRY_S = (0.2, 5.0)
REPORT_S = 10.0
MESSAGES_PER_BATCH = 4000


class _Prepared(msgspec.Struct):
    messages: list[Received]
    batch: Batch
    copy_data: bytes


class Ingest:
    """Two threads and paho's: ``_prepare`` decodes, ``_store`` commits and acknowledges."""

    def __init__(self, settings: IngestSettings, database: DatabaseSettings, broker: Broker) -> None:
        self._settings, self._database = settings, database
        self._subscriber = Subscriber(
            broker, settings.worker, settings.shards.split(","), settings.queue_mb * 1024 * 1024
        )
        self._prepared: queue.Queue[_Prepared | None] = queue.Queue(1)
        self._stop = threading.Event()
        self._restart_reading = threading.Event()
        self.readings = self.frames_repeated = self.refused = 0

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``; what is in hand is stored and acknowledged first if the database answers."""
        self._subscriber.start()
        threads = [threading.Thread(target=self._prepare, name="prepare"), threading.Thread(target=self._keep_storing)]
        for thread in threads:
            thread.start()
        try:
            while not stop.wait(REPORT_S):
                log.info(
                    "ingest",
                    readings=self.readings,
                    repeated_frames=self.frames_repeated,
                    refused=self.refused,
                    waiting=self._subscriber.waiting,
                )
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(10)
            self._subscriber.stop()

    def _prepare(self) -> None:
        conn, batcher = self._connected_batcher()
        held: list[Received] = []
        while not self._stop.is_set() and batcher is not None:
            held = held or self._gather()
            if not held:
                continue
            try:
                batch = batcher.build([(m.topic, m.payload) for m in held], self._limits())
            except psycopg.Error as error:
                log.warning("database away while decoding", error=str(error))
                conn.close()
                self._prepared.join()  # marks are read anew: first what was taken must be stored
                conn, batcher = self._connected_batcher()
                continue
            self._put(_Prepared(held, batch, writer.encode_rows(batch)))
            held = []
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
        """What waits now; when that is little, what comes within the next moment too."""
        messages = self._subscriber.take(MESSAGES_PER_BATCH, 0.2)
        deadline = time.monotonic() + self._settings.gather_ms / 1000
        budget = self._settings.batch_readings * 8  # bytes: a reading is 8
        size = sum(len(message.payload) for message in messages)
        while messages and size < budget and len(messages) < MESSAGES_PER_BATCH:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            more = self._subscriber.take(MESSAGES_PER_BATCH - len(messages), left)
            messages += more
            size += sum(len(message.payload) for message in more)
        return messages

    def _limits(self) -> Limits:
        now = time.time_ns() // 1000
        return Limits(now - self._settings.past_days * 86_400_000_000, now + self._settings.future_s * 1_000_000)

    def _connected_batcher(self) -> tuple[Any, Batcher | None]:
        conn = self._connect("ingest-directory")
        while conn is not None:
            try:
                directory = DatabaseDirectory(conn)
                return conn, Batcher(directory, directory.mark)
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
                    conn.close()
                    conn = self._connect("ingest-writer")
            self._prepared.task_done()
        if conn is not None:
            conn.close()

    def _store(self, conn: psycopg.Connection[Any], item: _Prepared) -> None:
        try:
            writer.store(conn, item.batch, item.copy_data)
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            self._store_singly(conn, item, error)
        self._subscriber.acknowledge(item.messages)
        self.readings += len(item.batch.values)
        self.frames_repeated += item.batch.repeated
        self.refused += len(item.batch.refusals)

    def _store_singly(self, conn: psycopg.Connection[Any], item: _Prepared, error: psycopg.Error) -> None:
        """The database refuses the batch: store message by message, and put the one it refuses into quarantine."""
        log.error("the database refuses a batch; its messages are tried one by one", error=str(error).strip())
        directory = DatabaseDirectory(conn)
        for message in item.messages:
            batcher = Batcher(directory, directory.mark)
            batch = batcher.build([(message.topic, message.payload)], self._limits())
            try:
                writer.store(conn, batch, writer.encode_rows(batch))
            except psycopg.OperationalError:
                raise
            except psycopg.Error as single:
                reason = f"PostgreSQL says: {str(single).strip()}"
                refusal = Refusal(message.topic, None, Code.REFUSED_BY_DATABASE, reason, message.payload)
                with conn.transaction(), conn.cursor() as cursor:
                    writer.store_refusals(cursor, [refusal])


def run(settings: IngestSettings, database: DatabaseSettings, broker: Broker, stop: threading.Event) -> None:
    """Run the service until ``stop``."""
    Ingest(settings, database, broker).run(stop)
