"""Detects a resident who goes out at night and does not return.

The front door opens between 23 and 5 o'clock, and no sign of life inside follows.

Getting lost (走失) is one of the care-risk events of GB/T 42195-2022, and going out at night is how it often begins.
A resident who came home by that door is not gone, nor one who was found lying: whoever helped goes out. One who goes
out on three or more of the last 14 nights has that habit, and raises no alert. Hours and minutes are our own choice.
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
from alerting.detection.kit.routine.daily import DAYS, keep_largest
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
from vocabulary.times import HOUR_US, MINUTE_US

HABIT_NIGHTS = 3


class NightsOut(Homes):
    """``out`` [people, 14]: 1 for a night on which somebody went out; ``day``: newest in it (a night has the day of its
    evening); ``door_us``: when each row went out; ``alerts``: rows with an open alert."""

    out: Array = msgspec.field(default_factory=lambda: np.zeros((0, DAYS), np.uint8))
    day: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int32))
    door_us: dict[int, int] = msgspec.field(default_factory=dict)
    alerts: list[int] = msgspec.field(default_factory=list, name="told")


class NightWandering(Behaviour):
    """Starts a timer at the door; a sign of life inside stops it."""

    parameters: ClassVar = {
        "night_wandering.from": Parameter(23, 20, 24, "{hour}", "夜间开始", "night begins"),
        "night_wandering.until": Parameter(5, 3, 8, "{hour}", "夜间结束", "night ends"),
        "night_wandering.minutes": Parameter(15, 3, 120, "min", "出门未归", "not back for"),
    }
    rules: ClassVar = {
        "night_wandering": Rule(
            title=("夜间外出未归", "out at night"),
            again_s=900,
            per_day=3,
            rests_for=("carer", "maintenance"),
            explained_by=("gateway_silent", "inactivity", "arrest"),  # whoever helps goes out by that door
            blinded_by=("device_silent",),
            explains_s=BRIEF_S,
        )
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = NightsOut()

    def learn(self, district: District) -> None:
        super().learn(district)
        state, people = self.state, len(district.people)
        state.out, state.day = grown(state.out, people), grown(state.day, people)
        for row in [row for row in state.door_us if row not in state.homes]:
            del state.door_us[row]
        state.alerts = [row for row in state.alerts if row in state.homes]
        self._tuned = {name: self.tuned(district, name) for name in self.parameters}

    def sign(self, district: District, row: int, home: Whereabouts, sign: Sign, was: Before) -> Iterable[Finding]:
        return self._judge(district, row, sign, was) if sign.exit or row in self.state.door_us else ()

    def _judge(self, district: District, row: int, sign: Sign, was: Before) -> Iterator[Finding]:
        state = self.state
        if sign.exit:
            came_home = was.state == HomeState.AWAY or not was.inside_us
            if sign.kind == "door_opened" and not came_home and self._night(row, sign.time_us):
                state.door_us[row] = sign.time_us
                self.timers.set(sign.time_us + round(self._get("minutes", row) * MINUTE_US), str(row))
        elif sign.inside and row in state.door_us:
            door_us = state.door_us.pop(row)
            self.timers.cancel(str(row))
            if row in state.alerts:
                state.alerts.remove(row)
                for_zh, for_en = lasting(sign.time_us - door_us)
                words = (f"{for_zh}后室内又有活动", f"somebody inside again after {for_en}")
                yield self._finding(district, row, "clear", door_us, sign.time_us, words)

    def due(self, district: District, key: str, at_us: int) -> Iterator[Finding]:
        row, state = int(key), self.state
        home, door_us = state.homes.get(row), state.door_us.get(row)
        if home is None or door_us is None or not home.away:
            state.door_us.pop(row, None)
            return
        night = local_day(door_us - 12 * HOUR_US)
        nights = int(state.out[row].sum()) if night - state.day[row] < DAYS else 0
        keep_largest(state.out, state.day, row, night, 1)
        if nights >= HABIT_NIGHTS:
            return
        state.alerts.append(row)
        for_zh, for_en = lasting(at_us - door_us)
        at = clock(local_minute(door_us))
        words = (
            f"夜间 {at} 出门，{for_zh}未归；近 14 夜出门 {nights} 次",
            f"went out at night, {at}, and is not back after {for_en}; did so on {nights} of the last 14 nights",
        )
        yield self._finding(district, row, "open", door_us, at_us, words)

    def _finding(
        self, district: District, row: int, action: Any, onset_us: int, at_us: int, words: tuple[str, str]
    ) -> Finding:
        evidence: dict[str, object] = {
            "kind": "night_wandering",
        }
        return self.row_finding(district, row, "night_wandering", action, "urgent", onset_us, at_us, words, evidence)

    def _night(self, row: int, time_us: int) -> bool:
        hour = local_hour(time_us)
        return hour >= self._get("from", row) or hour < self._get("until", row)

    def _get(self, name: str, row: int) -> float:
        return float(self._tuned[f"night_wandering.{name}"][row])
