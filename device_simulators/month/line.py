"""Simulate the line to the district: lost, late and repeated readings, wrong times, and the times of contact."""

import msgspec
import numpy as np
from numpy.random import Generator

from device_simulators.month.script import Script
from device_simulators.month.sensing import Trace
from vocabulary.times import DAY_US, HOUR_US, MINUTE_US

OUTAGE_REPORTED_S = 180
"""Longer outages have to be noticed."""


class ContactSpan(msgspec.Struct, frozen=True):
    """Time in which the device ('' is the gateway) is heard as often as it should be."""

    device: str
    begin_us: int
    end_us: int


class Outage(msgspec.Struct, frozen=True):
    """Time in which the home's line is down; readings and events of it arrive at its end."""

    begin_us: int
    end_us: int


class HomeLine:
    """The line of one home over the month."""

    def __init__(self, script: Script, start_us: int, end_us: int, rng: Generator) -> None:
        self._start_us, self._end_us, self._rng = start_us, end_us, rng
        self._unplugged = [
            (d, start_us + int(b * MINUTE_US), start_us + int(e * MINUTE_US)) for d, b, e in script.unplugged
        ]
        self.outages = self._draw_outages(script)
        self._jump = self._draw_jump()

    def _draw_outages(self, script: Script) -> list[Outage]:
        """Draw one and a half outages a month, from half a minute to four hours. None touches a planned episode: an
        episode that is missed is then the detectors' fault."""
        rng, outages = self._rng, []
        for _ in range(rng.poisson(1.5 * (self._end_us - self._start_us) / (30 * DAY_US))):
            begin = int(rng.uniform(self._start_us, self._end_us))
            lasts = int(np.exp(rng.uniform(np.log(30), np.log(14_400))) * 1e6)
            minutes = ((begin - self._start_us) / MINUTE_US, (begin + lasts - self._start_us) / MINUTE_US)
            if not script.near_truth(*minutes, 60) and begin + lasts < self._end_us - HOUR_US:
                outages.append(Outage(begin, begin + lasts))
        outages.sort(key=lambda outage: outage.begin_us)
        return [o for i, o in enumerate(outages) if i == 0 or o.begin_us > outages[i - 1].end_us + HOUR_US]

    def _draw_jump(self) -> tuple[int, int, int]:
        """Draw (begin, end, offset): in every tenth home the gateway's clock is off for hours."""
        rng = self._rng
        if rng.random() >= 0.1:
            return 0, 0, 0
        begin = int(rng.uniform(self._start_us, self._end_us - 12 * HOUR_US))
        return begin, begin + int(rng.uniform(1, 12) * HOUR_US), int(rng.choice([-1, 1]) * rng.uniform(20, 300) * 1e6)

    @property
    def clock_off(self) -> tuple[int, int] | None:
        """The time in which the gateway's clock is wrong, if there is one: (begin, end)."""
        begin_us, end_us, offset_us = self._jump
        return (begin_us, end_us) if offset_us else None

    def arrival(self, time_us: int, after_s: float = 0.5) -> int:
        """Time at which the district knows an event of this moment."""
        at = time_us + int(after_s * 1e6)
        return next((o.end_us + 2_000_000 for o in self.outages if o.begin_us <= at < o.end_us), at)

    def carry(self, trace: Trace) -> Trace:
        """The readings that arrive, sorted by arrival: some are lost, some late, one in a hundred comes twice."""
        rng, time_us, value = self._rng, trace.time_us, trace.value
        keep = np.ones(len(time_us), np.bool_)
        for device, begin, end in self._unplugged:
            if device == trace.device:
                keep &= (time_us < begin) | (time_us >= end)
        if trace.channel not in ("motion", "presence", "door_open") and not trace.by_hand:
            keep &= rng.random(len(time_us)) > 0.01
        time_us, value = time_us[keep], value[keep]
        arrival = time_us + rng.integers(300_000, 1_500_000, len(time_us))
        late = rng.random(len(time_us)) < 0.002
        arrival[late] += rng.integers(1_000_000, 60_000_000, int(late.sum()))
        for outage in self.outages:
            delayed = (arrival >= outage.begin_us) & (arrival < outage.end_us)
            backlog = np.sort(rng.integers(1_000_000, 5_000_000, int(delayed.sum())))  # the gateway's outbox is a queue
            arrival[delayed] = outage.end_us + backlog
        begin, end, offset = self._jump
        if offset:
            time_us = time_us + np.where((time_us >= begin) & (time_us < end), offset, 0)
        twice = np.flatnonzero(rng.random(len(time_us)) < 0.01)
        time_us, value = np.concatenate((time_us, time_us[twice])), np.concatenate((value, value[twice]))
        arrival = np.concatenate((arrival, arrival[twice] + rng.integers(0, 30_000_000, len(twice))))
        order = np.lexsort((time_us, arrival))
        return Trace(trace.device, trace.channel, time_us[order], value[order], arrival[order], trace.by_hand)

    def contacts(self, devices: list[str]) -> list[ContactSpan]:
        """Times of contact of the gateway and its devices: all but outages and times without power."""
        spans = []
        for device in ["", *devices]:
            gaps = [(o.begin_us, o.end_us) for o in self.outages]
            gaps += [(b, e) for d, b, e in self._unplugged if d == device]
            since = self._start_us
            for begin, end in sorted(gaps):
                if begin > since:
                    spans.append(ContactSpan(device, since, begin))
                since = max(since, end)
            spans.append(ContactSpan(device, since, self._end_us))
        return spans
