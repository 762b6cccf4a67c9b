"""Folds readings into bins: one row for each person, channel, device and step that has readings.

Of one person and channel every device has a seat, and a lane is a channel and a seat in one number: devices are never
averaged. A bin does not depend on the order of its readings: they are sorted by time and a repeated one counts once.
Detectors look at bins, so their cost follows the number of steps, not the sampling rate of a sensor.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Self, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.kit.context import COLUMN, COLUMNS, SEATS
from vocabulary.times import HOUR_US

_T = TypeVar("_T", bound=np.generic)

Array = np.ndarray
"""An array in a detector's state: kept in snapshots with its type and shape."""

STEP_US = 5_000_000
LANES = COLUMNS * SEATS
_SHORT = 16


def lane_of(code: str, seat: int = 0) -> int:
    """The lane of a measured channel and a seat. Raises KeyError for another channel."""
    return COLUMN[code] * SEATS + seat


class VitalColumns(msgspec.Struct, frozen=True):
    """Readings, shapes [n]: person's row, lane (channel and seat, see :func:`lane_of`), time (µs), value."""

    row: NDArray[np.int32]
    lane: NDArray[np.int16]
    time_us: NDArray[np.int64]
    value: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.row)

    @property
    def column(self) -> NDArray[np.int16]:
        return self.lane // np.int16(SEATS)

    @property
    def seat(self) -> NDArray[np.int16]:
        return self.lane % np.int16(SEATS)

    def take(self, index: NDArray[np.intp]) -> Self:
        return type(self)(self.row.take(index), self.lane.take(index), self.time_us.take(index), self.value.take(index))

    @staticmethod
    def empty(n: int) -> "VitalColumns":
        """Room for ``n`` readings."""
        return VitalColumns(
            np.empty(n, np.int32), np.empty(n, np.int16), np.empty(n, np.int64), np.empty(n, np.float32)
        )

    @staticmethod
    def join(parts: "list[VitalColumns]") -> "VitalColumns":
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return VitalColumns.empty(0)
        return VitalColumns(
            np.concatenate([p.row for p in parts]),
            np.concatenate([p.lane for p in parts]),
            np.concatenate([p.time_us for p in parts]),
            np.concatenate([p.value for p in parts]),
        )


class Gathered:
    """Readings that wait for their step, in arrays that grow: thousands of small frames are never joined at once."""

    def __init__(self, columns: VitalColumns | None = None) -> None:
        self._arrays = VitalColumns.empty(0)
        self._n = 0
        if columns is not None:
            self.add(columns)

    def __len__(self) -> int:
        return self._n

    def add(self, columns: VitalColumns) -> None:
        end = self._n + len(columns)
        if end > len(self._arrays):
            old_arrays, self._arrays = self.all(), VitalColumns.empty(max(1024, 2 * end))
            for mine, old in zip(_arrays(self._arrays), _arrays(old_arrays), strict=True):
                mine[: self._n] = old
        for mine, theirs in zip(_arrays(self._arrays), _arrays(columns), strict=True):
            mine[self._n : end] = theirs
        self._n = end

    def all(self) -> VitalColumns:
        """A view: good until something is added or taken."""
        return VitalColumns(*(array[: self._n] for array in _arrays(self._arrays)))

    def take_before(self, until_us: int) -> VitalColumns:
        """Remove and return the readings before that time."""
        early = self._arrays.time_us[: self._n] < until_us
        taken, rest = self.all(), VitalColumns.empty(0)
        if not early.all():
            taken, rest = taken.take(np.flatnonzero(early)), taken.take(np.flatnonzero(~early))
        self._arrays, self._n = rest, len(rest)  # new arrays: a backlog must not occupy memory for ever
        return taken


def _arrays(columns: VitalColumns) -> tuple[NDArray[Any], ...]:
    return columns.row, columns.lane, columns.time_us, columns.value


