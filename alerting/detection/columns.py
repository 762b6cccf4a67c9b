"""Readings in columns, folded into bins: one row for each person, channel and step that has readings.

A bin is the same however its readings came: they are sorted by time and a repeated one counts once. Detectors look at
bins, so their cost follows the number of steps, not the sampling rate of a sensor.
"""

from typing import Any, Self, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.context import MEASURED

_T = TypeVar("_T", bound=np.generic)

STEP_US = 5_000_000
HOUR_US = 3_600_000_000
STEPS_PER_HOUR = HOUR_US // STEP_US
_OFFSET_BITS = 23  # a step's 5 000 000 µs
_STEP_BITS = 10  # an hour's 720 steps
_CHANNELS = len(MEASURED)


class VitalColumns(msgspec.Struct, frozen=True):
    """Readings, shapes [n]: person's row, column of ``MEASURED``, time (µs), value."""

    row: NDArray[np.int32]
    column: NDArray[np.int16]
    time_us: NDArray[np.int64]
    value: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        return type(self)(self.row[index], self.column[index], self.time_us[index], self.value[index])

    @staticmethod
    def join(parts: "list[VitalColumns]") -> "VitalColumns":
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return VitalColumns(
                np.empty(0, np.int32), np.empty(0, np.int16), np.empty(0, np.int64), np.empty(0, np.float32)
            )
        return VitalColumns(
            np.concatenate([p.row for p in parts]),
            np.concatenate([p.column for p in parts]),
            np.concatenate([p.time_us for p in parts]),
            np.concatenate([p.value for p in parts]),
        )


class Gathered:
    """Readings that wait for their step, in arrays that grow: thousands of small frames are never joined at once."""

    def __init__(self, columns: VitalColumns | None = None) -> None:
        self._arrays = VitalColumns.join([])
        self._n = 0
        if columns is not None:
            self.add(columns)

    def __len__(self) -> int:
        return self._n

    def add(self, columns: VitalColumns) -> None:
        end = self._n + len(columns)
        if end > len(self._arrays):
            room = max(1024, 2 * end) - self._n
            held = _arrays(self.all())
            self._arrays = VitalColumns(*(np.concatenate((array, np.empty(room, array.dtype))) for array in held))
        for mine, theirs in zip(_arrays(self._arrays), _arrays(columns), strict=True):
            mine[self._n : end] = theirs
        self._n = end

    def all(self) -> VitalColumns:
        """A view: good until something is added or taken."""
        return VitalColumns(*(array[: self._n] for array in _arrays(self._arrays)))

    def take_before(self, until_us: int) -> VitalColumns:
        """Those before that time; the others stay."""
        early = self._arrays.time_us[: self._n] < until_us
        taken, rest = self.all().take(early), self.all().take(~early)
        self._arrays, self._n = rest, len(rest)  # anew: a backlog must not keep its memory for ever
        return taken


def _arrays(columns: VitalColumns) -> tuple[NDArray[Any], ...]:
    return columns.row, columns.column, columns.time_us, columns.value


class Bins(msgspec.Struct, frozen=True):
    """Shapes [n], sorted by row, column, step. ``step``: time // ``STEP_US``; ``count`` readings of mean, low, high."""

    row: NDArray[np.int32]
    column: NDArray[np.int16]
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

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        return type(self)(
            self.row[index],
            self.column[index],
            self.step[index],
            self.count[index],
            self.mean[index],
            self.low[index],
            self.high[index],
        )

    def of(self, *columns: int) -> Self:
        """The bins of these columns alone."""
        return self.take(np.isin(self.column, columns))


class Latest:
    """The newest bin of every person and channel: ``value`` and ``step``, shapes [people, channels]; step 0: never."""

    def __init__(self, people: int) -> None:
        self.value: NDArray[np.float32] = np.zeros((people, _CHANNELS), np.float32)
        self.step: NDArray[np.int32] = np.zeros((people, _CHANNELS), np.int32)

    def grow(self, people: int) -> None:
        """Make room for more people; what is known stays."""
        self.value, self.step = grown(self.value, people), grown(self.step, people)

    def newer(self, bins: Bins) -> Bins:
        """Without the steps that were judged already, or lie before them."""
        return bins.take(bins.step > self.step[bins.row, bins.column])

    def keep(self, bins: Bins) -> None:
        # with repeated indices numpy keeps the last one; sorted by step, the last one is the newest
        self.value[bins.row, bins.column] = bins.mean
        self.step[bins.row, bins.column] = bins.step


