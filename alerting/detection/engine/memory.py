"""Encodes an engine's whole memory, so that a restart goes on where it was. For the same program only.

A detector whose state no longer fits (another version) begins anew; the others keep theirs.
"""

from typing import Any

import msgspec
import numpy as np

from alerting.detection.engine.ledger import LedgerState
from alerting.detection.kit.context import COLUMNS, SEATS, Happened, Person
from alerting.detection.kit.sources.doubt import DoubtState
from alerting.detection.kit.sources.seats import SeatedDevices
from alerting.detection.kit.sources.window import Seen

FORMAT = 3


class Memory(msgspec.Struct, kw_only=True):
    """The state of an engine: ``people`` in the order of the rows; ``detectors`` by name: version, encoded state."""

    format: int
    people: list[Person]
    done_us: int
    value: np.ndarray
    step: np.ndarray
    source_value: np.ndarray = msgspec.field(default_factory=lambda: np.zeros((0, 0), np.float32))
    source_step: np.ndarray = msgspec.field(default_factory=lambda: np.zeros((0, 0), np.int32))
    seats: SeatedDevices = msgspec.field(default_factory=SeatedDevices)
    doubts: DoubtState = msgspec.field(default_factory=DoubtState)
    seen: Seen = msgspec.field(default_factory=Seen)
    waiting: list[np.ndarray]
    moments: list[tuple[int, int, Happened]]
    switches: list[tuple[str, str, str, int]]
    alarms: list[tuple[int, str, str]]
    ledger: LedgerState = msgspec.field(name="books")
    detectors: dict[str, tuple[int, bytearray]]


def _put(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"a snapshot cannot hold {type(value).__name__}")


def _get(kind: type, value: Any) -> Any:
    if kind is not np.ndarray:
        raise NotImplementedError(f"a snapshot cannot hold {kind}")
    dtype, shape, data = value
    return np.frombuffer(data, np.dtype(dtype)).reshape(shape).copy()


_encoder = msgspec.msgpack.Encoder(enc_hook=_put)


class Room:
    """Room for encoded structs that is used again: fresh pages for a district's 50 MB take thrice the encoding's time.

    The bytes of a name are valid until it is used again.
    """

    def __init__(self) -> None:
        self._parts: dict[str, bytearray] = {}

    def encode(self, name: str, value: msgspec.Struct) -> bytearray:
        """Encode a struct whose fields may be arrays."""
        part = self._parts.setdefault(name, bytearray())
        _encoder.encode_into(value, part)
        return part


def decode(data: bytes | bytearray, kind: type) -> Any:
    """Decode the bytes of :meth:`Room.encode`. Raises ValueError, with the reason, for others."""
    try:
        return msgspec.msgpack.decode(data, type=kind, dec_hook=_get)
    except (msgspec.DecodeError, ValueError, TypeError, NotImplementedError) as error:
        raise ValueError(f"not a snapshot of this program: {error}") from error


def decode_memory(data: bytes | bytearray) -> Memory:
    """Decode a snapshot. Raises ValueError for bytes that are none, or are of another format."""
    memory: Memory = decode(data, Memory)
    if memory.format == 2:
        _tell_devices_apart(memory)
    elif memory.format != FORMAT:
        raise ValueError(f"a snapshot of format {memory.format}; this program reads {FORMAT}")
    return memory


def _tell_devices_apart(memory: Memory) -> None:
    """Take a snapshot of the format in which devices of one channel were one series: what was learned of a person must
    outlive the new program's first start. Its columns are the first of today's."""
    people, columns = memory.value.shape
    wide, sources = (people, COLUMNS), (people, COLUMNS * SEATS)
    value, step = np.zeros(wide, np.float32), np.zeros(wide, np.int32)
    value[:, :columns], step[:, :columns] = memory.value, memory.step
    memory.value, memory.step = value, step
    memory.source_value, memory.source_step = np.zeros(sources, np.float32), np.zeros(sources, np.int32)
    memory.waiting[1] = memory.waiting[1] * np.int16(SEATS)
    memory.format = FORMAT
