"""Remembers the last five minutes of every source as bits: which steps had a reading, and in which a condition held.

A condition counts when it held in most readings of the last minutes, so that one good reading does not reset an hour of
bad ones; a further bad reading can only raise that share. Sensors alone are remembered: what is measured by hand counts
as it is.
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.kit.columns import STEP_US, Array, Bins, firsts, grown
from alerting.detection.kit.context import COLUMN, COLUMNS, SEATS
from vocabulary.times import MINUTE_US, SECOND_US

Bits = NDArray[np.uint64]
"""One bit for each step, the newest lowest."""
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]

SENSED = ("heart_rate", "respiration_rate", "spo2", "body_temperature")
"""Channels that sensors measure, perhaps as a stream."""
WINDOW_STEPS = 5 * MINUTE_US // STEP_US
SHARE = 0.8
"""Share of the readings in which a condition must hold. Our own choice."""
STREAM_READINGS = 5
"""So many readings in five minutes come from a sensor that measures by itself."""
LASTING_STEPS = 4 * MINUTE_US // STEP_US
"""A source that spoke so long at a time is known as a stream for good. Of a clip that is put on a finger for a minute
the next reading is again one by hand."""
STREAM_RUN, SLOW_STEPS = 10, 50 * SECOND_US // STEP_US
"""So is one that spoke so many times without a pause, at intervals of about a minute or more."""
PAUSE_STEPS = 10 * MINUTE_US // STEP_US
SPARSE_STEPS = 150 * SECOND_US // STEP_US
"""A stream with longer intervals has too few readings in the window for a share to say anything."""
IN_ROW, IN_ROW_CONTACTLESS = 2, 3
"""So many readings in a row are enough where the window has too few: more of a sensor that nobody wears, which finds a
person now and then, and often wrongly."""
_ROUNDS = 6
"""Doublings that reach back over 64 steps."""
_SLOT = np.full(COLUMNS, -1)
_SLOT[[COLUMN[code] for code in SENSED]] = np.arange(len(SENSED))


def is_sensed(column: NDArray[np.int16]) -> Flags:
    """Whether each column is one that sensors measure."""
    return np.asarray(_SLOT[column] >= 0)


def sensed_series(bins: Bins) -> Numbers:
    """Index of each bin's source in a flat array of people, sensed channels and seats."""
    return np.asarray((bins.row * np.int64(len(SENSED)) + _SLOT[bins.column]) * SEATS + bins.seat, np.int64)


def series_of(people: int) -> int:
    """The length of such an array."""
    return people * len(SENSED) * SEATS


class Sensed(msgspec.Struct, frozen=True):
    """Of each bin, shapes [n]: ``seen``: the steps in which its source spoke lately, itself included; ``streams``:
    whether it is a stream now, ``lasting``: whether it is known to measure by itself all the time; ``ago``: steps since
    its reading before (0: there is none); ``in_row``: :data:`IN_ROW` of it. Where the channel is not sensed: 0 and
    False."""

    seen: Bits
    streams: Flags
    lasting: Flags
    ago: Numbers
    in_row: NDArray[np.int8]

    def take(self, index: NDArray[np.intp]) -> "Sensed":
        """Those of these bins."""
        times = self.ago.take(index), self.in_row.take(index)
        return Sensed(self.seen.take(index), self.streams.take(index), self.lasting.take(index), *times)

    def where(self, mask: Flags) -> "Sensed":
        """Those of the bins for which the mask, shape [n], holds; ``self`` if it holds for all."""
        return self if mask.all() else self.take(np.flatnonzero(mask))


