"""A message that ingest itself fails at is kept with the reason, by every way in; the others are stored."""

import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import psycopg
import pytest

from database.settings import DatabaseSettings
from firmware_profiles import senml, wire
from firmware_profiles.link import mqtt
from firmware_profiles.link.mqtt import Broker
from ingest import service
from ingest.batches.batch import Batch
from ingest.batches.builder import Builder
from ingest.batches.frame_columns import FrameColumns
from ingest.quarantine import quarantine
from ingest.quarantine.quarantine import Quarantine
from ingest.receiving.subscriber import ReceivedMessage
from ingest.reprocess import reprocess
from ingest.settings import IngestSettings, accepted_times
from ingest.storing import writer
from tests.support import taps
from tests.support.brokers import TestBroker
from tests.support.databases import TestPostgres
from tests.support.district import add_homes
from tests.support.release import either_broker
from tests.support.services import in_thread, wait_for

pytestmark = pytest.mark.integration
GATEWAY = "gw-poison"
UNHEALTHY, DEADLY = 66.0, 77.0
"""Decoding fails at the first value, the steps after it at the second."""
SECOND_US = 1_000_000
BEGIN_US = time.time_ns() // 1_000_000_000 * SECOND_US - 3600 * SECOND_US


def frame(seq: int, value: float = 60) -> bytes:
    base = BEGIN_US + seq * 10 * SECOND_US
    times = base + np.arange(2, dtype=np.int64) * SECOND_US
    series = wire.make_series("radar", "heart_rate", base, times, np.full(2, value, np.float32))
    return wire.encode(wire.Frame(1, GATEWAY, 7, 8, "live", seq, base, [series]))


def event(seq: int, value: float = 60) -> bytes:
    return wire.encode(wire.Event(1, GATEWAY, 7, 8, seq, BEGIN_US + seq * SECOND_US, "radar", "bed_exit", {"x": value}))


def status(value: float = 60) -> bytes:
    return wire.encode(
        wire.Status(
            version=1, gateway=GATEWAY, state="online", time_us=BEGIN_US, epoch=7, boot=8, software=f"firmware {value}"
        )
    )


def pack(number: int, value: float = 60) -> bytes:
    return msgspec.json.encode(
        [{"n": "radar/respiration_rate", "u": "/min", "v": value / 4, "t": BEGIN_US / 1e6 + number}]
    )


def poisoned(payload: bytes, *signs: bytes) -> bool:
    return any(sign in payload for sign in signs)


def make_faulty(patch: pytest.MonkeyPatch) -> None:
    """Decoders with an unexpected error, and a fault that shows only in a whole batch."""
    decode, read_frame, decode_senml, fill = wire.decode, wire.read_frame, senml.decode, FrameColumns.fill
    signs = (
        np.float32(UNHEALTHY).astype("<f4").tobytes(),
        struct.pack(">d", UNHEALTHY),
        str(UNHEALTHY / 4).encode(),
        f"firmware {UNHEALTHY}".encode(),
    )

    def bad_decode(kind: type[Any], payload: bytes) -> Any:
        if poisoned(payload, *signs):
            raise ZeroDivisionError("by a device")
        return decode(kind, payload)

    def bad_read(payload: bytes) -> wire.Frame:
        if poisoned(payload, *signs):
            raise ZeroDivisionError("by a device")
        return read_frame(payload)

    def bad_senml(payload: bytes, now_us: int) -> senml.Pack:
        if poisoned(payload, *signs):
            raise KeyError("nobody thought of it")
        return decode_senml(payload, now_us)

    def bad_fill(columns: FrameColumns, batch: Batch, known: Any, limits: Any) -> None:
        if any(DEADLY in series.floats() for series in columns.series):
            raise IndexError("in a batch")
        fill(columns, batch, known, limits)

    patch.setattr(wire, "decode", bad_decode)
    patch.setattr(senml, "decode", bad_senml)
    patch.setattr(wire, "read_frame", bad_read)
    patch.setattr(FrameColumns, "fill", bad_fill)


@contextmanager
def running(url: str, broker: TestBroker) -> Iterator[service.Ingest]:
    ingest = service.Ingest(IngestSettings(), DatabaseSettings(url=url), broker.settings("svc-ingest"))
    with in_thread(ingest.run):
        yield ingest


@contextmanager
def gateway(broker: TestBroker) -> Iterator[Any]:
    settings = broker.settings(GATEWAY)
    client = mqtt.make_client(settings, GATEWAY, clean=True)
    mqtt.start(client, settings)

    def send(topic: str, *payloads: bytes) -> None:
        for info in [client.publish(topic, payload, qos=1) for payload in payloads]:
            info.wait_for_publish(30)

    try:
        wait_for(client.is_connected, 30, lambda: "no broker")
        yield send
    finally:
        mqtt.stop(client)


def count(url: str, query: str = "SELECT count(*) FROM reading") -> int:
    with psycopg.connect(url) as conn:
        row = conn.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])


