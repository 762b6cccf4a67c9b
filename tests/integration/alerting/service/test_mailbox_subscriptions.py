"""Alerting counts as connected once the broker has accepted its subscriptions, and not before."""

import threading
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from alerting.service.receiving.mailbox import Mailbox
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.pki import Pki
from tests.support.brokers import TestBroker

pytestmark = pytest.mark.integration


def test_up_when_the_homes_are_heard(broker: TestBroker) -> None:
    up, down = threading.Event(), threading.Event()
    mailbox = Mailbox(broker.settings("svc-alerting"), "a", up.set, down.set)
    mailbox.start()
    try:
        assert up.wait(20)
        broker.kill()
        assert down.wait(20)
        up.clear()
        broker.start()
        assert up.wait(30)
    finally:
        mailbox.close()


@pytest.mark.parametrize("broker", ["nats"], indirect=True)  # mosquitto accepts any subscription and delivers nothing
def test_a_service_that_may_not_hear_the_homes_is_not_up(broker: TestBroker) -> None:
    up = threading.Event()
    with capture_logs() as logs:
        mailbox = Mailbox(broker.settings("svc-console"), "a", up.set, lambda: None)
        mailbox.start()
        try:
            end = time.monotonic() + 20
            while not any(entry["log_level"] == "error" for entry in logs) and time.monotonic() < end:
                time.sleep(0.05)
        finally:
            mailbox.close()
    assert any("refuses" in entry["event"] for entry in logs), logs
    assert not up.is_set()


def test_readings_are_heard_where_the_broker_divides_them_among_workers_of_ingest(tmp_path: Path) -> None:
    server = EmbeddedBroker(tmp_path / "broker", Pki(tmp_path / "pki"))
    server.divides = True
    up, topic = threading.Event(), wire.topic("gw-a", "readings")
    with server:
        broker = TestBroker(server)
        mailbox = Mailbox(broker.settings("svc-alerting"), "a", up.set, lambda: None)
        gateway = mqtt.make_client(broker.settings("gw-a"), "gw-a", clean=True)
        mqtt.start(gateway, broker.settings("gw-a"))
        mailbox.start()
        try:
            assert up.wait(20)
            end = time.monotonic() + 20
            heard: list[str] = []
            while not heard and time.monotonic() < end:  # the last subscription may be a moment behind
                gateway.publish(topic, b"x", qos=1)
                heard = [message.topic for message in mailbox.take(0.2)]
            assert set(heard) == {topic}
        finally:
            mailbox.close()
            mqtt.stop(gateway)