class Seen(msgspec.Struct):
    """Of every sensed source: the steps with a reading as bits, up to its newest; the number of readings in a row
    without a pause; whether it has ever been a lasting stream."""

    bits: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.uint64))
    run: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.uint8))
    streams: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.bool_))

    def grow(self, people: int) -> None:
        """Make room for more people."""
        series = series_of(people)
        self.bits, self.run = grown(self.bits, series), grown(self.run, series)
        self.streams = grown(self.streams, series)

    def add(self, bins: Bins, before_step: NDArray[np.int32]) -> Sensed:
        """Remember the readings of all sources; ``before_step``: the newest of each bin's source before these."""
        n = len(bins)
        no, row = np.zeros((2, n), np.bool_), np.full(n, IN_ROW, np.int8)
        sensed = Sensed(np.zeros(n, np.uint64), no[0], no[1], np.zeros(n, np.int64), row)
        index = np.flatnonzero(is_sensed(bins.column))
        if not len(index):
            return sensed
        mine = bins if len(index) == n else bins.take(index)
        series, step = sensed_series(mine), mine.step
        first = firsts(series)
        known_step = before_step.take(index).astype(np.int64)
        before = known_step if first.all() else np.where(first, known_step, np.concatenate((step[:1], step[:-1])))
        ago = np.where(before > 0, step - before, 0)
        goes_on = (ago > 0) & (ago <= PAUSE_STEPS)
        bits = _shifted(self.bits.take(series), step - known_step) | _own(np.ones(len(series), np.bool_), step, first)
        run, begin = self._run(series, first, goes_on)
        many = np.bitwise_count(within(bits, WINDOW_STEPS)) >= STREAM_READINGS
        long = (many & (age(bits) >= LASTING_STEPS)) | ((run >= STREAM_RUN) & (ago >= SLOW_STEPS))
        known = self.streams.take(series)
        if first.all():
            known |= long
            self.bits[series], self.streams[series], self.run[series] = bits, known, np.minimum(run, 255)
        else:
            at = np.arange(len(series))
            known |= np.maximum.accumulate(np.where(long, at, -1)) >= begin
            last = np.append(first[1:], True)
            of = series[last]
            self.bits[of], self.streams[of], self.run[of] = bits[last], known[last], np.minimum(run[last], 255)
        sensed.seen[index], sensed.ago[index] = bits, ago
        sensed.streams[index], sensed.lasting[index] = known | many, known
        return sensed

    def _run(self, series: Numbers, first: Flags, goes_on: Flags) -> tuple[Numbers, Numbers]:
        """(number of readings before each without a pause, index of the first of its series), shapes [n]."""
        at = np.arange(len(series))
        carried = self.run.take(series).astype(np.int64) + 1
        if first.all():
            return np.where(goes_on, carried, 0), at
        begin = np.maximum.accumulate(np.where(first, at, 0))
        begun = np.maximum.accumulate(np.where(first | ~goes_on, at, 0))
        carried = np.where(goes_on[begun], carried, 0)  # where it begins with the source
        return at - begun + np.where(begun == begin, carried, 0), begin


class Held(msgspec.Struct):
    """``bits`` [conditions, people * series]: the steps in which each condition held, up to ``step``; ``rows``: in how
    many readings in a row; ``some``: whether any did lately."""

    bits: Array
    step: Array
    some: Array
    rows: Array = msgspec.field(default_factory=lambda: np.zeros((0, 0), np.uint8))

    @classmethod
    def of(cls, conditions: int) -> "Held":
        """An empty memory for so many conditions."""
        return cls(np.zeros((conditions, 0), np.uint64), np.zeros(0, np.int32), np.zeros(0, np.bool_))

    def grow(self, people: int) -> None:
        """Make room for more people."""
        series, conditions = series_of(people), len(self.bits)
        rows = self.rows.reshape(conditions, -1)  # a snapshot of an older version has none
        self.bits = np.concatenate((self.bits, np.zeros((conditions, series - len(self.step)), np.uint64)), axis=1)
        self.rows = np.concatenate((rows, np.zeros((conditions, series - rows.shape[1]), np.uint8)), axis=1)
        self.step, self.some = grown(self.step, series), grown(self.some, series)

    def add(self, series: Numbers, step: Numbers, ago: Numbers, holds: Flags) -> tuple[Bits, Numbers]:
        """Remember readings, sorted by series and step; ``ago``: steps since each source's reading before, ``holds``
        [conditions, n]. Of each condition and reading, shapes [conditions, n]: the bits, itself included; in how many
        readings in a row it has held, none longer than a pause after the one before."""
        first = firsts(series)
        old = _shifted(self.bits[:, series], step - self.step[series])
        masks: Bits = old | _own(holds, step, first)
        rows = self._in_row(series, step, ago, holds, first)
        last = np.append(first[1:], True)
        of = series[last]
        self.bits[:, of], self.step[of] = masks[:, last], step[last]
        self.some[of] = masks[:, last].any(axis=0)
        self.rows[:, of] = np.minimum(rows[:, last], 255)
        return masks, rows

    def _in_row(self, series: Numbers, step: Numbers, ago: Numbers, holds: Flags, first: Flags) -> Numbers:
        goes_on, at = (ago > 0) & (ago <= PAUSE_STEPS), np.arange(len(series))
        begin = np.maximum.accumulate(np.where(first, at, 0))
        since = np.maximum.accumulate(np.where(holds, np.where(first | ~goes_on, at, 0), at + 1), axis=1)
        known = self.rows[:, series] * (goes_on & (self.step[series] == step - ago)).astype(np.int64)
        carried = np.where(since == begin, known[:, begin], 0)
        return np.asarray(np.where(holds, at - since + 1 + carried, 0), np.int64)


