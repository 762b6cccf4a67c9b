"""Compares nights with the person's own usual: hours in bed, and exits.

A bed sensor gives both. The night is 20 to 10 o'clock; an exit lasts two minutes or more, after an hour in bed. Short,
long and broken nights are signs of pain, infection, heart failure and low spirits (Ancoli-Israel & Cooke, J Am Geriatr
Soc 2005;53:S264). How days are compared: :mod:`alerting.detection.kit.routine.days`; the least changes that matter are
our own choice. A night with less than two hours in bed does not count: the person or the sensor was away.
"""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.context import District
from alerting.detection.kit.detector import Rule
from alerting.detection.kit.routine.behaviour import Before, Behaviour, Homes
from alerting.detection.kit.routine.days import SPAN_WORDS, SPANS, Change, Days, Matters, Question
from alerting.detection.kit.routine.whereabouts import Sign, Whereabouts, local_day
from alerting.detection.kit.words import short, title_of_change
from vocabulary.parameter import Parameter
from vocabulary.times import DAY_S, DAY_US, HOUR_US, LOCAL_US, MINUTE_US

BEGIN_US, END_US = 20 * HOUR_US, 10 * HOUR_US
"""Begin and end of a night, local time."""
NIGHT_US = DAY_US - BEGIN_US + END_US
LEAST_HOURS = 2.0
ASLEEP_US = HOUR_US
LEFT_US = 2 * MINUTE_US
"""Least duration of an exit: to turn over lifts the pressure for a moment only."""
FIGURE_NAMES = {
    "sleep_time": ("夜间卧床时间", "time in bed at night"),
    "night_exits": ("夜间离床次数", "exits from bed at night"),
}
FIGURES = tuple(FIGURE_NAMES)
FLOORS = (0.5, 0.7)
"""Least spread of a person from night to night: hours, exits."""
EXPLAINED = ("gateway_silent", "inactivity", "missed_morning", "day_night_reversed")
SHARES: dict[Question, float] = {"sudden": 1.0, "shift": 0.6, "drift": 0.4}
"""Change that matters in three nights and in a week, as a share of that in one."""


class NightsInBed(Homes):
    """By row: first sign; begin of the time in bed; time in bed (µs) and exits of the night; begin of an exit."""

    first_us: dict[int, int] = msgspec.field(default_factory=dict)
    since_us: dict[int, int] = msgspec.field(default_factory=dict)
    lain_us: dict[int, int] = msgspec.field(default_factory=dict)
    exits: dict[int, int] = msgspec.field(default_factory=dict)
    left_us: dict[int, int] = msgspec.field(default_factory=dict)
    days: Days = msgspec.field(default_factory=lambda: Days.of(len(FIGURES)))


