"""Three hundred sessions of one gateway's certificate are gone within a minute, told, and harm nobody else."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import psycopg
import pytest

from care_network.records import certificates
from dispatch.escalation import broker_sessions
from firmware_profiles import wire
from firmware_profiles.link import mqtt, tls
from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.excess_record import ExcessRecord
from shouwang.brokers.local import mosquitto_binary
from shouwang.brokers.pki import Pki
from shouwang.brokers.session_sources import NatsMonitor, read_store
from shouwang.brokers.session_watch import MosquittoSessions, NatsSessions, SessionSource, keep_few
from shouwang.brokers.sessions import SESSIONS_PER_GATEWAY
from tests.support.brokers import HOW_TO_GET_MOSQUITTO
from tests.support.deployed_broker import DeployedBroker
from tests.support.district import add_homes

pytestmark = pytest.mark.integration

MANY = 300
WITHIN_S = 60.0
WATCH = " as sessions-"


class Place:
    """A broker as deployed, and the program beside it that bounds sessions."""

    def __init__(self, server: DeployedBroker, url: str) -> None:
        self.server, self.url = server, url
        self.folder = server.folder

    def stored(self) -> list[str]:
        """Client ids of the sessions that the broker keeps for gw-thief, or of all where it does not tell whose."""
        if self.server.sort == "mosquitto":
            file = self.folder / "mosquitto.db"
            return [one.client_id for one in read_store(file) if one.identity == "gw-thief"] if file.exists() else []
        url = f"{self.server.monitor}/jsz?streams=1&accounts=1"
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own server
            streams = json.load(answer)["account_details"][0]["stream_detail"]
        number = next(one["state"]["messages"] for one in streams if one["name"] == "$MQTT_sess")
        return ["?"] * number

    def _visits(self) -> int:
        """How often the watch came; NATS remembers what happened before it."""
        return int(time.monotonic() * 1e6) if self.server.sort == "nats" else self.server.log.read_text().count(WATCH)

    def source(self) -> SessionSource:
        if self.server.sort == "nats":
            return NatsSessions(NatsMonitor(self.server.monitor))
        return MosquittoSessions(self.server.settings("svc-broker"), self.folder / "mosquitto.db")

    @contextmanager
    def watched(self) -> Iterator[None]:
        stop = threading.Event()
        record = ExcessRecord(self.url, "broker-1")
        thread = threading.Thread(
            target=keep_few,
            args=(self.server.settings("svc-broker"), self.source(), record.revoked, record.tell, stop),
            kwargs={"look_s": 0.5},
        )
        visits = self._visits()
        thread.start()
        try:
            until(lambda: self._visits() > visits, "nobody watches")
            yield
        finally:
            stop.set()
            thread.join(20)
            record.close()


@pytest.fixture(params=["mosquitto", "nats"])
def place(request: pytest.FixtureRequest, tmp_path: Path, database_url: str) -> Iterator[Place]:
    if request.param == "mosquitto" and mosquitto_binary() is None:
        pytest.skip(HOW_TO_GET_MOSQUITTO)
    add_homes(database_url, ["gw-thief", "gw-honest"])
    server = DeployedBroker(tmp_path / "broker", Pki(tmp_path / "pki"), database_url, request.param)
    try:
        yield Place(server, database_url)
    finally:
        server.stop()


def until(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def open_session(broker: Broker, client_id: str, context: Any, *, clean: bool = False) -> paho.Client:
    """Connect with exactly this client id, subscribe as the finding's attacker did, and stay."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=clean)
    client.tls_set_context(context)
    granted: list[int] = []
    client.on_connect = lambda c, *_: c.subscribe(wire.topic("gw-thief", "commands"), 1)
    client.on_subscribe = lambda *_: granted.append(1)
    client.connect(broker.host, broker.port)
    deadline = time.monotonic() + 10
    while not granted and time.monotonic() < deadline:
        client.loop(0.05)
    assert granted
    return client


def honest_gateway(place: Place, left: list[object]) -> paho.Client:
    settings = place.server.settings("gw-honest")
    let_in = threading.Event()
    client = mqtt.make_client(settings, "gw-honest", clean=True)
    client.on_connect = lambda *_: let_in.set()
    client.on_disconnect = lambda *_: left.append(1)
    mqtt.start(client, settings)
    assert let_in.wait(20)
    return client


def alerts(url: str) -> list[tuple[str, str, str]]:
    with psycopg.connect(url, autocommit=True) as conn:
        broker_sessions.watch(conn)
        return conn.execute("SELECT subject, state, reason_en FROM alert ORDER BY raised_at").fetchall()


