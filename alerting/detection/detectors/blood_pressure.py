"""Blood pressure against the person's own usual, over days: single readings are the limits' affair.

Home readings are judged by their mean over days, never by one (2023 ESH Guidelines, home monitoring: 3 to 7 days). The
mean of the last three days on which it was measured is compared with the robust centre of the weeks before.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np

from alerting.detection.columns import grown
from alerting.detection.context import COLUMN, MEASURED, District
from alerting.detection.detector import Array, Chapter, Detector, Parameter, Rule
from alerting.detection.words import about, value_of
from alerting.finding import Finding
from firmware_profiles.channels import CHANNELS

DAY_US = 86_400_000_000
LOCAL_US = 8 * 3_600_000_000
CODES = ("systolic_bp", "diastolic_bp")
RECENT = 3
MEMORY_DAYS = 21
_SLOT = np.full(len(MEASURED), -1)
_SLOT[[COLUMN[code] for code in CODES]] = (0, 1)


def _zeros(*shape: int, dtype: type = np.float32) -> Any:
    return msgspec.field(default_factory=lambda: np.zeros((0, *shape), dtype))


class Measured(msgspec.Struct):
    """Shapes [people, channels, …]: the day being gathered, the means of the last three days, centre and spread."""

    day: Array = _zeros(2, dtype=np.int32)
    total: Array = _zeros(2)
    count: Array = _zeros(2, dtype=np.uint16)
    recent: Array = _zeros(2, RECENT)
    days: Array = _zeros(2, dtype=np.uint16)
    centre: Array = _zeros(2)
    spread: Array = _zeros(2)
    told_us: Array = _zeros(2, dtype=np.int64)


class BloodPressure(Detector):
    """Days are judged when the next one begins for that person."""

    parameters: ClassVar = {
        "blood_pressure.change": Parameter(20, 10, 60, "mm[Hg]", "收缩压均值变化", "change of the systolic mean"),
    }
    rules: ClassVar = {
        f"shift_{code}": Rule(story="pressure", again_s=3 * 86_400, per_day=1, waits=True) for code in CODES
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Measured()

    def learn(self, district: District) -> None:
        people = len(district.people)
        for name in self.state.__struct_fields__:
            setattr(self.state, name, grown(getattr(self.state, name), people))
        self._change = self.tuned(district, "blood_pressure.change")

    def look(self, chapter: Chapter) -> Iterator[Finding]:
        bins, state = chapter.bins, self.state
        for i in np.flatnonzero(_SLOT[bins.column] >= 0).tolist():
            key = row, slot = int(bins.row[i]), int(_SLOT[bins.column[i]])
            today = (int(bins.end_us[i]) + LOCAL_US) // DAY_US
            if today > state.day[key]:
                if state.count[key]:
                    yield from self._day_over(chapter.district, row, slot)
                state.day[key], state.total[key], state.count[key] = today, 0, 0
            state.total[key] += bins.mean[i]
            state.count[key] += 1

    def _day_over(self, district: District, row: int, slot: int) -> Iterator[Finding]:
        state, key = self.state, (row, slot)
        mean, days = float(state.total[key] / state.count[key]), int(state.days[key])
        state.recent[row, slot, :-1] = state.recent[row, slot, 1:]
        state.recent[row, slot, -1] = mean
        recent = float(state.recent[row, slot].mean())
        centre, spread = float(state.centre[key]), float(state.spread[key])
        off = recent - centre
        # a mean of three days spreads by 1/√3 of a day's; three of those, and never less than what matters
        least = max(float(self._change[row]) * (1 if slot == 0 else 0.6), 3 * 1.25 * spread / np.sqrt(RECENT))
        if days >= 2 * RECENT:
            if abs(off) >= least and not state.told_us[key]:
                state.told_us[key] = (int(state.day[key]) + 1) * DAY_US - LOCAL_US
                yield self._finding(district, row, slot, recent, centre)
            elif abs(off) < least / 2:
                state.told_us[key] = 0
        error = mean - centre if days else 0.0
        rate = max(1 / (days + 1), 1 / MEMORY_DAYS)
        reach = 3 * max(spread, 4.0)
        state.centre[key] = mean if not days else centre + rate * float(np.clip(error, -reach, reach))
        state.spread[key] += rate * (min(abs(error), reach) - spread)
        state.days[key] = min(days + 1, 60_000)

    def _finding(self, district: District, row: int, slot: int, recent: float, centre: float) -> Finding:
        code, onset_us = CODES[slot], int(self.state.told_us[row, slot])
        channel, now, usual = CHANNELS[code], value_of(code, recent), value_of(code, centre)
        above = recent > centre
        return about(
            district.people[row],
            f"shift_{code}",
            self.version,
            "open",
            "attention",
            onset_us,
            onset_us,
            f"{channel.zh}近 {RECENT} 天平均 {now} mmHg,本人通常 {usual},{'升高' if above else '降低'}",
            f"{channel.en}: mean of {RECENT} days {now} mmHg, {'above' if above else 'below'} the usual {usual}",
            {
                "kind": "blood_pressure",
                "channel": code,
                "recent": [round(float(v), 1) for v in self.state.recent[row, slot]],
                "usual": round(centre, 1),
                "spread": round(float(self.state.spread[row, slot]), 1),
            },
        )
