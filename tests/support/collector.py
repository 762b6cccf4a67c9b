"""A subscriber that stands for the district in tests of the gateway."""

import threading

from firmware_profiles import wire
from firmware_profiles.link import mqtt
from ingest.receiving.share import BULK, URGENT
from ingest.receiving.subscriber import sessions
from ingest.settings import IngestSettings
from tests.support.brokers import TestBroker


class Collector:
    """Subscribe as ingest does and keep the messages of the gateways."""

    def __init__(self, broker: TestBroker) -> None:
        self.frames: dict[tuple[int, str, int], bytes] = {}
        self.events: dict[tuple[int, int], str] = {}
        self.order: list[wire.Frame | wire.Event] = []
        """As they arrived."""
        self.states: list[str] = []
        self.clashes: list[str] = []
        self._ready = threading.Event()
        self.client = mqtt.make_client(broker.settings("svc-ingest"), "collector", clean=False)
        leaves: tuple[wire.Leaf, ...] = ("readings", "events", "status")
        self.client.on_connect = lambda c, *_: c.subscribe([(wire.subscription(leaf), 1) for leaf in leaves])
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = self._collect
        mqtt.start(self.client, broker.settings("svc-ingest"))
        assert self._ready.wait(15)

    def _collect(self, _client: object, _userdata: object, message: mqtt.paho.MQTTMessage) -> None:
        payload = bytes(message.payload)
        leaf = message.topic.rsplit("/", 1)[-1]
        if leaf == "readings":
            frame = wire.decode(wire.Frame, payload)
            self.order.append(frame)
            key = (frame.epoch, frame.stream, frame.seq)
            if self.frames.setdefault(key, payload) != payload:
                self.clashes.append(str(key))
        elif leaf == "events":
            event = wire.decode(wire.Event, payload)
            self.order.append(event)
            self.events[event.epoch, event.seq] = event.kind
        else:
            self.states.append(wire.decode(wire.Status, payload).state)

    def readings(self) -> int:
        frames = [wire.decode(wire.Frame, payload) for payload in list(self.frames.values())]
        return sum(len(series) for frame in frames for series in frame.series)

    def stop(self) -> None:
        mqtt.stop(self.client)


def open_ingest_session(broker: TestBroker) -> None:
    """Subscribe once as ingest does and leave: the broker then keeps every message for ingest."""
    settings = broker.settings("svc-ingest")
    for name, filters in zip(sessions(IngestSettings().worker), (URGENT, BULK), strict=True):
        _visit(settings, name, filters)


def _visit(settings: mqtt.Broker, name: str, filters: tuple[str, ...]) -> None:
    ready = threading.Event()
    client = mqtt.make_client(settings, name, clean=False, manual_ack=True)
    client.on_connect = lambda c, *_: c.subscribe([(one, 1) for one in filters])
    client.on_subscribe = lambda *_: ready.set()
    mqtt.start(client, settings)
    assert ready.wait(15)
    mqtt.stop(client)
