"""Detects a stillness longer than this person's usual longest at this time of day, and an absence that is too long.

Learned per person: for each hour of the day and each state (nothing on, a seat or presence sensor held, in bed) the
longest stillness of each of the last 14 days. The usual longest is the second longest of these days over the hour and
its neighbours: one odd day (an outage, an emergency) counts for nothing, a habit of two days does, and all is forgotten
after 14. The alert is raised when the stillness is 1.4 times as long (twice for a held sensor), never below a floor.
The principle, a person's own inter-event times by hour of the day, is that of Cuddihy et al., "Algorithm to
automatically detect abnormally long periods of inactivity in a home" (HealthNet 2007); the margins are our own. A
silent sensor of the home explains the alert; half a day without any sign is an alert all the same, ``inactivity_long``.

In bed: the time since the bed was taken counts, whatever else moves: a cat is no sign of life of its owner. Until the
own routine is learned, what is usual in a district counts: who is up and at home is seen every few hours by day.
Somebody who lay down by day and is seen nowhere since is missed sooner than by night. A bed sensor that says nothing
while somebody rests in its room at the usual hours (seen there before and after) is not believed until it speaks again.
Out: the limit is also the own bedtime, or the first hour after it at which the person was out on none of the last 14
days (:mod:`alerting.detection.kit.routine.outings`). After motion just behind the shut door it is not known whether
somebody is at home: the stillness is judged like one at home, but not before the own usual outing is over.
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
from alerting.detection.kit.routine.outings import Outings
from alerting.detection.kit.routine.rooms import bedrooms, watched_doors
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
UNSURE = 1.5
ELSEWHERE_ZH = "；其他房间仍有动静（宠物、来访者或床垫传感器故障）"
ELSEWHERE_EN = "; motion elsewhere (a pet, a visitor, a faulty mat)"
UNSURE_ZH, UNSURE_EN = "；不能确定家中是否有人", "; it is not known whether somebody is at home"
ABSENCES = 8
ABSENCE_UNIT_US = 10 * MINUTE_US
SHORT_ABSENCE_US = 10 * MINUTE_US
AGAIN_US = HOUR_US
"""Interval of repetitions while it lasts: its explanation (a silent gateway, a carer) may be gone."""
FAR_US = 48 * HOUR_US
MUTE_US = 20 * HOUR_US
"""A bed whose sensor has said nothing for longer is slept in unseen, or not at all."""
MOTION_ON_US = 2 * HOUR_US
"""A motion sensor that is on for longer holds nobody."""
BLIND = 1.45
"""Factor on the floors while a sensor of the home hangs: the others see less."""
DAY_HOURS, NIGHT_HOURS = range(11, 22), frozenset(range(5, 11))
"""Hours in which anybody is seen who is up and at home; hours in which some still sleep."""
EVENING_HOUR, MORNING_HOUR = 20, 9
NAP_HOURS = range(9, 16)
"""Hours at which lying down is resting by day."""
UNDRESS_US = 30 * MINUTE_US
"""Time after lying down in which something may still move elsewhere (a motion sensor's holding time)."""
REST_US = 40 * MINUTE_US
"""Least stillness between two signs in the bedroom that is a rest in bed."""
TALKED_US = 2.5 * HOUR_US
"""After a talk at the door at an hour at which the person is never out, somebody should be seen by then."""
_RESTS = ("carer", "maintenance")


class Routine(Homes):
    """``longest`` [people, 3 states, 24 hours, 14 days] in 5 min; ``day``: newest local day in it; ``first_day``: of
    the first sign, 0: none; ``absences`` [people, 8] in 10 min. 1 KB per person."""

    longest: Array = msgspec.field(default_factory=lambda: np.zeros((0, 3, 24, DAYS), np.uint8))
    day: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int32))
    first_day: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int32))
    absences: Array = msgspec.field(default_factory=lambda: np.zeros((0, ABSENCES), np.uint8))
    outings: Outings = msgspec.field(default_factory=Outings)
    armed: dict[int, int] = msgspec.field(default_factory=dict)
    """When a row is judged next."""
    left_us: dict[int, int] = msgspec.field(default_factory=dict)
    """Since when a row is away."""
    unseen_us: dict[int, int] = msgspec.field(default_factory=dict)
    """When a row has rested in the bedroom and the bed's sensor had said nothing; until it speaks again."""
    open: dict[int, tuple[str, int, Severity]] = msgspec.field(default_factory=dict)
    """Rule, onset and severity of a row's open alert."""


