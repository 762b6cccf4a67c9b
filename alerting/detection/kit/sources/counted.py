"""Decides which reading of each source counts for a score: one that stands alone at once, of a stream what holds.

A reading replaces the one that counts if it is as grave; if it is graver, at once where it was measured by hand, of a
stream once readings at least as grave make up most of the last two, or five, minutes; if it is milder, once the graver
ones no longer do. So a value measured by hand counts when it comes, one odd reading of a stream changes nothing, in
either direction, and a further reading that is as bad never makes a score later or milder. Of a source that measures by
itself all the time a graver reading counts only with the third one and after it has spoken for two minutes, or, where
it speaks less often, with the second in a row: sensors begin with nonsense.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.kit.columns import STEP_US, Bins, firsts
from alerting.detection.kit.sources.window import (
    SPARSE_STEPS,
    WINDOW_STEPS,
    Bits,
    Held,
    Sensed,
    age,
    established,
    lasts,
    sensed_series,
    share_holds,
)
from vocabulary.times import MINUTE_US

LEVELS = 4
"""Grades of a reading: 0, fine, to 3."""
HOLD_STEPS = 2 * MINUTE_US // STEP_US
_LEAST_READINGS, _LEAST_STEPS = 3, 100 * MINUTE_US // 60 // STEP_US


class Readings(msgspec.Struct, frozen=True):
    """Readings that count, one array each: grade, value, step of the reading (0: none yet), step since which it has
    been as grave."""

    grade: NDArray[np.int8]
    value: NDArray[np.float32]
    step: NDArray[np.int32]
    since: NDArray[np.int32]

    def at(self, index: NDArray[np.integer]) -> "Readings":
        """Those of these places."""
        return Readings(self.grade.take(index), self.value.take(index), self.step.take(index), self.since.take(index))

    def put(self, index: NDArray[np.integer], other: "Readings") -> None:
        """Replace those of these places."""
        self.grade[index], self.value[index] = other.grade, other.value
        self.step[index], self.since[index] = other.step, other.since


class Counting(msgspec.Struct):
    """The memory that decides which readings count, of every sensed source."""

    held: Held = msgspec.field(default_factory=lambda: Held.of(LEVELS - 1))

    def grow(self, people: int) -> None:
        """Make room for more people."""
        self.held.grow(people)

    def add(self, bins: Bins, grade: NDArray[np.int8], sensed: Sensed, known: Readings) -> Readings:
        """The readings that count after each of these bins of sensed channels, sorted by source and step.

        ``known``: those before, by bin; ``sensed``: how each bin's source has spoken.
        """
        series, step = sensed_series(bins), bins.step.astype(np.int32)
        first = firsts(series)
        counted = Readings(grade.copy(), bins.mean.copy(), step, np.where(known.step > 0, known.since, step))
        uneasy = (grade > 0) | (known.grade > 0) | self.held.some[series]
        if uneasy.any():  # a few: of all others the newest reading counts
            begins = np.flatnonzero(first)
            lengths = np.diff(begins, append=len(series))
            walked = np.flatnonzero(np.repeat(np.logical_or.reduceat(uneasy, begins), lengths))
            found = self._walk(series[walked], bins.take(walked), grade[walked], sensed.take(walked), known.at(walked))
            counted.put(walked, found)
        return counted

    def _walk(
        self,
        series: NDArray[np.int64],
        bins: Bins,
        grade: NDArray[np.int8],
        sensed: Sensed,
        known: Readings,
    ) -> Readings:
        step, seen = bins.step, sensed.seen
        holds = grade >= np.arange(1, LEVELS, dtype=np.int8)[:, None]
        again = self.held.before(series, step, sensed.ago, holds)
        again = np.take_along_axis(again, np.maximum(grade - 1, 0)[None].astype(np.intp), 0)[0]
        bad = self.held.add(series, step, holds)
        first = firsts(series)
        at = np.arange(len(series))
        begin = np.maximum.accumulate(np.where(first, at, 0))
        ready = lasts(seen, _at_least(bad, grade), HOLD_STEPS, _LEAST_READINGS)
        ready &= established(seen, _LEAST_READINGS, _LEAST_STEPS)
        ready |= again & sensed.pairs & (sensed.ago >= SPARSE_STEPS)
        now = _settled(known.grade, grade, _holding(seen, bad), ready, ~sensed.streams, first)
        found = np.maximum.accumulate(np.where(now == grade, at, -1))
        here = found >= begin
        value = np.where(here, bins.mean[found], known.value)
        reading = np.where(here, step[found], known.step).astype(np.int32)
        before = np.where(first, known.grade, np.concatenate((now[:1], now[:-1])))
        turned = np.maximum.accumulate(np.where(now != before, at, -1))
        begun = np.where(now > 0, step - age(_at_least(bad, now)), step)
        since = np.where(turned >= begin, begun[turned], known.since).astype(np.int32)
        return Readings(now, value, reading, since)


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
    graver_counts = alone | ready
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
