"""Detects heat and cold in the home.

Cold: older people are at risk below 18 °C, and below 10 °C at once (WHO Housing and Health Guidelines, 2018, chapter 4;
the lower one as Shenzhen's homes have no heating). Heat: 35 °C is the air temperature of China's heat warnings
(GB/T 29457-2012 speaks of 35 °C and above); indoors for an hour it is urgent for an old person, 32 °C for three hours
deserves a look.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from alerting.core.finding import Finding
from alerting.detection.kit.context import COLUMN, District
from alerting.detection.kit.detector import CompleteSteps, Detector, Rule
from alerting.detection.kit.watcher import Episodes, Watcher
from alerting.detection.kit.words import finding_about, lasting
from vocabulary.parameter import Parameter
from vocabulary.severity import Severity
from vocabulary.times import HOUR_US

_TEMPERATURE = COLUMN["room_temperature"]
HOLD_US = {"hot": 3 * HOUR_US, "very_hot": HOUR_US, "cold": HOUR_US}
"""Least duration of each; the names are those of the state's fields."""


class Rooms(msgspec.Struct):
    hot: Episodes = {}
    very_hot: Episodes = {}
    cold: Episodes = {}


class Climate(Detector):
    """Tracks an episode for each threshold; all belong to one story."""

    parameters: ClassVar = {
        "climate.hot": Parameter(32, 28, 38, "Cel", "室温偏高", "hot"),
        "climate.very_hot": Parameter(35, 30, 42, "Cel", "室温过高", "very hot"),
        "climate.cold": Parameter(10, 0, 18, "Cel", "室温过低", "cold"),
    }
    rules: ClassVar = {
        "heat": Rule(title=("室温过高", "room too hot"), story="climate", again_s=6 * 3600, per_day=3),
        "cold": Rule(title=("室温过低", "room too cold"), story="climate", again_s=6 * 3600, per_day=3),
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Rooms()

    def learn(self, district: District) -> None:
        people = len(district.people)
        self._hot, self._very_hot, self._cold = (
            self.tuned(district, f"climate.{name}") for name in ("hot", "very_hot", "cold")
        )
        self._watchers = {
            name: Watcher(getattr(self.state, name), people, hold_us, 3) for name, hold_us in HOLD_US.items()
        }

    def look(self, steps: CompleteSteps) -> Iterator[Finding]:
        bins = steps.bins.of(_TEMPERATURE)
        if not len(bins):
            return
        row, value = bins.row, bins.mean
        levels: tuple[tuple[str, str, Any, Severity], ...] = (
            ("hot", "heat", value >= self._hot[row], "attention"),
            ("very_hot", "heat", value >= self._very_hot[row], "urgent"),
            ("cold", "cold", value <= self._cold[row], "attention"),
        )
        for name, rule, outside, severity in levels:
            for turn in self._watchers[name].walk(bins, outside):
                degrees, now_us = float(value[turn.at]), int(bins.end_us[turn.at])
                for_zh, for_en = lasting(turn.held_us)
                word_zh, word_en = ("过高", "hot") if rule == "heat" else ("过低", "cold")
                zh = f"室温 {degrees:.1f} °C {word_zh}，已持续 {for_zh}"
                en = f"room at {degrees:.1f} °C, too {word_en}, for {for_en}"
                if turn.kind == "end":
                    zh, en = f"室温已回到 {degrees:.1f} °C", f"room back at {degrees:.1f} °C"
                evidence = {"kind": "climate", "channel": "room_temperature", "value": round(degrees, 1)}
                yield finding_about(
                    steps.district.people[row[turn.at]],
                    rule,
                    self.version,
                    "open" if turn.kind == "open" else "note",
                    severity,
                    turn.onset_us,
                    now_us,
                    zh,
                    en,
                    evidence,
                )
