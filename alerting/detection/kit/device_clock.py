"""Judges the clock of each device by when its messages arrive: one that is wrong is told, and arrival counts instead.

Meters, cuffs and some buttons have clocks of their own, that fall back to 1970 or 2021 when a battery is changed, or
run in UTC where local time is meant (blood-pressure-monitor-fl#410, #439, #450). A time in the future, or older than a
month, is wrong at once. A time that is late can be right: a meter sends what it has stored, a gateway what it kept
through an outage, and then each message is late by less than the one before. A clock that is behind makes every message
late by the same: the second one that is, a while after the first, proves it (of a 0/1 sensor the third: the end of what
it reports is as late as its begin). Until then a late reading counts at its
own time; once it is proved, the first one counts as of its arrival as well.
"""

from typing import NamedTuple

import msgspec
import numpy as np

from alerting.detection.kit.context import Happened, Source
from alerting.detection.kit.intake import FUTURE_US, Times
from alerting.detection.kit.switches import SWITCHES, UNHURRIED
from vocabulary.times import DAY_US, MINUTE_US, SECOND_US

LATE_US = 10 * MINUTE_US
"""Age of a message's newest time that is no more the way it takes."""
TELL_US = 3 * MINUTE_US
"""A clock that is ahead by less is put right without a word."""
OLD_US = 31 * DAY_US
"""Age that no store of a device or gateway explains."""
SAME_US = 45 * SECOND_US
"""Difference between two ages that are the same: transport and the slowness of a button."""
APART_US = 45 * SECOND_US
"""Least time between two arrivals that prove a wrong clock."""
MEASURED, SWITCHED = 2, 3
"""Messages of the same age that prove a wrong clock."""
OFF, RIGHT = "device_clock_off", "device_clock_right"
"""Events made here: ``value``: by how many ms the clock is behind."""


class Clock(msgspec.Struct):
    """A device's clock. ``behind_us``: arrival less the device's own time, of the last suspect message; ``since_us``:
    arrival of the first such; ``count``: how many there were; ``off``: it is proved wrong;
    ``told``: there was news of it."""

    behind_us: int
    since_us: int
    count: int = 1
    off: bool = False
    told: bool = False


class Verdict(NamedTuple):
    """``behind_us``: to be added to the device's times; 0: they count as they are. ``proved_us``: the arrival of the
    suspect message before, of the same age, which counts now too; 0: none. ``news``: OFF or RIGHT, or ''."""

    behind_us: int = 0
    proved_us: int = 0
    suspect: bool = False
    news: str = ""


_AS_IT_IS = Verdict()


class DeviceClocks:
    """The clocks of devices that are, or may be, wrong; a name for each."""

    def __init__(self) -> None:
        self._clocks: dict[tuple[str, str], Clock] = {}

    def is_right(self, device: tuple[str, str], newest_us: int, arrival_us: int) -> bool:
        """Whether :meth:`judge` would say that a message with this newest time counts as it is, and nothing else."""
        return -FUTURE_US <= arrival_us - newest_us < LATE_US and device not in self._clocks

    def judge(self, device: tuple[str, str], newest_us: int, arrival_us: int, needed: int = 2) -> Verdict:
        """Judge a message by its newest time; messages of a device in the order of their arrival.

        ``needed``: messages of the same age that prove a wrong clock.
        """
        behind_us, known = arrival_us - newest_us, self._clocks.get(device)
        if -FUTURE_US <= behind_us < LATE_US:
            if known is None:
                return _AS_IT_IS
            del self._clocks[device]
            return Verdict(news=RIGHT if known.told else "")
        if known is not None and abs(behind_us - known.behind_us) <= SAME_US:
            since_us, was_off = known.since_us, known.off
            known.count += 1
            known.off = was_off or (known.count >= needed and arrival_us - since_us >= APART_US)
            if was_off:
                known.behind_us = behind_us  # a clock that runs slow
            if known.off:
                news = OFF if not was_off else ""
                known.told = known.told or bool(news)
                return Verdict(behind_us, 0 if was_off else since_us, False, news)
            return Verdict(suspect=True)
        wrong = behind_us < -FUTURE_US or behind_us > OLD_US
        was_told = known is not None and known.told
        told = wrong and (was_told or abs(behind_us) >= TELL_US)
        self._clocks[device] = Clock(behind_us, arrival_us, off=wrong, told=told)
        if not wrong:
            return Verdict(suspect=True, news=RIGHT if was_told else "")
        return Verdict(behind_us, news=OFF if told and not was_told else "")

    def judge_event(self, happened: Happened, arrival_us: int) -> tuple[Happened, Happened | None]:
        """(the event, dated with its arrival where the device's clock is wrong; news of the clock)."""
        source, own_us = happened.source, happened.onset_us
        needed = SWITCHED if happened.kind in UNHURRIED else MEASURED
        verdict = self.judge((source.gateway, source.name), own_us, arrival_us, needed)
        if verdict.behind_us and happened.own_us is None:
            happened = msgspec.structs.replace(happened, time_us=arrival_us, own_us=own_us)
        return happened, news_of(source, verdict, arrival_us)

    def judge_series(
        self, source: Source, channel: str, time_us: Times, arrival_us: Times
    ) -> tuple[Times, list[tuple[slice, int, int]], list[tuple[int, Happened]]]:
        """(times that count; parts that count once more: which, arrival, time; news with their arrival) of a whole
        series, sorted by arrival."""
        late_us = arrival_us - time_us
        if not len(late_us) or (late_us.min() >= -FUTURE_US and late_us.max() < LATE_US):
            return time_us, [], []
        times = time_us.copy()
        starts = np.flatnonzero(np.concatenate(([True], np.diff(arrival_us) != 0)))
        ends = np.append(starts[1:], len(times))
        newest = np.maximum.reduceat(time_us, starts)
        again: list[tuple[slice, int, int]] = []
        news: list[tuple[int, Happened]] = []
        suspect: tuple[slice, int] | None = None
        device, needed = (source.gateway, f"{source.name}|{channel}"), SWITCHED if channel in SWITCHES else MEASURED
        for begin, end, newest_us in zip(starts.tolist(), ends.tolist(), newest.tolist(), strict=True):
            at_us, part = int(arrival_us[begin]), slice(begin, end)
            verdict = self.judge(device, newest_us, at_us, needed)
            if verdict.behind_us:
                times[part] += verdict.behind_us
            if verdict.proved_us and suspect is not None:
                again.append((suspect[0], at_us, verdict.behind_us))
            suspect = (part, at_us) if verdict.suspect and (suspect is None or not verdict.proved_us) else None
            told = news_of(source, verdict, at_us)
            if told is not None:
                news.append((at_us, told))
        return times, again, news


def news_of(source: Source, verdict: Verdict, arrival_us: int) -> Happened | None:
    """The event that a device's clock was found to be wrong, or right again."""
    if not verdict.news:
        return None
    return Happened(source, verdict.news, arrival_us, {"value": verdict.behind_us / 1000})
