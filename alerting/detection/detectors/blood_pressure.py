"""Compares blood pressure over days with the person's own usual; single readings are judged by the limits.

Home readings are judged by their mean over days, never by one (2023 ESH Guidelines, home monitoring: 3 to 7 days): the
mean of the last three days on which it was measured against the weeks before, and of the last seven. How days are
compared: :mod:`alerting.detection.kit.routine.days`.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.columns import grown
from alerting.detection.kit.context import COLUMN, COLUMNS, District
from alerting.detection.kit.detector import Array, CompleteSteps, Detector, Rule
from alerting.detection.kit.routine.days import SPAN_WORDS, SPANS, Change, Days, Matters, Question
from alerting.detection.kit.words import finding_about, name_of, title_of_change, value_of
from firmware_profiles.channels import CHANNELS
from vocabulary.parameter import Parameter
from vocabulary.times import DAY_S, DAY_US, LOCAL_US

CODES = ("systolic_bp", "diastolic_bp")
SHARES = (1.0, 0.6)
"""Change of each channel that matters, as a share of the systolic change."""
QUESTIONS: dict[Question, float] = {"shift": 1.0, "drift": 0.7}
"""Change that matters in three days and in seven, as a share of the parameter."""
FLOOR = 4.0
_SLOT = np.full(COLUMNS, -1)
_SLOT[[COLUMN[code] for code in CODES]] = (0, 1)


def _zeros(dtype: type) -> Any:
    return msgspec.field(default_factory=lambda: np.zeros((0, len(CODES)), dtype))


class Measured(msgspec.Struct):
    """Shapes [people, channels]: the present day (local, since 1970), sum and number of its readings; earlier days."""

    day: Array = _zeros(np.int32)
    total: Array = _zeros(np.float32)
    count: Array = _zeros(np.uint16)
    days: Days = msgspec.field(default_factory=lambda: Days.of(len(CODES)))


class BloodPressure(Detector):
    """Judges a day when the next one begins for that person."""

    version: ClassVar = 2
    parameters: ClassVar = {
        "blood_pressure.change": Parameter(20, 10, 60, "mm[Hg]", "收缩压均值变化", "change of the systolic mean"),
    }
    rules: ClassVar = {
        f"{question}_{code}": Rule(
            title=title_of_change(question, name_of(code)), story="pressure", again_s=3 * DAY_S, per_day=1, waits=True
        )
        for code in CODES
        for question in QUESTIONS
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Measured()

    def learn(self, district: District) -> None:
        people, state = len(district.people), self.state
        state.day, state.total, state.count = (grown(a, people) for a in (state.day, state.total, state.count))
        state.days.grow(people)
        self._change = self.tuned(district, "blood_pressure.change")

    def look(self, steps: CompleteSteps) -> Iterator[Finding]:
        bins, state = steps.bins, self.state
        for i in np.flatnonzero(_SLOT[bins.column] >= 0).tolist():
            key = row, slot = int(bins.row[i]), int(_SLOT[bins.column[i]])
            today = (int(bins.end_us[i]) + LOCAL_US) // DAY_US
            if today > state.day[key]:
                if state.count[key]:
                    yield from self._day_over(steps.district, row, slot)
                state.day[key], state.total[key], state.count[key] = today, 0, 0
            state.total[key] += bins.mean[i]
            state.count[key] += 1

    def _day_over(self, district: District, row: int, slot: int) -> Iterator[Finding]:
        state, key = self.state, (row, slot)
        mean, end_us = float(state.total[key] / state.count[key]), (int(state.day[key]) + 1) * DAY_US - LOCAL_US
        least = float(self._change[row]) * SHARES[slot]
        matters = {question: Matters(least * share, least * share) for question, share in QUESTIONS.items()}
        for change in state.days.add(row, slot, mean, end_us, FLOOR, matters):
            yield self._finding(district, row, slot, change, end_us)

    def _finding(self, district: District, row: int, slot: int, change: Change, at_us: int) -> Finding:
        code, span = CODES[slot], SPANS[change.question]
        channel, now, usual = CHANNELS[code], value_of(code, change.recent), value_of(code, change.usual)
        made_zh, made_en = SPAN_WORDS[change.question]
        above = change.recent > change.usual
        zh = f"{channel.zh}近 {span} 天{made_zh} {now} mmHg，{'高' if above else '低'}于平时的 {usual} mmHg"
        en = f"{channel.en}: {made_en} of {span} days {now} mmHg, {'above' if above else 'below'} the usual {usual}"
        if not change.opened:
            zh = f"{channel.zh}近 {span} 天{made_zh} {now} mmHg，已回到平时的 {usual} mmHg"
            en = f"{channel.en}: {made_en} of {span} days {now} mmHg, back to the usual {usual}"
        evidence: dict[str, object] = {
            "kind": "days",
            "channel": code,
            "days": [round(float(value), 1) for value in self.state.days.recent[row, slot] if value],
            "usual": round(change.usual, 1),
            "spread": round(change.spread, 1),
        }
        action: FindingAction = "open" if change.opened else "clear"
        rule = f"{change.question}_{code}"
        return finding_about(
            district.people[row], rule, self.version, action, "attention", change.onset_us, at_us, zh, en, evidence
        )
