"""Both brokers: identities, rights, sessions, retained status, last will, and what survives a crash."""

import queue
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from firmware_profiles import senml, wire
from firmware_profiles.link import mqtt
from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.pki import Pki
from tests.support.brokers import TestBroker

pytestmark = pytest.mark.integration

INGEST_FILTERS = [*(wire.subscription(leaf) for leaf in ("readings", "events", "status")), senml.SUBSCRIPTION]
SECOND_OF_SILENCE = 0.7
"""How long a message that must not arrive is waited for; the round trip takes about a millisecond."""


class Client:
    """A paho client that notes what it hears."""

    def __init__(
        self,
        broker: TestBroker,
        identity: str,
        filters: Sequence[str] = (),
        *,
        name: str | None = None,
        clean: bool = True,
        will: mqtt.Will | None = None,
        manual_ack: bool = False,
    ) -> None:
        self.settings = broker.settings(identity)
        self.heard: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self.session_present = False
        self._filters = filters
        self._ready = threading.Event()
        self.mqtt = mqtt.make_client(self.settings, name or identity, clean=clean, will=will, manual_ack=manual_ack)
        self.mqtt.on_connect = self._on_connect
        self.mqtt.on_subscribe = lambda *_: self._ready.set()
        self.mqtt.on_message = lambda _client, _userdata, message: self.heard.put(message)

    def _on_connect(self, client: paho.Client, _userdata: object, flags: paho.ConnectFlags, *_: object) -> None:
        self.session_present = flags.session_present
        if self._filters:
            client.subscribe([(topic, 1) for topic in self._filters])
        else:
            self._ready.set()

    def start(self) -> "Client":
        mqtt.start(self.mqtt, self.settings)
        assert self._ready.wait(10), "the broker does not answer"
        return self

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.mqtt.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def next(self, timeout: float = 10) -> tuple[str, bytes, bool]:
        message = self.heard.get(timeout=timeout)
        return message.topic, message.payload, message.retain

    def hears_nothing(self) -> bool:
        try:
            return self.heard.get(timeout=SECOND_OF_SILENCE) is None
        except queue.Empty:
            return True

    def stop(self) -> None:
        mqtt.stop(self.mqtt)


Connect = Callable[..., Client]


@pytest.fixture
def connect(broker: TestBroker) -> Iterator[Connect]:
    clients: list[Client] = []

    def make(*arguments: object, **options: object) -> Client:
        client = Client(broker, *arguments, **options)  # type: ignore[arg-type]
        clients.append(client)
        return client.start()

    yield make
    for client in clients:
        client.stop()


def test_a_gateway_reaches_the_services_and_hears_its_commands(connect: Connect) -> None:
    ingest = connect("svc-ingest", INGEST_FILTERS)
    alerting = connect("svc-alerting", INGEST_FILTERS)
    console = connect("svc-console", ["desk/v1/alerts", wire.subscription("replies")])
    gateway = connect("gw-a", [wire.topic("gw-a", "commands")])
    for leaf in ("readings", "events", "status"):
        gateway.send(wire.topic("gw-a", leaf), leaf.encode())  # type: ignore[arg-type]
        for service in (ingest, alerting):
            assert service.next() == (wire.topic("gw-a", leaf), leaf.encode(), False)  # type: ignore[arg-type]
    console.send(wire.topic("gw-a", "commands"), b"locate")
    assert gateway.next()[1] == b"locate"
    gateway.send(wire.topic("gw-a", "replies"), b"done")
    assert console.next()[1] == b"done"
    alerting.send("desk/v1/alerts", b"notice")
    assert console.next() == ("desk/v1/alerts", b"notice", False)


def test_a_gateway_can_not_speak_for_another(connect: Connect) -> None:
    ingest = connect("svc-ingest", INGEST_FILTERS)
    console = connect("svc-console", ["desk/v1/alerts"])
    honest = connect("gw-a")
    for topic in (
        wire.topic("gw-a", "readings"),
        wire.topic("gw-a", "events"),
        wire.topic("gw-a", "status"),
        senml.topic("gw-a"),
        "desk/v1/alerts",
        wire.topic("gw-a", "commands"),
        "$MQTT/msgs/" + wire.topic("gw-a", "readings"),
        "$JS/API/STREAM/DELETE/$MQTT_msgs",
    ):
        # A client each: a broker may close the connection of one who oversteps.
        connect("gw-b", name=f"gw-b-{len(topic)}").mqtt.publish(topic, b"forged", qos=1)
    assert ingest.hears_nothing()
    assert console.hears_nothing()
    for topic in (wire.topic("gw-a", "readings"), senml.topic("gw-a")):
        honest.send(topic, b"true")
        assert ingest.next()[:2] == (topic, b"true")