class Inactivity(Behaviour):
    """Sets one timer for each home, at the first moment at which the stillness could be too long."""

    parameters: ClassVar = {
        "inactivity.floor": Parameter(105, 45, 480, "min", "最短无活动时间", "never told before"),
        "inactivity.margin": Parameter(1.4, 1.1, 4, "x", "超过平时的倍数", "times the own usual longest"),
        "inactivity.held_floor": Parameter(
            240, 60, 960, "min", "传感器持续有人，不足此时长不报", "never before, while a sensor is held"
        ),
        "inactivity.held_margin": Parameter(
            2, 1.1, 4, "x", "传感器持续有人，超过平时的倍数", "times the usual, while held"
        ),
        "inactivity.in_bed": Parameter(14, 8, 48, "h", "在床上限", "never before, in bed"),
        "inactivity.nap": Parameter(6, 3, 14, "h", "白天卧床上限", "never before, lying down by day"),
        "inactivity.unlearned": Parameter(12, 4, 24, "h", "学习期上限", "while nothing is learned"),
        "inactivity.unlearned_day": Parameter(5, 2, 24, "h", "学习期白天上限", "by day, while nothing is learned"),
        "inactivity.home_by": Parameter(23, 20, 26, "{hour}", "应到家时间", "home by, where no bedtime is known"),
        "inactivity.learn_days": Parameter(5, 3, 14, "d", "学习天数", "days to learn"),
        "inactivity.away": Parameter(14, 4, 72, "h", "外出上限", "away from home"),
    }
    rules: ClassVar = {
        "inactivity": Rule(
            title=("长时间无活动", "no activity"),
            joins=("fall",),
            again_s=1800,
            per_day=3,
            rests_for=_RESTS,
            explained_by=("gateway_silent",),
            blinded_by=("device_silent", "stuck_door_open"),
            explains_s=BRIEF_S,
        ),
        "inactivity_long": Rule(
            title=("无活动持续很久", "no activity for very long"),
            joins=("fall",),
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

    rings: ClassVar = (("longest", "day"),)

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Routine()
        self._doors: frozenset[int] = frozenset()
        self._beds: dict[int, set[str]] = {}
        self._tuned: dict[str, NDArray[np.float32]] = {}
        self._floor_us: dict[HomeState, list[int]] = {}

    def prepare(self, district: District) -> None:
        super().prepare(district)
        district.derived(watched_doors), district.derived(bedrooms)

    def learn(self, district: District) -> None:
        super().learn(district)
        state, people = self.state, len(district.people)
        for name in ("longest", "day", "first_day", "absences"):
            setattr(state, name, grown(getattr(state, name), people))
        state.outings.grow(people)
        self._doors, self._beds = district.derived(watched_doors), district.derived(bedrooms)
        for known in (state.armed, state.left_us, state.unseen_us, state.open):
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
            at_us = self._since(row, home) + self._least_us(row, home)
            if at_us < armed_us:
                self._wake(row, at_us)

    def sign(self, district: District, row: int, home: Whereabouts, sign: Sign, was: Before) -> Iterator[Finding]:
        state = self.state
        if not state.first_day[row]:
            state.first_day[row] = local_day(sign.time_us)
        told = state.open.get(row)
        # the door alone is whoever found the person, and goes out: no sign of life
        still = home.away and told is not None and told[0] != "not_back"
        if told is not None and not still and self._begin(row, home) > told[1]:
            del state.open[row]
            yield self._back(district, row, told, sign)
            if told[0] == "inactivity_long":
                yield self._back(district, row, ("inactivity", told[1], told[2]), sign)
        since_us = was.bed_us if was.state == HomeState.BED and not home.several else was.life_us
        lasts = home.in_bed and since_us == was.bed_us == home.bed_us
        if was.state != HomeState.AWAY and since_us and sign.time_us > since_us and not lasts and not home.faulty:
            self._remember(row, was.state, since_us, sign.time_us)
        if home.in_bed:
            state.unseen_us.pop(row, None)
        elif self._rested_unseen(row, sign, was):
            state.unseen_us[row] = sign.time_us
        if home.in_bed and was.state != HomeState.BED and not home.faulty:
            state.outings.to_bed(row, sign.time_us)
        elif was.state == HomeState.BED and not home.in_bed:
            state.outings.up_us[row] = sign.time_us
        if home.away:
            state.left_us.setdefault(row, sign.time_us)
        elif row in state.left_us:
            self._returned(row, state.left_us.pop(row), sign.time_us)
        # no sooner than the floor; the timer judges whether that is too long for this person and hour
        at_us = self._soonest(row, home)
        if at_us < state.armed.get(row, at_us + 1):
            self._wake(row, at_us)

    def due(self, district: District, key: str, at_us: int) -> Iterator[Finding]:
        row = int(key)
        home = self.state.homes.get(row)
        if home is None or self.state.armed.pop(row, None) is None:
            return
        told = self.state.open.get(row)
        if home.away and told is not None and told[0] != "not_back" and not self._perhaps_in(row):
            self._wake(row, at_us + AGAIN_US)
            return
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

    def _soonest(self, row: int, home: Whereabouts) -> int:
        """The first moment at which the present stillness or absence can be too long."""
        state = home.state
        if state == HomeState.AWAY:
            return self._too_long_at(row, home)
        if state == HomeState.BED:
            return self._since(row, home) + self._least_us(row, home)
        return home.life_us + self._floor_us[state if home.present else HomeState.QUIET][row]

    def _bed_unseen(self, row: int, home: Whereabouts) -> bool:
        """Whether somebody may be in bed though no sensor says so."""
        return home.bed_unknown or (row in self.state.unseen_us and home.room in self._beds.get(row, ()))

    def _least_us(self, row: int, home: Whereabouts) -> int:
        """The floor of the present stillness."""
        state = HomeState.QUIET if home.state == HomeState.HELD and not home.present else home.state
        return self._nap_us(row, home) or self._floor_us[state][row]

    def _nap_us(self, row: int, home: Whereabouts) -> int:
        """The floor for somebody alone who lay down by day, and nothing has moved since; 0: any other."""
        since_us = home.bed_us
        by_day = home.in_bed and not home.several and local_hour(since_us) in NAP_HOURS
        still = by_day and home.life_us - since_us <= UNDRESS_US and self._learned(row, since_us)
        return round(min(self._get("nap", row), self._get("in_bed", row)) * HOUR_US) if still else 0

    def _too_long_at(self, row: int, home: Whereabouts) -> int:
        """The first moment at which this stillness, or absence, is too long if nothing happens before."""
        since_us, state = self._since(row, home), home.state
        if state == HomeState.AWAY:
            return self._home_by(row, since_us)
        least_us = since_us
        if state == HomeState.HELD and not home.present:
            state, least_us = HomeState.QUIET, max(since for _, _, since in home.on.values()) + MOTION_ON_US
        if home.unsure:
            least_us = since_us + round(UNSURE * self._longest_absence_us(row))
        begin_us, hour = since_us, local_hour(since_us)
        while begin_us < since_us + FAR_US:
            end_us = (begin_us // HOUR_US + 1) * HOUR_US
            limit_us = self._limit_us(row, state, hour, begin_us, self._nap_us(row, home))
            if home.blind and state != HomeState.BED:
                limit_us = max(limit_us, round(BLIND * self._floor_us[state][row]))
            in_bedroom = state == HomeState.HELD and self._night_in_bedroom(home, hour)
            if self._bed_unseen(row, home) or in_bedroom:
                limit_us = max(limit_us, self._asleep_us(row, hour))
            if in_bedroom and 0 < home.bed_heard_us < since_us - MUTE_US:
                limit_us = max(limit_us, self._floor_us[HomeState.BED][row])
            at_us = max(begin_us, since_us + limit_us, least_us)
            if at_us < end_us:
                return at_us
            begin_us, hour = end_us, (hour + 1) % 24
        return since_us + FAR_US

    def _since(self, row: int, home: Whereabouts) -> int:
        if home.in_bed and not home.several:
            return home.bed_us
        return int(self.state.left_us.get(row, home.life_us)) if home.away else home.life_us

    def _begin(self, row: int, home: Whereabouts) -> int:
        """The begin of the present stillness or absence; 0 for one that a detector's state does not know yet."""
        return 0 if home.away and row not in self.state.left_us else self._since(row, home)

    def _home_by(self, row: int, left_us: int) -> int:
        """When somebody who went out then should be back: the own longest outing and a half, and the own bedtime."""
        at_us = left_us + self._absence_us(row)
        outings = self.state.outings
        late_us = outings.bedtime_after(row, left_us, round(self._get("home_by", row) * HOUR_US))
        while late_us < at_us and outings.usual_at(row, late_us):
            late_us += HOUR_US
        if self._learned(row, left_us):
            at_us = min(at_us, late_us)
        if self._perhaps_in(row):
            at_us = min(at_us, left_us + max(round(TALKED_US), round(UNSURE * self._longest_absence_us(row))))
        return at_us

    def _perhaps_in(self, row: int) -> bool:
        """Whether the door was opened as for a talk, at an hour at which the person is never out."""
        home = self.state.homes[row]
        return (
            home.talked and self._learned(row, home.opened_us) and not self.state.outings.usual_at(row, home.opened_us)
        )

    def _limit_us(self, row: int, state: HomeState, hour: int, now_us: int, nap_us: int = 0) -> int:
        floor_us = nap_us or self._floor_us[state][row]
        if not self._learned(row, now_us):
            # without a sensor at the door an outing, and without one in the bed the night, is stillness
            day = hour in DAY_HOURS or (row in self._beds and hour not in NIGHT_HOURS)
            by_day = state == HomeState.QUIET and day and row in self._doors
            return max(floor_us, round(self._get("unlearned_day" if by_day else "unlearned", row) * HOUR_US))
        margin = self._get("held_margin" if state == HomeState.HELD else "margin", row)
        return max(floor_us, round(margin * self._usual_us(row, state, hour)))

    @staticmethod
    def _night_in_bedroom(home: Whereabouts, hour: int) -> bool:
        """Whether a sensor of the bedroom holds somebody at night: asleep, where the bed's own sensor says nothing."""
        night = hour >= EVENING_HOUR or hour < MORNING_HOUR
        return night and any(room == "bedroom" for sense, room, _ in home.on.values() if sense != "motion")

    def _asleep_us(self, row: int, hour: int) -> int:
        """The limit for somebody who may be in bed unseen, at this hour."""
        usual_us = self._usual_us(row, HomeState.BED, hour)
        if not usual_us and (hour >= EVENING_HOUR or hour < MORNING_HOUR):
            return round(self._get("unlearned", row) * HOUR_US)
        return round(self._get("margin", row) * usual_us)

    def _absence_us(self, row: int) -> int:
        longest_us = self._longest_absence_us(row)
        return max(self._floor_us[HomeState.AWAY][row], round(self._get("margin", row) * longest_us))

    def _longest_absence_us(self, row: int) -> int:
        return int(self.state.absences[row].max()) * ABSENCE_UNIT_US

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
                if units > self.state.longest[at]:
                    self.state.longest[at] = units
            begin_us = end_us

    def _rested_unseen(self, row: int, sign: Sign, was: Before) -> bool:
        """Whether somebody rested in the bedroom at the usual hours, and the bed's sensor said nothing."""
        rooms = self._beds.get(row, ())
        if was.state != HomeState.QUIET or was.room not in rooms or sign.room not in rooms or not sign.inside:
            return False
        usual_us = self._usual_us(row, HomeState.BED, local_hour(sign.time_us))
        return bool(usual_us) and sign.time_us - was.life_us >= max(REST_US, usual_us // 2)

    def _returned(self, row: int, left_us: int, back_us: int) -> None:
        absence_us = back_us - left_us
        if absence_us >= SHORT_ABSENCE_US and not self.state.homes[row].faulty:
            self.state.outings.over(row, left_us, back_us)
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
            longest_us = self._longest_absence_us(row)
            usual_zh, usual_en = lasting(longest_us)
            own_zh, own_en = f"近期外出最长 {usual_zh}", f"recently never out for more than {usual_en}"
            if not longest_us:
                own_zh, own_en = "近期没有外出记录", "no outing is known of late"
            if at_us - since_us < self._absence_us(row):
                own_zh, own_en = f"近 {DAYS} 天此时均在家，{own_zh}", f"always at home at this hour of late, {own_en}"
            zh = f"{at} 出门后 {for_zh}未归，{own_zh}{UNSURE_ZH}"
            en = f"went out at {at} and is not back after {for_en}; {own_en}{UNSURE_EN}"
            rule, severity = "not_back", "attention"
            if self._perhaps_in(row):
                rule = "inactivity"
                zh = f"{at} 入户门打开后 {for_zh}无任何活动，平时此时不外出{UNSURE_ZH}"
                en = f"no sign of life for {for_en} since the front door was open at {at}"
                en += f"; usually not out at this hour{UNSURE_EN}"
        else:
            longest_us = self._usual_us(row, state, local_hour(at_us))
            usual_zh, usual_en = lasting(longest_us)
            where_zh, where_en = self._where(home, state)
            more_zh, more_en = self._more(home, state)
            learned = self._learned(row, at_us)
            own_zh, own_en = f"平时此时段不超过 {usual_zh}", f"usually not more than {usual_en} at this hour"
            if not learned or not longest_us:
                limit_us = self._limit_us(row, state, local_hour(at_us), at_us, self._nap_us(row, home))
                limit_zh, limit_en = lasting(limit_us)
                own_zh, own_en = f"上限 {limit_zh}", f"the limit is {limit_en}"
            zh = f"已 {for_zh}无任何活动（{where_zh}{at}），{own_zh}{more_zh}"
            en = f"no sign of life for {for_en} ({where_en} {at}); {own_en}{more_en}"
            if state == HomeState.BED and home.bed_us == since_us:
                zh = f"在床已连续 {for_zh}（自 {at}），{own_zh}{more_zh}"
                en = f"in bed for {for_en} without a break (since {at}); {own_en}{more_en}"
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

    @staticmethod
    def _more(home: Whereabouts, state: HomeState) -> tuple[str, str]:
        """Words that follow: what makes it uncertain."""
        if state == HomeState.BED and home.life_us > home.bed_us:
            return ELSEWHERE_ZH, ELSEWHERE_EN
        return (UNSURE_ZH, UNSURE_EN) if home.unsure else ("", "")

    def _where(self, home: Whereabouts, state: HomeState) -> tuple[str, str]:
        if state == HomeState.BED:
            return "在床，最后变化 ", "in bed, last change"
        if home.door_us == home.life_us:
            return "最后一次是入户门 ", "the last was the front door,"
        room_zh, room_en = room_of(home.room)
        held_zh, held_en = (
            ("传感器显示有人，", "a sensor still says that somebody is there, ")
            if state == HomeState.HELD
            else ("", "")
        )
        if not home.room:
            return f"{held_zh}最后一次 ", f"{held_en}last"
        return f"{held_zh}最后一次在{room_zh} ", f"{held_en}last in the {room_en},"

    def _back(self, district: District, row: int, told: tuple[str, int, Severity], sign: Sign) -> Finding:
        rule, onset_us, severity = told
        for_zh, for_en = lasting(sign.time_us - onset_us)
        room_zh, room_en = room_of(sign.room)
        words = (f"{for_zh}后又有活动（{room_zh}）", f"a sign of life again after {for_en} ({room_en})")
        if not sign.room:
            words = (f"{for_zh}后又有活动", f"a sign of life again after {for_en}")
        evidence: dict[str, object] = {"kind": "inactivity", "device": sign.device.partition("/")[2]}
        return self.row_finding(district, row, rule, "clear", severity, onset_us, sign.time_us, words, evidence)
