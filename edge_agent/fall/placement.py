"""Simulate, from a recording at the waist, what a sensor elsewhere on the body would have measured.

A sensor that is fixed to the same rigid part of the body at the distance r measures f + α × r + ω × (ω × r), where f is
the specific force at the origin, ω the angular rate and α its derivative (rigid-body kinematics; Titterton and Weston,
*Strapdown Inertial Navigation Technology*, 2nd ed. 2004, ch. 3). The chest bends against the pelvis, the thigh turns at
the hip: that angle is not in the recording, so its course is drawn at random from what the movement allows, around the
moments at which the recording itself is liveliest.
"""

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Placement = Literal["waist", "chest", "pocket"]
"""Part of the body that carries the sensor: the trunk at the waist or the chest, or the thigh in a trouser pocket."""
PLACEMENTS: tuple[Placement, ...] = ("waist", "chest", "pocket")
Course = Literal["upright", "crouching", "sitting down", "seated", "lying down", "lying", "rising"]
"""Movement of the thigh in a recording: remains under the trunk; bends and straightens; from standing to a seat and
back; on a seat; from a seat to lying and back; lying; from a seat to standing."""

G = 9.80665
"""m/s² (CGPM 1901)."""
RIGID_HZ = 4.0
"""Faster turns in a recording are those of a belt that wobbles; the trunk does not follow them."""
APART_S = 1.5
"""Least time between two movements of one recording."""


