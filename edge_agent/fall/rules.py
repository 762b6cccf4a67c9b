"""What makes an impact a fall: free fall before it, the posture after it, and stillness. Pure functions of a window.

The sequence free fall, impact, changed posture, inactivity is that of threshold detectors since Bourke et al. (Gait &
Posture 2007, 26:194) and Kangas et al. (Gait & Posture 2008, 28:285); the numbers here were set on training subjects
of SisFall.
"""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

TRIGGER_G = 1.8
"""An impact: a magnitude at least this high. Kangas 2008: falls at the waist begin at 2.0 g; at 20 Hz a peak is cut."""
SUSPECT_AFTER_S = 0.8
"""So much signal after the impact is waited for before anything is said."""
WATCH_S = 10.0
"""A suspicion is confirmed or taken back within this time."""
FREE_FALL_G = 0.75
TILT_DEG = 45.0
"""The trunk's direction changed by at least this: from upright towards lying."""
STILL_G = 0.12
"""Standard deviation of the magnitude, below which a person lies still (breathing and small movements are less)."""
STILL_FOR_S = 2.0


class Verdict(msgspec.Struct, frozen=True):
    kind: Literal["suspected", "confirmed", "recovered"] | None
    confidence: float
    features: dict[str, float]


def suspect(acc_g: NDArray[np.float32], rate_hz: float, impact: int) -> Verdict:
    """Whether an impact at index ``impact`` may be a fall. ``acc_g`` of shape [n, 3] reaches 0.8 s behind it."""
    magnitude = np.linalg.norm(acc_g, axis=1)
    around = magnitude[max(0, impact - round(1.0 * rate_hz)) : impact + 1]
    features = {
        "peak_g": float(magnitude[impact]),
        "lowest_before_g": float(around.min()),
        "tilt_deg": _tilt(acc_g, rate_hz, impact, (0.4, SUSPECT_AFTER_S)),
    }
    score = (
        0.35 * (features["peak_g"] >= 2.5)
        + 0.35 * (features["lowest_before_g"] <= FREE_FALL_G)
        + 0.3 * min(1.0, features["tilt_deg"] / 60)
    )
    return Verdict("suspected" if score >= 0.45 else None, round(score, 3), features)


def judge(acc_g: NDArray[np.float32], rate_hz: float, impact: int, *, final: bool) -> Verdict:
    """What became of a suspicion: confirmed by lying still, else recovered when the watch is over (``final``)."""
    after = acc_g[impact + round(1.0 * rate_hz) :]
    still_samples = round(STILL_FOR_S * rate_hz)
    features = {"still_g": float("nan"), "tilt_deg": float("nan"), "after_s": len(after) / rate_hz + 1}
    if len(after) >= still_samples:
        last = after[-still_samples:]
        features["still_g"] = float(np.linalg.norm(last, axis=1).std())
        features["tilt_deg"] = _angle(_before(acc_g, rate_hz, impact), last.mean(axis=0))
        if features["still_g"] <= STILL_G and features["tilt_deg"] >= TILT_DEG:
            confidence = min(0.99, 0.6 + 0.4 * min(1.0, (features["tilt_deg"] - TILT_DEG) / 45))
            return Verdict("confirmed", round(confidence, 3), features)
    if not final:
        return Verdict(None, 0.5, features)
    return Verdict("recovered", 0.1, features)


def _before(acc_g: NDArray[np.float32], rate_hz: float, impact: int) -> NDArray[np.float32]:
    """Mean acceleration from 3 to 1.5 s before the impact: where down was."""
    begin, end = max(0, impact - round(3 * rate_hz)), max(1, impact - round(1.2 * rate_hz))
    mean: NDArray[np.float32] = acc_g[begin:end].mean(axis=0)
    return mean


def _tilt(acc_g: NDArray[np.float32], rate_hz: float, impact: int, after_s: tuple[float, float]) -> float:
    piece = acc_g[impact + round(after_s[0] * rate_hz) : impact + round(after_s[1] * rate_hz)]
    return _angle(_before(acc_g, rate_hz, impact), piece.mean(axis=0))


def _angle(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Degrees between two directions."""
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    if length == 0 or not np.isfinite(length):
        return 0.0
    return float(np.degrees(np.arccos(np.clip(np.dot(one, other) / length, -1, 1))))
