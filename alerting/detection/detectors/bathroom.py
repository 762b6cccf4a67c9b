"""Detects a stay in the bathroom longer than any of late: perhaps a fall behind a closed door.

A stay lasts from the first sign of life in the bathroom to the next one elsewhere. Too long is half as long again as
the usual longest of the last 14 days (see :mod:`alerting.detection.kit.routine.daily`), not below a floor and not above
an upper limit; in a home without sensors in the rooms beside it stays look long, and the own usual counts instead of
the limit unless a sensor in the bathroom reports presence. No movement for a quarter of an hour: urgent; with movement
the limit is a third longer, and then it is attention. Four of five injuries in bathrooms are falls, and the rate
rises with age (Stevens, Haas & Haileyesus, MMWR 60(22):729, 2011); floor, limit and margin are our own choice.
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
from alerting.detection.kit.routine.daily import DAYS, keep_largest, usual
from alerting.detection.kit.routine.stuck import STUCK
from alerting.detection.kit.routine.whereabouts import Sign, Whereabouts, local_day
from alerting.detection.kit.words import lasting
from vocabulary.parameter import Parameter
from vocabulary.severity import Severity
from vocabulary.times import MINUTE_US

ROOM = "bathroom"
UNLEARNED = 1.5
"""Factor on the upper limit while nothing is learned."""
MOVING = 4 / 3
"""Factor on the limit while there is movement."""
STILL_US = 15 * MINUTE_US
"""Time without a sign after which nobody moves."""


class Stays(Homes):
    """``longest`` [people, 14] in min; ``day``: newest in it; ``first_day``: of the first stay, 0: none."""

    longest: Array = msgspec.field(default_factory=lambda: np.zeros((0, DAYS), np.uint8))
    day: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int32))
    first_day: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int32))
    since_us: dict[int, int] = msgspec.field(default_factory=dict)
    """The present stay."""
    alerts: dict[int, Severity] = msgspec.field(default_factory=dict, name="told")


class Bathroom(Behaviour):
    rings: ClassVar = (("longest", "day"),)
    parameters: ClassVar = {
        "bathroom.floor": Parameter(30, 10, 120, "min", "停留下限", "never told before"),
        "bathroom.upper": Parameter(60, 20, 240, "min", "停留上限", "always told after"),
        "bathroom.margin": Parameter(1.5, 1.1, 4, "x", "超过平时的倍数", "times the own usual longest"),
        "bathroom.learn_days": Parameter(5, 3, 14, "d", "学习天数", "days to learn"),
    }
    rules: ClassVar = {
        "bathroom_stay": Rule(
            title=("卫生间停留过久", "long stay in the bathroom"),
            story="fall",
            again_s=900,
            per_day=4,
            rests_for=("carer", "maintenance"),
            explained_by=("gateway_silent", "inactivity"),
            blinded_by=("device_silent", *STUCK),
            explains_s=BRIEF_S,
        )
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Stays()

    def learn(self, district: District) -> None:
        super().learn(district)
        state, people = self.state, len(district.people)
        for name in ("longest", "day", "first_day"):
            setattr(state, name, grown(getattr(state, name), people))
        for row in [row for row in state.since_us if row not in state.homes]:
            del state.since_us[row]
            state.alerts.pop(row, None)
        self._tuned = {name: self.tuned(district, name) for name in self.parameters}

    def sign(self, district: District, row: int, home: Whereabouts, sign: Sign, was: Before) -> Iterable[Finding]:
        concerns = row in self.state.since_us or (sign.inside and sign.room == ROOM)
        return self._judge(district, row, home, sign) if concerns else ()

    def _judge(self, district: District, row: int, home: Whereabouts, sign: Sign) -> Iterator[Finding]:
        state = self.state
        since_us = state.since_us.get(row)
        if sign.inside and sign.room == ROOM:
            if home.in_bed:  # a motion sensor with false motion
                return
            if since_us is None:
                since_us = state.since_us[row] = sign.time_us
                if not state.first_day[row]:
                    state.first_day[row] = local_day(sign.time_us)
                state.alerts.pop(row, None)
            if row not in state.alerts:
                self.timers.set(max(self._next_us(row, home, since_us, sign.time_us), sign.time_us), str(row))
        elif since_us is not None and (sign.inside or sign.exit):
            del state.since_us[row]
            self.timers.cancel(str(row))
            stay_us = sign.time_us - since_us
            if not home.faulty:
                keep_largest(state.longest, state.day, row, local_day(since_us), stay_us // MINUTE_US + 1)
            severity = state.alerts.pop(row, None)
            if severity is not None:
                for_zh, for_en = lasting(stay_us)
                words = (f"{for_zh}后离开卫生间", f"left the bathroom after {for_en}")
                yield self._finding(district, row, "clear", severity, since_us, sign.time_us, words)

    def due(self, district: District, key: str, at_us: int) -> Iterator[Finding]:
        row, state = int(key), self.state
        since_us, home = state.since_us.get(row), state.homes.get(row)
        if since_us is None or home is None:
            return
        limit_us = self._limit_us(row, home, at_us)
        still_us, stay_us, before = at_us - home.life_us, at_us - since_us, state.alerts.get(row)
        severity: Severity
        if still_us >= STILL_US and stay_us >= limit_us:
            severity = "urgent"
        elif stay_us >= MOVING * limit_us:
            severity = "attention"
            self.timers.set(home.life_us + STILL_US, key)
        else:
            self.timers.set(self._next_us(row, home, since_us, at_us), key)
            return
        if severity == before:
            return
        state.alerts[row] = severity
        for_zh, for_en = lasting(at_us - since_us)
        own = usual(state.longest[row])
        learned = own and self._learned(row, at_us)
        own_zh = f"平时不超过 {own} 分钟" if learned else f"上限 {limit_us // MINUTE_US} 分钟"
        own_en = f"usually not more than {own} min" if learned else f"the limit is {limit_us // MINUTE_US} min"
        still_zh, still_en = lasting(still_us)
        move_zh = f"，已 {still_zh}无动静" if severity == "urgent" else "，仍有动静"
        move_en = f"; no movement for {still_en}" if severity == "urgent" else "; still moving"
        words = (f"卫生间停留 {for_zh}，{own_zh}{move_zh}", f"in the bathroom for {for_en}; {own_en}{move_en}")
        yield self._finding(district, row, "update" if before else "open", severity, since_us, at_us, words)

    def _finding(
        self, district: District, row: int, action: Any, severity: Severity, since_us: int, at_us: int, words: Any
    ) -> Finding:
        evidence: dict[str, object] = {
            "kind": "bathroom",
            "longest_min_by_day": [int(minutes) for minutes in self.state.longest[row] if minutes],
        }
        return self.row_finding(district, row, "bathroom_stay", action, severity, since_us, at_us, words, evidence)

    def _learned(self, row: int, now_us: int) -> bool:
        first = int(self.state.first_day[row])
        return bool(first) and local_day(now_us) - first >= self._get("learn_days", row)

    def _limit_us(self, row: int, home: Whereabouts, now_us: int) -> int:
        upper = self._get("upper", row)
        minutes = UNLEARNED * upper
        if self._learned(row, now_us):
            own = self._get("margin", row) * usual(self.state.longest[row])
            sure = any(room == ROOM and sense != "motion" for sense, room, _ in home.on.values())
            minutes = min(max(self._get("floor", row), own), upper) if sure or own <= upper else own
        return round(minutes * MINUTE_US)

    def _next_us(self, row: int, home: Whereabouts, since_us: int, now_us: int) -> int:
        """The moment at which the stay is too long if nothing happens before."""
        limit_us = self._limit_us(row, home, now_us)
        return min(max(since_us + limit_us, home.life_us + STILL_US), since_us + round(MOVING * limit_us))

    def _get(self, name: str, row: int) -> float:
        return float(self._tuned[f"bathroom.{name}"][row])
