"""Nothing that waits for a service grows without end; at the bound readings go, never an event."""

import queue
import threading
from pathlib import Path

import pytest

from firmware_profiles import wire
from firmware_profiles.link import mqtt
from ingest.receiving.share import BULK, URGENT
from ingest.receiving.subscriber import sessions
from shouwang.brokers.config import QUEUED
from shouwang.brokers.local import EmbeddedBroker, LocalBroker, Mosquitto, mosquitto_binary
from shouwang.brokers.pki import Pki
from shouwang.brokers.stream_bound import bound_stream
from tests.support.brokers import HOW_TO_GET_MOSQUITTO, HOW_TO_GET_NATS, PackagedNats, packaged_nats

pytestmark = pytest.mark.integration

BOUND, FRAMES, EVENTS = 60, 300, 30


class Small(Mosquitto):
    """mosquitto as deployed, with a small bound."""

    def _write_configuration(self, port: int) -> Path:
        file = super()._write_configuration(port)
        text = file.read_text()
        assert f"max_queued_messages {QUEUED}" in text
        file.write_text(
            text.replace(f"max_queued_messages {QUEUED}", f"max_queued_messages {BOUND}").replace(
                "max_inflight_messages 10000", "max_inflight_messages 10"
            )
        )
        return file


def visit(broker: LocalBroker, name: str, filters: tuple[str, ...], wanted: int) -> list[bytes]:
    """Connect to a persistent session as ingest does, read what waits (``wanted`` at least), and leave."""
    settings = broker.settings("svc-ingest")
    heard: queue.Queue[bytes] = queue.Queue()
    ready = threading.Event()
    client = mqtt.make_client(settings, name, clean=False)
    client.on_connect = lambda c, *_: c.subscribe([(one, 1) for one in filters])
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _c, _u, message: heard.put(message.payload)
    mqtt.start(client, settings)
    assert ready.wait(20)
    got = [heard.get(timeout=20) for _ in range(wanted)]
    try:
        while True:
            got.append(heard.get(timeout=0.3))
    except queue.Empty:
        pass
    mqtt.stop(client)
    return got


SERVERS: dict[str, type[LocalBroker]] = {"mosquitto": Small, "nats": EmbeddedBroker, "packaged nats": PackagedNats}


@pytest.mark.parametrize("kind", SERVERS)
def test_at_the_bound_readings_go_and_no_event(tmp_path: Path, kind: str) -> None:
    if kind == "mosquitto" and mosquitto_binary() is None:
        pytest.skip(HOW_TO_GET_MOSQUITTO)
    if kind == "packaged nats" and packaged_nats() is None:
        pytest.skip(HOW_TO_GET_NATS)
    urgent, bulk = sessions("ingest-0")
    with SERVERS[kind](tmp_path / "broker", Pki(tmp_path / "pki")) as broker:
        broker.allow_gateways(["gw-a"])
        visit(broker, urgent, URGENT, 0)
        visit(broker, bulk, BULK, 0)
        if kind != "mosquitto":
            assert bound_stream(broker.settings("svc-broker"), 1, BOUND)
        settings = broker.settings("gw-a")
        gateway = mqtt.make_client(settings, "gw-a", clean=True)
        let_in = threading.Event()
        gateway.on_connect = lambda *_: let_in.set()
        mqtt.start(gateway, settings)
        assert let_in.wait(20)
        sent = []
        for number in range(FRAMES):
            sent.append(gateway.publish(wire.topic("gw-a", "readings"), b"%d" % number, qos=1))
            if number % (FRAMES // EVENTS) == 0:
                sent.append(gateway.publish(wire.topic("gw-a", "events"), b"%d" % number, qos=1))
        for message in sent:
            message.wait_for_publish(20)
        mqtt.stop(gateway)
        assert len(visit(broker, urgent, URGENT, EVENTS)) == EVENTS
        readings = visit(broker, bulk, BULK, BOUND)
        assert BOUND <= len(readings) < FRAMES // 2
        if kind != "mosquitto":
            assert readings[-1] == b"%d" % (FRAMES - 1), "the newest goes, not the oldest"
