"""Detects a stillness longer than this person's usual longest at this time of day, and an absence that is too long.

Learned per person: for each hour of the day and each state (nothing on, a seat or presence sensor held, in bed) the
longest stillness of each of the last 14 days. The usual longest is the second longest of these days over the hour and
its neighbours: one odd day (an outage, an emergency) counts for nothing, a habit of two days does, and all is forgotten
after 14. The alert is raised when the stillness is 1.4 times as long (twice for a held sensor), never below a floor.
The principle, a person's own inter-event times by hour of the day, is that of Cuddihy et al., "Algorithm to
automatically detect abnormally long periods of inactivity in a home" (HealthNet 2007); the margins are our own. A
silent sensor of the home explains the alert; half a day without any sign is an alert all the same, ``inactivity_long``.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.core.finding import Finding
from alerting.detection.kit.columns import grown
from alerting.detection.kit.context import District
from alerting.detection.kit.detector import BRIEF_S, Array, Rule
from alerting.detection.kit.routine.behaviour import Before, Behaviour, Homes
from alerting.detection.kit.routine.daily import DAYS, turn_to, usual
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
from vocabulary.labels import room_of
from vocabulary.parameter import Parameter
from vocabulary.severity import Severity
from vocabulary.times import DAY_S, HOUR_US, MINUTE_US

UNIT_US = 5 * MINUTE_US
"""Unit of a stillness in a byte: 5 min to 21 h."""
ABSENCES = 8
ABSENCE_UNIT_US = 10 * MINUTE_US
SHORT_ABSENCE_US = 10 * MINUTE_US
AGAIN_US = HOUR_US
"""Interval of repetitions while it lasts: its explanation (a silent gateway, a carer) may be gone."""
FAR_US = 48 * HOUR_US
_RESTS = ("carer", "maintenance")


class Routine(Homes):
    """``longest`` [people, 3 states, 24 hours, 14 days] in 5 min; ``day``: newest local day in it; ``first_day``: of
    the first sign, 0: none; ``absences`` [people, 8] in 10 min. 1 KB per person."""

    longest: Array = msgspec.field(default_factory=lambda: np.zeros((0, 3, 24, DAYS), np.uint8))
    day: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int32))
    first_day: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int32))
    absences: Array = msgspec.field(default_factory=lambda: np.zeros((0, ABSENCES), np.uint8))
    armed: dict[int, int] = msgspec.field(default_factory=dict)
    """When a row is judged next."""
    left_us: dict[int, int] = msgspec.field(default_factory=dict)
    """Since when a row is away."""
    open: dict[int, tuple[str, int, Severity]] = msgspec.field(default_factory=dict)
    """Rule, onset and severity of a row's open alert."""


