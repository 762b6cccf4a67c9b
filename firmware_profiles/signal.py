"""The signal around a fall, as an event carries it: acceleration of a few seconds, checked where it enters."""

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from firmware_profiles.errors import DecodeError

MOST_BYTES = 64 * 1024
"""Of the whole evidence: 3.5 min at 50 Hz, many times what our detector sends."""
MOST_HZ = 10_000.0
_AXES = 3
_SAMPLE = 2 * _AXES


class _Content(msgspec.Struct, frozen=True, array_like=True):
    start_us: int
    rate_hz: float
    samples: bytes  # int16 little-endian, milli-g, [n, 3]


class Signal(msgspec.Struct, frozen=True):
    """``start_us``: time of the first sample, µs since 1970; ``milli_g``: int16, shape [n, 3], n ≥ 1."""

    start_us: int
    rate_hz: float
    milli_g: NDArray[np.int16]


def encode_signal(start_us: int, rate_hz: float, milli_g: NDArray[np.int16]) -> bytes:
    """The signal as the evidence of an event."""
    return msgspec.msgpack.encode(_Content(start_us, rate_hz, milli_g.astype("<i2").tobytes()))


def decode_signal(evidence: bytes) -> Signal:
    """The signal in an event's evidence. Raises DecodeError, and nothing else, whatever the bytes."""
    if len(evidence) > MOST_BYTES:
        raise DecodeError(f"a signal of {len(evidence)} bytes is longer than {MOST_BYTES}")
    try:
        content = msgspec.msgpack.decode(evidence, type=_Content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not a signal: {error}") from error
    if not content.samples or len(content.samples) % _SAMPLE:
        raise DecodeError(f"a signal of {len(content.samples)} bytes has no whole samples of {_SAMPLE}")
    if not (math.isfinite(content.rate_hz) and 0 < content.rate_hz <= MOST_HZ) or abs(content.start_us) > 2**53:
        raise DecodeError(f"a signal of {content.rate_hz} Hz from {content.start_us} µs on is none")
    return Signal(content.start_us, content.rate_hz, np.frombuffer(content.samples, "<i2").reshape(-1, _AXES))
