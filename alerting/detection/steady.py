"""The mildest of the last three readings: what one or two odd values of a continuous sensor can not raise.

A fall back to normal shows at once, a rise with the third reading that says so.
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.columns import STEP_US, Bins, grown
from alerting.detection.detector import Array

APART_STEPS = 15 * 60_000_000 // STEP_US
"""A reading before a longer gap says nothing about this one."""


def _two(slots: int, dtype: type) -> Any:
    return np.zeros((0, slots, 2), dtype)


class Recent(msgspec.Struct):
    """The last two bins of each person and slot, the newest first; shapes [people, slots, 2]. 18 bytes a slot."""

    value: Array
    points: Array
    step: Array

    @classmethod
    def of(cls, slots: int) -> "Recent":
        return cls(_two(slots, np.float32), _two(slots, np.int8), _two(slots, np.int32))

    def grow(self, people: int) -> None:
        self.value, self.points = grown(self.value, people), grown(self.points, people)
        self.step = grown(self.step, people)

    def mildest(
        self, bins: Bins, slot: NDArray[np.intp], points: NDArray[np.int8]
    ) -> tuple[NDArray[np.float32], NDArray[np.int8], NDArray[np.int64]]:
        """For each bin the value and points of the mildest of the last three, and the step of the first of them;
        shapes [n]. With fewer than three there are no points. The bins are remembered."""
        row, n = bins.row, len(bins)
        if not n:
            return bins.mean, points, bins.step
        first = np.ones(n, np.bool_)
        first[1:] = (row[1:] != row[:-1]) | (slot[1:] != slot[:-1])
        place = np.arange(n) - np.maximum.accumulate(np.where(first, np.arange(n), 0))

        def before(own: NDArray[Any], known: NDArray[Any], back: int) -> NDArray[Any]:
            """What the series had ``back`` bins ago: in this chapter, or remembered."""
            shifted = np.concatenate((own[:back], own[:-back])) if n > back else own.copy()
            old = np.clip(back - 1 - place, 0, 1)
            return np.where(place >= back, shifted, known[row, slot, old])

        steps = [bins.step, *(before(bins.step, self.step, back) for back in (1, 2))]
        values = np.stack([bins.mean, *(before(bins.mean, self.value, back) for back in (1, 2))])
        scores = np.stack([points, *(before(points, self.points, back) for back in (1, 2))])
        apart = (steps[2] == 0) | (steps[0] - steps[1] > APART_STEPS) | (steps[1] - steps[2] > APART_STEPS)
        mild = scores.argmin(axis=0)
        at = np.arange(n)
        last = np.append(first[1:], True)
        where = row[last], slot[last]
        for array, older in ((self.value, values), (self.points, scores), (self.step, np.stack(steps))):
            array[where] = older[:2, last].T
        return (
            np.where(apart, bins.mean, values[mild, at]),
            np.where(apart, 0, scores[mild, at]).astype(np.int8),
            np.where(apart, bins.step, steps[2]),
        )
