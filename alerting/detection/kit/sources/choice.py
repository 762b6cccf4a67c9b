"""Chooses, among the devices of one person and channel, whose readings are judged: the most trusted that speak.

Nothing is averaged. A device is left out while a more trusted one of the same person and channel has spoken lately;
devices of equal rank are each judged by themselves. Detectors that need one series get the most trusted device's.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.kit.columns import STEP_US, Bins, Latest, firsts, source_at
from alerting.detection.kit.context import COLUMN, COLUMNS, SEATS
from alerting.detection.kit.sources.seats import SeatedDevices
from vocabulary.times import MINUTE_US

LIVE_STEPS = 3 * MINUTE_US // STEP_US
"""A device speaks for its channel for three minutes after each reading."""
QUALITY_STEPS, POOR_QUALITY = 2 * MINUTE_US // STEP_US, 30.0
"""A device's word about its own signal counts for two minutes; below 30 % every other device is believed first."""
_QUALITY = COLUMN["signal_quality"]
_FIRST_SEAT = np.arange(SEATS, 0, -1, dtype=np.int32)


class SharedBins(msgspec.Struct, frozen=True):
    """Bins of channels that several devices of a person measure, sorted by series and step.

    ``index`` [n]: of each in the bins of all sources; ``step``, ``value`` [n, seats]: the newest of each seat at that
    bin's step (step 0: never); ``alive``: which of them have spoken lately; ``key``: their rank, the highest leads.
    """

    index: NDArray[np.intp]
    step: NDArray[np.int64]
    value: NDArray[np.float32]
    alive: NDArray[np.bool_]
    key: NDArray[np.int32]


def shared_bins(bins: Bins, latest: Latest, seated: SeatedDevices, shared: NDArray[np.bool_]) -> SharedBins | None:
    """The bins of series (flags ``shared``, by series) with several devices; None where there are none.

    ``latest``: the newest of each source before these bins.
    """
    series = bins.series
    several = shared[series]
    if not several.any():
        return None
    index = np.flatnonzero(several)
    series, step, seat, value = series[index], bins.step[index], bins.seat[index], bins.mean[index]
    if not (step == step[0]).all():
        order = np.lexsort((seat, step, series))
        index, series, step, seat, value = index[order], series[order], step[order], seat[order], value[order]
    at = np.arange(len(index))
    first = firsts(series)
    begin = np.maximum.accumulate(np.where(first, at, 0))
    another = first | np.concatenate(([True], step[1:] != step[:-1]))
    starts = np.flatnonzero(another)
    # every device of a step is seen by the others of that step
    end = np.append(starts[1:], len(at))[np.cumsum(another) - 1] - 1
    last_step = latest.step.reshape(-1, SEATS)[series].astype(np.int64)
    last_value = latest.value.reshape(-1, SEATS)[series]
    for nth in range(SEATS):
        found = np.maximum.accumulate(np.where(seat == nth, at, -1))[end]
        here = np.flatnonzero(found >= begin)
        last_step[here, nth], last_value[here, nth] = step[found[here]], value[found[here]]
    alive = (last_step > 0) & (step[:, None] - last_step <= LIVE_STEPS)
    trust = seated.trust.reshape(-1, SEATS)[series].astype(np.int32)
    trust[_poor(bins, latest, seated, series, step)] = 0
    return SharedBins(index, last_step, last_value, alive, trust * (SEATS + 1) + _FIRST_SEAT)


def _poor(
    bins: Bins, latest: Latest, seated: SeatedDevices, series: NDArray[np.int64], step: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of each series' devices say themselves that their signal is poor, shape [n, seats]."""
    device = seated.device.reshape(-1, SEATS)[series]
    row = (series // COLUMNS).astype(np.int32)
    poor = np.zeros(device.shape, np.bool_)
    for seat in range(SEATS):
        number = seated.device[row, _QUALITY, seat]
        if number.any():
            mine = bins.where((bins.column == _QUALITY) & (bins.seat == seat))
            value, at = source_at(mine, latest, _QUALITY, seat, row, step)
            says_so = (at > 0) & (step - at <= QUALITY_STEPS) & (value < POOR_QUALITY)
            poor |= (device == number[:, None]) & ((number > 0) & says_so)[:, None]
    return poor


def judged(bins: Bins, shared: SharedBins | None) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(bins that count, bins of the one device that leads each channel), shapes [n]."""
    if shared is None:
        every = np.ones(len(bins), np.bool_)
        return every, every
    counts, leads = np.ones(len(bins), np.bool_), np.ones(len(bins), np.bool_)
    best = np.where(shared.alive, shared.key, 0).max(axis=1)
    own = shared.key[np.arange(len(best)), bins.seat[shared.index]]
    counts[shared.index] = own // (SEATS + 1) >= best // (SEATS + 1)
    leads[shared.index] = own == best
    return counts, leads


def in_order(bins: Bins) -> Bins:
    """The bins sorted by row, column, step: where a channel's leading device changed, its seats are mixed."""
    if not len(bins) or not bins.seat.any() or (bins.step == bins.step[0]).all():
        return bins
    return bins.take(np.lexsort((bins.step, bins.series)))
