"""Maps readings and events of devices to people, columns and credible times; live and in a replay alike."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.core.finding import AHEAD_US, believable
from alerting.detection.kit.context import COLUMN, OF_THE_HOME, Happened, Source
from alerting.detection.kit.switches import SWITCHES, UNHURRIED
from vocabulary.times import MINUTE_US

Times = NDArray[np.int64]
FUTURE_US = MINUTE_US
"""A reading further in the future than this comes from a wrong clock; it would wait in memory until its time."""


def dated(happened: Happened, now_us: int) -> Happened:
    """Date an event of a gateway that does not know the time with now: it would wait for a time that is far away, or
    raise an alert with one."""
    if believable(happened.time_us, now_us, FUTURE_US if happened.kind in UNHURRIED else AHEAD_US):
        return happened
    return msgspec.structs.replace(happened, time_us=now_us, own_us=happened.time_us)


def place_of(source: Source, channel: str) -> tuple[int, int] | None:
    """(row of the person, column) of a measured channel; None where detectors have no use for it.

    A vital sign belongs to the wearer; bed and room belong to the row of the home.
    """
    column = COLUMN.get(channel)
    row = source.home if channel in OF_THE_HOME else source.person
    return None if column is None or row is None else (row, column)


def concerns(source: Source, channel: str) -> bool:
    """Whether detectors have a use for this channel of the device."""
    return channel in SWITCHES or place_of(source, channel) is not None
