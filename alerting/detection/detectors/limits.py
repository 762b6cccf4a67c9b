"""Detects a single vital sign that stays outside the resident's limits.

The defaults lie where NEWS2 gives 3 points or beyond (RCP 2017), but for the upper systolic and the temperature, which
follow the thresholds of hypertensive urgency (180 mmHg, ESC/ESH 2018) and high fever (39.1 °C). Limits that people set
(``alerting.tuning.catalogue``) replace them. Continuous channels must stay outside for two minutes and three readings
(oxygen, of a cold or badly placed finger, three and four), spot measurements for two readings in a row: one odd value
alerts nobody.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.core.finding import Finding
from alerting.detection.kit.context import COLUMN, MEASURED, District, Person
from alerting.detection.kit.detector import CompleteSteps, Detector, Rule
from alerting.detection.kit.watcher import Episodes, Watcher
from alerting.detection.kit.words import VITAL_SIGNS, finding_about, lasting, title_of, value_in_words
from firmware_profiles.channels import CHANNELS
from vocabulary.times import MINUTE_US, SECOND_US


class Limit(msgspec.Struct, frozen=True):
    low: float | None
    high: float | None
    hold_us: int
    readings: int


_HOLD = 2 * MINUTE_US
DEFAULTS: dict[str, Limit] = {
    "heart_rate": Limit(40, 131, _HOLD, 3),
    "respiration_rate": Limit(8, 26, _HOLD, 3),
    "spo2": Limit(90, None, 3 * MINUTE_US, 4),
    "systolic_bp": Limit(90, 180, 0, 2),
    "diastolic_bp": Limit(None, 110, 0, 2),
    "body_temperature": Limit(35.0, 39.1, 0, 2),
    "glucose": Limit(3.9, 16.7, 0, 1),
}
"""Glucose: hypoglycaemia below 3.9 mmol/L (ADA Standards of Care, level 1), marked hyperglycaemia above 16.7 mmol/L."""


class Outside(msgspec.Struct):
    episodes: Episodes = {}


class Limits(Detector):
    """Compares all bins of limited channels at once; a resident's own limits replace the defaults."""

    rules: ClassVar = {
        f"limit_{code}": Rule(
            title=title_of(code, "超出限值", " beyond its limits"),
            outside=VITAL_SIGNS,
            service="vital_signs",
            story="vital",
        )
        for code in DEFAULTS
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Outside()
        self._low: NDArray[np.float32] = np.empty((0, len(MEASURED)), np.float32)
        self._high = self._low
        self._hold_us = np.zeros(len(MEASURED), np.int64)
        self._readings = np.zeros(len(MEASURED), np.int64)
        for channel, limit in DEFAULTS.items():
            self._hold_us[COLUMN[channel]], self._readings[COLUMN[channel]] = limit.hold_us, limit.readings
        self._watcher: Watcher

    def learn(self, district: District) -> None:
        self._low = np.full((len(district.people), len(MEASURED)), -np.inf, np.float32)
        self._high = np.full_like(self._low, np.inf)
        for channel, limit in DEFAULTS.items():
            self._low[:, COLUMN[channel]] = -np.inf if limit.low is None else limit.low
            self._high[:, COLUMN[channel]] = np.inf if limit.high is None else limit.high
        for row, person in enumerate(district.people):
            for channel, (own_low, own_high) in person.limits.items():
                if channel in DEFAULTS:
                    self._low[row, COLUMN[channel]] = -np.inf if own_low is None else own_low
                    self._high[row, COLUMN[channel]] = np.inf if own_high is None else own_high
        self._watcher = Watcher(self.state.episodes, len(district.people), self._hold_us, self._readings)

    def in_force(self, person: Person | None, rule: str) -> dict[str, float]:
        code = rule.removeprefix("limit_")
        limit = DEFAULTS[code]
        low, high = (limit.low, limit.high) if person is None else person.limits.get(code, (limit.low, limit.high))
        numbers = {"low": low, "high": high, "hold_s": limit.hold_us / 1e6, "readings": limit.readings}
        return {f"{rule}.{name}": number for name, number in numbers.items() if number is not None}

    def look(self, steps: CompleteSteps) -> Iterator[Finding]:
        bins = steps.bins
        series = bins.series
        outside = (bins.mean < self._low.reshape(-1)[series]) | (bins.mean > self._high.reshape(-1)[series])
        for turn in self._watcher.walk(bins, outside):
            row, column, value = int(bins.row[turn.at]), int(bins.column[turn.at]), float(bins.mean[turn.at])
            code, person = MEASURED[column], steps.district.people[row]
            below = value < self._low[row, column]
            bound = round(float(self._low[row, column] if below else self._high[row, column]), 2)
            for_zh, for_en = lasting(turn.held_us)
            value_zh, value_en = value_in_words(code, value)
            if turn.kind == "end":
                zh, en = f"{value_zh},已回到范围内", f"{value_en}, within its limits again"
            else:
                zh = f"{value_zh},{'低于下限' if below else '高于上限'} {bound:g}"
                en = f"{value_en}, {'below' if below else 'above'} the limit of {bound:g}"
                if turn.held_us:
                    zh, en = f"{zh},已持续 {for_zh}", f"{en}, for {for_en}"
            evidence = {
                "kind": "limit",
                "channel": code,
                "unit": CHANNELS[code].unit,
                "value": round(value, 2),
                "limit": bound,
                "side": "low" if below else "high",
                "held_s": turn.held_us // SECOND_US,
                "readings": turn.readings,
            }
            yield finding_about(
                person,
                f"limit_{code}",
                self.version,
                "open" if turn.kind == "open" else "note",
                "urgent",
                turn.onset_us,
                int(bins.end_us[turn.at]),
                zh,
                en,
                evidence if turn.kind == "open" else {},
            )
