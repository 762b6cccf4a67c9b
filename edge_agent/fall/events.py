"""Events of the fall detector, and their evidence on the wire."""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from firmware_profiles.signal import decode_signal, encode_signal

FallKind = Literal["suspected", "confirmed", "recovered"]
EVIDENCE_HZ = 50.0
"""Highest sample rate of evidence: enough for a person who looks at it."""


class FallEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a fall: suspected, then confirmed or recovered."""

    kind: FallKind
    time_us: int
    """The impact (µs since 1970): the same in all steps of a fall."""
    confidence: float
    """0–1: how sure the detector is that this is a fall."""
    features: dict[str, float]
    """The features that decided, by name; units stand in the names."""
    window_start_us: int
    window_rate_hz: float
    window_acc_g: NDArray[np.float32]
    """The signal around the impact, shape [n, 3], g."""

    def evidence_bytes(self) -> bytes:
        """The window for the wire: at most 50 Hz, int16 milli-g."""
        step = max(1, int(self.window_rate_hz // EVIDENCE_HZ))
        milli_g = np.clip(np.round(self.window_acc_g[::step] * 1000), -32768, 32767).astype(np.int16)
        return encode_signal(self.window_start_us, self.window_rate_hz / step, milli_g)


def decode_evidence(evidence: bytes) -> tuple[int, float, NDArray[np.float32]]:
    """(start in µs, rate in Hz, acceleration [n, 3] in g) of a fall's evidence. Raises DecodeError for other bytes."""
    signal = decode_signal(evidence)
    return signal.start_us, signal.rate_hz, signal.milli_g.astype(np.float32) / np.float32(1000)
