"""Compute the signal of a pendant at the waist through a day: posture, changes of posture, steps. Stateless.

Axes as in SisFall: x to the side, y down when standing, z to the back. Step rate and vertical swing are those of
healthy elderly gait (Menz, Lord, Fitzpatrick, Gait & Posture 2003, 18:35: about 1.7 steps/s, RMS 0.2 g vertical).
"""

from typing import Literal

import numpy as np

from device_simulators.day import stays_between
from device_simulators.noise import normal, uniform
from device_simulators.recordings import Motion
from vocabulary.times import DAY_S

IMU_HZ = 200
SLOT_S = 10
"""Duration of one posture or walk."""
CHANGE_S = 2.0
"""Sitting down, getting up and lying down take about this long."""
Doing = Literal["lying", "sitting", "standing", "walking"]
HABITS: dict[str, tuple[tuple[float, Doing], ...]] = {
    # place: (up to this share of the slots, posture)
    "bed": ((1.0, "lying"),),
    "bedroom": ((0.7, "sitting"), (0.9, "standing"), (1.0, "walking")),
    "living_room": ((0.8, "sitting"), (0.9, "standing"), (1.0, "walking")),
    "bathroom": ((0.4, "sitting"), (0.8, "standing"), (1.0, "walking")),
    "kitchen": ((0.6, "standing"), (1.0, "walking")),
    "out": ((0.1, "standing"), (1.0, "walking")),
}
LEAN_DEG: dict[Doing, float] = {"lying": 88.0, "sitting": 20.0, "standing": 3.0, "walking": 5.0}
NOISE_G, NOISE_DPS = 0.008, 0.6


def worn_motion(seed: int, first: int, n: int) -> Motion:
    """Samples ``first`` to ``first + n`` (numbers since 1970, IMU_HZ): acceleration in g and °/s, shapes [n, 3]."""
    samples = np.arange(first, first + n, dtype=np.int64)
    seconds = samples / IMU_HZ
    slots = samples // (IMU_HZ * SLOT_S)
    lean, roll, walking, leaning, rolling = (np.empty(n) for _ in range(5))
    for slot in np.unique(slots).tolist():
        here = slots == slot
        part = np.clip((seconds[here] - slot * SLOT_S) / CHANGE_S, 0, 1)
        blend, speed = part * part * (3 - 2 * part), 6 * part * (1 - part) / CHANGE_S
        before, now = doing(seed, slot - 1), doing(seed, slot)
        lean_by, roll_by = LEAN_DEG[now] - LEAN_DEG[before], _side(seed, slot) - _side(seed, slot - 1)
        lean[here], leaning[here] = LEAN_DEG[before] + lean_by * blend, lean_by * speed
        roll[here], rolling[here] = _side(seed, slot - 1) + roll_by * blend, roll_by * speed
        walks = (before == "walking", now == "walking")
        walking[here] = walks[0] + (walks[1] - walks[0]) * blend
    a, b = np.radians(lean), np.radians(roll)
    down = np.stack((np.sin(a) * np.sin(b), np.cos(a), np.sin(a) * np.cos(b)), axis=1)
    steps = 2 * np.pi * (1.6 + 0.2 * float(uniform(seed, np.zeros(1, np.int64))[0])) * (seconds % DAY_S)
    vertical = 0.24 * np.sin(steps) + 0.09 * np.sin(2 * steps + 0.7) + 0.04 * np.sin(4 * steps + 1.1)
    gait = np.stack((0.08 * np.sin(steps / 2), vertical, 0.11 * np.sin(steps + 1.6)), axis=1)
    acc = -down + walking[:, None] * gait
    turning = np.stack((leaning, rolling * np.cos(a), rolling * np.sin(a)), axis=1)
    turning += walking[:, None] * np.stack((12 * np.sin(steps), 25 * np.sin(steps / 2), 9 * np.sin(steps / 2)), axis=1)
    for axis in range(3):
        acc[:, axis] += NOISE_G * normal(seed + 200 + axis, samples)
        turning[:, axis] += NOISE_DPS * normal(seed + 210 + axis, samples)
    return acc.astype(np.float32), turning.astype(np.float32)


def doing(seed: int, slot: int) -> Doing:
    """Posture or walk of the resident in a slot of SLOT_S seconds since 1970."""
    begin = slot * SLOT_S
    place = stays_between(seed, begin, begin)[0].place
    chance = float(uniform(seed + 220, np.array([slot], np.int64))[0])
    return next(posture for limit, posture in HABITS[place] if chance < limit)


def _side(seed: int, slot: int) -> float:
    """The side someone lies on, in degrees; changes every 20 minutes or so. Without effect when upright."""
    turn = slot * SLOT_S // 1200
    return float(uniform(seed + 230, np.array([turn], np.int64))[0] * 160 - 80)
