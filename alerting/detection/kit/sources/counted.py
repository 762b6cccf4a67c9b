"""Decides which reading of each source counts for a score: one that stands alone at once, of a stream what holds.

A reading replaces the one that counts if it is as grave; if it is graver, at once where it was measured by hand, of a
stream once readings at least as grave make up most of the last two, or five, minutes; if it is milder, once the graver
ones no longer do. So a value measured by hand counts when it comes, one odd reading of a stream changes nothing, in
either direction, and a further reading that is as bad never makes a score later or milder. Of a source that measures by
itself all the time a graver reading counts only with the third one and after it has spoken for two minutes: sensors
begin with nonsense.
"""

from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.kit.columns import STEP_US, Array, Bins, firsts, grown
from alerting.detection.kit.sources.window import (
    WINDOW_STEPS,
    Bits,
    Window,
    age,
    established,
    share_holds,
    within,
)
from vocabulary.times import MINUTE_US

LEVELS = 4
"""Grades of a reading: 0, fine, to 3."""
HOLD_STEPS = 2 * MINUTE_US // STEP_US
STREAM_READINGS = 5
"""So many readings in five minutes come from a sensor that measures by itself."""
_LEAST_READINGS, _LEAST_STEPS = 3, 100 * MINUTE_US // 60 // STEP_US


def _flat(dtype: type) -> Array:
    return np.zeros(0, dtype)


class Counted(msgspec.Struct, frozen=True):
    """The reading that counts after each bin, shapes [n]: grade, value, step of the reading, step since which it has
    been as grave, and whether its source is a stream."""

    grade: NDArray[np.int8]
    value: NDArray[np.float32]
    step: NDArray[np.int32]
    since: NDArray[np.int32]
    streams: NDArray[np.bool_]


class CountedReadings(msgspec.Struct):
    """The reading that counts of every source, shapes [people * series]; step 0: none yet."""

    window: Window
    grade: Array
    value: Array
    step: Array
    since: Array
    streams: Array

    @classmethod
    def of(cls) -> Self:
        return cls(
            Window.of(LEVELS - 1), _flat(np.int8), _flat(np.float32), _flat(np.int32), _flat(np.int32), _flat(np.bool_)
        )

    def grow(self, series: int) -> None:
        """Make room for more series."""
        self.window.grow(series)
        for name in ("grade", "value", "step", "since", "streams"):
            setattr(self, name, grown(getattr(self, name), series))

    def add(self, series: NDArray[np.int64], bins: Bins, grade: NDArray[np.int8], continuous: NDArray[Any]) -> Counted:
        """Take bins, sorted by series and step; ``continuous``: of sources that are known to measure all the time."""
        step = bins.step
        masks = self.window.add(series, step, grade >= np.arange(1, LEVELS, dtype=np.int8)[:, None])
        first = firsts(series)
        last = np.append(first[1:], True)
        at = np.arange(len(series))
        begin = np.maximum.accumulate(np.where(first, at, 0))
        streams = self._streams(series, masks[0], begin, at)
        holds = _holding(masks)
        enough = np.bitwise_count(within(_at_least(masks, grade), WINDOW_STEPS)) >= _LEAST_READINGS
        alone = ~(streams | continuous)
        ready = established(masks[0], _LEAST_READINGS, _LEAST_STEPS) & enough
        known = self.grade[series]
        now = _settled(known, grade, holds, ready, alone, first)
        replaced = now == grade
        found = np.maximum.accumulate(np.where(replaced, at, -1))
        here = found >= begin
        value = np.where(here, bins.mean[found], self.value[series])
        since_reading = np.where(here, step[found], self.step[series]).astype(np.int32)
        before = np.where(first, known, np.concatenate((now[:1], now[:-1])))
        fresh = first & (self.step[series] == 0)
        changed = (now != before) | fresh
        risen = step - age(_at_least(masks, now))
        turned = np.maximum.accumulate(np.where(changed, at, -1))
        since = np.where(turned >= begin, np.where(now > 0, risen, step)[turned], self.since[series]).astype(np.int32)
        counted = Counted(now, value, since_reading, since, streams | continuous)
        of = series[last]
        self.grade[of], self.value[of], self.step[of] = now[last], value[last], since_reading[last]
        self.since[of], self.streams[of] = since[last], streams[last]
        return counted

    def _streams(
        self, series: NDArray[np.int64], seen: Bits, begin: NDArray[np.intp], at: NDArray[np.intp]
    ) -> NDArray[np.bool_]:
        many = np.bitwise_count(within(seen, WINDOW_STEPS)) >= STREAM_READINGS
        return self.streams[series] | (np.maximum.accumulate(np.where(many, at, -1)) >= begin)


def _holding(masks: Bits) -> NDArray[np.bool_]:
    """Whether each grade from 1 holds at each reading, shape [3, n]."""
    seen = masks[0]
    return np.stack([share_holds(seen, bad, HOLD_STEPS) | share_holds(seen, bad, WINDOW_STEPS) for bad in masks[1:]])


def _at_least(masks: Bits, grade: NDArray[np.int8]) -> Bits:
    """The readings at least as grave as ``grade``; where that is 0, the reading itself."""
    return np.where(grade > 0, np.take_along_axis(masks, grade[None].astype(np.intp), 0)[0], np.uint64(1))


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
