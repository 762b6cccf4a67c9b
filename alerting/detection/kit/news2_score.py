"""Scores vital signs by NEWS2, the National Early Warning Score 2: the table as data, the score as a pure function.

Source: Royal College of Physicians, National Early Warning Score (NEWS) 2, 2017, chart 1 and tables 1 and 2.
"""

from functools import cache
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

VERSION = 1
_INF = float("inf")


class Bands(msgspec.Struct, frozen=True):
    """Points by value: ``points[i]`` up to and including ``upto[i]``, in steps of ``resolution``."""

    resolution: float
    upto: tuple[float, ...]
    points: tuple[int, ...]

    def score(self, values: NDArray[np.floating]) -> NDArray[np.int8]:
        """Points of each value, shape [n]; the values are first rounded (half up) to the chart's resolution."""
        by_step = _by_step(self)
        # plus a little, so that 35.05 in float32 is not rounded down
        steps = np.floor(np.asarray(values, np.float64) / self.resolution + 0.5 + 1e-4)
        return by_step[np.clip(steps, 0, len(by_step) - 1).astype(np.intp)]


@cache
def _by_step(bands: Bands) -> NDArray[np.int8]:
    """Points of every step from 0 to the first beyond the last bound, shape [steps]."""
    bounds = np.round(np.array(bands.upto[:-1]) / bands.resolution)
    return np.array(bands.points, np.int8)[np.searchsorted(bounds, np.arange(bounds[-1] + 2))]


RESPIRATION = Bands(1, (8, 11, 20, 24, _INF), (3, 1, 0, 2, 3))
SPO2_SCALE_1 = Bands(1, (91, 93, 95, _INF), (3, 2, 1, 0))
SPO2_SCALE_2_AIR = Bands(1, (83, 85, 87, _INF), (3, 2, 1, 0))
SPO2_SCALE_2_OXYGEN = Bands(1, (83, 85, 87, 92, 94, 96, _INF), (3, 2, 1, 0, 1, 2, 3))
SYSTOLIC = Bands(1, (90, 100, 110, 219, _INF), (3, 2, 1, 0, 3))
PULSE = Bands(1, (40, 50, 90, 110, 130, _INF), (3, 1, 0, 1, 2, 3))
TEMPERATURE = Bands(0.1, (35.0, 36.0, 38.0, 39.0, _INF), (3, 1, 0, 1, 2))
CONSCIOUSNESS = Bands(1, (0, _INF), (0, 3))
OXYGEN_POINTS = 2

URGENT, EMERGENCY, SINGLE = 5, 7, 3
"""The thresholds of RCP 2017, table 2: an urgent and an emergency response by the aggregate score, and by a single
parameter."""

PARAMETERS = (
    "respiration_rate",
    "spo2",
    "systolic_bp",
    "heart_rate",
    "consciousness",
    "body_temperature",
)
"""The channels that are scored; air or oxygen stands in the resident's record."""

Level = Literal["none", "low", "low-medium", "medium", "high"]


def points(
    channel: str, values: NDArray[np.floating], scale: NDArray[np.int8], oxygen: NDArray[np.bool_]
) -> NDArray[np.int8]:
    """Points of one parameter for many residents; ``scale`` (1 or 2) and ``oxygen`` matter for SpO2. Shapes [n].

    Raises KeyError for a channel that NEWS2 does not score.
    """
    if channel == "spo2" and (scale == 2).any():
        with_scale_2 = np.where(oxygen, SPO2_SCALE_2_OXYGEN.score(values), SPO2_SCALE_2_AIR.score(values))
        return np.where(scale == 2, with_scale_2, SPO2_SCALE_1.score(values)).astype(np.int8)
    return SPO2_SCALE_1.score(values) if channel == "spo2" else _BANDS[channel].score(values)


_BANDS = {
    "respiration_rate": RESPIRATION,
    "systolic_bp": SYSTOLIC,
    "heart_rate": PULSE,
    "consciousness": CONSCIOUSNESS,
    "body_temperature": TEMPERATURE,
}


def level(total: int, highest_single: int) -> Level:
    """The clinical risk of an aggregate score and the highest single parameter (RCP 2017, table 2)."""
    if total >= EMERGENCY:
        return "high"
    if total >= URGENT:
        return "medium"
    if highest_single >= SINGLE:
        return "low-medium"
    return "low" if total else "none"
