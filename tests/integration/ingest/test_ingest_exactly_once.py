"""Ingest on real brokers and databases: everything is stored once, with crashes in between; bad input has a reason."""

import threading
import time
from pathlib import Path

import numpy as np
import psycopg
import pytest

from firmware_profiles import wire
from firmware_profiles.link import mqtt
from ingest.batches.batch import Limits
from ingest.quarantine.quarantine import entries
from ingest.reprocess import reprocess
from tests.support.brokers import TestBroker
from tests.support.databases import TestPostgres
from tests.support.district import add_homes
from tests.support.release import either_broker
from tests.support.services import Service, service, wait_for

pytestmark = pytest.mark.integration
GATEWAY = "gw-once-1"
READINGS = 20
START_US = (time.time_ns() // 1_000_000_000 - 80_000) * 1_000_000


def frame(seq: int, stream: wire.Stream = "live", values: list[float] | None = None, device: str = "radar") -> bytes:
    """READINGS heart rates that no other frame has."""
    base = START_US + seq * 20_000_000 + (0 if stream == "live" else 40_000_000_000)
    numbers = values or [60.0 + seq % 100] * READINGS
    times = base + np.arange(len(numbers), dtype=np.int64) * 1_000_000
    series = wire.make_series(device, "heart_rate", base, times, np.array(numbers, np.float32))
    return wire.encode(wire.Frame(1, GATEWAY, 7, 8, stream, seq, base, [series]))


def wait_until_it_listens(gateway: "Gateway", url: str, ingest: Service) -> None:
    """Send the first frame until it is stored: repetitions cost nothing."""

    def stored() -> bool:
        gateway.send(frame(1))
        return count(url)[0] > 0

    wait_for(stored, 40, ingest.log)


class Gateway:
    """A client that publishes as a gateway does, and repeats unacknowledged messages."""

    def __init__(self, broker: TestBroker) -> None:
        settings = broker.settings(GATEWAY)
        self._connected = threading.Event()
        self.client = mqtt.make_client(settings, GATEWAY, clean=True)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda *_: self._connected.set()
        mqtt.start(self.client, settings)
        assert self._connected.wait(15)

    def send(self, *payloads: bytes, topic: str | None = None) -> None:
        topic = topic or wire.topic(GATEWAY, "readings")
        infos = [self.client.publish(topic, payload, qos=1) for payload in payloads]
        for info in infos:
            info.wait_for_publish(60)

    def stop(self) -> None:
        mqtt.stop(self.client)


def count(url: str, what: str = "SELECT count(*), count(DISTINCT (series_id, time)) FROM reading") -> tuple[int, ...]:
    try:
        with psycopg.connect(url) as conn:
            row = conn.execute(what).fetchone()  # type: ignore[arg-type]
            assert row is not None
            return tuple(int(value) for value in row)
    except psycopg.OperationalError:
        return (-1, -1)


@pytest.mark.every_grade("plain")
def test_everything_once_although_all_of_them_die(broker: TestBroker, postgres: TestPostgres, tmp_path: Path) -> None:
    add_homes(postgres.url, [GATEWAY])
    gateway = Gateway(broker)
    with service("ingest", broker.settings("svc-ingest"), tmp_path, SHOUWANG_DATABASE_URL=postgres.url) as ingest:
        wait_until_it_listens(gateway, postgres.url, ingest)
        gateway.send(*(frame(n) for n in range(1, 101)))
        ingest.kill()
        gateway.send(*(frame(n) for n in range(101, 201)))
        gateway.send(*(frame(n) for n in range(51, 101)))  # the gateway repeats itself
        ingest.start()
        wait_for(lambda: count(postgres.url)[0] > 100 * READINGS, 60, lambda: f"{count(postgres.url)} {ingest.log()}")
        postgres.stop()
        gateway.send(*(frame(n) for n in range(201, 251)))
        gateway.send(*(frame(n, "backfill") for n in range(1, 51)))
        postgres.start()
        ingest.kill()
        ingest.start()
        expected = 300 * READINGS
        wait_for(lambda: count(postgres.url)[0] >= expected, 60, lambda: f"{count(postgres.url)} {ingest.log()}")
        gateway.send(frame(251))  # what comes after everything else
        wait_for(
            lambda: count(postgres.url)[0] >= expected + READINGS, 60, lambda: f"{count(postgres.url)} {ingest.log()}"
        )
        assert count(postgres.url) == (expected + READINGS, expected + READINGS)
        assert count(
            postgres.url, "SELECT sum(high), count(*) FILTER (WHERE NOT isempty(gaps)) FROM ingest_stream"
        ) == (
            301,
            0,
        )
        assert count(postgres.url, "SELECT count(*), 0 FROM quarantine") == (0, 0)
    gateway.stop()


@either_broker
def test_bad_input_is_kept_with_a_reason_and_stops_nothing(
    broker: TestBroker, postgres: TestPostgres, tmp_path: Path
) -> None:
    add_homes(postgres.url, [GATEWAY])
    gateway = Gateway(broker)
    with service("ingest", broker.settings("svc-ingest"), tmp_path, SHOUWANG_DATABASE_URL=postgres.url) as ingest:
        wait_until_it_listens(gateway, postgres.url, ingest)
        gateway.send(frame(2)[:-4], b"", bytes(5_000_000), frame(6, values=[60, float("nan"), 900, 61]))
        gateway.send(*[frame(3)] * 1000)
        gateway.send(frame(4, device="toaster"))
        gateway.send(b"\x00\xff", topic=wire.topic(GATEWAY, "events"))
        gateway.send(frame(5))
        stored = 2 + 3 * READINGS
        wait_for(lambda: count(postgres.url)[0] >= stored, 60, lambda: f"{count(postgres.url)} {ingest.log()}")
        assert count(postgres.url) == (stored, stored)
        with psycopg.connect(postgres.url, autocommit=True) as conn:
            codes = [str(r[0]) for r in conn.execute("SELECT code FROM quarantine ORDER BY code").fetchall()]
            assert codes == [
                "impossible value",
                "too large",
                "undecodable",
                "undecodable",
                "undecodable",
                "unknown device",
            ]
            conn.execute(
                "INSERT INTO device (gateway_id, name, model) SELECT id, 'toaster', 'gateway' FROM gateway LIMIT 1"
            )
            now = time.time_ns() // 1000
            limits = Limits(now - 90 * 86_400_000_000, now)
            assert [one.readings for one in reprocess(conn, entries(conn), limits) if one.settled] == [READINGS]
            assert not [one for one in reprocess(conn, entries(conn), limits) if one.settled], "once is enough"
        assert count(postgres.url)[0] == stored + READINGS
    gateway.stop()


@either_broker
def test_a_home_that_is_registered_later_works_without_a_restart(
    broker: TestBroker, postgres: TestPostgres, tmp_path: Path
) -> None:
    gateway = Gateway(broker)
    with service("ingest", broker.settings("svc-ingest"), tmp_path, SHOUWANG_DATABASE_URL=postgres.url) as ingest:

        def refused() -> bool:
            gateway.send(frame(1))
            return count(postgres.url, "SELECT count(*), 0 FROM quarantine")[0] == 1

        wait_for(refused, 30, ingest.log)
        add_homes(postgres.url, [GATEWAY])
        number = 1

        def stored() -> bool:
            nonlocal number
            number += 1
            gateway.send(frame(number))
            return count(postgres.url)[0] > 0

        wait_for(stored, 30, lambda: ingest.log())
    gateway.stop()
