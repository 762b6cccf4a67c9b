"""Detects reversed days and nights: for three days more time in bed by day than by night, and that is new.

A turned sleep-wake rhythm is among the first signs of delirium (DSM-5, associated features; NICE CG103) and common in
dementia. Day is 9 to 21 o'clock; a night belongs to the day it ends in. Needs a bed sensor.
"""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.columns import grown
from alerting.detection.kit.context import District
from alerting.detection.kit.detector import Array, Rule
from alerting.detection.kit.routine.behaviour import Before, Behaviour, Homes
from alerting.detection.kit.routine.daily import DAYS, turn_to
from alerting.detection.kit.routine.whereabouts import Sign, Whereabouts, local_day
from alerting.detection.kit.words import short
from vocabulary.parameter import Parameter
from vocabulary.times import DAY_S, DAY_US, HOUR_US, LOCAL_US, MINUTE_US

MORNING_US, EVENING_US = 9 * HOUR_US, 21 * HOUR_US
REVERSED_DAYS = 3
KNOWN_MIN = 120
"""A day with less time in bed than this, night and day together, does not count: the person or the sensor was away."""
LEARNED_DAYS = 5


class Beds(Homes):
    """``minutes`` [people, 2, 14] in bed: by night, by day; ``day``: newest in it; ``since_us``: of each row in
    bed, the begin of the time not yet counted; ``alerts``: onsets of the open alerts."""

    minutes: Array = msgspec.field(default_factory=lambda: np.zeros((0, 2, DAYS), np.uint16))
    day: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int32))
    since_us: dict[int, int] = msgspec.field(default_factory=dict)
    alerts: dict[int, int] = msgspec.field(default_factory=dict, name="told")


class DayNight(Behaviour):
    """Judges each day at its end, 21 o'clock."""

    parameters: ClassVar = {
        "day_night.by_day": Parameter(240, 120, 600, "min", "白天卧床", "least time in bed by day"),
    }
    rules: ClassVar = {
        "day_night_reversed": Rule(
            title=("昼夜颠倒", "day and night reversed"),
            waits=True,
            again_s=5 * DAY_S,
            per_day=1,
            blinded_by=("stuck_in_bed",),
        )
    }
    rings: ClassVar = (("minutes", "day"),)

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Beds()

    def learn(self, district: District) -> None:
        super().learn(district)
        state, people = self.state, len(district.people)
        state.minutes, state.day = grown(state.minutes, people), grown(state.day, people)
        for known in (state.since_us, state.alerts):
            for row in [row for row in known if row not in state.homes]:
                del known[row]
        self._by_day = self.tuned(district, "day_night.by_day")

    def unlearn(self, row: int, since_us: int, now_us: int) -> None:
        super().unlearn(row, since_us, now_us)
        self.state.since_us.pop(row, None)

    def sign(self, district: District, row: int, home: Whereabouts, sign: Sign, was: Before) -> Iterable[Finding]:
        state = self.state
        if home.in_bed and row not in state.since_us:
            state.since_us[row] = sign.time_us
            self.timers.set(_evening(sign.time_us), str(row))
        elif not home.in_bed and row in state.since_us:
            self._count(row, state.since_us.pop(row), sign.time_us)
            self.timers.set(_evening(sign.time_us), str(row))
        return ()

    def due(self, district: District, key: str, at_us: int) -> Iterator[Finding]:
        row, state, today = int(key), self.state, local_day(at_us)
        if row not in state.homes:
            return
        if row in state.since_us:
            self._count(row, state.since_us[row], at_us)
            state.since_us[row] = at_us
            self.timers.set(_evening(at_us), key)
        if not turn_to(state.minutes, state.day, row, today):
            return
        days = [day % DAYS for day in range(today - DAYS + 1, today + 1)]
        night, by_day = (state.minutes[row, part][days].astype(int) for part in (0, 1))
        known = night + by_day >= KNOWN_MIN
        turned = known & (by_day > night) & (by_day >= self._by_day[row])
        before = known[:-REVERSED_DAYS]
        usual = before.sum() >= LEARNED_DAYS and np.median((night - by_day)[:-REVERSED_DAYS][before]) > 0
        if turned[-REVERSED_DAYS:].all():
            if usual and row not in state.alerts:
                state.alerts[row] = at_us
                yield self._finding(district, row, "open", at_us, at_us, night, by_day, before)
        elif row in state.alerts and known[-1] and not turned[-1]:
            yield self._finding(district, row, "clear", state.alerts.pop(row), at_us, night, by_day, before)

    def _finding(
        self,
        district: District,
        row: int,
        action: FindingAction,
        onset_us: int,
        at_us: int,
        night: Any,
        by_day: Any,
        before: Any,
    ) -> Finding:
        recent_day, recent_night = by_day[-REVERSED_DAYS:].mean() / 60, night[-REVERSED_DAYS:].mean() / 60
        earlier = night[:-REVERSED_DAYS][before]
        own = float(np.median(earlier)) / 60 if len(earlier) else 0.0
        evidence: dict[str, object] = {
            "kind": "day_night",
            "night_min": night.tolist(),
            "day_min": by_day.tolist(),
        }
        words = (
            f"昼夜颠倒：近 {REVERSED_DAYS} 天白天卧床平均 {short(recent_day)} 小时、夜间 {short(recent_night)} 小时，"
            f"此前夜间通常 {short(own)} 小时",
            f"day and night reversed: {short(recent_day)} h in bed by day and {short(recent_night)} h by night over "
            f"{REVERSED_DAYS} days; before, usually {short(own)} h by night",
        )
        if action == "clear":
            words = ("昼夜节律恢复正常", "day and night as before")
        return self.row_finding(
            district, row, "day_night_reversed", action, "attention", onset_us, at_us, words, evidence
        )

    def _count(self, row: int, since_us: int, until_us: int) -> None:
        """Add time in bed to its days, cut where night and day meet."""
        state = self.state
        while since_us < until_us:
            day = local_day(since_us + DAY_US - EVENING_US)  # from 21 o'clock on it is the next day
            begin_us = day * DAY_US - LOCAL_US
            by_day = since_us >= begin_us + MORNING_US
            end_us = min(until_us, begin_us + (EVENING_US if by_day else MORNING_US))
            if turn_to(state.minutes, state.day, row, day):
                at = (row, int(by_day), day % DAYS)
                state.minutes[at] = min(int(state.minutes[at]) + (end_us - since_us) // MINUTE_US, 1440)
            since_us = end_us


def _evening(time_us: int) -> int:
    """The next end of a day, 21 o'clock."""
    day = local_day(time_us + DAY_US - EVENING_US)
    return day * DAY_US - LOCAL_US + EVENING_US
