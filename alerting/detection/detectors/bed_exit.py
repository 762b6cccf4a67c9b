"""Detects a resident who leaves the bed at night and does not return: no sign at all, or about for too long.

Most falls of the night happen on the way from the bed to the toilet and back. After an hour in bed, a bed exit in the
night starts two clocks. No sign anywhere for longer than usual (the bedroom floor): urgent. About elsewhere for longer
than usual: attention, which waits for the morning. An exit in the morning (5 to 9 o'clock) is getting up, as a rule:
only the first clock runs, with a longer limit, for two hours at most: somebody who is seen in another room ten minutes
after it is up, and the day's stillness counts. Usual is the second longest of the last 14 nights (see
:mod:`alerting.detection.kit.routine.daily`), with half of it as margin; the floors and the limits while nothing is
learned are our own choice.
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
from alerting.detection.kit.routine.daily import DAYS, keep_largest, usual
from alerting.detection.kit.routine.stuck import STUCK
from alerting.detection.kit.routine.whereabouts import (
    HomeState,
    Sign,
    Whereabouts,
    clock,
    local_day,
    local_hour,
    local_minute,
)
from alerting.detection.kit.words import lasting
from vocabulary.parameter import Parameter
from vocabulary.severity import Severity
from vocabulary.times import HOUR_US, MINUTE_US

ASLEEP_US = HOUR_US
"""Least time in bed to count as asleep."""
BREAK_US = HOUR_US // 2
"""Longest exit within one time in bed: the next exit counts like the first."""
FROM_HOUR, UNTIL_HOUR = 23, 5
MORNING_HOUR = 9
"""An exit after the night and before this hour is getting up."""
UP_UNLEARNED = 60
"""Limit of a stillness after getting up while nothing is learned, in min."""
FEW_SENSORS = 2
"""A home with no more sensors than this is blind for somebody who is up."""
WAY_US, ON_THE_WAY = 10 * MINUTE_US, frozenset({"bedroom", "bathroom", "hall", "entrance", ""})
"""Time after getting up in which somebody is on the way, and rooms in which one is for longer."""
UP_US = 2 * HOUR_US
"""Time after getting up in which a stillness is judged here."""


class Exit(msgspec.Struct):
    """An exit at ``since_us``; ``still_us``: the longest stillness since; ``alert``: severity of the open alert;
    ``up``: in the morning."""

    since_us: int
    still_us: int = 0
    alert: Severity | None = msgspec.field(default=None, name="told")
    up: bool = False


class Exits(Homes):
    """``out``, ``still`` [people, 14] in min: the night's longest absence from bed, and stillness in it; ``up_still``:
    the longest stillness after getting up; ``out_day``, ``still_day``, ``up_day``: newest in them; ``first_day``: of
    the first night with a bed sensor, 0: none."""

    out: Array = msgspec.field(default_factory=lambda: np.zeros((0, DAYS), np.uint8))
    still: Array = msgspec.field(default_factory=lambda: np.zeros((0, DAYS), np.uint8))
    up_still: Array = msgspec.field(default_factory=lambda: np.zeros((0, DAYS), np.uint8))
    up_day: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int32))
    out_day: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int32))
    still_day: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int32))
    first_day: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int32))
    in_bed_us: dict[int, int] = msgspec.field(default_factory=dict)
    """Begin of the time in bed, short exits included."""
    out_us: dict[int, int] = msgspec.field(default_factory=dict)
    exits: dict[int, Exit] = msgspec.field(default_factory=dict)


class BedExit(Behaviour):
    """Sets one timer for each exit, at the earlier of its two limits."""

    parameters: ClassVar = {
        "bed_exit.still": Parameter(20, 5, 120, "min", "离床后无动静", "no movement after leaving the bed"),
        "bed_exit.up_still": Parameter(45, 20, 180, "min", "起床后无动静", "no movement after getting up"),
        "bed_exit.about": Parameter(60, 15, 300, "min", "离床未归", "about and not back in bed"),
        "bed_exit.unlearned": Parameter(2, 1, 4, "x", "学习期倍数", "times both while nothing is learned"),
        "bed_exit.margin": Parameter(1.5, 1.1, 4, "x", "超过平时的倍数", "times the own usual longest"),
        "bed_exit.learn_days": Parameter(5, 3, 14, "d", "学习天数", "nights to learn"),
    }
    rules: ClassVar = {
        "bed_exit": Rule(
            title=("夜间离床未归", "not back in bed"),
            story="fall",
            again_s=1800,
            per_day=3,
            waits=True,
            rests_for=("carer", "maintenance"),
            explained_by=("gateway_silent", "bathroom_stay", "night_wandering"),
            blinded_by=("device_silent", *STUCK),
        )
    }

    rings: ClassVar = (("out", "out_day"), ("still", "still_day"), ("up_still", "up_day"))

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Exits()

    def learn(self, district: District) -> None:
        super().learn(district)
        state, people = self.state, len(district.people)
        for name in ("out", "still", "up_still", "out_day", "still_day", "up_day", "first_day"):
            setattr(state, name, grown(getattr(state, name), people))
        for known in (state.in_bed_us, state.out_us, state.exits):
            for row in [row for row in known if row not in state.homes]:
                del known[row]
        self._tuned = {name: self.tuned(district, name) for name in self.parameters}

    def unlearn(self, row: int, since_us: int, now_us: int) -> None:
        super().unlearn(row, since_us, now_us)
        for known in (self.state.in_bed_us, self.state.out_us):
            known.pop(row, None)

    def sign(self, district: District, row: int, home: Whereabouts, sign: Sign, was: Before) -> Iterable[Finding]:
        state = self.state
        leave, left = state.exits.get(row), row in state.in_bed_us and row not in state.out_us
        return self._judge(district, row, home, sign, was, leave) if home.in_bed or left or leave is not None else ()

    def _judge(
        self, district: District, row: int, home: Whereabouts, sign: Sign, was: Before, leave: Exit | None
    ) -> Iterator[Finding]:
        state = self.state
        if home.in_bed:
            out_us = state.out_us.pop(row, None)
            if row not in state.in_bed_us or (out_us is not None and sign.time_us - out_us > BREAK_US):
                state.in_bed_us[row] = sign.time_us
            if leave is not None:
                self._still(leave, was, sign.time_us)
                yield from self._over(district, row, leave, sign.time_us)
            return
        since_us = state.in_bed_us.get(row)
        if since_us is not None and row not in state.out_us:
            state.out_us[row] = sign.time_us
            if not state.first_day[row]:
                state.first_day[row] = _night(sign.time_us)
            at_night, up = _at_night(sign.time_us), UNTIL_HOUR <= local_hour(sign.time_us) < MORNING_HOUR
            up = up and len(home.newest) > FEW_SENSORS
            if sign.time_us - since_us >= ASLEEP_US and (at_night or up) and not home.away:
                leave = state.exits[row] = Exit(sign.time_us, up=up)
        elif leave is not None:
            self._still(leave, was, sign.time_us)
            if home.away or self._ended(leave, sign.time_us) or _about(leave, sign):
                yield from self._over(district, row, leave, sign.time_us)
                return
        if leave is not None:
            self._wake(row, home, leave, sign.time_us)

    def due(self, district: District, key: str, at_us: int) -> Iterator[Finding]:
        row = int(key)
        home, leave = self.state.homes.get(row), self.state.exits.get(row)
        if home is None or leave is None or leave.alert == "urgent":
            return
        if leave.up and leave.alert is None and self._ended(leave, at_us):
            yield from self._over(district, row, leave, at_us)
            return
        still_us, out_us = at_us - home.life_us, at_us - leave.since_us
        silent = still_us >= self._limit_us(_stillness(leave), row, at_us)
        long = out_us >= self._limit_us("about", row, at_us) and not leave.up
        # a presence sensor that is on shows that somebody is there: neither long nor still alone is enough
        if silent and (long or home.state == HomeState.QUIET):
            severity: Severity = "urgent"
        elif long and leave.alert is None and _at_night(at_us):
            severity = "attention"
        else:
            self._wake(row, home, leave, at_us + MINUTE_US)
            return
        action: FindingAction = "open" if leave.alert is None else "update"
        leave.alert = severity
        self._wake(row, home, leave, at_us + MINUTE_US)
        yield self._finding(district, row, action, severity, leave.since_us, at_us, self._words(row, home, at_us))

    def _words(self, row: int, home: Whereabouts, at_us: int) -> tuple[str, str]:
        leave = self.state.exits[row]
        at = clock(local_minute(leave.since_us))
        out_zh, out_en = lasting(at_us - leave.since_us)
        if leave.alert == "urgent":
            still_zh, still_en = lasting(at_us - home.life_us)
            limit_zh, limit_en = lasting(self._limit_us(_stillness(leave), row, at_us))
            night_zh = "清晨" if leave.up else "夜间"
            return (
                f"{night_zh} {at} 离床，{out_zh}未归，已 {still_zh}无任何动静（阈值 {limit_zh}）",
                f"left the bed at {at}, not back after {out_en}; no movement for {still_en} (limit {limit_en})",
            )
        limit_zh, limit_en = lasting(self._limit_us("about", row, at_us))
        return (
            f"夜间 {at} 离床，{out_zh}未归，仍有活动（阈值 {limit_zh}）",
            f"left the bed at {at}, not back after {out_en}, still about (limit {limit_en})",
        )

    def _over(self, district: District, row: int, leave: Exit, at_us: int) -> Iterator[Finding]:
        state, night = self.state, _night(leave.since_us)
        del state.exits[row]
        self.timers.cancel(str(row))
        still_min = leave.still_us // MINUTE_US + 1
        if state.homes[row].faulty:
            pass  # what is seen now is not the person's routine
        elif leave.up:
            keep_largest(state.up_still, state.up_day, row, night, still_min)
        else:
            keep_largest(state.out, state.out_day, row, night, (at_us - leave.since_us) // MINUTE_US + 1)
            keep_largest(state.still, state.still_day, row, night, still_min)
        if leave.alert is not None:
            for_zh, for_en = lasting(at_us - leave.since_us)
            words = (f"离床 {for_zh}后恢复正常", f"as usual again {for_en} after leaving the bed")
            yield self._finding(district, row, "clear", leave.alert, leave.since_us, at_us, words)

    def _finding(
        self,
        district: District,
        row: int,
        action: FindingAction,
        severity: Severity,
        since_us: int,
        at_us: int,
        words: Any,
    ) -> Finding:
        evidence: dict[str, object] = {
            "kind": "bed_exit",
            "longest_min_by_night": [int(minutes) for minutes in self.state.out[row] if minutes],
        }
        return self.row_finding(district, row, "bed_exit", action, severity, since_us, at_us, words, evidence)

    @staticmethod
    def _still(leave: Exit, was: Before, now_us: int) -> None:
        """Keep a stillness that is over; after getting up, the part in which it is judged."""
        if was.state == HomeState.QUIET:
            until_us = min(now_us, leave.since_us + UP_US) if leave.up else now_us
            leave.still_us = max(leave.still_us, until_us - was.life_us)

    @staticmethod
    def _ended(leave: Exit, now_us: int) -> bool:
        """Whether the exit is no longer judged, being followed by the day."""
        return now_us - leave.since_us > UP_US if leave.up else not _at_night(now_us)

    def _wake(self, row: int, home: Whereabouts, leave: Exit, not_before_us: int) -> None:
        at = [home.life_us + self._limit_us(_stillness(leave), row, not_before_us)]
        if not leave.up:
            at.append(leave.since_us + self._limit_us("about", row, not_before_us))
        later = [at_us for at_us in at if at_us >= not_before_us]
        if later and leave.alert != "urgent":
            self.timers.set(min(later), str(row))

    def _limit_us(self, name: str, row: int, now_us: int) -> int:
        first, floor = int(self.state.first_day[row]), self._get(name, row)
        if not first or local_day(now_us) - first < self._get("learn_days", row):
            unlearned = floor * self._get("unlearned", row)
            return round((min(unlearned, max(floor, UP_UNLEARNED)) if name == "up_still" else unlearned) * MINUTE_US)
        own = usual({"still": self.state.still, "up_still": self.state.up_still}.get(name, self.state.out)[row])
        return round(max(floor, self._get("margin", row) * own) * MINUTE_US)

    def _get(self, name: str, row: int) -> float:
        return float(self._tuned[f"bed_exit.{name}"][row])


def _stillness(leave: Exit) -> str:
    return "up_still" if leave.up else "still"


def _about(leave: Exit, sign: Sign) -> bool:
    """Whether somebody who got up is about by now: seen beyond bed and bath, and not only on the way."""
    beyond = sign.inside and sign.room not in ON_THE_WAY
    return leave.up and beyond and sign.time_us - leave.since_us >= WAY_US


def _at_night(time_us: int) -> bool:
    hour = local_hour(time_us)
    return hour >= FROM_HOUR or hour < UNTIL_HOUR


def _night(time_us: int) -> int:
    """The local day of the evening before."""
    return local_day(time_us - 12 * HOUR_US)