class Bins(msgspec.Struct, frozen=True, dict=True):
    """Shapes [n], sorted by row, column, seat, step (or, where they are chosen among devices, by row, column, step).

    ``step``: time // ``STEP_US``; ``count`` readings of mean, low, high. Of different readings of one time the highest
    counts, but for ``low``, which knows them all. Answers that detectors ask for again and again are computed once.
    """

    row: NDArray[np.int32]
    column: NDArray[np.int16]
    seat: NDArray[np.int16]
    step: NDArray[np.int64]
    count: NDArray[np.int32]
    mean: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.row)

    @property
    def end_us(self) -> NDArray[np.int64]:
        """When each bin was complete."""
        return (self.step + 1) * STEP_US

    @cached_property
    def series(self) -> NDArray[np.int64]:
        """Index of each bin's series in a flat array of people and channels: much faster than two indices."""
        return self.row * np.int64(COLUMNS) + self.column

    @cached_property
    def source(self) -> NDArray[np.int64]:
        """Index of each bin's source in a flat array of people, channels and seats."""
        return self.series * SEATS + self.seat

    @property
    def starts(self) -> NDArray[np.intp]:
        """Index of the first bin of each series."""
        return _starts((self.row[1:] != self.row[:-1]) | (self.column[1:] != self.column[:-1]))

    @property
    def source_starts(self) -> NDArray[np.intp]:
        """Index of the first bin of each source, where they are sorted so."""
        return _starts(self.source[1:] != self.source[:-1])

    def take(self, index: NDArray[np.intp]) -> Self:
        return type(self)(
            self.row.take(index),
            self.column.take(index),
            self.seat.take(index),
            self.step.take(index),
            self.count.take(index),
            self.mean.take(index),
            self.low.take(index),
            self.high.take(index),
        )

    def of(self, *columns: int) -> Self:
        """The bins of these columns alone."""
        part = self._parts.get(columns)
        if part is None:
            wanted = np.zeros(COLUMNS, np.bool_)
            wanted[list(columns)] = True
            part = self.where(wanted[self.column])
            if part is not self:  # it would keep itself alive
                self._parts[columns] = part
        return part

    @cached_property
    def _parts(self) -> dict[tuple[int, ...], Self]:
        return {}

    def where(self, mask: NDArray[np.bool_]) -> Self:
        """The bins for which the mask, shape [n], holds; ``self`` if it holds for all."""
        return self if mask.all() else self.take(np.flatnonzero(mask))


