"""Messages behind paho's socket: taken many at a time, acknowledged by one write; paho sees all else."""

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from firmware_profiles.link import mqtt
from firmware_profiles.link.connection_watch import hang_up
from firmware_profiles.link.publish_stream import Delivery
from firmware_profiles.link.publish_tap import Tap, TappedContext
from firmware_profiles.link.tls import Broker
from tests.support.services import wait_for

CONNACK, SUBACK = bytes([0x20, 2, 0, 0]), bytes([0x90, 3, 0, 1, 1])


def publish(mid: int) -> bytes:
    """A PUBLISH of QoS 1 (MQTT 3.1.1, section 3.3) with the topic 't' and two bytes."""
    return struct.pack("!BBH1sH2s", 0x32, 7, 1, b"t", mid, b"ab")


def pubacks(*mids: int) -> bytes:
    return b"".join(struct.pack("!BBH", 0x40, 2, mid) for mid in mids)


@contextlib.contextmanager
def pair(take: Callable[[list[Delivery], Tap], None]) -> Iterator[tuple[Tap, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.settimeout(10)
        yield Tap(ours, take), theirs


def nothing(_deliveries: list[Delivery], _tap: Tap) -> None:
    raise AssertionError("no message was sent")


def test_all_messages_of_a_turn_come_at_once_and_other_packets_are_pahos() -> None:
    turns: list[list[Delivery]] = []
    with pair(lambda deliveries, _: turns.append(deliveries)) as (tap, broker):
        broker.sendall(CONNACK + publish(1) + publish(2) + SUBACK + publish(3))
        assert tap.recv(1) == CONNACK[:1]
        assert [[one.mid for one in turn] for turn in turns] == [[1, 2, 3]]
        assert tap.pending() == 8
        assert tap.recv(100) == CONNACK[1:] + SUBACK
        with pytest.raises(BlockingIOError):
            tap.recv(100)
        broker.sendall(publish(4) + CONNACK)
        broker.shutdown(socket.SHUT_WR)
        assert tap.recv(100) == CONNACK, "what came before the end comes first"
        assert tap.recv(100) == b"", "then the end"


def test_what_the_socket_does_not_take_is_kept_whole_and_in_order() -> None:
    with pair(nothing) as (tap, broker):
        packets = [bytes([0x40 + turn % 7]) * 50_000 for turn in range(40)]
        assert [tap.send(packet) for packet in packets] == [50_000] * 40
        assert tap.unsent > 0
        tap.acknowledge([7, 8])
        received = b""
        while len(received) < 2_000_008:
            received += broker.recv(1_000_000)
            tap.flush()
        assert received == b"".join(packets) + pubacks(7, 8)
        assert tap.unsent == 0


def test_acknowledging_on_an_ended_connection_says_nothing() -> None:
    with pair(nothing) as (tap, broker):
        tap.hang_up()
        tap.acknowledge([1])
        assert broker.recv(10) == b""


def test_bytes_that_are_no_mqtt_end_the_connection() -> None:
    with pair(nothing) as (tap, broker):
        broker.sendall(bytes([0x36, 5, 0, 1, 116, 0, 1]))
        with pytest.raises(ConnectionError, match="QoS 3"):
            tap.recv(100)


def test_a_client_with_a_tap_subscribes_hears_acknowledges_and_comes_again_by_a_new_one() -> None:
    heard: list[tuple[int, Tap]] = []
    subscribed = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        at = Broker(port=server.getsockname()[1])
        client = mqtt.make_client(
            at, "c", clean=False, take=lambda deliveries, tap: heard.extend((one.mid, tap) for one in deliveries)
        )
        client.on_connect = lambda c, *_: c.subscribe("t", 1)
        client.on_subscribe = lambda *_: subscribed.set()
        client.reconnect_delay_set(min_delay=1, max_delay=1)
        assert isinstance(client._ssl_context, TappedContext)
        mqtt.start(client, at)
        try:
            broker, _ = server.accept()
            with broker:
                broker.settimeout(10)
                broker.recv(100)
                # the session's messages may come before the client has asked for anything
                broker.sendall(CONNACK + publish(1) + publish(2))
                while not broker.recv(100).startswith(b"\x82"):
                    pass
                broker.sendall(SUBACK + publish(3))
                wait_for(lambda: len(heard) == 3, 20, lambda: f"{len(heard)} messages")
                assert subscribed.wait(10)
                (tap,) = {tap for _, tap in heard}
                tap.acknowledge([1, 2, 3])
                assert broker.recv(100) == pubacks(1, 2, 3), "in one piece"
                hang_up(client)
                assert select.select([broker], [], [], 10)[0]
            again, _ = server.accept()
            with again:
                again.settimeout(10)
                again.recv(100)
                again.sendall(CONNACK + publish(4))
                wait_for(lambda: len(heard) == 4, 20, lambda: f"{len(heard)} messages")
                assert heard[-1][1] is not tap
                tap.acknowledge([1])  # of the old connection: goes nowhere
                heard[-1][1].acknowledge([4])
                while not (data := again.recv(100)).endswith(pubacks(4)):
                    assert pubacks(1) not in data
        finally:
            mqtt.stop(client)


def test_only_the_reader_hears_that_the_connection_has_ended() -> None:
    with pair(nothing) as (tap, broker):
        broker.close()
        packet = publish(1)
        assert [tap.send(packet), tap.send(packet)] == [len(packet)] * 2
        with contextlib.suppress(ConnectionError):
            assert tap.recv(1) == b""
