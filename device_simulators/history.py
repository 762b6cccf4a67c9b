"""Simulate the past readings of a resident's home, without the line between home and district.

Bodies, routines and sensors are the month's; readings are sorted, each once.
"""

import msgspec
import numpy as np

from device_simulators.month.month import MonthOptions, simulate
from device_simulators.month.people import Resident
from device_simulators.month.sensing import Trace
from firmware_profiles.driver import DeviceConfig
from vocabulary.times import DAY_US


class History(msgspec.Struct):
    """``traces``: sorted by time, no time twice."""

    resident: Resident
    devices: list[DeviceConfig]
    traces: list[Trace]


def history(number: int, options: MonthOptions, until_us: int) -> History:
    """``options.days`` days of resident ``number`` (from 0) before ``until_us`` (µs since 1970).

    Days begin at midnight in Shanghai; the last one ends early. Raises ValueError for options without sense.
    """
    month = simulate(number, options)
    # whole days, so that the hours of the day do not move
    moved_us = -((month.end_us - until_us) // DAY_US) * DAY_US
    traces = [_tidy(trace, moved_us, until_us) for trace in month.traces]
    return History(month.resident, month.devices, [trace for trace in traces if len(trace.time_us)])


def _tidy(trace: Trace, moved_us: int, until_us: int) -> Trace:
    time_us, first = np.unique(trace.time_us + moved_us, return_index=True)
    past = time_us < until_us
    return Trace(trace.device, trace.channel, time_us[past], trace.value[first[past]], time_us[past])
