"""Simulate the traces of what only some homes have: values by hand, a second pulse, a cat, a door that opens to
somebody who stays outside, a radar that says 0 where nobody is."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from device_simulators.month.body import Vitals
from device_simulators.month.people import Resident
from device_simulators.month.routine import BED, BEDROOM, DAY
from device_simulators.month.script import Script
from device_simulators.month.sensing import PIR_HOLD_S, Trace
from vocabulary.times import MINUTE_US

Minutes = NDArray[np.float64]
CAT_A_DAY = 45.0
"""Motions of a cat that a motion sensor of a room at its height sees in a day."""
CAT_ROOMS = ("pir-living", "pir-kitchen")


class Extras:
    """The extra traces of one home, and the changes of its ordinary ones."""

    def __init__(self, resident: Resident, script: Script, start_us: int, rng: Generator) -> None:
        self._resident, self._script, self._start_us, self._rng = resident, script, start_us, rng

    def traces(self, ordinary: list[Trace], vitals: Vitals) -> list[Trace]:
        """All traces of the home."""
        traces = [self._lived_in(trace) for trace in ordinary]
        if self._resident.trait == "zeros":
            traces = [self._zeroed(trace) for trace in traces]
        if self._resident.equipment.pulse:
            traces += [self._pulse(trace, vitals) for trace in ordinary if trace.channel == "spo2"]
        return [*traces, *self._by_hand()]

    def _us(self, minute: Minutes) -> NDArray[np.int64]:
        return self._start_us + np.rint(minute * MINUTE_US).astype(np.int64)

    def _lived_in(self, trace: Trace) -> Trace:
        if trace.device in CAT_ROOMS and self._resident.trait == "cat":
            days = len(self._script.life.place) // DAY
            begin = self._rng.uniform(0, days * DAY - 5, self._rng.poisson(CAT_A_DAY * days))
            return _joined(trace, self._us(begin), self._us(begin + PIR_HOLD_S / 60))
        if trace.channel == "door_open" and self._script.passages:
            begin, end = np.array(sorted(self._script.passages), np.float64).T
            return _joined(trace, self._us(begin), self._us(end))
        return trace

    def _zeroed(self, trace: Trace) -> Trace:
        """With each frame that says 'nobody' the radar says that heart and breathing are 0."""
        if trace.device != "radar" or trace.channel not in ("heart_rate", "respiration_rate"):
            return trace
        place = self._script.life.place
        nobody = np.asarray(np.flatnonzero((place != BED) & (place != BEDROOM)) + 0.9, np.float64)
        nobody = nobody[:: max(1, round(self._script.rate_s / 60))]
        return _with(trace, self._us(nobody), np.zeros(len(nobody), np.float32))

    def _pulse(self, spo2: Trace, vitals: Vitals) -> Trace:
        minute: Minutes = (spo2.time_us - self._start_us) / MINUTE_US
        at = np.clip(np.searchsorted(vitals.minute, minute, "right") - 1, 0, len(vitals.minute) - 1)
        pulse = np.rint(vitals.heart_rate[at] + self._rng.normal(0, 1, len(at)))
        return Trace(spo2.device, "heart_rate", spo2.time_us, np.clip(pulse, 20, 250).astype(np.float32), spo2.time_us)

    def _by_hand(self) -> list[Trace]:
        rows: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for spot in self._script.spots:
            rows.setdefault((spot.device, spot.channel), []).append((spot.minute, spot.value))
        traces = []
        for (device, channel), values in rows.items():
            minute, value = np.array(sorted(values), np.float64).T
            time_us = self._us(minute)
            traces.append(Trace(device, channel, time_us, value.astype(np.float32), time_us, by_hand=True))
        return traces


def _with(trace: Trace, time_us: NDArray[np.int64], value: NDArray[np.float32]) -> Trace:
    """The trace with further readings."""
    times, values = np.concatenate((trace.time_us, time_us)), np.concatenate((trace.value, value))
    order = np.argsort(times, kind="stable")
    return Trace(trace.device, trace.channel, times[order], values[order], times[order], trace.by_hand)


def _joined(trace: Trace, begin_us: NDArray[np.int64], end_us: NDArray[np.int64]) -> Trace:
    """A 0/1 trace that is 1, too, from each begin to its end, shapes [n]."""
    was = np.concatenate(([0.0], trace.value[:-1]))
    step = (trace.value - was).astype(np.int64)
    times = np.concatenate((trace.time_us, begin_us, end_us))
    steps = np.concatenate((step, np.ones(len(begin_us), np.int64), -np.ones(len(end_us), np.int64)))
    order = np.argsort(times, kind="stable")
    times, on = times[order], np.cumsum(steps[order]) > 0
    change = np.flatnonzero(np.concatenate(([True], on[1:] != on[:-1])))
    return Trace(trace.device, trace.channel, times[change], on[change].astype(np.float32), times[change])