def test_three_hundred_sessions_of_one_certificate_are_gone_and_told(place: Place) -> None:
    left: list[object] = []
    thief = place.server.settings("gw-thief")
    context = tls.make_context(thief)
    real = mqtt.make_client(thief, "gw-thief", clean=False)
    mqtt.start(real, thief)
    honest = honest_gateway(place, left)
    try:
        with place.watched():
            for number in range(MANY):
                client = open_session(thief, f"session-{number}", context)
                client.disconnect()
                client._reset_sockets()
            until(lambda: bool(alerts(place.url)), "not told")
            # NATS does not tell whose a stored session is: beside these it is the watch's own
            bound = SESSIONS_PER_GATEWAY + (place.server.sort == "nats")
            until(lambda: 0 < len(place.stored()) <= bound, f"{len(place.stored())} sessions are left")
        [(subject, state, reason)] = alerts(place.url)
        assert (subject, state) == ("sessions:gw-thief", "raised")
        assert "gateways revoke gw-thief" in reason
        assert not left, "a neighbour was disturbed"
        sent = honest.publish(wire.topic("gw-honest", "events"), b"fall", qos=1)
        sent.wait_for_publish(10)
    finally:
        mqtt.stop(honest)
        mqtt.stop(real)


def test_open_connections_are_bounded_too_and_a_revoked_one_has_none(place: Place) -> None:
    left: list[object] = []
    thief = place.server.settings("gw-thief")
    context = tls.make_context(thief)
    honest = honest_gateway(place, left)
    opened = []
    try:
        with place.watched():
            # as long as the ids of both brokers' own logs stay whole
            opened = [open_session(thief, f"{number:03d}-{'x' * 200}", context, clean=True) for number in range(40)]

            def connected() -> int:
                for client in opened:
                    client.loop(0)
                return sum(client.is_connected() for client in opened)

            until(lambda: connected() <= SESSIONS_PER_GATEWAY, "open connections stay")
            with psycopg.connect(place.url, autocommit=True) as conn:
                certificates.revoke(conn, "gw-thief", conn.execute("SELECT now()").fetchone()[0], "admin", "stolen")  # type: ignore[index]
            until(lambda: connected() == 0, "a revoked certificate keeps sessions")
        assert not left, "a neighbour was disturbed"
    finally:
        for client in opened:
            client._reset_sockets()
        mqtt.stop(honest)


def test_sessions_opened_while_nobody_watched_are_found(place: Place) -> None:
    """Also those whose client id is so long that mosquitto's log does not tell whose it is."""
    thief = place.server.settings("gw-thief")
    context = tls.make_context(thief)
    with place.watched():
        pass  # mosquitto keeps its log for the watch from its first visit on
    for number in range(20):
        client = open_session(thief, f"{number}-{'y' * (1200 if number % 2 else 20)}", context)
        client.disconnect()
        client._reset_sockets()
    with place.watched():
        until(lambda: bool(alerts(place.url)), "not told")
        bound = SESSIONS_PER_GATEWAY + (place.server.sort == "nats")
        until(lambda: 0 < len(place.stored()) <= bound, "sessions are left")


def test_the_log_tells_nobody_but_the_program_beside_the_broker(place: Place) -> None:
    """It holds the client ids of all, which are secrets."""
    for identity in ("gw-thief", "svc-console"):
        settings = place.server.settings(identity)
        heard: list[bytes] = []
        done = threading.Event()
        client = mqtt.make_client(settings, f"{identity}-spy", clean=True)
        client.on_connect = lambda c, *_: c.subscribe([("$SYS/broker/log/N", 1), ("$SYS/#", 1)])
        client.on_subscribe = lambda *_, done=done: done.set()
        client.on_message = lambda _c, _u, message, heard=heard: heard.append(message.payload)
        mqtt.start(client, settings)
        assert done.wait(10)
        with open_and_close(place):
            pass
        mqtt.stop(client)
        assert heard == []


@contextmanager
def open_and_close(place: Place) -> Iterator[None]:
    left: list[object] = []
    client = honest_gateway(place, left)
    yield
    mqtt.stop(client)


def test_without_its_certificate_or_the_broker_the_watch_waits_and_the_process_lives(tmp_path: Path) -> None:
    """It shares its process with the lists, by which stolen gateways are shut out."""
    gone = Broker("127.0.0.1", 1, *(tmp_path / name for name in ("ca.crt", "gone.crt", "gone.key")))
    told: list[object] = []
    for source in (MosquittoSessions(gone, tmp_path / "mosquitto.db"), NatsSessions(NatsMonitor("http://127.0.0.1:1"))):
        stop = threading.Event()
        looks = iter((False, False, True))

        def revoked(looks: Iterator[bool] = looks, stop: threading.Event = stop) -> list[str]:
            if next(looks):
                stop.set()
            return ["gw-thief"]

        keep_few(gone, source, revoked, told.append, stop, look_s=0.01)
    assert told == [], "nobody says that he looks who sees nothing"
