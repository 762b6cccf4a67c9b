"""Sessions of ingest at the broker: of an older program, which heard everything by one, and of several workers."""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_profiles import wire
from firmware_profiles.link import mqtt, shares
from firmware_profiles.link.mqtt import Broker
from firmware_profiles.link.publish_stream import Delivery
from firmware_profiles.link.publish_tap import Tap
from ingest.receiving.intake import Allowance
from ingest.receiving.share import BULK, URGENT, Share
from ingest.receiving.subscriber import ReceivedMessage, Subscriber, sessions
from ingest.settings import IngestSettings
from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.pki import Pki
from tests.support.brokers import BROKERS, HOW_TO_GET_MOSQUITTO, TestBroker, make_broker
from tests.support.services import wait_for

pytestmark = pytest.mark.integration

EVENTS, READINGS = wire.topic("gw-a", "events"), wire.topic("gw-a", "readings")


def connected(broker: TestBroker, identity: str, name: str, filters: tuple[str, ...], *, clean: bool) -> Callable:
    """Connect, subscribe, and give what publishes and what disconnects."""
    settings, ready = broker.settings(identity), threading.Event()
    client = mqtt.make_client(settings, name, clean=clean)
    client.on_connect = lambda c, *_: c.subscribe([(one, 1) for one in filters]) if filters else ready.set()
    client.on_subscribe = lambda *_: ready.set()
    mqtt.start(client, settings)
    assert ready.wait(20)
    return client


def test_it_hears_everything_once_from_the_first_moment_on(broker: TestBroker) -> None:
    old = connected(broker, "svc-ingest", sessions("ingest-0")[1], (*URGENT, *BULK), clean=False)
    mqtt.stop(old)
    gateway = connected(broker, "gw-a", "gw-a", (), clean=True)

    def send(topic: str, payload: bytes) -> None:
        gateway.publish(topic, payload, qos=1).wait_for_publish(20)

    send(EVENTS, b"waited")
    send(READINGS, b"waited")
    subscriber = Subscriber(broker.settings("svc-ingest"), "ingest-0", Share(), 2**20, Allowance(100, 1000, 10))
    heard: list[ReceivedMessage] = []

    def take(until: Callable[[], bool]) -> None:
        for _ in range(100):
            taken = subscriber.take(100, 2**20, 0.2)
            subscriber.acknowledge(taken)
            heard.extend(taken)
            if until():
                return
        raise AssertionError(heard)

    subscriber.start()
    try:
        take(lambda: len(heard) == 2)
        take(lambda: all(subscriber._hears))
        heard.clear()
        send(EVENTS, b"new")
        send(READINGS, b"new")
        take(lambda: len(heard) >= 2)
        assert sorted(message.topic for message in heard) == [EVENTS, READINGS]
        assert len({message.tap for message in heard}) == 2, "by a connection of its own each"
    finally:
        subscriber.stop()
        mqtt.stop(gateway)


class Ears(Subscriber):
    """A worker's subscriber that notes what the broker gives it, also what it leaves to the other workers."""

    def __init__(self, broker: Broker, number: int, workers: int, by_shard: bool, *, subscribe: bool = True) -> None:
        self.heard: list[tuple[str, bytes]] = []
        settings = IngestSettings(worker=f"ingest-{number}", workers=workers, by_shard=by_shard)
        super().__init__(
            broker,
            settings.session,
            settings.share,
            2**20,
            Allowance(1000, 1000, 10),
            subscribe=subscribe,
            by_shard=by_shard,
        )
        self.start()

    def _received(self, line: int, deliveries: list[Delivery], tap: Tap) -> None:
        self.heard += [(shares.original_topic(topic.decode()), payload) for topic, payload, _, _ in deliveries]
        super()._received(line, deliveries, tap)

    def taken(self) -> set[tuple[str, bytes]]:
        messages = self.take(1000, 2**20, 0.1)
        self.acknowledge(messages)
        return {(message.topic, message.payload or b"") for message in messages}


@pytest.mark.parametrize("name", BROKERS)
def test_each_of_several_workers_hears_its_share_alone_and_nothing_is_missing_when_their_number_changes(
    name: str, tmp_path: Path
) -> None:
    server = make_broker(name, tmp_path / "broker", Pki(tmp_path / "pki"))
    if server is None:
        pytest.skip(HOW_TO_GET_MOSQUITTO)
    if isinstance(server, EmbeddedBroker):
        server.divides = True
    by_shard, gateways = name == "mosquitto", [f"gw-{number}" for number in range(12)]
    server.allow_gateways(gateways)
    with server, contextlib.ExitStack() as stack:
        broker = TestBroker(server)
        clients = {gateway: connected(broker, gateway, gateway, (), clean=True) for gateway in gateways}
        for client in clients.values():
            stack.callback(mqtt.stop, client)
        settings = broker.settings("svc-ingest")

        def workers(count: int, *, subscribe: bool = True) -> list[Ears]:
            ears = [Ears(settings, number, count, by_shard, subscribe=subscribe) for number in range(count)]
            if subscribe:
                wait_for(lambda: all(all(one._hears) for one in ears), 20, lambda: "not subscribed")
            return ears

        def send(payload: bytes) -> set[tuple[str, bytes]]:
            topics = {gateway: [wire.topic(gateway, "readings"), wire.topic(gateway, "events")] for gateway in gateways}
            for gateway, client in clients.items():
                for topic in topics[gateway]:
                    client.publish(topic, payload, qos=1).wait_for_publish(20)
            return {(topic, payload) for both in topics.values() for topic in both}

        def shared(ears: list[Ears], sent: set[tuple[str, bytes]]) -> None:
            """Everything came to one worker each, and of readings the others heard nothing."""
            taken: list[set[tuple[str, bytes]]] = [set() for _ in ears]

            def all_there() -> bool:
                for mine, one in zip(taken, ears, strict=True):
                    mine |= one.taken()
                return set().union(*taken) == sent

            wait_for(all_there, 20, lambda: str([len(mine) for mine in taken]))
            assert sum(map(len, taken)) == len(sent)
            assert all(taken), "so many gateways have something for each"
            for mine, one in zip(taken, ears, strict=True):
                readings = {found for found in one.heard if found[0].endswith("/readings")}
                assert readings <= mine
                assert not by_shard or set(one.heard) <= mine

        two = workers(2)
        shared(two, send(b"to two"))
        for one in two:
            one.stop()
        waited = send(b"while nobody was there")
        three = workers(3)
        after = send(b"to three")
        shared(three, after)
        for one in three:
            one.stop()
        old = workers(2, subscribe=False)  # as `ingest --retire` does
        shared(old, waited | after)
        for one in old:
            one.stop()
