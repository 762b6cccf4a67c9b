"""Detects sensors that give values no living body has: technical alerts, never medical ones.

The bounds stand in :mod:`alerting.detection.kit.plausible`. A continuous sensor alerts at the third such value, each
within an hour of the one before; a spot measurement at the first. An hour without any ends the alert.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.columns import STEP_US
from alerting.detection.kit.context import MEASURED, District
from alerting.detection.kit.detector import CompleteSteps, Detector, Rule
from alerting.detection.kit.origin import Origins, suspects
from alerting.detection.kit.plausible import PLAUSIBLE
from alerting.detection.kit.words import UNSOUND, finding_about, title_of, value_in_words
from firmware_profiles.channels import CHANNELS
from vocabulary.parameter import Parameter
from vocabulary.times import DAY_S, HOUR_US

CONTINUOUS = frozenset({"heart_rate", "respiration_rate", "spo2", "room_temperature"})


class ImplausibleRun(msgspec.Struct):
    """Of one person and channel: the last such step, their number, and the onset of the open alert (µs; 0: none)."""

    step: int = 0
    count: int = 0
    told_us: int = 0
    value: float = 0


class ImplausibleSteps(msgspec.Struct):
    """By (row, column): series with implausible values within the last hour."""

    odd: dict[tuple[int, int], ImplausibleRun] = {}


class Implausible(Detector):
    """Counts implausible steps of each series."""

    parameters: ClassVar = {
        "implausible.times": Parameter(3, 1, 60, "", "一小时内的次数", "so many within an hour"),
    }
    rules: ClassVar = {
        f"implausible_{code}": Rule(
            title=title_of(code, "读数不可能", " is impossible"),
            outside=UNSOUND,
            again_s=DAY_S,
            per_day=1,
            rests_for=("maintenance",),
        )
        for code in PLAUSIBLE
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = ImplausibleSteps()

    def learn(self, district: District) -> None:
        self._times = self.tuned(district, "implausible.times")
        self._origins = Origins(district.sources)

    def look(self, steps: CompleteSteps) -> Iterator[Finding]:
        readings = steps.implausible
        # the least value of a step, so that neither order nor repetition matters
        order = np.lexsort((readings.value, readings.time_us // STEP_US, readings.column, readings.row))
        for i in order.tolist():
            key = int(readings.row[i]), int(readings.column[i])
            step = int(readings.time_us[i]) // STEP_US
            odd = self.state.odd.get(key)
            if odd is not None and (step - odd.step) * STEP_US >= HOUR_US:
                yield from self._over(steps.district, key)
                odd = None
            if odd is None:
                odd = self.state.odd[key] = ImplausibleRun()
            if step <= odd.step:
                continue
            odd.step, odd.count, odd.value = step, odd.count + 1, float(readings.value[i])
            end_us = (step + 1) * STEP_US
            self.timers.set(step * STEP_US + HOUR_US, f"{key[0]}|{key[1]}")
            least = self._times[key[0]] if MEASURED[key[1]] in CONTINUOUS else 1
            if odd.count >= least and not odd.told_us:
                odd.told_us = end_us
                yield self._finding(steps.district, key, odd, "open", end_us)

    def due(self, district: District, key: str, at_us: int) -> Iterator[Finding]:
        row, column = key.split("|")
        yield from self._over(district, (int(row), int(column)))

    def _over(self, district: District, key: tuple[int, int]) -> Iterator[Finding]:
        odd = self.state.odd.pop(key, None)
        if odd is not None and odd.told_us:
            yield self._finding(district, key, odd, "clear", odd.step * STEP_US + HOUR_US)

    def _finding(
        self, district: District, key: tuple[int, int], odd: ImplausibleRun, action: FindingAction, at_us: int
    ) -> Finding:
        code = MEASURED[key[1]]
        low, high = PLAUSIBLE[code]
        who_zh, who_en, who = suspects(self._origins.of(*key))
        value_zh, value_en = value_in_words(code, odd.value)
        zh = f"{value_zh},超出可能的范围 {low:g} 至 {high:g},疑{who_zh}故障(第 {odd.count} 次)"
        en = f"{value_en}, beyond the possible {low:g} to {high:g}, {odd.count} time"
        en += f"{'s' * (odd.count > 1)} (may be at fault: {who_en})"
        if action == "clear":
            zh, en = f"{CHANNELS[code].zh}一小时内无异常值", f"{CHANNELS[code].en}: an hour without impossible values"
        evidence: dict[str, object] = {
            "kind": "implausible",
            "channel": code,
            "value": round(odd.value, 2),
            "possible": [low, high],
            "times": odd.count,
            **who,
        }
        rule, onset_us = f"implausible_{code}", odd.told_us
        return finding_about(
            district.people[key[0]], rule, self.version, action, "technical", onset_us, at_us, zh, en, evidence
        )
