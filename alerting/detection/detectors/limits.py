"""A single vital sign outside the resident's limits, and staying there.

The defaults lie where NEWS2 gives 3 points or beyond (RCP 2017), but for the upper systolic and the temperature, which
follow the thresholds of hypertensive urgency (180 mmHg, ESC/ESH 2018) and high fever (39.1 °C). A resident's own limits
(table ``resident_limit``) replace them channel by channel. Continuous channels must stay outside for a minute and three
readings, spot measurements for two readings in a row: one odd value wakes nobody.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.columns import STEP_US, Bins, whole_series
from alerting.detection.context import COLUMN, MEASURED, District, Person
from alerting.detection.detector import Chapter, Detector, Rule
from alerting.detection.episodes import Episode
from alerting.finding import Finding
from firmware_profiles.channels import CHANNELS


class Limit(msgspec.Struct, frozen=True):
    low: float | None
    high: float | None
    hold_us: int
    readings: int


_MINUTE = 60_000_000
DEFAULTS: dict[str, Limit] = {
    "heart_rate": Limit(40, 131, _MINUTE, 3),
    "respiration_rate": Limit(8, 26, _MINUTE, 3),
    "spo2": Limit(90, None, _MINUTE, 3),
    "systolic_bp": Limit(90, 180, 0, 2),
    "diastolic_bp": Limit(None, 110, 0, 2),
    "body_temperature": Limit(35.0, 39.1, 0, 2),
    "glucose": Limit(3.9, 16.7, 0, 1),
}
"""Glucose: hypoglycaemia below 3.9 mmol/L (ADA Standards of Care, level 1), marked hyperglycaemia above 16.7 mmol/L."""
NORMAL_US = 300_000_000


class Outside(msgspec.Struct):
    """Episodes that last, by (row, column)."""

    episodes: dict[tuple[int, int], Episode] = {}


class Limits(Detector):
    """All bins of limited channels are compared at once; only series that are outside a limit, or in an episode that
    lasts, are walked."""

    rules: ClassVar = {f"limit_{code}": Rule(story="vital") for code in DEFAULTS}

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Outside()
        self._low: NDArray[np.float32] = np.empty((0, len(MEASURED)), np.float32)
        self._high = self._low
        self._watched: NDArray[np.bool_] = np.empty((0, len(MEASURED)), np.bool_)

    def learn(self, district: District) -> None:
        self._low = np.full((len(district.people), len(MEASURED)), -np.inf, np.float32)
        self._high = np.full_like(self._low, np.inf)
        self._watched = np.zeros(self._low.shape, np.bool_)
        for channel, limit in DEFAULTS.items():
            self._low[:, COLUMN[channel]] = -np.inf if limit.low is None else limit.low
            self._high[:, COLUMN[channel]] = np.inf if limit.high is None else limit.high
        for row, person in enumerate(district.people):
            for channel, (own_low, own_high) in person.limits.items():
                if channel in DEFAULTS:
                    self._low[row, COLUMN[channel]] = -np.inf if own_low is None else own_low
                    self._high[row, COLUMN[channel]] = np.inf if own_high is None else own_high
        for row, column in self.state.episodes:
            self._watched[row, column] = True

    def look(self, chapter: Chapter) -> Iterator[Finding]:
        bins = chapter.bins
        outside = (bins.mean < self._low[bins.row, bins.column]) | (bins.mean > self._high[bins.row, bins.column])
        for i in whole_series(bins, outside | self._watched[bins.row, bins.column]).tolist():
            yield from self._judge(chapter.district, bins, i, bool(outside[i]))

    def _judge(self, district: District, bins: Bins, i: int, outside: bool) -> Iterator[Finding]:
        key = row, column = int(bins.row[i]), int(bins.column[i])
        since_us, end_us = int(bins.step[i]) * STEP_US, int(bins.step[i] + 1) * STEP_US
        episode = self.state.episodes.get(key)
        if not outside:
            if episode is not None and (episode.release(end_us, NORMAL_US) or not episode.onset_us):
                del self.state.episodes[key]
                self._watched[key] = False
            return
        if episode is None:
            episode = self.state.episodes[key] = Episode()
            self._watched[key] = True
        episode.hold(since_us, int(bins.count[i]))
        code, value = MEASURED[column], float(bins.mean[i])
        limit = DEFAULTS[code]
        held_us = since_us - episode.since_us
        if episode.onset_us or held_us < limit.hold_us or episode.count < limit.readings:
            return
        episode.onset_us = episode.since_us
        below = value < self._low[key]
        bound = float(self._low[key] if below else self._high[key])
        yield _finding(district.people[row], code, value, round(bound, 2), bool(below), held_us, episode, end_us)


def _finding(
    person: Person, code: str, value: float, limit: Any, below: bool, held_us: int, episode: Episode, time_us: int
) -> Finding:
    channel = CHANNELS[code]
    digits = 1 if channel.resolution < 1 else 0
    shown, bound = f"{value:.{digits}f}", f"{limit:g}"
    unit_zh = {"/min": "次/分", "mm[Hg]": "mmHg", "Cel": "°C"}.get(channel.unit, channel.unit)
    unit_en = {"/min": "/min", "mm[Hg]": "mmHg", "Cel": "°C"}.get(channel.unit, channel.unit)
    held_s = held_us // 1_000_000
    for_zh = f",已持续 {held_s} 秒" if held_s else ""
    for_en = f", for {held_s} s" if held_s else ""
    return Finding(
        action="open",
        rule=f"limit_{code}",
        rule_version=Limits.version,
        severity="urgent",
        subject=person.subject,
        household_id=person.household_id,
        resident_id=person.id,
        onset_us=episode.onset_us,
        sensed_us=time_us,
        reason_zh=f"{channel.zh} {shown} {unit_zh},{'低于下限' if below else '高于上限'} {bound}{for_zh}",
        reason_en=f"{channel.en} {shown} {unit_en}, {'below' if below else 'above'} the limit of {bound}{for_en}",
        evidence={
            "kind": "limit",
            "channel": code,
            "value": round(value, 2),
            "limit": limit,
            "side": "low" if below else "high",
            "held_s": held_s,
            "readings": episode.count,
        },
    )
