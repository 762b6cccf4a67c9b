"""The client reads many packets at once and acknowledges many at once, by paho's private methods: these tests fail when
a new version of paho changes them (pyproject.toml bounds the version)."""

import inspect
import select
import socket
import struct

import paho.mqtt.client as paho

from firmware_profiles.link import mqtt
from ingest.receiving.batched_client import PACKETS_AT_ONCE, BatchedClient, acknowledge

CONNACK = bytes([0x20, 2, 0, 0])
MESSAGES = 20


def publish(mid: int) -> bytes:
    """A PUBLISH of QoS 1 (MQTT 3.1.1, section 3.3) with the topic 't' and two bytes."""
    return struct.pack("!BBH1sH2s", 0x32, 7, 1, b"t", mid, b"ab")


def test_the_private_methods_have_the_shape_that_we_use() -> None:
    assert list(inspect.signature(paho.Client._packet_handle).parameters) == ["self"]
    queue = inspect.signature(paho.Client._packet_queue).parameters
    assert list(queue)[:5] == ["self", "command", "packet", "mid", "qos"]
    assert all(parameter.default is not inspect.Parameter.empty for parameter in list(queue.values())[5:])
    assert "self._packet_handle()" in inspect.getsource(paho.Client._packet_read), "called for each packet"
    assert list(inspect.signature(paho.Client.loop_read).parameters) == ["self", "max_packets"]


def test_many_packets_are_read_at_once_and_acknowledged_together() -> None:
    assert MESSAGES < PACKETS_AT_ONCE
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = BatchedClient(paho.CallbackAPIVersion.VERSION2, "c", clean_session=False, manual_ack=True)
        mids: list[int] = []
        client.on_message = lambda _client, _userdata, message: mids.append(message.mid)
        client.connect("127.0.0.1", server.getsockname()[1])
        broker, _ = server.accept()
        with broker:
            broker.settimeout(10)
            broker.recv(100)
            broker.sendall(CONNACK + b"".join(publish(mid) for mid in range(1, MESSAGES + 1)))
            assert select.select([client.socket()], [], [], 10)[0]
            client.loop_read()
            assert mids == list(range(1, MESSAGES + 1)), "all of them by one call"
            acknowledge(client, mids)
            client.loop_write()
            acknowledgements = b"".join(struct.pack("!BBH", 0x40, 2, mid) for mid in mids)
            assert broker.recv(1000) == acknowledgements, "in one piece"
            acknowledge(client, [])
            assert not client.want_write()
            mqtt.stop(client)
            assert client.socket() is None
