"""Decides which reading of each source counts for a score: one that stands alone at once, of a stream what holds.

A reading replaces the one that counts if it is as grave; if it is graver, at once where it was measured by hand, of a
stream once readings at least as grave make up most of the last two, or five, minutes; if it is milder, once the graver
ones no longer do. So a value measured by hand counts when it comes, one odd reading of a stream changes nothing, in
either direction, and a further reading that is as bad never makes a score later or milder. Of a source that measures by
itself all the time a graver reading counts only with the third one and after it has spoken for two minutes: sensors
begin with nonsense.
"""

from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.kit.columns import STEP_US, Array, Bins, firsts, grown
from alerting.detection.kit.sources.window import (
    WINDOW_STEPS,
    Bits,
    Held,
    age,
    established,
    sensed_series,
    series_of,
    share_holds,
    within,
)
from vocabulary.times import MINUTE_US

LEVELS = 4
"""Grades of a reading: 0, fine, to 3."""
HOLD_STEPS = 2 * MINUTE_US // STEP_US
_LEAST_READINGS, _LEAST_STEPS = 3, 100 * MINUTE_US // 60 // STEP_US


class Counted(msgspec.Struct, frozen=True):
    """The reading that counts after each bin, shapes [n]: grade, value, step of the reading, step since which it has
    been as grave."""

    grade: NDArray[np.int8]
    value: NDArray[np.float32]
    step: NDArray[np.int32]
    since: NDArray[np.int32]


class CountedReadings(msgspec.Struct):
    """The reading that counts of every sensed source, shapes [people * series]; step 0: none yet."""

    held: Held
    grade: Array
    value: Array
    step: Array
    since: Array

    @classmethod
    def of(cls) -> Self:
        """An empty memory."""
        whole = np.zeros(0, np.int32)
        return cls(Held.of(LEVELS - 1), np.zeros(0, np.int8), np.zeros(0, np.float32), whole, whole)

    def grow(self, people: int) -> None:
        """Make room for more people."""
        self.held.grow(people)
        for name in ("grade", "value", "step", "since"):
            setattr(self, name, grown(getattr(self, name), series_of(people)))

    def add(self, bins: Bins, grade: NDArray[np.int8], seen: Bits, streams: NDArray[np.bool_]) -> Counted:
        """Take bins of sensed channels, sorted by source and step; ``seen``, ``streams``: see
        :class:`alerting.detection.kit.sources.window.Seen`."""
        series, step = sensed_series(bins), bins.step.astype(np.int32)
        first = firsts(series)
        counted = Counted(grade.copy(), bins.mean.copy(), step.copy(), self.since[series])
        uneasy = (grade > 0) | (self.grade[series] > 0) | self.held.some[series]
        begins = np.flatnonzero(first)
        if uneasy.any():  # a few: of all others the newest reading counts
            lengths = np.diff(begins, append=len(series))
            walked = np.flatnonzero(np.repeat(np.logical_or.reduceat(uneasy, begins), lengths))
            found = self._walk(series[walked], bins.take(walked), grade[walked], seen[walked], streams[walked])
            for name in ("grade", "value", "step", "since"):
                getattr(counted, name)[walked] = getattr(found, name)
        fresh = np.flatnonzero((self.step[series] == 0) & (counted.since == 0) & (counted.step > 0))
        counted.since[fresh] = counted.step[fresh]
        last = np.append(first[1:], True)
        of = series if len(begins) == len(series) else series[last]
        self.grade[of], self.value[of] = counted.grade[last], counted.value[last]
        self.step[of], self.since[of] = counted.step[last], counted.since[last]
        return counted

    def _walk(
        self,
        series: NDArray[np.int64],
        bins: Bins,
        grade: NDArray[np.int8],
        seen: Bits,
        streams: NDArray[np.bool_],
    ) -> Counted:
        step = bins.step
        bad = self.held.add(series, step, grade >= np.arange(1, LEVELS, dtype=np.int8)[:, None])
        first = firsts(series)
        at = np.arange(len(series))
        begin = np.maximum.accumulate(np.where(first, at, 0))
        enough = np.bitwise_count(within(_at_least(bad, grade), WINDOW_STEPS)) >= _LEAST_READINGS
        ready = established(seen, _LEAST_READINGS, _LEAST_STEPS) & enough
        known = self.grade[series]
        now = _settled(known, grade, _holding(seen, bad), ready, ~streams, first)
        found = np.maximum.accumulate(np.where(now == grade, at, -1))
        here = found >= begin
        value = np.where(here, bins.mean[found], self.value[series])
        reading = np.where(here, step[found], self.step[series]).astype(np.int32)
        before = np.where(first, known, np.concatenate((now[:1], now[:-1])))
        turned = np.maximum.accumulate(np.where(now != before, at, -1))
        begun = np.where(now > 0, step - age(_at_least(bad, now)), step)
        since = np.where(turned >= begin, begun[turned], self.since[series]).astype(np.int32)
        return Counted(now, value, reading, since)


def _holding(seen: Bits, bad: Bits) -> NDArray[np.bool_]:
    """Whether each grade from 1 holds at each reading, shape [3, n]."""
    return np.stack([share_holds(seen, mask, HOLD_STEPS) | share_holds(seen, mask, WINDOW_STEPS) for mask in bad])


def _at_least(bad: Bits, grade: NDArray[np.int8]) -> Bits:
    """The readings at least as grave as ``grade``; where that is 0, the reading itself."""
    own = np.take_along_axis(bad, np.maximum(grade - 1, 0)[None].astype(np.intp), 0)[0]
    return np.where(grade > 0, own, np.uint64(1))


def _settled(
    known: NDArray[np.int8],
    grade: NDArray[np.int8],
    holds: NDArray[np.bool_],
    ready: NDArray[np.bool_],
    alone: NDArray[np.bool_],
    first: NDArray[np.bool_],
) -> NDArray[np.int8]:
    """The grade that counts after each reading; ``known``: before the first one of each series."""
    if not grade.any() and not known.any():
        return grade
    own = np.concatenate((np.ones((1, len(grade)), np.bool_), holds))
    graver_counts = alone | (np.take_along_axis(own, grade[None].astype(np.intp), 0)[0] & ready)
    table = np.empty((LEVELS, len(grade)), np.int8)
    for level in range(LEVELS):
        falls = (grade < level) & ~own[level]
        rises = (grade > level) & graver_counts
        table[level] = np.where(falls | rises, grade, level)
    if first.all():
        return np.asarray(np.take_along_axis(table, known[None].astype(np.intp), 0)[0], np.int8)
    # readings one after the other: compose the steps of 1, 2, 4 … readings
    at = np.arange(len(grade))
    begin = np.maximum.accumulate(np.where(first, at, 0))
    back = 1
    while back <= int((at - begin).max()):
        later = np.flatnonzero(at - back >= begin)
        earlier = table[:, later - back]
        table = table.copy()
        table[:, later] = np.take_along_axis(table[:, later], earlier.astype(np.intp), 0)
        back *= 2
    return np.asarray(np.take_along_axis(table, known[begin][None].astype(np.intp), 0)[0], np.int8)
