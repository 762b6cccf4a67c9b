"""Apply the faults of devices to what they would have measured, before and after the line."""

from collections.abc import Iterable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from device_simulators.month.script import ClockError, Fault
from device_simulators.month.sensing import Trace
from firmware_profiles.channels import CHANNELS
from vocabulary.times import MINUTE_US

REPEATED_US = 50 * MINUTE_US
"""A battery sensor repeats its state about this often."""


def faulty(trace: Trace, faults: Iterable[Fault], start_us: int, rng: Generator) -> Trace:
    """The trace with these faults, of which those of other devices and channels count for nothing."""
    for fault in faults:
        if fault.device == trace.device and trace.channel in fault.channels and len(trace.time_us):
            trace = _faulty(trace, fault, start_us, rng)
    return trace


def _faulty(trace: Trace, fault: Fault, start_us: int, rng: Generator) -> Trace:
    begin_us, end_us = start_us + int(fault.begin * MINUTE_US), start_us + int(fault.end * MINUTE_US)
    touched = (trace.time_us >= begin_us) & (trace.time_us < end_us)
    if fault.mode in ("lost", "stuck", "repeat"):
        times, values = _states(trace, fault, begin_us, end_us)
        kept = ~touched | (fault.mode == "repeat")
        times = np.concatenate((trace.time_us[kept], times))
        values = np.concatenate((trace.value[kept], values))
        order = np.argsort(times, kind="stable")
        return Trace(trace.device, trace.channel, times[order], values[order], times[order], trace.by_hand)
    if fault.share < 1:
        touched &= rng.random(len(touched)) < fault.share
    value, n = trace.value.copy(), int(touched.sum())
    match fault.mode:
        case "times":
            value[touched] *= fault.amount
        case "add":
            value[touched] += fault.amount
        case "hold":
            value[touched] = value[touched][:1]
        case "set":
            value[touched] = fault.amount + (rng.normal(0, fault.spread, n) if fault.spread else 0)
    channel = CHANNELS[trace.channel]
    rounded = np.round(value / channel.resolution) * channel.resolution
    value = np.where(touched, np.clip(rounded, channel.low, channel.high), value).astype(np.float32)
    return Trace(trace.device, trace.channel, trace.time_us, value, trace.arrival_us, trace.by_hand)


def _states(trace: Trace, fault: Fault, begin_us: int, end_us: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The states that a stuck or restarted 0/1 sensor publishes."""

    def state(at_us: int) -> float:
        return float(trace.value[max(0, int(np.searchsorted(trace.time_us, at_us, "right")) - 1)])

    if fault.mode == "stuck":
        times = np.arange(begin_us, end_us, REPEATED_US)
        states = np.full(len(times), fault.amount, np.float32)
        return np.append(times, end_us), np.append(states, np.float32(state(end_us - 1)))
    if fault.mode == "repeat":
        return np.array([begin_us]), np.array([state(begin_us)], np.float32)
    return np.empty(0, np.int64), np.empty(0, np.float32)


def misdated(trace: Trace, clocks: Iterable[ClockError], start_us: int) -> Trace:
    """The trace as it arrived, dated by a device whose clock is wrong. Nothing arrives at another time for it."""
    time_us = trace.time_us
    for clock in clocks:
        if clock.device == trace.device:
            begin_us, end_us = start_us + int(clock.begin * MINUTE_US), start_us + int(clock.end * MINUTE_US)
            wrong = (trace.time_us >= begin_us) & (trace.time_us < end_us)
            time_us = time_us + np.where(wrong, int(clock.offset_s * 1e6), 0)
    return Trace(trace.device, trace.channel, time_us, trace.value, trace.arrival_us, trace.by_hand)
