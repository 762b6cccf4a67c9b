"""A process with more than a thousand open files and sockets keeps its broker, as a console with many pages has."""

import contextlib
import os
import resource
from collections.abc import Iterator

import pytest

from firmware_profiles.link import mqtt
from shouwang.brokers.config import probe_topic
from tests.support.brokers import TestBroker
from tests.support.services import wait_for

pytestmark = pytest.mark.integration
BEYOND_SELECT = 1100


@contextlib.contextmanager
def many_open_files() -> Iterator[None]:
    """Hold the descriptors up to BEYOND_SELECT, so that whatever is opened inside lies above."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * BEYOND_SELECT:
        pytest.skip(f"this process may open {hard} files only: raise its hard limit (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * BEYOND_SELECT), hard))
    held = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while held[-1] < BEYOND_SELECT:
            held.append(os.dup(held[0]))
        yield
    finally:
        for number in held:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_client_connects_and_hears_whatever_its_descriptor_is(broker: TestBroker) -> None:
    heard: list[bytes] = []
    settings, topic = broker.settings("svc-alerting"), probe_topic("svc-alerting")
    with many_open_files():
        client = mqtt.make_client(settings, "svc-alerting-many", clean=True)
        client.on_message = lambda _c, _u, message: heard.append(message.payload)
        mqtt.start(client, settings)
        try:
            wait_for(client.is_connected, 20, lambda: "not connected")
            sock = client.socket()
            assert sock is not None
            assert sock.fileno() >= 1024
            client.subscribe(topic, qos=1)
            for number in range(3):
                client.publish(topic, str(number), qos=1)
            wait_for(lambda: heard == [b"0", b"1", b"2"], 20, lambda: str(heard))
        finally:
            mqtt.stop(client)
