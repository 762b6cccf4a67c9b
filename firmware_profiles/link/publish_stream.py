"""Read the PUBLISH packets of an MQTT 3.1.1 stream many at a time. Pure.

A broker sends a district's frames as thousands of small packets a second. A client that reads each by itself spends
more on the packets than on what they carry: here a piece of the stream, as long as the socket had, is cut in one loop.
"""

from typing import NamedTuple

_PUBLISH = 0x30
DUP, RETAIN = 8, 1
"""Flags of a message (MQTT 3.1.1, section 3.3.1): sent once more; kept by the broker since some earlier time."""


class StreamError(ValueError):
    """Raised for bytes that are no MQTT, or none that was asked for: the connection is of no use any more."""


class Delivery(NamedTuple):
    """A message as the broker delivered it."""

    topic: bytes
    payload: bytes
    mid: int
    """The packet's identifier, to acknowledge it by; 0 at QoS 0."""
    flags: int
    """The lower half of the first byte: DUP, twice the QoS, RETAIN."""


class PublishStream:
    """Cuts a stream into messages, and the bytes of all other packets in their order."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> tuple[list[Delivery], bytes]:
        """Take the next bytes; the messages that are whole now, and the other packets that are.

        Raises StreamError for a length of more than four bytes (section 2.2.3), for a message of QoS 2 or 3 (nobody
        here subscribes with more than 1), and for one that ends within its topic or its identifier.
        """
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        found: list[Delivery] = []
        others: list[bytes] = []
        while end - at >= 2:
            head, size, begin = data[at], data[at + 1], at + 2
            if size & 0x80:
                more = _length(data, size, begin)
                if more is None:
                    break
                size, begin = more
            behind = begin + size
            if behind > end:
                break
            if head & 0xF0 == _PUBLISH:
                topic = begin + 2
                payload = topic + (data[begin] << 8 | data[begin + 1]) if topic <= behind else behind + 1
                mid, qos = 0, head & 6
                if qos:
                    if qos != 2:
                        raise StreamError(f"a message of QoS {qos >> 1}")
                    payload += 2
                    if payload <= behind:
                        mid = data[payload - 2] << 8 | data[payload - 1]
                if payload > behind:
                    raise StreamError("a message ends within its topic")
                name = data[topic : payload - 2 if qos else payload]
                found.append(Delivery(name, data[payload:behind], mid, head & 0x0F))
            else:
                others.append(data[at:behind])
            at = behind
        self._rest = data[at:] if at else data
        return found, b"".join(others)


def _length(data: bytes, size: int, begin: int) -> tuple[int, int] | None:
    """The remaining length, whose first byte is ``size``, and where the packet goes on; None: it has not come yet."""
    size &= 0x7F
    for shift in (7, 14, 21):
        if begin >= len(data):
            return None
        more = data[begin]
        begin += 1
        size |= (more & 0x7F) << shift
        if not more & 0x80:
            return size, begin
    raise StreamError("a packet's length has more than four bytes")
