"""Bins of single readings, for tests of what is decided between devices."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from alerting.detection.kit.columns import Bins
from alerting.detection.kit.context import COLUMN


class At(NamedTuple):
    """One reading: the step, the seat of its device, the value, of one person's channel."""

    step: int
    seat: int
    value: float
    code: str = "heart_rate"
    row: int = 0


def bins_of(readings: Iterable[At]) -> Bins:
    """The readings as bins, one each, sorted as the engine sorts them."""
    found = sorted(readings, key=lambda at: (at.row, COLUMN[at.code], at.seat, at.step))
    value = np.array([at.value for at in found], np.float32)
    return Bins(
        np.array([at.row for at in found], np.int32),
        np.array([COLUMN[at.code] for at in found], np.int16),
        np.array([at.seat for at in found], np.int16),
        np.array([at.step for at in found], np.int64),
        np.ones(len(found), np.int32),
        value,
        value,
        value,
    )


def cut(readings: list[At], cuts: Iterable[int]) -> Iterator[list[At]]:
    """The readings in the order of their steps, in batches that end before these steps."""
    begin = 0
    for end in (*sorted(set(cuts)), 1 << 40):
        batch = [at for at in readings if begin <= at.step < end]
        begin = end
        if batch:
            yield batch