@pytest.mark.parametrize(
    "topic_filter",
    [
        "#",
        "+/+/+/+/+",
        "care/#",
        "senml/v1/+",
        "$MQTT/#",
        "$MQTT/sub/#",
        "$JS/#",
        "desk/v1/alerts",
        wire.topic("gw-a", "commands"),
    ],
)
def test_a_gateway_can_not_listen_to_others(connect: Connect, topic_filter: str) -> None:
    console = connect("svc-console")
    alerting = connect("svc-alerting")
    ingest = connect("svc-ingest", INGEST_FILTERS)
    gateway = connect("gw-a", [wire.topic("gw-a", "commands")])
    spy = connect("gw-b", [topic_filter])
    console.send(wire.topic("gw-a", "commands"), b"secret")
    gateway.send(wire.topic("gw-a", "readings"), b"secret")
    gateway.send(senml.topic("gw-a"), b"secret")
    alerting.send("desk/v1/alerts", b"secret")
    assert gateway.next()[1] == b"secret"
    assert [ingest.next()[1], ingest.next()[1]] == [b"secret"] * 2
    assert spy.hears_nothing()


def test_services_have_no_more_than_their_job_needs(connect: Connect) -> None:
    """Nobody but a gateway makes readings, events, status or replies; nobody but alerting tells of an alert; alerts
    and health data go to those alone who work with them."""
    alerts = "desk/v1/alerts"
    heard = {
        "console": connect("svc-console", [alerts, wire.subscription("replies"), wire.subscription("status")]),
        "ingest": connect("svc-ingest", INGEST_FILTERS),
        "alerting": connect("svc-alerting", INGEST_FILTERS),
        "gateway": connect("gw-a", [wire.topic("gw-a", "commands")]),
    }
    not_theirs = {
        "console": ([alerts], [wire.subscription("readings"), wire.subscription("events"), senml.SUBSCRIPTION]),
        "ingest": ([alerts], [alerts]),
        "alerting": ([], [wire.subscription("replies"), senml.SUBSCRIPTION]),
    }
    gateways_own = [wire.topic("gw-a", leaf) for leaf in ("readings", "events", "status", "replies")]
    spies = []
    for service, (silent, deaf) in not_theirs.items():
        for number, topic in enumerate([*silent, *gateways_own, senml.topic("gw-a")]):
            # A client each: a broker may close the connection of one who oversteps.
            connect(f"svc-{service}", name=f"{service}-{number}").mqtt.publish(topic, b"forged", qos=1)
        spies += [connect(f"svc-{service}", [topic], name=f"{service}-{topic}") for topic in deaf]
    assert heard["ingest"].hears_nothing()
    assert {name: client.heard.empty() for name, client in heard.items()} == dict.fromkeys(heard, True)
    for topic in (*gateways_own, senml.topic("gw-a")):
        heard["gateway"].send(topic, b"true")
    connect("svc-alerting", name="teller").send(alerts, b"true")
    assert heard["ingest"].next()[1] == b"true"
    assert spies[0].hears_nothing()
    assert all(spy.heard.empty() for spy in spies)


def test_only_alerting_may_end_a_local_alarm_and_it_commands_nothing_else(connect: Connect) -> None:
    gateway = connect("gw-a", [wire.topic("gw-a", "alarm"), wire.topic("gw-a", "commands")])
    for identity in ("svc-console", "svc-ingest", "svc-issuer", "gw-b"):
        connect(identity, name=f"{identity}-taken-over").mqtt.publish(wire.topic("gw-a", "alarm"), b"forged", qos=1)
    alerting = connect("svc-alerting", name="alerting-too-far")
    alerting.mqtt.publish(wire.topic("gw-a", "commands"), b"forged", qos=1)
    assert gateway.hears_nothing()
    connect("svc-alerting").send(wire.topic("gw-a", "alarm"), b"we have it")
    assert gateway.next()[1] == b"we have it"


