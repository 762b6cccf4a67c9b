"""Detects sensors that give values no living body has: technical alerts, never medical ones.

The bounds stand in :mod:`alerting.detection.kit.plausible`. A continuous sensor alerts at the third such value, each
within an hour of the one before; a spot measurement at the first. An hour without any ends the alert.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.columns import STEP_US, value_at
from alerting.detection.kit.context import COLUMN, MEASURED, NO_PULSE, District
from alerting.detection.kit.detector import CompleteSteps, Detector, Rule
from alerting.detection.kit.origin import Origins, suspects
from alerting.detection.kit.plausible import PLAUSIBLE
from alerting.detection.kit.sources.doubt import BREATHLESS
from alerting.detection.kit.sources.seats import SeatedDevices
from alerting.detection.kit.words import UNSOUND, finding_about, title_of, value_in_words, value_of
from firmware_profiles.channels import CHANNELS
from vocabulary.parameter import Parameter
from vocabulary.times import DAY_S, HOUR_US, MINUTE_US

MG_PER_MMOL = 18.016
"""mg/dL of glucose in one mmol/L: its molar mass, 180.16 g/mol."""
CONTINUOUS = frozenset({"heart_rate", "respiration_rate", "spo2", "room_temperature"})


class ImplausibleRun(msgspec.Struct):
    """Of one person, channel and device: the last such step, their number, onset of the open alert (µs; 0: none)."""

    step: int = 0
    count: int = 0
    told_us: int = 0
    value: float = 0


class ImplausibleSteps(msgspec.Struct):
    """By (row, column, seat): series with implausible values within the last hour."""

    odd: dict[tuple[int, int, int], ImplausibleRun] = {}


class Implausible(Detector):
    """Counts implausible steps of each source."""

    version: ClassVar = 2
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
        self._seated = SeatedDevices()

    def learn(self, district: District) -> None:
        self._times = self.tuned(district, "implausible.times")
        self._origins = Origins(district.sources)

    def look(self, steps: CompleteSteps) -> Iterator[Finding]:
        # the least value of a step, so that neither order nor repetition matters
        self._seated = steps.sources.seated
        for row, column, seat, step, value in sorted({*_of_readings(steps), *_of_lost_pulses(steps)}):
            key = row, column, seat
            odd = self.state.odd.get(key)
            if odd is not None and (step - odd.step) * STEP_US >= HOUR_US:
                yield from self._over(steps.district, key)
                odd = None
            if odd is None:
                odd = self.state.odd[key] = ImplausibleRun()
            if step <= odd.step:
                continue
            odd.step, odd.count, odd.value = step, odd.count + 1, value
            end_us = (step + 1) * STEP_US
            self.timers.set(step * STEP_US + HOUR_US, f"{row}|{column}|{seat}")
            least = self._times[key[0]] if MEASURED[key[1]] in CONTINUOUS else 1
            if odd.count >= least and not odd.told_us:
                odd.told_us = end_us
                yield self._finding(steps.district, key, odd, "open", end_us)

    def due(self, district: District, key: str, at_us: int) -> Iterator[Finding]:
        row, column, seat = (int(part) for part in key.split("|"))
        yield from self._over(district, (row, column, seat))

    def _over(self, district: District, key: tuple[int, int, int]) -> Iterator[Finding]:
        odd = self.state.odd.pop(key, None)
        if odd is not None and odd.told_us:
            yield self._finding(district, key, odd, "clear", odd.step * STEP_US + HOUR_US)

    def _finding(
        self, district: District, key: tuple[int, int, int], odd: ImplausibleRun, action: FindingAction, at_us: int
    ) -> Finding:
        code = MEASURED[key[1]]
        low, high = PLAUSIBLE[code]
        who_zh, who_en, who = suspects(self._origins.at(self._seated, *key))
        value_zh, value_en = value_in_words(code, odd.value)
        zh = f"{value_zh}，超出可能的范围 {low:g} 至 {high:g}，疑{who_zh}故障（第 {odd.count} 次）"
        en = f"{value_en}, beyond the possible {low:g} to {high:g}, {odd.count} time"
        en += f"{'s' * (odd.count > 1)} ({who_en} may be at fault)"
        other = _other_unit(code, odd.value)
        if other is not None:
            (unit_zh, unit_en), converted = other
            zh = f"{zh}；若单位是{unit_zh}，则为 {value_of(code, converted)}：请核对单位"
            en = f"{en}; in {unit_en} it would be {value_of(code, converted)}: check the unit"
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


def _of_readings(steps: CompleteSteps) -> Iterator[tuple[int, int, int, int, float]]:
    readings = steps.implausible
    yield from zip(
        readings.row.tolist(),
        readings.column.tolist(),
        readings.seat.tolist(),
        (readings.time_us // STEP_US).tolist(),
        readings.value.tolist(),
        strict=True,
    )


def _of_lost_pulses(steps: CompleteSteps) -> Iterator[tuple[int, int, int, int, float]]:
    """Pulses of 0, but for those of an empty bed or room, and from a bed in which nothing breathes either."""
    bins = steps.sources.bins
    lost = bins.where((bins.column == NO_PULSE) & (steps.sources.doubt == 0))
    if len(lost):
        rate, at = value_at(steps.bins, steps.latest, COLUMN["respiration_rate"], lost.row, lost.step)
        breathless = (at > 0) & (lost.step - at <= MINUTE_US // STEP_US) & (rate < BREATHLESS)
        lost = lost.where(~breathless)
    pulse = COLUMN["heart_rate"]
    for row, seat, step in zip(lost.row.tolist(), lost.seat.tolist(), lost.step.tolist(), strict=True):
        yield row, pulse, seat, step, 0.0


def _other_unit(code: str, value: float) -> tuple[tuple[str, str], float] | None:
    """The unit in which an impossible value would be a possible one, zh and en, and the value in the channel's unit."""
    if code == "glucose" and value > PLAUSIBLE[code][1]:
        return ("毫克/分升", "mg/dL"), value / MG_PER_MMOL
    if code == "body_temperature" and 85 <= value <= 113:
        return ("华氏度", "°F"), (value - 32) / 1.8
    return None