class Sleep(Behaviour):
    """Judges a night at ten in the morning."""

    parameters: ClassVar = {
        "sleep.hours": Parameter(3.5, 1.5, 8, "h", "卧床时间变化", "change of the hours in bed in one night"),
        "sleep.exits": Parameter(6, 2, 12, "", "夜间离床次数增加", "more exits in one night"),
    }
    rules: ClassVar = {
        f"{question}_{figure}": Rule(
            title=title_of_change(question, FIGURE_NAMES[figure]),
            story="sleep",
            waits=True,
            again_s=3 * DAY_S,
            per_day=1,
            rests_for=("carer", "maintenance"),
            explained_by=(*EXPLAINED, *((f"shift_{figure}",) if question == "drift" else ())),
            blinded_by=("device_silent", "stuck_in_bed"),
        )
        for figure in FIGURES
        for question in SPANS
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = NightsInBed()

    def learn(self, district: District) -> None:
        super().learn(district)
        state = self.state
        state.days.grow(len(district.people))
        for known in (state.first_us, state.since_us, state.lain_us, state.exits, state.left_us):
            for row in [row for row in known if row not in state.homes]:
                del known[row]
        self._hours = self.tuned(district, "sleep.hours")
        self._exits = self.tuned(district, "sleep.exits")

    def unlearn(self, row: int, since_us: int, now_us: int) -> None:
        super().unlearn(row, since_us, now_us)
        state = self.state
        state.first_us[row] = now_us  # this night was not observed from its begin
        for known in (state.since_us, state.lain_us, state.exits, state.left_us):
            known.pop(row, None)

    def sign(self, district: District, row: int, home: Whereabouts, sign: Sign, was: Before) -> Iterable[Finding]:
        state = self.state
        state.first_us.setdefault(row, sign.time_us)
        if home.in_bed and row not in state.since_us:
            left_us = state.left_us.pop(row, sign.time_us)
            state.exits[row] = state.exits.get(row, 0) + (sign.time_us - left_us >= LEFT_US)
            state.since_us[row] = sign.time_us
            self._wake(row, sign.time_us)
        elif not home.in_bed and row in state.since_us:
            since_us = state.since_us.pop(row)
            self._count(row, since_us, sign.time_us)
            asleep = state.lain_us.get(row, 0) >= ASLEEP_US
            if asleep and _at_night(sign.time_us):
                state.left_us[row] = sign.time_us
            self._wake(row, sign.time_us)
        return ()

    def due(self, district: District, key: str, at_us: int) -> Iterator[Finding]:
        row, state = int(key), self.state
        if row not in state.homes:
            return
        if row in state.since_us:
            self._count(row, state.since_us[row], at_us)
            state.since_us[row] = at_us
        state.left_us.pop(row, None)  # an exit without return is getting up
        figures = hours, _ = state.lain_us.pop(row, 0) / HOUR_US, state.exits.pop(row, 0)
        self._wake(row, at_us)
        if hours < LEAST_HOURS or state.first_us.get(row, at_us) > at_us - NIGHT_US:
            return  # nobody there, or a night that was not observed from its begin
        for figure, value in enumerate(figures):
            least = float((self._hours, self._exits)[figure][row])
            matters = {q: Matters(least * s, least * s if figure == 0 else np.inf) for q, s in SHARES.items()}
            for change in state.days.add(row, figure, value, at_us, FLOORS[figure], matters):
                yield self._finding(district, row, figure, change, at_us)

    def _finding(self, district: District, row: int, figure: int, change: Change, at_us: int) -> Finding:
        nights = SPANS[change.question]
        made_zh, made_en = SPAN_WORDS[change.question]
        one_zh, all_zh = (("卧床", "卧床时间"), ("离床", "离床次数"))[figure]
        zh_span, en_span = f"近 {nights} 夜{all_zh}{made_zh}", f"{made_en} of {nights} nights"
        if nights == 1:
            zh_span, en_span = f"昨夜{one_zh}", "last night"
        more, now, usual = change.recent > change.usual, short(change.recent), short(change.usual)
        if figure == 0:
            off_zh, off_en = ("偏多", "more than usual") if more else ("偏少", "less than usual")
            zh = f"{zh_span} {now} 小时，平时 {usual} 小时{'，' + off_zh if change.opened else '，已恢复'}"
            en = f"in bed for {now} h ({en_span}), usually {usual} h: {off_en if change.opened else 'as usual again'}"
        else:
            zh = f"{zh_span} {now} 次，平时每夜 {usual} 次{'' if change.opened else '，已恢复'}"
            en = f"out of bed {now} time{'s' * (now != '1')} ({en_span}), usually {usual} a night"
            en += "" if change.opened else ": as usual again"
        evidence: dict[str, object] = {
            "kind": "days",
            "window": {"since_us": at_us - nights * DAY_US, "until_us": at_us},
            "days": [round(float(value), 1) for value in self.state.days.recent[row, figure]],
            "usual": round(change.usual, 1),
            "spread": round(change.spread, 2),
        }
        action: FindingAction = "open" if change.opened else "clear"
        rule = f"{change.question}_{FIGURES[figure]}"
        return self.row_finding(district, row, rule, action, "attention", change.onset_us, at_us, (zh, en), evidence)

    def _count(self, row: int, since_us: int, until_us: int) -> None:
        """The part of this time in bed that lies in a night."""
        day = local_day(since_us) - 1
        while (begin_us := day * DAY_US - LOCAL_US + BEGIN_US) < until_us:
            overlap_us = min(until_us, begin_us + NIGHT_US) - max(since_us, begin_us)
            if overlap_us > 0:
                self.state.lain_us[row] = self.state.lain_us.get(row, 0) + overlap_us
            day += 1

    def _wake(self, row: int, now_us: int) -> None:
        """The end of the present night, or of the next one."""
        end_us = local_day(now_us) * DAY_US - LOCAL_US + END_US
        self.timers.set(end_us if end_us > now_us else end_us + DAY_US, str(row))


def _at_night(time_us: int) -> bool:
    return not END_US <= (time_us + LOCAL_US) % DAY_US < BEGIN_US