def test_nobody_comes_in_without_a_certificate_of_ours(broker: TestBroker, tmp_path: Path) -> None:
    settings = broker.settings("gw-a")
    stranger = Pki(tmp_path / "stranger").client("svc-ingest")
    for certificate in (None, stranger):
        context = ssl.create_default_context(cafile=str(settings.ca))
        if certificate:
            context.load_cert_chain(*certificate)
        with socket.create_connection((settings.host, settings.port), timeout=5) as plain:
            try:
                with context.wrap_socket(plain, server_hostname=settings.host) as sock:
                    # CONNECT, MQTT 3.1.1, clean session, client id "x"
                    sock.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x")
                    answer = sock.recv(4)
            except OSError:
                answer = b""
        assert answer[:1] != b"\x20" or answer[3] != 0, "let in"


def test_a_new_gateway_comes_in_at_once_and_others_stay(broker: TestBroker, connect: Connect) -> None:
    ingest = connect("svc-ingest", INGEST_FILTERS)
    old = connect("gw-a")
    left: list[object] = []
    old.mqtt.on_disconnect = lambda *_: left.append(1)
    ingest.mqtt.on_disconnect = lambda *_: left.append(1)
    broker.allow(f"gw-{number:03d}" for number in range(50))
    connect("gw-007").send(wire.topic("gw-007", "readings"), b"new")
    assert ingest.next()[1] == b"new"
    old.send(wire.topic("gw-a", "readings"), b"old")
    assert ingest.next()[1] == b"old"
    assert not left


def test_a_status_is_kept_for_those_who_come_later_and_a_death_is_told(connect: Connect) -> None:
    topic = wire.topic("gw-a", "status")
    gateway = connect("gw-a", will=mqtt.Will(topic, b"offline"))
    gateway.send(topic, b"online", retain=True)
    console = connect("svc-console", [wire.subscription("status")])
    assert console.next() == (topic, b"online", True)
    sock = gateway.mqtt.socket()
    assert sock is not None
    gateway.mqtt.on_connect = None
    sock.shutdown(socket.SHUT_RDWR)
    assert console.next()[:2] == (topic, b"offline")
    gateway.stop()
    assert connect("svc-console", [wire.subscription("status")], name="late").next() == (topic, b"offline", True)


def test_a_session_keeps_what_its_service_missed_over_a_restart(broker: TestBroker, connect: Connect) -> None:
    ingest = connect("svc-ingest", INGEST_FILTERS, name="worker", clean=False)
    ingest.stop()
    gateway = connect("gw-a")
    for number in range(20):
        gateway.send(wire.topic("gw-a", "events"), b"%d" % number)
    gateway.stop()
    port = broker.settings("gw-a").port
    broker.stop()
    broker.start()
    assert broker.settings("gw-a").port == port
    ingest = connect("svc-ingest", INGEST_FILTERS, name="worker", clean=False)
    assert ingest.session_present
    assert [ingest.next()[1] for _ in range(20)] == [b"%d" % number for number in range(20)]


def test_what_was_not_acknowledged_comes_again(connect: Connect) -> None:
    ingest = connect("svc-ingest", INGEST_FILTERS, name="worker", clean=False, manual_ack=True)
    connect("gw-a").send(wire.topic("gw-a", "events"), b"fall")
    assert ingest.next()[1] == b"fall"
    ingest.stop()
    ingest = connect("svc-ingest", INGEST_FILTERS, name="worker", clean=False, manual_ack=True)
    message = ingest.heard.get(timeout=20)  # NATS waits for its ack_wait
    assert (message.payload, message.dup) == (b"fall", True)
    ingest.mqtt.ack(message.mid, message.qos)


def test_a_gateway_can_not_take_over_the_session_of_a_service(connect: Connect) -> None:
    ingest = connect("svc-ingest", INGEST_FILTERS, name="worker", clean=False)
    left: list[object] = []
    ingest.mqtt.on_disconnect = lambda *_: left.append(1)
    ingest.stop()
    gateway = connect("gw-a")
    gateway.send(wire.topic("gw-a", "events"), b"fall")
    thief = connect("gw-b", name="worker", clean=True)  # empties the session it names
    thief.stop()
    ingest = connect("svc-ingest", INGEST_FILTERS, name="worker", clean=False)
    assert ingest.next()[1] == b"fall"


def test_the_name_of_a_session_is_a_secret_of_its_key(broker: TestBroker) -> None:
    names = {mqtt.session_name(broker.settings(identity), "worker") for identity in ("svc-ingest", "gw-a", "gw-b")}
    assert len(names) == 3
    assert all(len(name) == len("worker-") + 16 for name in names), "64 bits that nobody guesses"


