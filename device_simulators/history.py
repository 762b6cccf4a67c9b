"""What a simulated resident's home has measured up to now: the month's bodies, routines and sensors, without the line
between home and district, sorted and each reading once."""

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
    # whole days: the hours of the day stay what they are
    moved_us = -((month.end_us - until_us) // DAY_US) * DAY_US
    traces = [_tidy(trace, moved_us, until_us) for trace in month.traces]
    return History(month.resident, month.devices, [trace for trace in traces if len(trace.time_us)])


def _tidy(trace: Trace, moved_us: int, until_us: int) -> Trace:
    time_us, first = np.unique(trace.time_us + moved_us, return_index=True)
    kept = time_us < until_us
    return Trace(trace.device, trace.channel, time_us[kept], trace.value[first[kept]], time_us[kept])
