"""Decode the frames of 60 GHz radars with a serial line (Seeed MR60FDA1 and MR60BHA1, the R60 family).

Frame, from the makers' user manuals (MR60FDA1 V1, MR60BHA1 V1.9, chapter "communication protocol"): 53 59, control
word, command word, length (2 bytes, big-endian), data, the sum of all bytes so far modulo 256, 54 43. A query has bit 7
of the command set and one byte of data, 0F; its answer has the same command and the data of the report.
"""

from collections.abc import Iterator

import msgspec

from firmware_profiles.decoding.payload import translate
from firmware_profiles.devices import DeviceModel
from firmware_profiles.errors import DecodeError
from firmware_profiles.readings import Heard

HEAD, TAIL = b"\x53\x59", b"\x54\x43"
MAX_DATA = 512
"""A greater length is a damaged one: the longest data in the manuals are below 50 bytes."""
_ENVELOPE = len(HEAD) + 4 + 1 + len(TAIL)
QUERY, QUERY_DATA = 0x80, b"\x0f"

FIELDS: dict[tuple[int, int], str] = {
    (0x01, 0x01): "heartbeat",
    (0x80, 0x01): "presence",  # 0 nobody, 1 somebody
    (0x80, 0x02): "motion_state",  # 0 none, 1 still, 2 moving
    (0x80, 0x04): "distance",  # cm, 2 bytes
    (0x81, 0x02): "breath_rate",  # /min; 0: not known
    (0x83, 0x01): "fall_state",  # 0 no, 1 fallen
    (0x84, 0x01): "bed_state",  # 0 out of bed, 1 in bed, 2 not known
    (0x85, 0x02): "heart_rate",  # /min; 0: not known
}
"""(control word, command word) → key of the data (one byte unless WIDTH says more) in device models."""
WIDTH = {"distance": 2}
UNKNOWN = {"breath_rate": 0, "heart_rate": 0, "bed_state": 2}
STATES = frozenset({"presence", "bed_state", "fall_state"})
"""Sent by the radar only when they change: queried now and then, so that a report lost on the line is made good."""


class RadarFrame(msgspec.Struct, frozen=True):
    control: int
    command: int
    data: bytes


def encode(frame: RadarFrame) -> bytes:
    """The bytes of a frame. Raises ValueError for more than MAX_DATA bytes of data."""
    if len(frame.data) > MAX_DATA:
        raise ValueError(f"{len(frame.data)} bytes of data; a frame holds {MAX_DATA}")
    body = HEAD + bytes((frame.control, frame.command)) + len(frame.data).to_bytes(2, "big") + frame.data
    return body + bytes((sum(body) % 256,)) + TAIL


class FrameParser:
    """Finds the frames in a stream of bytes; after garbage it finds the next good one."""

    def __init__(self) -> None:
        self._buffer = b""
        self.damaged = 0
        """Frames that began and were not sound."""

    def feed(self, data: bytes) -> Iterator[RadarFrame]:
        """The frames that are complete now. Never raises."""
        self._buffer += data
        while True:
            start = self._buffer.find(HEAD)
            if start < 0:
                self._buffer = self._buffer[-1:] if self._buffer.endswith(HEAD[:1]) else b""
                return
            self._buffer = self._buffer[start:]
            if len(self._buffer) < len(HEAD) + 4:
                return
            length = int.from_bytes(self._buffer[4:6], "big")
            end = _ENVELOPE + length
            if length <= MAX_DATA:
                if len(self._buffer) < end:
                    return
                body, check, tail = self._buffer[: end - 3], self._buffer[end - 3], self._buffer[end - 2 : end]
                if tail == TAIL and check == sum(body) % 256:
                    self._buffer = self._buffer[end:]
                    yield RadarFrame(body[2], body[3], body[6:])
                    continue
            self.damaged += 1
            self._buffer = self._buffer[1:]  # a header inside a damaged frame may begin a good one

    @property
    def waiting(self) -> bool:
        """A frame has begun and is not complete."""
        return bool(self._buffer)

    def settle(self) -> Iterator[RadarFrame]:
        """Give up incomplete frames, because the line has gone quiet; the good frames behind a damaged length."""
        while self._buffer:
            self.damaged += len(self._buffer) >= len(HEAD)
            self._buffer = self._buffer[1:]
            yield from self.feed(b"")


def queries(model: DeviceModel) -> list[RadarFrame]:
    """The queries for the states of this model."""
    return [
        RadarFrame(control, command | QUERY, QUERY_DATA)
        for (control, command), key in FIELDS.items()
        if key in STATES and (key in model.keys or key in model.events)
    ]


def decode(model: DeviceModel, frame: RadarFrame) -> list[Heard]:
    """Decode a frame; nothing for those that the model does not name. Raises DecodeError where data are missing."""
    key = FIELDS.get((frame.control, frame.command & ~QUERY))
    if key is None or (key not in model.keys and key not in model.events):
        return []
    width = WIDTH.get(key, 1)
    if len(frame.data) < width:
        raise DecodeError(f"{model.id}: {key}: {width} bytes of data were expected, not {len(frame.data)}")
    value = int.from_bytes(frame.data[:width], "big")
    if UNKNOWN.get(key) == value:
        return []
    return translate(model, key, value)
