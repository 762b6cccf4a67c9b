"""Ingest on real brokers and databases: SenML is stored once, and a flood does not delay the other gateways."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psycopg
import pytest

from database.settings import DatabaseSettings
from firmware_profiles import senml, wire
from firmware_profiles.link import mqtt
from ingest.quarantine import quarantine
from ingest.reprocess import reprocess
from ingest.service import Ingest
from ingest.settings import IngestSettings, accepted_times
from tests.support.brokers import TestBroker
from tests.support.databases import TestPostgres
from tests.support.district import add_homes
from tests.support.release import either_broker
from tests.support.services import in_thread, service, wait_for

pytestmark = pytest.mark.integration
FLOOD, CALM = "gw-flood", "gw-calm"
READINGS = 20
FLOOD_FRAMES = 5000
BATCH_READINGS = 2000


class Gateway:
    """A client that publishes as a gateway does."""

    def __init__(self, broker: TestBroker, name: str) -> None:
        self.name = name
        settings = broker.settings(name)
        self._connected = threading.Event()
        self.client = mqtt.make_client(settings, name, clean=True)
        self.client.max_queued_messages_set(0)
        self.client.on_connect = lambda *_: self._connected.set()
        mqtt.start(self.client, settings)
        assert self._connected.wait(15)

    def send(self, topic: str, *payloads: bytes) -> None:
        for info in [self.client.publish(topic, payload, qos=1) for payload in payloads]:
            info.wait_for_publish(60)

    def stop(self) -> None:
        mqtt.stop(self.client)


def frame(gateway: str, seq: int) -> bytes:
    base = (time.time_ns() // 1_000_000_000 - 200_000 + seq * READINGS) * 1_000_000
    times = base + np.arange(READINGS, dtype=np.int64) * 1_000_000
    series = wire.make_series("radar", "heart_rate", base, times, np.full(READINGS, 60, np.float32))
    return wire.encode(wire.Frame(1, gateway, 7, 8, "live", seq, base, [series]))


def value(url: str, query: str) -> int:
    with psycopg.connect(url) as conn:
        row = conn.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0] or 0)


def stored(url: str, gateway: str) -> int:
    return value(
        url,
        "SELECT count(*) FROM reading r JOIN series s ON s.id = r.series_id JOIN device d ON d.id = s.device_id"
        f" JOIN gateway g ON g.id = d.gateway_id WHERE g.name = '{gateway}'",
    )


@contextmanager
def running(settings: IngestSettings, url: str, broker: TestBroker) -> Iterator[Ingest]:
    """The service in this process, so that the test can see its waiting messages."""
    ingest = Ingest(settings, DatabaseSettings(url=url), broker.settings("svc-ingest"))
    with in_thread(ingest.run):
        yield ingest


@either_broker
def test_a_flood_waits_behind_the_others_and_its_excess_is_kept(broker: TestBroker, postgres: TestPostgres) -> None:
    url = postgres.url
    add_homes(url, [FLOOD, CALM])
    settings = IngestSettings(
        batch_readings=BATCH_READINGS,
        gateway_messages_per_s=20,
        gateway_readings_per_s=2000,
        gateway_burst_s=2,
        quarantine_entries=100_000,
    )
    flood, calm = Gateway(broker, FLOOD), Gateway(broker, CALM)
    with running(settings, url, broker) as ingest:
        first = frame(CALM, 1)

        def listens() -> bool:
            calm.send(wire.topic(CALM, "readings"), first)
            return stored(url, CALM) > 0

        wait_for(listens, 40, lambda: "ingest does not listen")
        with psycopg.connect(url) as slow:
            slow.execute("LOCK TABLE ingest_stream IN EXCLUSIVE MODE")  # the database is slow: everything waits
            flood.send(wire.topic(FLOOD, "readings"), *(frame(FLOOD, n) for n in range(1, FLOOD_FRAMES + 1)))
            wait_for(lambda: ingest.waiting > FLOOD_FRAMES * 0.8, 40, lambda: f"{ingest.waiting} wait")
            at_work = FLOOD_FRAMES - ingest.waiting
            before = ingest.waiting
            calm.send(wire.topic(CALM, "readings"), frame(CALM, 2))
            wait_for(lambda: ingest.waiting > before, 40, lambda: "the calm gateway finds no room")
        wait_for(lambda: stored(url, CALM) == 2 * READINGS, 60, lambda: f"{stored(url, CALM)} stored")
        kept = "SELECT count(*) FROM quarantine WHERE code = 'over limit' AND settled_at IS NULL"
        wait_for(
            lambda: stored(url, FLOOD) + value(url, kept) * READINGS == FLOOD_FRAMES * READINGS,
            90,
            lambda: f"{stored(url, FLOOD)} stored, {value(url, kept)} messages kept of {FLOOD_FRAMES}",
        )
        # Transactions in the order they were begun: what was stored before the calm gateway's second frame was at work
        # already when it came, and one batch may have been taken while it travelled.
        ahead = value(
            url,
            f"""
            WITH theirs AS (SELECT r.xmin::text::bigint AS x, g.name, r.time FROM reading_row r
                JOIN series s ON s.id = r.series_id JOIN device d ON d.id = s.device_id
                JOIN gateway g ON g.id = d.gateway_id)
            SELECT count(*) FROM theirs WHERE name = '{FLOOD}'
               AND x < (SELECT x FROM theirs WHERE name = '{CALM}' ORDER BY time DESC LIMIT 1)
            """,
        )
        assert ahead <= at_work * READINGS + BATCH_READINGS * 2
        assert ahead < stored(url, FLOOD) / 2, "most of what came before it was stored after it"
        assert value(url, kept) > 0
    with psycopg.connect(url, autocommit=True) as conn:
        outcomes = list(reprocess(conn, quarantine.entries(conn), accepted_times(settings, time.time_ns() // 1000)))
    assert all(outcome.settled for outcome in outcomes)
    assert stored(url, FLOOD) == FLOOD_FRAMES * READINGS, "nothing is lost, nothing doubled"
    assert value(url, "SELECT count(*) FROM ingest_stream WHERE NOT isempty(gaps)") == 0
    flood.stop()
    calm.stop()


@pytest.mark.every_grade("plain")
def test_senml_over_a_broker_is_stored_once_and_bad_packs_are_kept(
    broker: TestBroker, postgres: TestPostgres, tmp_path: Path
) -> None:
    url = postgres.url
    add_homes(url, [CALM])
    now = time.time()
    topic = senml.topic(CALM)

    def pack(number: int) -> bytes:
        base = {"bn": "radar/", "bt": round(now) - 1000 + number * 10, "bu": "beat/min"}
        return senml.encode(
            [{**base, "n": "heart_rate", "v": 60}, *({"n": "heart_rate", "t": t, "v": 61} for t in (1, 2))]
        )

    gateway = Gateway(broker, CALM)
    with service("ingest", broker.settings("svc-ingest"), tmp_path, SHOUWANG_DATABASE_URL=url) as ingest:

        def listens() -> bool:
            gateway.send(topic, pack(0))
            return stored(url, CALM) > 0

        wait_for(listens, 40, ingest.log)
        gateway.send(topic, *(pack(n) for n in range(1, 21)))
        ingest.kill()
        gateway.send(topic, *(pack(n) for n in range(11, 41)))  # the gateway was not sure
        gateway.send(topic, b'[{"n":"radar/heart_rate","u":"Cel","v":36}]', b"[{", b'[{"n":"x_","foo_":1}]')
        ingest.start()
        gateway.send(topic, pack(41))
        wait_for(lambda: stored(url, CALM) == 42 * 3, 60, lambda: f"{stored(url, CALM)} {ingest.log()}")
        wait_for(lambda: value(url, "SELECT count(*) FROM quarantine") == 3, 30, ingest.log)
    with psycopg.connect(url) as conn:
        codes = sorted(str(row[0]) for row in conn.execute("SELECT code FROM quarantine").fetchall())
    assert codes == ["undecodable", "undecodable", "wrong unit"]
    assert value(url, "SELECT count(*) - count(DISTINCT (series_id, time)) FROM reading") == 0
    gateway.stop()


def test_a_retained_pack_is_stored_once_however_often_ingest_restarts(
    broker: TestBroker, postgres: TestPostgres, tmp_path: Path
) -> None:
    """A broker repeats what it has retained at each new subscription (MQTT 3.1.1, 3.3.1.3)."""
    url = postgres.url
    add_homes(url, [CALM])
    gateway, topic = Gateway(broker, CALM), senml.topic(CALM)
    marker = iter(range(1, 1000))

    def mark() -> int:
        """Publish a pack of its own time behind the others; the number of rows once it is stored."""
        number = next(marker)
        fields = {"n": "radar/respiration_rate", "u": "/min", "t": round(time.time()) - 2000 + number, "v": number % 50}
        gateway.send(topic, senml.encode([fields]))
        return number

    def rows(channel: str) -> int:
        return value(
            url, f"SELECT count(*) FROM reading r JOIN series s ON s.id = r.series_id WHERE s.channel = '{channel}'"
        )

    with service("ingest", broker.settings("svc-ingest"), tmp_path, SHOUWANG_DATABASE_URL=url) as ingest:

        def listens() -> bool:
            mark()
            return rows("respiration_rate") > 0

        wait_for(listens, 40, ingest.log)
        gateway.client.publish(
            topic, b'[{"n":"radar/heart_rate","u":"beat/min","t":0,"v":60}]', qos=1, retain=True
        ).wait_for_publish(60)
        wait_for(lambda: rows("heart_rate") == 1, 30, ingest.log)
        for _ in range(2):
            ingest.kill()
            ingest.start()
            before = rows("respiration_rate")
            mark()
            wait_for(lambda before=before: rows("respiration_rate") > before, 40, ingest.log)  # type: ignore[misc]
    assert rows("heart_rate") == 1
    gateway.stop()
