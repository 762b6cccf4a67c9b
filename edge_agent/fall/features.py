"""Features of an impact that a physician or an engineer can check: pure functions of a window at 20 Hz.

All are made of magnitudes and of angles between directions measured by the sensor itself, so the mounting does not
matter. Their order - activity before, free fall, impact, changed posture, stillness - is that of
Noury et al. (IEEE EMBS 2007, "Fall detection - principles and methods") and Kangas et al. (Gait & Posture 2008,
28:285).
"""

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 20
"""The common rate: every signal is averaged down to it first, so that a 20 Hz and a 200 Hz sensor look alike."""
BEFORE = 3 * RATE_HZ
"""Samples of a window before the impact."""
EARLY_AFTER = 15
"""Samples after the impact at which the suspicion is decided: 0.75 s."""
WATCH = 190
"""Samples after the impact at which the fate of a suspicion is decided: 9.5 s."""
LEAST_AFTER = 24
"""Samples after the impact without which nothing can be said of its fate."""
STANDARD_GRAVITY = 9.80665
"""m/s² (CGPM 1901)."""
STILL_G = 0.1
"""A second in which every axis stays within this of its mean is a still one: breathing moves the trunk less."""

Window = NDArray[np.float64]
"""Acceleration in g, shape [BEFORE + 1 + after, 3]; the impact is row BEFORE."""

EARLY = {
    "peak_g": 1,
    "second_peak_g": 0,
    "lowest_before_g": -1,
    "lowest_after_g": 0,
    "free_fall_s": 1,
    "lost_weight_m_s": 1,
    "impact_m_s": 1,
    "horizontal_g": 1,
    "vertical_low_g": 0,
    "jerk_g_s": 1,
    "active_before_g": 0,
    "active_just_before_g": 0,
    "peak_before_g": 0,
    "steps_before": 0,
    "sway_before_g": 0,
    "gravity_before_g": 0,
    "tilt_before_deg": 0,
    "tilt_deg": 1,
    "tilt_early_deg": 0,
    "turn_deg_s": 1,
    "active_after_g": 0,
    "sway_after_g": 0,
    "turned_path_deg": 0,
    "horizontal_m_s": 1,
    "impacts_near": 0,
    "tilt_at_impact_deg": 0,
}
"""Features of :func:`early`, in order. 1: more of it never makes a fall less likely; -1: never more
likely; 0: either."""

LATE = EARLY | {
    "after_s": 0,
    "tilt_end_deg": 1,
    "tilt_least_deg": 1,
    "tilt_most_deg": 0,
    "turned_back_deg": 0,
    "still_s": 1,
    "still_share": 1,
    "sway_end_g": -1,
    "active_later_g": 0,
    "peak_later_g": 0,
    "steps_later_per_s": -1,
    "drift_end_deg": 0,
    "tilt_3s_deg": 0,
    "turned_path_later_deg": 0,
    "sway_1s_g": 0,
}
"""Features of :func:`late`, in order, likewise."""


def early(window: Window) -> NDArray[np.float64]:
    """The features EARLY of an impact, shape [26], from a window that reaches at least EARLY_AFTER behind it."""
    w = window[: BEFORE + 1 + EARLY_AFTER]
    m = _length(w)
    low, hit = m[BEFORE - 20 : BEFORE], m[BEFORE - 2 : BEFORE + 6]
    gravity = w[BEFORE - 50 : BEFORE - 20].mean(axis=0)
    up = gravity / max(float(np.linalg.norm(gravity)), 1e-6)
    vertical = w @ up
    horizontal = np.sqrt(np.maximum(m**2 - vertical**2, 0))
    after = w[-7:].mean(axis=0)
    others = np.concatenate((m[BEFORE - 12 : BEFORE - 3], m[BEFORE + 4 :]))
    posture = _means(w[BEFORE - 20 :], 6)
    return np.array(
        [
            hit.max(),
            others.max(),
            low.min(),
            m[BEFORE + 1 :].min(),
            (low < 0.8).sum() / RATE_HZ,
            np.maximum(1 - low, 0).sum() * STANDARD_GRAVITY / RATE_HZ,
            np.maximum(m[BEFORE - 4 :] - 1, 0).sum() * STANDARD_GRAVITY / RATE_HZ,
            horizontal[BEFORE - 6 : BEFORE + 10].max(),
            vertical[BEFORE - 20 : BEFORE + 1].min(),
            _length(np.diff(w[BEFORE - 10 : BEFORE + 10], axis=0)).max() * RATE_HZ,
            _rms(m[: BEFORE - 20] - 1),
            _rms(m[BEFORE - 20 : BEFORE - 4] - 1),
            m[: BEFORE - 10].max(),
            _peaks(m[: BEFORE - 10], 1.15),
            _sway(w[: BEFORE - 20]),
            np.linalg.norm(gravity),
            _angle(w[:20].mean(axis=0), w[BEFORE - 30 : BEFORE - 15].mean(axis=0)),
            _angle(gravity, after),
            _angle(gravity, w[BEFORE + 3 : BEFORE + 9].mean(axis=0)),
            _angles(posture[:-6], posture[6:]).max() * RATE_HZ / 6,
            _rms(m[BEFORE + 8 :] - 1),
            _sway(w[BEFORE + 8 :]),
            _path(w[BEFORE - 20 :]),
            horizontal[BEFORE - 4 : BEFORE + 10].sum() * STANDARD_GRAVITY / RATE_HZ,
            _peaks(m[BEFORE - 20 :], 1.3),
            _angle(gravity, w[BEFORE - 6 : BEFORE].mean(axis=0)),
        ]
    )


