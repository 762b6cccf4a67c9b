"""Whom and what a device's reading concerns; live and in a replay alike."""

import numpy as np
from numpy.typing import NDArray

from alerting.detection.context import COLUMN, OF_THE_HOME, Source
from alerting.detection.switches import SWITCHES

Times = NDArray[np.int64]
FUTURE_US = 60_000_000
"""A reading from further ahead has a clock that is wrong; it would wait in memory until its time came."""


def believed(time_us: Times, now_us: Times | int) -> Times:
    """A time that is further ahead than that is now: a home whose clock is wrong must not go unwatched."""
    return np.where(time_us > now_us + FUTURE_US, now_us, time_us)


def place_of(source: Source, channel: str) -> tuple[int, int] | None:
    """(row of the person, column) of a measured channel; None where detectors have no use for it.

    A vital sign is its wearer's; bed and room speak of whoever lives there.
    """
    column = COLUMN.get(channel)
    row = source.home if channel in OF_THE_HOME else source.person
    return None if column is None or row is None else (row, column)


def concerns(source: Source, channel: str) -> bool:
    """Whether detectors have any use for it."""
    return channel in SWITCHES or place_of(source, channel) is not None
