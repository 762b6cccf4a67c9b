"""Whom and what a device's reading concerns; live and in a replay alike."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.core.finding import AHEAD_US, believable
from alerting.detection.kit.context import COLUMN, OF_THE_HOME, Happened, Source
from alerting.detection.kit.switches import SWITCHES, UNHURRIED

Times = NDArray[np.int64]
FUTURE_US = 60_000_000
"""A reading from further ahead has a clock that is wrong; it would wait in memory until its time came."""


def believed(time_us: Times, now_us: Times | int) -> Times:
    """A time that is further ahead than that is now: a home whose clock is wrong must not go unwatched."""
    return np.where(time_us > now_us + FUTURE_US, now_us, time_us)


def dated(happened: Happened, now_us: int) -> Happened:
    """An event of a gateway that does not know the time is of now: it would wait for a time that is far away, or be
    told with one."""
    if believable(happened.time_us, now_us, FUTURE_US if happened.kind in UNHURRIED else AHEAD_US):
        return happened
    return msgspec.structs.replace(happened, time_us=now_us, own_us=happened.time_us)


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
