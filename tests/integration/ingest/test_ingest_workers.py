"""Several workers of ingest and several servers of the broker: a crash of any loses and doubles nothing."""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import psycopg
import pytest

from database.settings import DatabaseSettings
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from firmware_profiles.link.mqtt import Broker
from ingest.retire import retire
from ingest.settings import IngestSettings
from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.nats_cluster import NatsCluster
from shouwang.brokers.pki import Pki
from tests.support.district import add_homes
from tests.support.services import Service, service, wait_for

pytestmark = [
    pytest.mark.integration,
    pytest.mark.parametrize("database_cluster", ["plain"], indirect=True),
]
READINGS = 10
START_US = (time.time_ns() // 1_000_000_000 - 80_000) * 1_000_000
Settings = Callable[[str], Broker]


def send(
    settings: Settings, gateways: Sequence[str], numbers: range, meanwhile: Callable[[], None] | None = None
) -> None:
    """Frames of these numbers from every gateway; ``meanwhile`` is called when half of them are under way."""
    clients = {name: mqtt.make_client(settings(name), name, clean=True) for name in gateways}
    taken: list[int] = []  # by the broker; what it did not acknowledge is sent again at the next connection
    for name, client in clients.items():
        client.reconnect_delay_set(1, 1)
        client.on_publish = lambda _c, _u, mid, _r, _p: taken.append(mid)
        mqtt.start(client, settings(name))
    for seq in numbers:
        if meanwhile is not None and seq == (numbers.start + numbers.stop) // 2:
            meanwhile()
        base = START_US + seq * READINGS * 1_000_000
        times = base + np.arange(READINGS, dtype=np.int64) * 1_000_000
        series = [wire.make_series("radar", "heart_rate", base, times, np.full(READINGS, 60, np.float32))]
        for name, client in clients.items():
            frame = wire.Frame(1, name, 7, 8, "live", seq, base, series)
            client.publish(wire.topic(name, "readings"), wire.encode(frame), qos=1)
    sent = len(numbers) * len(gateways)
    wait_for(lambda: len(taken) >= sent, 60, lambda: f"{len(taken)} of {sent} are acknowledged")
    for client in clients.values():
        mqtt.stop(client)


def fnv(name: str) -> int:
    """The hash (FNV-1a, 32 bits) by which NATS divides the gateways."""
    found = 2166136261
    for byte in name.encode():
        found = (found ^ byte) * 16777619 & 0xFFFFFFFF
    return found


def has_session(settings: Broker, session: str) -> bool:
    """Whether the broker keeps this session."""
    found: list[bool] = []
    client = mqtt.make_client(settings, session, clean=False)
    client.on_connect = lambda _c, _u, flags, _r, _p: found.append(flags.session_present)
    mqtt.start(client, settings)
    wait_for(lambda: bool(found), 20, lambda: "no connection")
    mqtt.stop(client)
    return found[0]


def stored(url: str) -> dict[str, tuple[int, int]]:
    """By gateway: how many readings, and of how many times."""
    query = """
        SELECT gateway.name, count(*), count(DISTINCT time) FROM reading JOIN series ON series.id = series_id
        JOIN device ON device.id = device_id JOIN gateway ON gateway.id = gateway_id GROUP BY gateway.name
    """
    with psycopg.connect(url) as conn:
        return {str(name): (int(many), int(times)) for name, many, times in conn.execute(query).fetchall()}


def test_a_killed_worker_goes_on_where_it_was_and_the_others_do_not_wait(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateways = [f"gw-share-{n}" for n in range(8)]
    of_worker = [[name for name in gateways if fnv(name) % 2 == number] for number in (0, 1)]
    assert all(of_worker)
    add_homes(database_url, gateways)
    broker = EmbeddedBroker(tmp_path / "broker", Pki(tmp_path / "pki"))
    broker.divides = True
    broker.allow_gateways(gateways)
    workers: list[Service] = []
    with contextlib.ExitStack() as stack:
        stack.enter_context(broker)
        for number in (0, 1):
            folder = tmp_path / f"worker-{number}"
            folder.mkdir()
            named = {"SHOUWANG_INGEST_WORKER": f"ingest-{number}", "SHOUWANG_INGEST_WORKERS": "2"}
            settings = broker.settings("svc-ingest")
            workers.append(
                stack.enter_context(service("ingest", settings, folder, SHOUWANG_DATABASE_URL=database_url, **named))
            )
        for worker in workers:
            wait_for(lambda w=worker: "subscribed" in w.log(), 40, worker.log)  # type: ignore[misc]
        send(broker.settings, gateways, range(1, 61), workers[1].kill)
        wait_for(lambda: all(stored(database_url).get(name) == (600, 600) for name in of_worker[0]), 30, workers[0].log)
        workers[1].start()
        expected = dict.fromkeys(gateways, (600, 600))
        wait_for(lambda: stored(database_url) == expected, 40, lambda: f"{stored(database_url)} {workers[1].log()}")

        # the number of workers changes: what waits in an old session is stored, and the session is no more
        workers[1].stop()
        send(broker.settings, of_worker[1], range(61, 71))
        monkeypatch.setattr("ingest.retire.QUIET_S", 1.0)
        old = IngestSettings(worker="ingest-1", workers=2)
        settings = broker.settings("svc-ingest")
        assert retire(old, DatabaseSettings(url=database_url), settings, threading.Event())
        expected |= dict.fromkeys(of_worker[1], (700, 700))
        assert stored(database_url) == expected
        assert not has_session(settings, old.session)


# paho forgets a socket whose TLS handshake was cut off, as a dying server does it
@pytest.mark.filterwarnings("ignore:.*unclosed <ssl.SSLSocket", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_killed_server_of_three_loses_and_doubles_nothing(database_url: str, tmp_path: Path) -> None:
    gateways = [f"gw-cluster-{n}" for n in range(4)]
    add_homes(database_url, gateways)
    cluster = NatsCluster(tmp_path / "broker", Pki(tmp_path / "pki"))
    cluster.allow_gateways(gateways)
    with (
        cluster,
        service("ingest", cluster.settings("svc-ingest"), tmp_path, SHOUWANG_DATABASE_URL=database_url) as ingest,
    ):
        wait_for(lambda: "subscribed" in ingest.log(), 40, ingest.log)
        send(cluster.settings, gateways, range(1, 101), cluster.nodes[0].kill)  # all are connected to this one
        expected = dict.fromkeys(gateways, (1000, 1000))
        wait_for(lambda: stored(database_url) == expected, 60, lambda: f"{stored(database_url)} {ingest.log()}")
        assert "connection to the broker ended" in ingest.log()