def test_a_thief_who_knows_the_name_of_a_session_gets_no_message_of_it(broker: TestBroker, connect: Connect) -> None:
    """No broker binds a session to its identity. The rights are asked at each delivery."""
    ingest = connect("svc-ingest", INGEST_FILTERS, name="worker", clean=False)
    ingest.stop()
    connect("gw-a").send(wire.topic("gw-a", "events"), b"fall")
    thief = Client(broker, "gw-b", name="worker", clean=False)
    thief.mqtt._client_id = ingest.mqtt._client_id
    thief.start()
    try:
        assert thief.session_present
        assert thief.hears_nothing()
    finally:
        thief.stop()


def test_a_large_message_arrives_to_be_refused_with_a_reason(connect: Connect) -> None:
    ingest = connect("svc-ingest", INGEST_FILTERS)
    gateway = connect("gw-a")
    gateway.send(wire.topic("gw-a", "readings"), bytes(5_000_000))
    gateway.send(wire.topic("gw-a", "readings"), b"next")
    sizes = [len(ingest.next(timeout=30)[1])]
    while sizes[-1] != len(b"next"):  # on a busy machine the large one may come twice: that is what QoS 1 promises
        sizes.append(len(ingest.next(timeout=30)[1]))
    assert set(sizes[:-1]) == {5_000_000}


def test_ten_thousand_may_wait_for_one_commit(connect: Connect) -> None:
    ingest = connect("svc-ingest", INGEST_FILTERS, name="worker", clean=False, manual_ack=True)
    gateway = connect("gw-a")
    sent = [gateway.mqtt.publish(wire.topic("gw-a", "readings"), b"x", qos=1) for _ in range(1500)]
    for info in sent:
        info.wait_for_publish(20)
    messages = [ingest.heard.get(timeout=10) for _ in sent]  # none of them acknowledged
    assert len({message.mid for message in messages}) == len(sent)


class TestNats:
    """What NATS alone promises."""

    @pytest.fixture(params=["nats"])
    def broker(self, request: pytest.FixtureRequest, tmp_path: Path, pki: Pki) -> Iterator[TestBroker]:
        with EmbeddedBroker(tmp_path / "broker", pki) as server:
            yield TestBroker(server)

    def test_a_killed_broker_loses_nothing_it_acknowledged(self, broker: TestBroker, connect: Connect) -> None:
        connect("svc-ingest", INGEST_FILTERS, name="worker", clean=False).stop()
        gateway = connect("gw-a")
        acknowledged = 0
        for number in range(300):
            gateway.send(wire.topic("gw-a", "events"), b"%d" % number)
            acknowledged += 1
        broker.kill()
        gateway.stop()
        broker.start()
        ingest = connect("svc-ingest", INGEST_FILTERS, name="worker", clean=False)
        assert ingest.session_present
        assert {int(ingest.next()[1]) for _ in range(acknowledged)} == set(range(300))

    def test_the_native_protocol_lets_nobody_in(self, broker: TestBroker) -> None:
        port = int(broker.server.log_file.read_text().split("Listening for client connections on 127.0.0.1:")[1][:5])
        settings = broker.settings("svc-ingest")
        assert settings.cert
        context = ssl.create_default_context(cafile=str(settings.ca))
        context.load_cert_chain(settings.cert, settings.key)
        with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
            plain.recv(4096)  # INFO
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as sock:
                sock.sendall(b'CONNECT {"verbose":true,"tls_required":true}\r\nSUB > 1\r\n')
                assert b"Authorization Violation" in sock.recv(4096)

    def test_a_broker_that_outlived_its_program_is_replaced(self, tmp_path: Path, pki: Pki) -> None:
        folder = tmp_path / "orphan"
        program = (
            "import os, sys, pathlib\n"
            "from shouwang.brokers.local import EmbeddedBroker\n"
            "from shouwang.brokers.pki import Pki\n"
            "broker = EmbeddedBroker(pathlib.Path(sys.argv[1]), Pki(pathlib.Path(sys.argv[2])))\n"
            "broker.start()\n"
            "print(broker.pid, broker.port, flush=True)\n"
            "os._exit(9)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(folder), str(pki.folder)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 9, done.stderr
        orphan, port = map(int, done.stdout.split())
        with EmbeddedBroker(folder, pki) as server:
            assert server.port == port
            deadline = time.monotonic() + 5
            while Path(f"/proc/{orphan}/cmdline").exists() and Path(f"/proc/{orphan}/cmdline").read_bytes():
                assert time.monotonic() < deadline