class Inactivity(Behaviour):
    """Sets one timer for each home, at the first moment at which the stillness could be too long."""

    parameters: ClassVar = {
        "inactivity.floor": Parameter(105, 45, 480, "min", "最短无活动时间", "never told before"),
        "inactivity.margin": Parameter(1.4, 1.1, 4, "x", "超过本人常规的倍数", "times the own usual longest"),
        "inactivity.held_floor": Parameter(240, 60, 960, "min", "在座最短时间", "never before, while a sensor is held"),
        "inactivity.held_margin": Parameter(2, 1.1, 4, "x", "在座超过常规的倍数", "times the usual, while held"),
        "inactivity.in_bed": Parameter(14, 8, 48, "h", "在床上限", "never before, in bed"),
        "inactivity.unlearned": Parameter(12, 4, 24, "h", "学习期上限", "while nothing is learned"),
        "inactivity.learn_days": Parameter(5, 3, 14, "d", "学习天数", "days to learn"),
        "inactivity.away": Parameter(14, 4, 72, "h", "外出上限", "away from home"),
    }
    rules: ClassVar = {
        "inactivity": Rule(
            title=("长时间无活动", "no activity"),
            again_s=1800,
            per_day=3,
            rests_for=_RESTS,
            explained_by=("gateway_silent",),
            blinded_by=("device_silent",),
            explains_s=BRIEF_S,
        ),
        "inactivity_long": Rule(
            title=("无活动持续很久", "no activity for very long"),
            rests_for=_RESTS,
            explained_by=("gateway_silent", "inactivity"),
        ),
        "not_back": Rule(
            title=("外出未归", "not back home"),
            again_s=DAY_S,
            per_day=1,
            rests_for=_RESTS,
            explained_by=("gateway_silent",),
            blinded_by=("device_silent",),
        ),
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Routine()
        self._tuned: dict[str, NDArray[np.float32]] = {}
        self._floor_us: dict[HomeState, list[int]] = {}

    def learn(self, district: District) -> None:
        super().learn(district)
        state, people = self.state, len(district.people)
        for name in ("longest", "day", "first_day", "absences"):
            setattr(state, name, grown(getattr(state, name), people))
        for known in (state.armed, state.left_us, state.open):
            for row in [row for row in known if row not in state.homes]:
                del known[row]
        before = self._tuned
        self._tuned = {name.partition(".")[2]: self.tuned(district, name) for name in self.parameters}
        self._floor_us = {
            state: np.rint(self._tuned[name].astype(np.float64) * unit_us).astype(np.int64).tolist()
            for state, name, unit_us in (
                (HomeState.QUIET, "floor", MINUTE_US),
                (HomeState.HELD, "held_floor", MINUTE_US),
                (HomeState.BED, "in_bed", HOUR_US),
                (HomeState.AWAY, "away", HOUR_US),
            )
        }

        for row in self._changed(before):
            self._look_again(row)

    def _changed(self, before: dict[str, NDArray[np.float32]]) -> list[int]:
        """Rows whose parameters have changed."""
        changed: set[int] = set()
        for name, old in before.items():
            changed.update(np.flatnonzero(self._tuned[name][: len(old)] != old).tolist())
        return sorted(changed)

    def _look_again(self, row: int) -> None:
        """Apply a new parameter to the present stillness too, unless its alert is open already."""
        home, armed_us = self.state.homes.get(row), self.state.armed.get(row)
        if home is not None and armed_us is not None and row not in self.state.open:
            at_us = self._since(row, home) + self._floor_us[home.state][row]
            if at_us < armed_us:
                self._wake(row, at_us)

    def sign(self, district: District, row: int, home: Whereabouts, sign: Sign, was: Before) -> Iterator[Finding]:
        state = self.state
        if not state.first_day[row]:
            state.first_day[row] = local_day(sign.time_us)
        told = state.open.get(row)
        if told is not None and (told[0] != "not_back" or not home.away):
            del state.open[row]
            yield self._back(district, row, told, sign)
            if told[0] == "inactivity_long":
                yield self._back(district, row, ("inactivity", told[1], told[2]), sign)
        if was.state != HomeState.AWAY and was.life_us and sign.time_us > was.life_us:
            self._remember(row, was.state, was.life_us, sign.time_us)
        if home.away:
            state.left_us.setdefault(row, sign.time_us)
        elif row in state.left_us:
            self._returned(row, sign.time_us - state.left_us.pop(row))
        # no sooner than the floor; the timer judges whether that is too long for this person and hour
        at_us = sign.time_us + self._floor_us[home.state][row]
        if at_us < state.armed.get(row, at_us + 1):
            self._wake(row, at_us)

    def due(self, district: District, key: str, at_us: int) -> Iterator[Finding]:
        row = int(key)
        home = self.state.homes.get(row)
        if home is None or self.state.armed.pop(row, None) is None:
            return
        told = self.state.open.get(row)
        too_long_us = self._too_long_at(row, home)
        if told is None and too_long_us > at_us:
            self._wake(row, too_long_us)
            return
        finding = self._alert(district, row, home, told, at_us)
        self.state.open[row] = (finding.rule, finding.onset_us, finding.severity)
        self._wake(row, at_us + AGAIN_US)
        yield finding

    # times

    def _wake(self, row: int, at_us: int) -> None:
        self.state.armed[row] = at_us
        self.timers.set(at_us, str(row))

    def _too_long_at(self, row: int, home: Whereabouts) -> int:
        """The first moment at which this stillness, or absence, is too long if nothing happens before."""
        since_us, state = self._since(row, home), home.state
        if state == HomeState.AWAY:
            return since_us + self._absence_us(row)
        begin_us, hour = since_us, local_hour(since_us)
        while begin_us < since_us + FAR_US:
            end_us = (begin_us // HOUR_US + 1) * HOUR_US
            at_us = max(begin_us, since_us + self._limit_us(row, state, hour, begin_us))
            if at_us < end_us:
                return at_us
            begin_us, hour = end_us, (hour + 1) % 24
        return since_us + FAR_US

    def _since(self, row: int, home: Whereabouts) -> int:
        return int(self.state.left_us.get(row, home.life_us)) if home.away else home.life_us

    def _limit_us(self, row: int, state: HomeState, hour: int, now_us: int) -> int:
        floor_us = self._floor_us[state][row]
        if not self._learned(row, now_us):
            return max(floor_us, round(self._get("unlearned", row) * HOUR_US))
        margin = self._get("held_margin" if state == HomeState.HELD else "margin", row)
        return max(floor_us, round(margin * self._usual_us(row, state, hour)))

    def _absence_us(self, row: int) -> int:
        longest = int(self.state.absences[row].max()) * ABSENCE_UNIT_US
        return max(self._floor_us[HomeState.AWAY][row], round(self._get("margin", row) * longest))

    def _get(self, name: str, row: int) -> float:
        return float(self._tuned[name][row])

    # learning

    def _learned(self, row: int, now_us: int) -> bool:
        first = int(self.state.first_day[row])
        return bool(first) and local_day(now_us) - first >= self._get("learn_days", row)

    def _usual_us(self, row: int, state: HomeState, hour: int) -> int:
        """The second longest of the last days' longest stillness in this hour and its neighbours."""
        daily = self.state.longest[row, int(state)][[(hour - 1) % 24, hour, (hour + 1) % 24]].max(axis=0)
        return usual(daily) * UNIT_US

    def _remember(self, row: int, state: HomeState, since_us: int, until_us: int) -> None:
        """Learn a stillness that is over: its duration up to the end of each of its hours."""
        until_us = min(until_us, since_us + FAR_US)
        begin_us = since_us
        while begin_us < until_us:
            end_us = min((begin_us // HOUR_US + 1) * HOUR_US, until_us)
            day = local_day(begin_us)
            if turn_to(self.state.longest, self.state.day, row, day):
                units = min((end_us - since_us + UNIT_US - 1) // UNIT_US, 255)
                at = (row, int(state), local_hour(begin_us), day % DAYS)
                self.state.longest[at] = max(int(self.state.longest[at]), units)
            begin_us = end_us

    def _returned(self, row: int, absence_us: int) -> None:
        if absence_us >= SHORT_ABSENCE_US:
            absences = self.state.absences[row]
            absences[:-1] = absences[1:].copy()
            absences[-1] = min(absence_us // ABSENCE_UNIT_US, 255)

    # findings

    def _alert(
        self, district: District, row: int, home: Whereabouts, told: tuple[str, int, Severity] | None, at_us: int
    ) -> Finding:
        since_us, state = self._since(row, home), home.state
        for_zh, for_en = lasting(at_us - since_us)
        severity: Severity
        at = clock(local_minute(since_us))
        if state == HomeState.AWAY:
            longest_us = int(self.state.absences[row].max()) * ABSENCE_UNIT_US
            usual_zh, usual_en = lasting(longest_us)
            own_zh, own_en = f"本人近期外出最长 {usual_zh}", f"recently never out for more than {usual_en}"
            if not longest_us:
                own_zh, own_en = "近期没有外出记录", "no outing is known of late"
            zh = f"{at} 出门后 {for_zh}未归,{own_zh}"
            en = f"went out at {at} and is not back after {for_en}; {own_en}"
            rule, severity = "not_back", "attention"
        else:
            longest_us = self._usual_us(row, state, local_hour(at_us))
            usual_zh, usual_en = lasting(longest_us)
            where_zh, where_en = self._where(home, state)
            learned = self._learned(row, at_us)
            own_zh, own_en = f"本人此时段通常不超过 {usual_zh}", f"usually not more than {usual_en} at this hour"
            if not learned or not longest_us:
                limit_zh, limit_en = lasting(self._limit_us(row, state, local_hour(at_us), at_us))
                own_zh, own_en = f"上限 {limit_zh}", f"the limit is {limit_en}"
            zh = f"已 {for_zh}无任何活动({where_zh}{at}),{own_zh}"
            en = f"no sign of life for {for_en} ({where_en} {at}); {own_en}"
            # one silent sensor explains much, but not half a day without a sign in the whole home
            long_us = max(self._floor_us[state][row], round(self._get("unlearned", row) * HOUR_US))
            rule, severity = "inactivity_long" if told and at_us - since_us >= long_us else "inactivity", "urgent"
        onset_us = since_us if told is None else told[1]
        evidence: dict[str, object] = {
            "kind": "inactivity",
            "state": state.name.lower(),
            "room": home.room,
            "lasting_min": round((at_us - since_us) / MINUTE_US),
            "usual_min": round(longest_us / MINUTE_US),
        }
        return self.row_finding(district, row, rule, "open", severity, onset_us, at_us, (zh, en), evidence)

    def _where(self, home: Whereabouts, state: HomeState) -> tuple[str, str]:
        if state == HomeState.BED:
            return "在床,最后变化 ", "in bed, last change"
        if home.door_us == home.life_us:
            return "最后一次是入户门 ", "the last was the front door,"
        room_zh, room_en = room_of(home.room)
        held_zh, held_en = (
            ("传感器显示有人,", "a sensor still says that somebody is there, ") if state == HomeState.HELD else ("", "")
        )
        return f"{held_zh}最后一次在{room_zh} ", f"{held_en}last in the {room_en},"

    def _back(self, district: District, row: int, told: tuple[str, int, Severity], sign: Sign) -> Finding:
        rule, onset_us, severity = told
        for_zh, for_en = lasting(sign.time_us - onset_us)
        room_zh, room_en = room_of(sign.room)
        words = (f"{for_zh}后又有活动({room_zh})", f"a sign of life again after {for_en} ({room_en})")
        evidence: dict[str, object] = {"kind": "inactivity", "device": sign.device.partition("/")[2]}
        return self.row_finding(district, row, rule, "clear", severity, onset_us, sign.time_us, words, evidence)
