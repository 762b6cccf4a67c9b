"""Detects weight gained within days (water, of a failing heart) and weight lost over weeks.

A gain of more than 2 kg in 3 days is the sign that patients are taught to report (ESC Guidelines for heart failure,
2021, advice on self-care); here +1.5 kg in 2 days or +2.5 kg in a week, against the earlier half of these days, and
never less than three of the person's own usual day-to-day steps. A jump of more than 8 kg is another person on the
scales. Slow loss is the first sign of malnutrition (GLIM criteria, 2019: more than 5 % within half a year): the median
of seven days against the weeks before, see :mod:`alerting.detection.kit.routine.days`.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.columns import grown
from alerting.detection.kit.context import COLUMN, District
from alerting.detection.kit.detector import Array, CompleteSteps, Detector, Rule
from alerting.detection.kit.routine.days import SPANS, Days, Matters
from alerting.detection.kit.words import finding_about, name_of, title_of_change
from vocabulary.parameter import Parameter
from vocabulary.times import DAY_S, DAY_US, LOCAL_US

DAYS = 8
ANOTHER_PERSON_KG = 8.0
STEPS = 3
"""Usual day-to-day steps that a change must exceed."""


class Weighed(msgspec.Struct):
    """The last ``DAYS`` days on which a person stood on the scales, newest last: local day and kg, shapes [people, 8];
    ``step_kg``: the usual difference between two of them; ``told_us``: onset of the open episode."""

    day: Array = msgspec.field(default_factory=lambda: np.zeros((0, DAYS), np.int32))
    kg: Array = msgspec.field(default_factory=lambda: np.zeros((0, DAYS), np.float32))
    step_kg: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.float32))
    told_us: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int64))
    days: Days = msgspec.field(default_factory=lambda: Days.of(1))


class Weight(Detector):
    """Keeps one weight a day, the last; people weigh themselves rarely, so each bin is judged by itself."""

    version: ClassVar = 2

    parameters: ClassVar = {
        "weight.gain_2_days": Parameter(1.5, 0.5, 5, "kg", "两天内体重增加", "gain within 2 days"),
        "weight.gain_7_days": Parameter(2.5, 1, 8, "kg", "一周内体重增加", "gain within a week"),
        "weight.drift": Parameter(2.5, 1, 10, "kg", "数周内体重变化", "change over weeks"),
    }
    rules: ClassVar = {
        "weight_gain": Rule(
            title=("体重增加过快", "weight gained within days"),
            story="weight",
            again_s=2 * DAY_S,
            per_day=1,
            waits=True,
        ),
        "drift_weight": Rule(
            title=title_of_change("drift", name_of("weight")), story="weight", again_s=7 * DAY_S, per_day=1, waits=True
        ),
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Weighed()

    def learn(self, district: District) -> None:
        people = len(district.people)
        for name in ("day", "kg", "step_kg", "told_us"):
            setattr(self.state, name, grown(getattr(self.state, name), people))
        self.state.days.grow(people)
        self._drift = self.tuned(district, "weight.drift")
        self._gains = [(2, self.tuned(district, "weight.gain_2_days")), (7, self.tuned(district, "weight.gain_7_days"))]

    def look(self, steps: CompleteSteps) -> Iterator[Finding]:
        bins = steps.bins
        for i in np.flatnonzero(bins.column == COLUMN["weight"]).tolist():
            yield from self._weighed(steps.district, int(bins.row[i]), float(bins.mean[i]), int(bins.end_us[i]))

    def _weighed(self, district: District, row: int, kg: float, now_us: int) -> Iterator[Finding]:
        state, today = self.state, (now_us + LOCAL_US) // DAY_US
        last_day, last_kg = int(state.day[row, -1]), float(state.kg[row, -1])
        if last_day and abs(kg - last_kg) > ANOTHER_PERSON_KG and today - last_day < DAYS:
            return
        if today > last_day:
            yield from self._slowly(district, row, kg, now_us)
            if last_day and today - last_day <= 3:
                step = min(abs(kg - last_kg) / np.sqrt(today - last_day), 1.0)
                state.step_kg[row] += (step - state.step_kg[row]) / 10
            state.day[row, :-1], state.kg[row, :-1] = state.day[row, 1:], state.kg[row, 1:]
        state.day[row, -1], state.kg[row, -1] = today, kg
        gained = [
            (within, kg - base)
            for within, least in self._gains
            if (base := self._base(row, today, within)) and kg - base >= max(least[row], STEPS * state.step_kg[row])
        ]
        if not gained:
            state.told_us[row] = 0
        elif not state.told_us[row]:
            state.told_us[row] = now_us
            within, gain = gained[0]
            yield self._finding(district, row, kg, gain, within, now_us)

    def _slowly(self, district: District, row: int, kg: float, now_us: int) -> Iterator[Finding]:
        least = float(self._drift[row])
        for change in self.state.days.add(row, 0, kg, now_us, 0.3, {"drift": Matters(least, least)}):
            more = change.recent > change.usual
            zh = f"体重近 {SPANS['drift']} 个测量日中位 {change.recent:.1f} kg，前几周 {change.usual:.1f} kg"
            en = f"weight: median of {SPANS['drift']} days {change.recent:.1f} kg, weeks before {change.usual:.1f} kg"
            way_zh, way_en = ("持续增加", "slowly rising") if more else ("持续下降", "slowly falling")
            if not change.opened:
                way_zh, way_en = "已稳定", "steady again"
            zh, en = f"{zh}，{way_zh}", f"{en}: {way_en}"
            evidence: dict[str, object] = {
                "kind": "days",
                "channel": "weight",
                "days": [round(float(value), 1) for value in self.state.days.recent[row, 0]],
                "usual": round(change.usual, 1),
            }
            action: FindingAction = "open" if change.opened else "clear"
            yield finding_about(
                district.people[row],
                "drift_weight",
                self.version,
                action,
                "attention",
                change.onset_us,
                now_us,
                zh,
                en,
                evidence,
            )

    def _base(self, row: int, today: int, within: int) -> float:
        """The median of the earlier half of the last days, no more than ``within`` back; 0: none."""
        day = self.state.day[row]
        before = self.state.kg[row][(day >= today - within) & (day < today)]
        return float(np.median(before[: (len(before) + 1) // 2])) if len(before) else 0.0

    def _finding(self, district: District, row: int, kg: float, gain: float, within: int, now_us: int) -> Finding:
        known = self.state.day[row] > 0
        return finding_about(
            district.people[row],
            "weight_gain",
            self.version,
            "open",
            "attention",
            now_us,
            now_us,
            f"体重 {kg:.1f} kg，{within} 天内增加 {gain:.1f} kg，警惕心衰水肿",
            f"weight {kg:.1f} kg, {gain:.1f} kg more within {within} days: a sign of heart failure",
            {
                "kind": "weight",
                "days": [int(day) for day in self.state.day[row][known]],
                "kg": [round(float(w), 1) for w in self.state.kg[row][known]],
                "usual_step_kg": round(float(self.state.step_kg[row]), 2),
            },
        )