class Latest:
    """The newest bin of every series: ``value`` and ``step``, shapes [people, series of a person]; step 0: never.

    A series is a channel, or (``of_sources``) a channel and a seat.
    """

    def __init__(self, people: int, *, of_sources: bool = False) -> None:
        self._of_sources = of_sources
        width = LANES if of_sources else COLUMNS
        self.value: NDArray[np.float32] = np.zeros((people, width), np.float32)
        self.step: NDArray[np.int32] = np.zeros((people, width), np.int32)

    def _index(self, bins: Bins) -> NDArray[np.int64]:
        return bins.source if self._of_sources else bins.series

    def grow(self, people: int) -> None:
        """Make room for more people."""
        self.value, self.step = grown(self.value, people), grown(self.step, people)

    def newer(self, bins: Bins) -> Bins:
        """The bins later than the newest of their series: the others were judged, or come too late."""
        return bins.where(bins.step > self.step.take(self._index(bins)))

    def keep(self, bins: Bins) -> None:
        """Remember the newest bin of each series."""
        # with repeated indices numpy keeps the last one; sorted by step, the last one is the newest
        series = self._index(bins)
        self.value.reshape(-1)[series] = bins.mean
        self.step.reshape(-1)[series] = bins.step

    def turn_back(self, until_us: int) -> None:
        """Go back with clocks that were ahead, so that the next bins count as newer."""
        np.minimum(self.step, until_us // STEP_US - 1, out=self.step)

    def before(self, bins: Bins) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """(value, step) of the newest bin before these of each bin's series, shapes [n]."""
        series = self._index(bins)
        return self.value.take(series), self.step.take(series)


def value_at(
    bins: Bins, latest: Latest, column: int, row: NDArray[np.int32], step: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(value, its step) of a channel at each (row, step), shapes [n]: from the bins, which are sorted by row, column,
    step, else from ``latest``; step 0: never measured."""
    return newest_at(bins.where(bins.column == column), latest.value[row, column], latest.step[row, column], row, step)


def source_at(
    bins: Bins, latest: Latest, column: int, seat: int, row: NDArray[np.int32], step: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The same of one seat's device: ``bins`` are those of this channel and seat alone, ``latest`` is of sources."""
    lane = column * SEATS + seat
    return newest_at(bins, latest.value[row, lane], latest.step[row, lane], row, step)


def newest_at(
    bins: Bins,
    value: NDArray[np.float32],
    known: NDArray[np.int32],
    row: NDArray[np.int32],
    step: NDArray[np.int64],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The same of bins of one series a person; ``value``, ``known``: its newest value and step before them."""
    steps = known.astype(np.int64)
    if len(bins):
        key = (bins.row.astype(np.int64) << 40) | bins.step
        at = np.searchsorted(key, (row.astype(np.int64) << 40) | step, "right") - 1
        found = np.maximum(at, 0)
        here = (at >= 0) & (bins.row[found] == row)
        value, steps = np.where(here, bins.mean[found], value), np.where(here, bins.step[found], steps)
    return value, steps


def grown(array: NDArray[_T], people: int, fill: float = 0) -> NDArray[_T]:
    """``array`` with at least ``people`` rows; new ones hold ``fill``."""
    more = people - len(array)
    if more <= 0:
        return array
    return np.concatenate((array, np.full((more, *array.shape[1:]), fill, array.dtype)))


def by_hour(readings: VitalColumns) -> Iterator[tuple[int, VitalColumns]]:
    """(hour since 1970, UTC, its readings), the earliest first."""
    if not len(readings):
        return
    first, last = (int(time_us) // HOUR_US for time_us in (readings.time_us.min(), readings.time_us.max()))
    if first == last:
        yield first, readings
        return
    hours = readings.time_us // HOUR_US
    for hour in np.unique(hours).tolist():
        yield hour, readings.take(np.flatnonzero(hours == hour))


def fold(readings: VitalColumns) -> Bins:
    """Bins of readings that all lie within one hour of the clock."""
    if not len(readings):
        nothing = np.empty(0, np.float32)
        empty, short = np.empty(0, np.int32), np.empty(0, np.int16)
        return Bins(empty, short, short, np.empty(0, np.int64), empty, nothing, nothing, nothing)
    hour_us = int(readings.time_us[0]) // HOUR_US * HOUR_US
    series = readings.row * np.int32(LANES) + readings.lane
    offset, value = (readings.time_us - hour_us).astype(np.uint32), readings.value
    same = series[1:] == series[:-1]
    if (~same | (offset[1:] >= offset[:-1])).all():
        # Frames bring each series in order, the series in any: it is enough to sort the bins.
        bins = _folded(series, offset, value, hour_us)
        key = bins.row * np.int32(LANES) + bins.column * np.int32(SEATS) + bins.seat
        if not (key[1:] >= key[:-1]).all():
            order = _order(bins.row, bins.column * np.int16(SEATS) + bins.seat)
            key, bins = key[order], bins.take(order)
        if ((key[1:] > key[:-1]) | (bins.step[1:] > bins.step[:-1])).all():
            return bins
    order = np.lexsort((offset, series))
    return _folded(series[order], offset[order], value[order], hour_us)


def _order(row: NDArray[np.int32], lane: NDArray[np.int16]) -> NDArray[np.intp]:
    """The stable order by row and lane: numpy sorts numbers of 16 bits by radix, much faster than any others."""
    by_lane = np.argsort(lane, kind="stable")
    small = row.astype(np.uint16) if row.max() <= np.iinfo(np.uint16).max else row
    return by_lane[np.argsort(small[by_lane], kind="stable")]


def _folded(series: NDArray[np.int32], offset: NDArray[np.uint32], value: NDArray[np.float32], hour_us: int) -> Bins:
    """Bins of runs of readings of one series each, in order of time within a run; ``offset``: µs since ``hour_us``."""
    another = series[1:] != series[:-1]
    fresh = another | (offset[1:] != offset[:-1])
    least = value
    if not fresh.all():  # readings of one time: the highest, whatever their order
        starts = _starts(fresh)
        least, value = np.minimum.reduceat(value, starts), np.maximum.reduceat(value, starts)
        series, offset = series[starts], offset[starts]
        another = series[1:] != series[:-1]
    step = offset // STEP_US
    starts = _starts(another | (step[1:] != step[:-1]))
    count = np.diff(starts, append=len(value))
    mean, low, high = _summed(value, starts, count)
    if least is not value:
        low = np.minimum.reduceat(least, starts)
    row, lane = np.divmod(series[starts], LANES)
    column, seat = np.divmod(lane.astype(np.int16), np.int16(SEATS))
    return Bins(
        row,
        column,
        seat,
        hour_us // STEP_US + step[starts].astype(np.int64),
        count.astype(np.int32),
        mean,
        low,
        high,
    )


def _summed(
    value: NDArray[np.float32], starts: NDArray[np.intp], count: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """(mean, lowest, highest) of each run, shapes [runs].

    Runs are short, and ``reduceat`` is slow with those: so first the first reading of every run, then the second of
    every run that has one, and so on.
    """
    if count.max() > _SHORT:
        total = np.add.reduceat(value, starts, dtype=np.float64)
        return (
            (total / count).astype(np.float32),
            np.minimum.reduceat(value, starts),
            np.maximum.reduceat(value, starts),
        )
    low = value[starts]
    high, total = low.copy(), low.astype(np.float64)
    for nth in range(1, int(count.max())):
        longer: Any = count > nth
        longer = slice(None) if longer.all() else np.flatnonzero(longer)
        more = value[starts[longer] + nth]
        low[longer], high[longer] = np.minimum(low[longer], more), np.maximum(high[longer], more)
        total[longer] += more
    return (total / count).astype(np.float32), low, high


def firsts(key: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a run of equal elements begins, shape [n]; ``key`` has at least one."""
    return np.concatenate(([True], key[1:] != key[:-1]))


def _starts(changes: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Where runs begin; ``changes``, shape [n - 1]: whether each element but the first begins one."""
    return np.flatnonzero(np.concatenate(([True], changes)))


class Carried(msgspec.Struct, frozen=True):
    """Several channels side by side at every (row, step) where one of them has a bin; shapes [m] and [m, k].

    ``step_of``: the step from which a value was carried forward; 0: never measured. ``bin_of``: its bin; -1: from the
    values before these bins.
    """

    row: NDArray[np.int32]
    step: NDArray[np.int64]
    value: NDArray[np.float32]
    step_of: NDArray[np.int64]
    bin_of: NDArray[np.intp]


def carry(bins: Bins, latest: Latest, columns: NDArray[np.intp]) -> Carried:
    """Each channel's last value at every moment of the bins, which are of these columns alone; ``latest``: the values
    before them."""
    place = np.full(COLUMNS, -1)
    place[columns] = np.arange(len(columns))
    if not len(bins):
        nothing = np.empty((0, len(columns)), np.int64)
        return Carried(bins.row, bins.step, nothing.astype(np.float32), nothing, nothing)
    base = int(bins.step[0])
    alone = bool((bins.step == base).all())
    if alone:  # one step, as when live: each row is one moment, and nothing is carried from one to the next
        new = firsts(bins.row)
        row, index = bins.row[new], np.cumsum(new) - 1
        step, first = np.full(len(row), base), np.arange(len(row))
    else:
        base = int(bins.step.min())
        moment, index = np.unique((bins.row.astype(np.int64) << 20) | (bins.step - base), return_inverse=True)
        row, step = (moment >> 20).astype(np.int32), (moment & 0xFFFFF) + base
        first = _starts(row[1:] != row[:-1])
    shape = len(row), len(columns)
    known = row[first].astype(np.intp)[:, None] * COLUMNS + columns
    value, step_of = latest.value.take(known), latest.step.take(known).astype(np.int64)
    bin_of = np.full(shape, -1, np.intp)
    if not alone:
        known_value, known_step, value, step_of = value, step_of, np.zeros(shape, np.float32), np.full(shape, -1)
        value[first], step_of[first] = known_value, known_step
    at = index * len(columns) + place[bins.column]
    value.reshape(-1)[at], step_of.reshape(-1)[at] = bins.mean, bins.step
    bin_of.reshape(-1)[at] = np.arange(len(bins))
    if not alone:  # each place that has nothing of its own looks up the column to the nearest that has
        source = np.where(step_of >= 0, np.arange(len(row))[:, None], 0)
        np.maximum.accumulate(source, axis=0, out=source)
        found = source * len(columns) + np.arange(len(columns))
        value, step_of, bin_of = value.take(found), step_of.take(found), bin_of.take(found)
    return Carried(row, step, value, step_of, bin_of)


def whole_series(bins: Bins, flag: NDArray[np.bool_], *, of_sources: bool = False) -> NDArray[np.intp]:
    """Indices of all bins of every (row, column), or every source, in which some bin has the flag, shape [k], in
    order."""
    if not flag.any():
        return np.empty(0, np.intp)
    starts = bins.source_starts if of_sources else bins.starts
    lengths = np.diff(np.append(starts, len(bins)))
    return np.flatnonzero(np.repeat(np.logical_or.reduceat(flag, starts), lengths))
