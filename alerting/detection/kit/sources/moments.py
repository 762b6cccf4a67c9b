"""The readings that count for a score side by side, and measurements by hand that were made again, by any device."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.kit.columns import STEP_US, Array
from alerting.detection.kit.context import SEATS
from vocabulary.times import MINUTE_US

AGAIN_STEPS = MINUTE_US // STEP_US
"""A single measurement is confirmed or corrected by another one at least a minute later."""


class Moments(msgspec.Struct, frozen=True, kw_only=True):
    """The readings that count at every moment, shapes [m] and [m, 6 * seats]; ``graded``: of stale ones, too;
    ``by_hand``: whether a measurement by hand, or one that stands alone, made the moment."""

    row: NDArray[np.int32]
    step: NDArray[np.int64]
    points: NDArray[np.int8]
    graded: NDArray[np.int8]
    value: NDArray[np.float32]
    step_of: NDArray[np.int32]
    since: NDArray[np.int32]
    streams: NDArray[np.int8]
    oxygen: NDArray[np.bool_]
    by_hand: NDArray[np.bool_]


def first_since(moments: Moments, i: int, place: int, fresh_steps: NDArray[np.integer]) -> int:
    """Since when a parameter that was measured by hand has been as grave as this place of it, by any device."""
    seats = slice(place // SEATS * SEATS, (place // SEATS + 1) * SEATS)
    known = (moments.streams[i, seats] == 0) & (np.abs(moments.step_of[i, seats]) > 0)
    known &= moments.step[i] - np.abs(moments.step_of[i, seats]) <= fresh_steps[seats]
    alike = known & (moments.graded[i, seats] >= moments.points[i, place])
    return int(moments.since[i, seats][alike].min())


def measured_again(step_of: NDArray[np.int32], by_hand: NDArray[np.bool_], trust: Array) -> NDArray[np.bool_]:
    """Where a fresh measurement by hand was made again at least a minute later, with a device that is trusted as much;
    ``trust`` [m, 6, seats], the others [m, 6 * seats]."""
    again = np.zeros(trust.shape, np.bool_)
    of, hand = step_of.reshape(trust.shape), by_hand.reshape(trust.shape)
    if (hand.sum(axis=2) > 1).any():
        for seat in range(SEATS):
            later = hand[..., seat, None] & (of[..., seat, None] - of >= AGAIN_STEPS)
            again |= later & hand & (trust[..., seat, None] >= trust)
    return again.reshape(step_of.shape)
