"""Detects a resident who is not up in the morning as usual.

To be up is to be about for half an hour after four in the morning, without going back to bed and without an hour of
nothing in between: a night trip to the toilet is not getting up. The alert is raised a margin past the usual latest
time of the last 14 days (the second latest; see :mod:`alerting.detection.kit.routine.daily`), unless the resident went
out; somebody who is about at that moment is given the half hour.
"""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np

from alerting.core.finding import Finding
from alerting.detection.kit.columns import grown
from alerting.detection.kit.context import District
from alerting.detection.kit.detector import BRIEF_S, Array, Rule
from alerting.detection.kit.routine.behaviour import Before, Behaviour, Homes
from alerting.detection.kit.routine.daily import DAYS, turn_to, usual
from alerting.detection.kit.routine.whereabouts import HomeState, Sign, Whereabouts, clock, local_day, local_minute
from vocabulary.parameter import Parameter
from vocabulary.severity import Severity
from vocabulary.times import DAY_US, HOUR_US, LOCAL_US, MINUTE_US

FROM_MINUTE, UNTIL_MINUTE = 4 * 60, 16 * 60
ABOUT_US = 30 * MINUTE_US
PAUSE_US = HOUR_US
TRIP_US = 10 * MINUTE_US
"""Movement for longer than this is more than a trip to the toilet."""


class Mornings(Homes):
    """``up`` [people, 14]: minute of the day, 0: not known; ``day``: newest in it."""

    up: Array = msgspec.field(default_factory=lambda: np.zeros((0, DAYS), np.int16))
    day: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int32))
    about_us: dict[int, int] = msgspec.field(default_factory=dict)
    """Since when a row is about this morning."""
    alerts: dict[int, tuple[int, Severity]] = msgspec.field(default_factory=dict, name="told")
    """Onset and severity of a row's open alert."""


class Morning(Behaviour):
    """Sets one timer for each home, at the usual latest time and the margin."""

    rings: ClassVar = (("up", "day"),)
    parameters: ClassVar = {
        "morning.margin": Parameter(90, 30, 360, "min", "超过通常最晚起床时间", "past the usual latest time"),
        "morning.learn_days": Parameter(5, 3, 14, "d", "学习天数", "mornings to learn"),
    }
    rules: ClassVar = {
        "missed_morning": Rule(
            title=("未照常起床", "not up as usual"),
            per_day=1,
            again_s=12 * 3600,
            rests_for=("carer", "maintenance"),
            explained_by=("gateway_silent", "inactivity"),
            blinded_by=("device_silent", "stuck_in_bed"),
            explains_s=BRIEF_S,
        )
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Mornings()

    def learn(self, district: District) -> None:
        super().learn(district)
        state, people = self.state, len(district.people)
        state.up, state.day = grown(state.up, people), grown(state.day, people)
        for known in (state.about_us, state.alerts):
            for row in [row for row in known if row not in state.homes]:
                del known[row]
        self._margin = self.tuned(district, "morning.margin")
        self._learn_days = self.tuned(district, "morning.learn_days")

    def sign(self, district: District, row: int, home: Whereabouts, sign: Sign, was: Before) -> Iterable[Finding]:
        minute, day = local_minute(sign.time_us), local_day(sign.time_us)
        if not FROM_MINUTE <= minute < UNTIL_MINUTE or sign.time_us < was.life_us or self._is_up(row, day):
            return ()
        return self._about(district, row, home, sign, was, day)

    def _about(
        self, district: District, row: int, home: Whereabouts, sign: Sign, was: Before, day: int
    ) -> Iterator[Finding]:
        state = self.state
        since_us = state.about_us.get(row)
        if home.in_bed:
            state.about_us.pop(row, None)
        elif since_us is None or local_day(since_us) != day or self._pause(was, sign):
            state.about_us[row] = sign.time_us
        elif sign.time_us - since_us >= ABOUT_US:
            self._up(row, since_us)
            alert = state.alerts.pop(row, None)
            if alert is not None:
                at = clock(local_minute(since_us))
                words = (f"{at} 已起床", f"up at {at}")
                yield self._finding(district, row, "clear", alert[1], alert[0], sign.time_us, words)

    def due(self, district: District, key: str, at_us: int) -> Iterator[Finding]:
        row, day = int(key), local_day(at_us)
        home = self.state.homes.get(row)
        if home is None:
            return
        latest = self._latest(row, day)
        self.state.alerts.pop(row, None)
        since_us = self.state.about_us.get(row)
        if since_us is not None and local_day(since_us) == day:
            if at_us - since_us < ABOUT_US and not home.in_bed:
                self.timers.set(since_us + ABOUT_US, key)  # getting up just now
                return
            if home.state == HomeState.HELD or (not home.in_bed and home.life_us - since_us >= TRIP_US):
                self._up(row, since_us)  # sitting somewhere
        self._wake(row, day + 1)
        if latest is None or self._is_up(row, day) or home.away:
            return
        begin_us = day * DAY_US - LOCAL_US
        onset_us = begin_us + latest * MINUTE_US
        about = home.life_us >= begin_us + FROM_MINUTE * MINUTE_US
        severity: Severity = "attention" if about or home.in_bed else "urgent"
        self.state.alerts[row] = (onset_us, severity)
        now, last, late = clock(local_minute(at_us)), clock(local_minute(home.life_us)), clock(latest)
        bed_zh, bed_en = ("，仍在床", ", still in bed") if home.in_bed else ("", "")
        words = (
            f"{now} 尚未照常起床{bed_zh}，平时最晚 {late}；最后一次活动 {last}",
            f"not up as usual at {now}{bed_en}; usually by {late} at the latest; last sign of life {last}",
        )
        yield self._finding(district, row, "open", severity, onset_us, at_us, words)

    @staticmethod
    def _pause(was: Before, sign: Sign) -> bool:
        """Whether an hour without any sign, and no sensor on, lies before this one."""
        return was.state == HomeState.QUIET and sign.time_us - was.life_us > PAUSE_US

    def _up(self, row: int, since_us: int) -> None:
        day = local_day(since_us)
        self.state.about_us.pop(row, None)
        if turn_to(self.state.up, self.state.day, row, day):
            self.state.up[row, day % DAYS] = local_minute(since_us)
            self._wake(row, day + 1)

    def _finding(
        self, district: District, row: int, action: Any, severity: Severity, onset_us: int, at_us: int, words: Any
    ) -> Finding:
        evidence: dict[str, object] = {
            "kind": "morning",
            "up_by_day": [clock(minute) for minute in self.state.up[row].tolist() if minute],
        }
        return self.row_finding(district, row, "missed_morning", action, severity, onset_us, at_us, words, evidence)

    def _is_up(self, row: int, day: int) -> bool:
        return int(self.state.day[row]) == day and bool(self.state.up[row, day % DAYS])

    def _latest(self, row: int, day: int) -> int | None:
        """The usual latest minute of getting up; None: not enough mornings of the last 14 days are known."""
        known = self.state.up[row] * (int(self.state.day[row]) > day - DAYS)
        return usual(known) if np.count_nonzero(known) >= self._learn_days[row] else None

    def _wake(self, row: int, day: int) -> None:
        latest = self._latest(row, day)
        minute = UNTIL_MINUTE if latest is None else latest + float(self._margin[row])
        self.timers.set(day * DAY_US - LOCAL_US + round(minute * MINUTE_US), str(row))
