"""An MQTT stream cut into messages: whatever the pieces in which it comes, and whatever bytes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles.link.publish_stream import Delivery, PublishStream, StreamError

MOST_LENGTH_BYTES = 4


def packet(head: int, body: bytes) -> bytes:
    """A packet with its remaining length (MQTT 3.1.1, section 2.2.3)."""
    length, rest = bytearray(), len(body)
    while True:
        rest, low = divmod(rest, 128)
        length.append(low | (128 if rest else 0))
        if not rest:
            return bytes([head]) + bytes(length) + body


def publish(message: Delivery) -> bytes:
    mid = struct.pack("!H", message.mid) if message.flags & 6 else b""
    return packet(0x30 | message.flags, struct.pack("!H", len(message.topic)) + message.topic + mid + message.payload)


FLAGS = st.sampled_from([0, 1, 2, 3, 10, 11])
PAYLOADS = st.one_of(st.binary(max_size=300), st.integers(16_380, 17_000).map(bytes))
MESSAGES = st.builds(
    lambda topic, payload, mid, flags: Delivery(topic, payload, mid if flags & 6 else 0, flags),
    st.binary(max_size=40),
    PAYLOADS,
    st.integers(1, 65_535),
    FLAGS,
)
OTHERS = st.builds(packet, st.sampled_from([0x20, 0x40, 0x90, 0xB0, 0xD0]), st.binary(max_size=200))


@given(st.lists(st.one_of(MESSAGES, OTHERS), max_size=12), st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_messages_and_other_packets_come_whole_and_in_their_order(
    sent: list[Delivery | bytes], sizes: list[int]
) -> None:
    data = b"".join(one if isinstance(one, bytes) else publish(one) for one in sent)
    stream, found, others, at, turn = PublishStream(), [], b"", 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)] * (1 + turn // len(sizes) * 50)
        messages, rest = stream.feed(data[at : at + size])
        found += messages
        others += rest
        at, turn = at + size, turn + 1
    assert found == [one for one in sent if isinstance(one, Delivery)]
    assert others == b"".join(one for one in sent if isinstance(one, bytes))


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_are_cut_or_refused(pieces: list[bytes]) -> None:
    stream, taken = PublishStream(), 0
    try:
        for piece in pieces:
            messages, others = stream.feed(piece)
            taken += sum(len(publish(one)) for one in messages) + len(others)
    except StreamError:
        return
    assert taken <= sum(map(len, pieces))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bytes([0x32, 0x80, 0x80, 0x80, 0x80, 0x01]), "more than four bytes"),
        (packet(0x34, b"\0\x01tmm"), "QoS 2"),
        (packet(0x36, b"\0\x01tmm"), "QoS 3"),
        (packet(0x30, b"\0"), "within its topic"),
        (packet(0x30, b"\0\x05topi"), "within its topic"),
        (packet(0x32, b"\0\x01tm"), "within its topic"),
    ],
)
def test_what_is_no_mqtt_is_refused_in_words(data: bytes, reason: str) -> None:
    with pytest.raises(StreamError, match=reason):
        PublishStream().feed(data)