def grown(array: NDArray[_T], people: int, fill: float = 0) -> NDArray[_T]:
    """``array`` with at least ``people`` rows; new ones hold ``fill``."""
    more = people - len(array)
    if more <= 0:
        return array
    return np.concatenate((array, np.full((more, *array.shape[1:]), fill, array.dtype)))


def fold(readings: VitalColumns) -> Bins:
    """Bins of readings that all lie within one hour of the clock."""
    if not len(readings):
        nothing = np.empty(0, np.float32)
        empty = np.empty(0, np.int32)
        return Bins(empty, np.empty(0, np.int16), np.empty(0, np.int64), empty, nothing, nothing, nothing)
    hour_us = int(readings.time_us[0]) // HOUR_US * HOUR_US
    step, offset = np.divmod(readings.time_us - hour_us, STEP_US)
    series = readings.row.astype(np.int64) * _CHANNELS + readings.column
    key = (((series << _STEP_BITS) | step) << _OFFSET_BITS) | offset
    order = np.argsort(key)
    key, value = key[order], readings.value[order]
    fresh = np.empty(len(key), np.bool_)
    fresh[0] = True
    np.not_equal(key[1:], key[:-1], out=fresh[1:])
    if not fresh.all():  # a reading that came twice; of two that differ, the higher one, in whatever order they came
        starts = np.flatnonzero(fresh)
        value, key = np.maximum.reduceat(value, starts), key[starts]
    group = key >> _OFFSET_BITS
    starts = np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1])))
    count = np.diff(np.append(starts, len(group)))
    group = group[starts]
    series = group >> _STEP_BITS
    return Bins(
        (series // _CHANNELS).astype(np.int32),
        (series % _CHANNELS).astype(np.int16),
        hour_us // STEP_US + (group & ((1 << _STEP_BITS) - 1)),
        count.astype(np.int32),
        (np.add.reduceat(value.astype(np.float64), starts) / count).astype(np.float32),
        np.minimum.reduceat(value, starts),
        np.maximum.reduceat(value, starts),
    )


class Carried(msgspec.Struct, frozen=True):
    """Several channels side by side at every (row, step) where one of them has a bin; shapes [m] and [m, k].

    ``step_of`` says from which step a value was carried forward; 0: never measured. ``bin_of`` says from which bin; -1:
    from what was known before them.
    """

    row: NDArray[np.int32]
    step: NDArray[np.int64]
    value: NDArray[np.float32]
    step_of: NDArray[np.int64]
    bin_of: NDArray[np.intp]


def carry(bins: Bins, latest: Latest, columns: NDArray[np.intp]) -> Carried:
    """Each channel's last known value at every moment of the bins, which are of these columns alone; ``latest`` is
    what was known before them."""
    place = np.full(_CHANNELS, -1)
    place[columns] = np.arange(len(columns))
    if not len(bins):
        nothing = np.empty((0, len(columns)), np.int64)
        return Carried(bins.row, bins.step, nothing.astype(np.float32), nothing, nothing)
    base = int(bins.step.min())
    moment, index = np.unique((bins.row.astype(np.int64) << 20) | (bins.step - base), return_inverse=True)
    row, step = (moment >> 20).astype(np.int32), (moment & 0xFFFFF) + base
    first = np.concatenate(([True], row[1:] != row[:-1]))
    value = np.zeros((len(moment), len(columns)), np.float32)
    step_of = np.full((len(moment), len(columns)), -1, np.int64)
    value[first], step_of[first] = latest.value[row[first]][:, columns], latest.step[row[first]][:, columns]
    at = place[bins.column]
    value[index, at], step_of[index, at] = bins.mean, bins.step
    bin_of = np.full((len(moment), len(columns)), -1, np.intp)
    bin_of[index, at] = np.arange(len(bins))
    # each place that has nothing of its own looks up the column to the nearest that has
    source = np.where(step_of >= 0, np.arange(len(moment))[:, None], 0)
    np.maximum.accumulate(source, axis=0, out=source)
    value, step_of = np.take_along_axis(value, source, 0), np.take_along_axis(step_of, source, 0)
    return Carried(row, step, value, step_of, np.take_along_axis(bin_of, source, 0))


def whole_series(bins: Bins, flag: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Indices of all bins of every (row, column) in which some bin has the flag, shape [k], in order."""
    if not flag.any():
        return np.empty(0, np.intp)
    changes = (bins.row[1:] != bins.row[:-1]) | (bins.column[1:] != bins.column[:-1])
    starts = np.flatnonzero(np.concatenate(([True], changes)))
    lengths = np.diff(np.append(starts, len(bins)))
    return np.flatnonzero(np.repeat(np.logical_or.reduceat(flag, starts), lengths))
