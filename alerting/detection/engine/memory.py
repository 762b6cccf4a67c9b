"""Encodes an engine's whole memory, so that a restart goes on where it was. For the same program only.

A detector whose state no longer fits (another version) begins anew; the others keep theirs.
"""

from typing import Any

import msgspec
import numpy as np

from alerting.detection.engine.ledger import LedgerState
from alerting.detection.kit.context import Happened, Person

FORMAT = 2


class Memory(msgspec.Struct, kw_only=True):
    """The state of an engine: ``people`` in the order of the rows; ``detectors`` by name: version, encoded state."""

    format: int
    people: list[Person]
    done_us: int
    value: np.ndarray
    step: np.ndarray
    waiting: list[np.ndarray]
    moments: list[tuple[int, int, Happened]]
    switches: list[tuple[str, str, str, int]]
    alarms: list[tuple[int, str, str]]
    ledger: LedgerState = msgspec.field(name="books")
    detectors: dict[str, tuple[int, bytes]]


def _put(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"a snapshot can not hold {type(value).__name__}")


def _get(kind: type, value: Any) -> Any:
    if kind is not np.ndarray:
        raise NotImplementedError(f"a snapshot can not hold {kind}")
    dtype, shape, data = value
    return np.frombuffer(data, np.dtype(dtype)).reshape(shape).copy()


_encoder = msgspec.msgpack.Encoder(enc_hook=_put)


def encode(value: msgspec.Struct) -> bytes:
    """Encode a struct whose fields may be arrays."""
    return _encoder.encode(value)


def decode(data: bytes, kind: type) -> Any:
    """Decode the bytes of :func:`encode`. Raises ValueError, with the reason, for others."""
    try:
        return msgspec.msgpack.decode(data, type=kind, dec_hook=_get)
    except (msgspec.DecodeError, ValueError, TypeError, NotImplementedError) as error:
        raise ValueError(f"not a snapshot of this program: {error}") from error


def decode_memory(data: bytes) -> Memory:
    """Decode a snapshot. Raises ValueError for bytes that are none, or are of another format."""
    memory: Memory = decode(data, Memory)
    if memory.format != FORMAT:
        raise ValueError(f"a snapshot of format {memory.format}; this program reads {FORMAT}")
    return memory
