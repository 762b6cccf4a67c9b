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
_FIRST_SEAT = np.arange(SEATS, 0, -1, dtype=np.int8)


class SharedBins(msgspec.Struct, frozen=True, kw_only=True):
    """Bins of channels that several devices of a person measure, in groups of one series and step.

    ``index`` [n]: of each in the bins of all sources; ``group`` [n]: its group. ``step``, ``value`` [groups, seats]:
    the newest of each seat at the group's step (step 0: never); ``alive``: which of them have spoken lately; ``key``:
    their rank, the highest leads.
    """

    index: NDArray[np.intp]
    group: NDArray[np.intp]
    step: NDArray[np.int32]
    value: NDArray[np.float32]
    alive: NDArray[np.bool_]
    key: NDArray[np.int8]


def shared_bins(bins: Bins, latest: Latest, seated: SeatedDevices, shared: NDArray[np.bool_]) -> SharedBins | None:
    """The bins of series (flags ``shared``, by series) with several devices; None where there are none.

    ``latest``: the newest of each source before these bins.
    """
    series = bins.series
    several = shared[series]
    if not several.any():
        return None
    index, step, seat, value = np.arange(len(bins)), bins.step.astype(np.int32), bins.seat, bins.mean
    if not several.all():
        index = np.flatnonzero(several)
        series, step, seat, value = series[index], step[index], seat[index], value[index]
    alone = bool((step == step[0]).all())
    if not alone:
        order = np.lexsort((seat, step, series))
        index, series, step, seat, value = index[order], series[order], step[order], seat[order], value[order]
    new = firsts(series) if alone else firsts(series) | firsts(step)
    group, starts = np.cumsum(new) - 1, np.flatnonzero(new)
    series, now = series[starts], step[starts]
    newest_step = latest.step.reshape(-1, SEATS).take(series, axis=0)
    newest_value = latest.value.reshape(-1, SEATS).take(series, axis=0)
    at_seat = group * SEATS + seat
    if alone:
        newest_step.reshape(-1)[at_seat], newest_value.reshape(-1)[at_seat] = step, value
    else:
        own_step, own_value = np.zeros_like(newest_step), np.zeros_like(newest_value)
        own_step.reshape(-1)[at_seat], own_value.reshape(-1)[at_seat] = step, value
        at = np.arange(len(series))
        begin = np.maximum.accumulate(np.where(firsts(series), at, 0))
        for nth in range(SEATS):
            found = np.maximum.accumulate(np.where(own_step[:, nth] > 0, at, -1))
            here = np.flatnonzero(found >= begin)
            newest_step[here, nth] = own_step[found[here], nth]
            newest_value[here, nth] = own_value[found[here], nth]
    alive = (newest_step > 0) & (now[:, None] - newest_step <= LIVE_STEPS)
    trust = seated.trust(series)
    poor = _poor(bins, latest, seated, series, now.astype(np.int64))
    if poor is not None:
        trust[poor] = 0
    return SharedBins(
        index=index,
        group=group,
        step=newest_step,
        value=newest_value,
        alive=alive,
        key=trust * np.int8(SEATS + 1) + _FIRST_SEAT,
    )


def _poor(
    bins: Bins, latest: Latest, seated: SeatedDevices, series: NDArray[np.int64], step: NDArray[np.int64]
) -> NDArray[np.bool_] | None:
    """The devices of each series that say themselves that their signal is poor, shape [n, seats]; None: none does."""
    if not seated.device[:, _QUALITY].any():
        return None
    device = seated.device.reshape(-1, SEATS).take(series, axis=0)
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
    keys = np.where(shared.alive, shared.key, np.int8(0)).T
    best = np.maximum(np.maximum(keys[0], keys[1]), np.maximum(keys[2], keys[3])).take(shared.group)
    own = shared.key.take(shared.group * SEATS + bins.seat.take(shared.index))
    counts[shared.index] = own // np.int8(SEATS + 1) >= best // np.int8(SEATS + 1)
    leads[shared.index] = own == best
    return counts, leads


def in_order(bins: Bins) -> Bins:
    """The bins sorted by row, column, step: where a channel's leading device changed, its seats are mixed."""
    if not len(bins) or not bins.seat.any() or (bins.step == bins.step[0]).all():
        return bins
    return bins.take(np.lexsort((bins.step, bins.series)))