def _shifted(bits: Bits, ago: Numbers) -> Bits:
    near = (ago > 0) & (ago < 64)  # a clock that was ahead may have been set back
    moved: Bits = np.where(near, bits << (ago & 63).astype(np.uint64), np.uint64(0))
    return moved


def _own(holds: Flags, step: Numbers, first: Flags) -> Bits:
    """The bits of these readings alone, ``holds`` [n] or [conditions, n]: each sees those before it in its series, of
    1, 2, 4 … readings, then of twice as many."""
    own: Bits = holds.astype(np.uint64)
    if first.all():
        return own
    at = np.arange(len(step))
    begin = np.maximum.accumulate(np.where(first, at, 0))
    for nth in range(_ROUNDS):
        later = np.flatnonzero(at - (1 << nth) >= begin)
        if not len(later):
            break
        earlier = later - (1 << nth)
        ago = step[later] - step[earlier]
        if ago.min() >= 64:  # readings farther apart are beyond the window, too
            break
        own[..., later] |= _shifted(own[..., earlier], ago)
    return own


def within(bits: Bits, steps: Any) -> Bits:
    """The bits of the last ``steps`` steps (a number or shape [n])."""
    mask: Bits = bits & ((np.uint64(1) << np.asarray(steps, np.uint64)) - np.uint64(1))
    return mask


def share_holds(seen: Bits, holding: Bits, steps: Any) -> Flags:
    """Whether the condition held in :data:`SHARE` of the readings of the last ``steps`` (a number or shape [n])."""
    n, bad = np.bitwise_count(within(seen, steps)), np.bitwise_count(within(holding, steps))
    return (bad > 0) & (bad >= np.ceil(SHARE * n - 1e-6))


def lasts(seen: Bits, holding: Bits, hold_steps: Any, least: Any) -> Flags:
    """Whether the condition held in :data:`SHARE` of the readings of the last ``hold_steps``, or of a minute more (for
    a stream of one reading a minute), or of the whole window, and there in at least ``least`` of them."""
    held: Flags = np.zeros(len(seen), np.bool_)
    more = np.minimum(hold_steps + MINUTE_US // STEP_US, WINDOW_STEPS)
    for steps in (hold_steps, more, WINDOW_STEPS):
        held |= share_holds(seen, holding, steps) & (np.bitwise_count(within(holding, steps)) >= least)
    return held


def age(bits: Bits) -> Numbers:
    """Steps since the oldest bit within the window, shape [n]; 0 where it is the newest, or there is none."""
    _, exponent = np.frexp(within(bits, WINDOW_STEPS).astype(np.float64))  # 60 bits may round up to the next power
    exponent = np.minimum(exponent, WINDOW_STEPS).astype(np.int64)
    return np.asarray(np.maximum(exponent - 1, 0), np.int64)


def established(seen: Bits, readings: int, hold_steps: Any) -> Flags:
    """Whether a stream has spoken for ``hold_steps`` and with this number of readings, lately."""
    enough = np.bitwise_count(within(seen, WINDOW_STEPS)) >= readings
    return np.asarray(enough & (age(seen) >= hold_steps), np.bool_)
