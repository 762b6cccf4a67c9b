"""Takes the mildest of the last three readings, so that one or two odd values of a continuous sensor raise nothing.

A fall back to normal shows at once, a rise with the third reading.
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.kit.columns import STEP_US, Bins, firsts, grown
from alerting.detection.kit.detector import Array
from vocabulary.times import MINUTE_US

APART_STEPS = 15 * MINUTE_US // STEP_US
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
        series = row * np.int64(self.value.shape[1]) + slot
        first = firsts(series)
        last = np.append(first[1:], True)
        alone = bool(first.all())
        place = np.arange(n) - np.maximum.accumulate(np.where(first, np.arange(n), 0))

        def before(own: NDArray[Any], known: Array, back: int) -> NDArray[Any]:
            """The value of the series ``back`` bins ago: among these bins, or remembered."""
            known = known.reshape(-1)
            if alone:
                return np.take(known, 2 * series + back - 1)
            shifted = np.concatenate((own[:back], own[:-back])) if n > back else own.copy()
            old = np.clip(back - 1 - place, 0, 1)
            return np.where(place >= back, shifted, known[2 * series + old])

        step, value, score = (
            (own, before(own, known, 1), before(own, known, 2))
            for own, known in ((bins.step, self.step), (bins.mean, self.value), (points, self.points))
        )
        apart = (step[2] == 0) | (step[0] - step[1] > APART_STEPS) | (step[1] - step[2] > APART_STEPS)
        milder = score[1] < score[0]
        mild_value, mild_points = np.where(milder, value[1], value[0]), np.minimum(score[0], score[1])
        milder = score[2] < mild_points
        mild_value, mild_points = np.where(milder, value[2], mild_value), np.minimum(mild_points, score[2])
        where = 2 * series[last]
        for known, (newest, older, _) in ((self.value, value), (self.points, score), (self.step, step)):
            known.reshape(-1)[where], known.reshape(-1)[where + 1] = newest[last], older[last]
        return (
            np.where(apart, bins.mean, mild_value),
            np.where(apart, 0, mild_points).astype(np.int8),
            np.where(apart, bins.step, step[2]),
        )
