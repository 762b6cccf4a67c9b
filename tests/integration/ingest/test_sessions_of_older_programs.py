"""A session of an older program, which heard everything by one, gives what waits in it, and then readings alone."""

import threading
from collections.abc import Callable

import pytest

from firmware_profiles import wire
from firmware_profiles.link import mqtt
from ingest.receiving.intake import Allowance
from ingest.receiving.share import BULK, URGENT, Share
from ingest.receiving.subscriber import ReceivedMessage, Subscriber, sessions
from tests.support.brokers import TestBroker

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