@either_broker
def test_poison_is_kept_at_every_door_and_the_rest_goes_on(
    broker: TestBroker, postgres: TestPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.url
    add_homes(url, [GATEWAY])
    readings, events, states = (wire.topic(GATEWAY, leaf) for leaf in ("readings", "events", "status"))  # type: ignore[arg-type]
    with running(url, broker) as ingest, gateway(broker) as send:

        def listens() -> bool:
            send(readings, frame(1))
            return count(url) == 2

        wait_for(listens, 40, lambda: "ingest does not listen")
        with monkeypatch.context() as patch:
            make_faulty(patch)
            send(readings, frame(2), frame(3, UNHEALTHY), frame(4), frame(5, DEADLY), frame(6))
            send(events, event(1), event(2, UNHEALTHY), event(3))
            send(states, status(UNHEALTHY))
            send(senml.topic(GATEWAY), pack(1), pack(2, UNHEALTHY), pack(3))
            kept = "SELECT count(*) FROM quarantine WHERE code = 'fault of ingest'"
            wait_for(
                lambda: (count(url), count(url, kept), count(url, "SELECT count(*) FROM event")) == (8 + 2, 5, 2),
                40,
                lambda: f"{count(url)} readings, {count(url, kept)} kept, {ingest.waiting} wait",
            )
            send(readings, frame(7))
            wait_for(lambda: count(url) == 12, 40, lambda: "it does not go on")
            with psycopg.connect(url, autocommit=True) as conn:
                again = list(reprocess(conn, quarantine.entries(conn), now_limits()))
                assert not any(outcome.settled for outcome in again), "the fault is still there"
                assert {entry.reason.partition(":")[0] for entry in quarantine.entries(conn)} == {
                    "ingest fails at it (ZeroDivisionError",
                    "ingest fails at it (KeyError",
                    "ingest fails at it (IndexError",
                }
        # mended
        with psycopg.connect(url, autocommit=True) as conn:
            assert all(outcome.settled for outcome in reprocess(conn, quarantine.entries(conn), now_limits()))
        assert (count(url), count(url, "SELECT count(*) FROM event")) == (12 + 4 + 1, 3)
        assert count(url, "SELECT count(DISTINCT (series_id, time)) FROM reading") == 17
        assert count(url, "SELECT count(*) FROM ingest_stream WHERE NOT isempty(gaps)") == 0


def now_limits() -> Any:
    return accepted_times(IngestSettings(), time.time_ns() // 1000)


@either_broker
def test_a_database_that_takes_nothing_sends_nothing_to_quarantine(
    broker: TestBroker, postgres: TestPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.url
    add_homes(url, [GATEWAY])
    refused = []
    store = writer.store

    def counting(conn: psycopg.Connection[Any], batch: Batch, data: bytes, kept: Quarantine) -> writer.StoreResult:
        try:
            return store(conn, batch, data, kept)
        except psycopg.ProgrammingError as error:
            refused.append(error)
            raise

    monkeypatch.setattr(writer, "store", counting)
    monkeypatch.setattr(service, "RETRY_S", (0.1, 0.2))
    with running(url, broker), gateway(broker) as send:

        def listens() -> bool:
            send(wire.topic(GATEWAY, "readings"), frame(1))
            return count(url) == 2

        wait_for(listens, 40, lambda: "ingest does not listen")
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("ALTER TABLE ingest_stream RENAME TO elsewhere")
            send(wire.topic(GATEWAY, "readings"), frame(2), frame(3))
            wait_for(lambda: len(refused) > 2, 40, lambda: "it is not tried again")
            conn.execute("ALTER TABLE elsewhere RENAME TO ingest_stream")
        wait_for(lambda: count(url) == 6, 40, lambda: f"{count(url)} readings")
        assert count(url, "SELECT count(*) FROM quarantine") == 0


def test_batches_decided_on_marks_that_moved_are_decided_anew(postgres: TestPostgres) -> None:
    """Two workers store a gateway's frames for a while (one is being retired): a batch prepared earlier does not
    store again the frames that the other has stored."""
    url = postgres.url
    add_homes(url, [GATEWAY])
    received = [
        ReceivedMessage(
            topic=wire.topic(GATEWAY, "readings"),
            payload=frame(seq),
            mid=0,
            qos=0,
            tap=taps.unconnected(),
            size=100,
            arrived_us=BEGIN_US,
            again=False,
        )
        for seq in (1, 2)
    ]
    ours = service.Ingest(IngestSettings(), DatabaseSettings(url=url), Broker(port=1))
    with psycopg.connect(url, autocommit=True) as conn:

        def prepare(builder: Builder, *messages: ReceivedMessage) -> service._PreparedBatch:
            batch = builder.build(messages, [], now_limits())
            return service._PreparedBatch(list(messages), [], batch, writer.encode_rows(batch))

        builder = Builder(conn)
        prepared = [prepare(builder, message) for message in received]
        both = prepare(Builder(conn), *received)
        writer.store(conn, both.batch, both.copy_data, Quarantine())
        for item in prepared:
            ours._store(conn, item)
    assert count(url) == 4
    assert ours.frames_repeated == 2