def late(window: Window, known: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """The features LATE of an impact, shape [41], from a window that reaches LEAST_AFTER or more behind it.

    ``known``: its features EARLY, where they are already there.
    """
    after = window[BEFORE + RATE_HZ : BEFORE + 1 + WATCH]
    gravity = window[BEFORE - 50 : BEFORE - 20].mean(axis=0)
    m = _length(after)
    end = after[-2 * RATE_HZ :]
    seconds = [after[max(0, stop - RATE_HZ) : stop] for stop in range(len(after), 0, -RATE_HZ)]  # the latest first
    means = np.array([second.sum(axis=0) / len(second) for second in seconds])
    tilts = _angles(np.broadcast_to(gravity, means.shape), means)
    still = np.array([np.abs(second - mean).max() < STILL_G for second, mean in zip(seconds, means, strict=True)])
    later = m[RATE_HZ // 2 :]
    return np.concatenate(
        (
            early(window) if known is None else known,
            [
                (len(after) + RATE_HZ) / RATE_HZ,
                _angle(gravity, end.mean(axis=0)),
                tilts.min(),
                tilts.max(),
                _angle(after[:RATE_HZ].mean(axis=0), end.mean(axis=0)),
                len(still) if still.all() else still.argmin(),
                still.mean(),
                _sway(end),
                _rms(later - 1),
                later.max() if later.size else m.max(),
                _peaks(later, 1.12) * RATE_HZ / max(later.size, 1),
                _angle(means[0], means[min(2, len(means) - 1)]),
                _angle(gravity, after[RATE_HZ : 3 * RATE_HZ].mean(axis=0)) if len(after) > RATE_HZ else tilts[0],
                _path(after[: 4 * RATE_HZ]),
                _sway(after[:RATE_HZ]),
            ],
        )
    )


def _length(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    length: NDArray[np.float64] = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return length


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0


def _sway(rows: NDArray[np.float64]) -> float:
    """Root of the summed variances of the three axes: how much the vector moves, turning included."""
    return float(np.sqrt(rows.var(axis=0).sum()))


def _peaks(m: NDArray[np.float64], height: float) -> float:
    if m.size < 3:
        return 0.0
    inner = m[1:-1]
    return float(((inner > height) & (inner >= m[:-2]) & (inner > m[2:])).sum())


def _means(rows: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Moving means of ``size`` rows."""
    total = np.concatenate((np.zeros((1, 3)), rows.cumsum(axis=0)))
    means: NDArray[np.float64] = (total[size:] - total[:-size]) / size
    return means


def _path(rows: NDArray[np.float64]) -> float:
    """Degrees that the direction has turned in all, from one 0.3 s to the next: a body that rolls turns more than its
    end tells."""
    means = _means(rows, 6)[::6]
    return float(_angles(means[:-1], means[1:]).sum())


def _angles(ones: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """:func:`_angle` row by row."""
    lengths = np.maximum(_length(ones) * _length(others), 1e-9)
    angles: NDArray[np.float64] = np.degrees(np.arccos(np.clip(np.einsum("ij,ij->i", ones, others) / lengths, -1, 1)))
    return np.where(lengths > 1e-9, angles, 0)


def _angle(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Degrees between two directions; 0 where one of them has no length."""
    length = float(np.sqrt(one @ one) * np.sqrt(other @ other))
    if length < 1e-9:
        return 0.0
    return float(np.degrees(np.arccos(min(1.0, max(-1.0, float(one @ other) / length)))))