def carry(
    acc_g: NDArray[np.floating],
    gyro_dps: NDArray[np.floating],
    rate_hz: float,
    placement: Placement,
    course: Course,
    is_fall: bool,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """The acceleration in g, shape [n, 3], at ``placement``, from a recording at the waist.

    Axes of the recording: x to the right, y down, z forward. ``gyro_dps`` in °/s.
    """
    acc = np.asarray(acc_g, np.float64)
    if placement == "waist":
        return acc
    rate = np.radians(np.asarray(gyro_dps, np.float64))
    rate = _smooth(rate - np.median(rate, axis=0), rate_hz, 2, RIGID_HZ)
    moments = _liveliest(acc, rate, rate_hz)
    if placement == "pocket":
        flexion = np.radians(_hip_deg(len(acc), rate_hz, moments, course, is_fall, rng) + _gait_deg(acc, rate_hz, rng))
        arm = np.array([rng.uniform(-0.05, 0.05), rng.uniform(0.08, 0.3), rng.uniform(0.03, 0.09)])
        slow = _smooth(acc, rate_hz, 2, 1.5)
        acc = slow + (acc - slow) * rng.uniform(0.75, 1.3)
    else:
        flexion = -np.radians(_spine_deg(len(acc), rate_hz, moments, is_fall, rng))
        arm = np.array([rng.uniform(-0.06, 0.06), -rng.uniform(0.2, 0.45), rng.uniform(0, 0.1)])
    acc, rate = _turn(acc, flexion), _turn(rate, flexion)
    rate[:, 0] += np.gradient(flexion) * rate_hz
    swing = np.cross(np.gradient(rate, axis=0) * rate_hz, arm) + np.cross(rate, np.cross(rate, arm))
    acc += swing / G
    if placement == "pocket" and is_fall and rng.random() < 0.3:  # the knee comes down first
        acc += _knee(len(acc), rate_hz, moments[0], rng)
    return acc


@cache
def _low_pass(rate_hz: float, order: int, below_hz: float) -> NDArray[np.float64]:
    from scipy.signal import butter

    sections: NDArray[np.float64] = butter(order, below_hz, fs=rate_hz, output="sos")
    return sections


def _smooth(rows: NDArray[np.float64], rate_hz: float, order: int, below_hz: float) -> NDArray[np.float64]:
    from scipy.signal import sosfiltfilt

    smooth: NDArray[np.float64] = sosfiltfilt(_low_pass(rate_hz, order, below_hz), rows, axis=0)
    return smooth


def _turn(rows: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same vectors seen from a frame that is turned about x by ``angle`` (rad)."""
    x, y, z = rows.T
    return np.column_stack((x, y * np.cos(angle) + z * np.sin(angle), z * np.cos(angle) - y * np.sin(angle)))


def _liveliest(acc: NDArray[np.float64], rate: NDArray[np.float64], rate_hz: float) -> tuple[float, float, float]:
    """Times in s: the hardest moment; the liveliest and the next liveliest that lies APART_S from it, in order."""
    size = max(1, round(0.3 * rate_hz))
    height = np.linalg.norm(acc, axis=1)
    life = np.convolve(np.abs(height - np.median(height)) + np.abs(rate[:, 0]) / 3, np.ones(size) / size, "same")
    hardest = int(np.convolve(height, np.ones(size // 6 + 1), "same").argmax())
    one = int(life.argmax())
    away = np.abs(np.arange(len(life)) - one) > APART_S * rate_hz
    other = int(np.where(away, life, -1).argmax())
    return hardest / rate_hz, min(one, other) / rate_hz, max(one, other) / rate_hz


def _ramp(time: NDArray[np.float64], end_s: float, width_s: float) -> NDArray[np.float64]:
    """From 0 to 1, smooth as a movement of least jerk (Flash and Hogan, J. Neurosci. 1985, 5(7):1688)."""
    t = np.clip((time - end_s) / width_s + 1, 0, 1)
    result: NDArray[np.float64] = t**3 * (10 - 15 * t + 6 * t**2)
    return result


def _hip_deg(
    n: int,
    rate_hz: float,
    moments: tuple[float, float, float],
    course: Course,
    is_fall: bool,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """The angle of the thigh against the pelvis: 0 standing, about 85 on a chair (Kapandji, *Physiology of the
    Joints*)."""
    time = np.arange(n) / rate_hz
    hardest, first, second = moments
    stand, seat = rng.uniform(-8, 10), rng.uniform(60, 100)
    width = rng.uniform(0.4, 1.3)
    if is_fall:
        begin = seat if course in ("seated", "rising") else stand
        between = {"seated": seat, "rising": rng.uniform(10, 90), "sitting down": rng.uniform(40, 95)}.get(
            course, stand + rng.uniform(0, 60)
        )
        end = rng.uniform(-10, 80)
        fell = hardest + rng.uniform(-0.1, 0.15)
        return (
            begin
            + (between - begin) * _ramp(time, fell - 0.35 * width, width)
            + (end - between) * _ramp(time, fell + rng.uniform(0, 0.6), rng.uniform(0.3, 0.8))
        )
    landed = rng.uniform(-0.15, 0.15)
    if course == "sitting down":
        down = _ramp(time, first + landed, width)
        up = _ramp(time, second + rng.uniform(0, 0.8), rng.uniform(0.6, 1.4))
        return stand + (seat - stand) * (down - up)
    if course == "seated":
        rise = _ramp(time, hardest - rng.uniform(0.3, 0.8), width) - _ramp(
            time, hardest + landed, rng.uniform(0.3, 0.8)
        )
        return seat - rng.uniform(10, 90) * rise
    if course == "lying down":
        change = rng.uniform(0, 50) - seat
        return seat + change * (
            _ramp(time, first + rng.uniform(-0.2, 0.8), width) - _ramp(time, second + landed, rng.uniform(0.6, 1.4))
        )
    if course == "crouching":
        down = _ramp(time, first, width) - _ramp(time, second + 0.5, width)
        return stand + rng.uniform(40, 110) * down
    level = rng.uniform(0, 50) if course == "lying" else stand
    return np.full(n, level)


def _gait_deg(acc: NDArray[np.float64], rate_hz: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """The swing of the thigh with each stride: ±20° walking, more when running (Winter, *Biomechanics of Human
    Movement*)."""
    from scipy.signal import hilbert  # takes a second to load: only training should wait for it

    height = np.linalg.norm(acc, axis=1)
    steps = hilbert(_smooth(height, rate_hz, 2, 3.5) - _smooth(height, rate_hz, 2, 1.2))
    vigour = _smooth(np.abs(steps), rate_hz, 1, 0.4).clip(0)
    swing = rng.uniform(15, 28) * np.clip(vigour / 0.15, 0, 1.5) * (vigour > 0.03)
    result: NDArray[np.float64] = swing * np.sin(np.unwrap(np.angle(steps)) / 2 + rng.uniform(0, 2 * np.pi))
    return result


def _spine_deg(
    n: int, rate_hz: float, moments: tuple[float, float, float], is_fall: bool, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The angle of the chest against the pelvis: leaning forward around each movement, back afterwards."""
    time = np.arange(n) / rate_hz
    hardest, first, second = moments
    angle = np.full(n, rng.uniform(-5, 15))
    for moment in (hardest,) if is_fall else (first, second):
        lean, left = rng.uniform(-5, 35), rng.uniform(-10, 25) if is_fall else 0.0
        end, width = moment + rng.uniform(-0.2, 0.2), rng.uniform(0.4, 1.0)
        angle += lean * _ramp(time, end, width) - (lean - left) * _ramp(time, end + rng.uniform(0.4, 1.2), width)
    return angle


def _knee(n: int, rate_hz: float, fell_s: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """The blow of a knee on the floor shortly before the rest of the body."""
    at, width = fell_s - rng.uniform(0.1, 0.5), rng.uniform(0.03, 0.09)
    direction = rng.normal(size=3)
    blow = rng.uniform(1, 4) * np.exp(-(((np.arange(n) / rate_hz - at) / width) ** 2))
    result: NDArray[np.float64] = blow[:, None] * direction / np.linalg.norm(direction)
    return result
