"""A single vital sign outside the resident's limits, and staying there.

The defaults lie where NEWS2 gives 3 points or beyond (RCP 2017), but for the upper systolic and the temperature, which
follow the thresholds of hypertensive urgency (180 mmHg, ESC/ESH 2018) and high fever (39.1 °C). A resident's own limits
(table ``resident_limit``) replace them channel by channel. Continuous channels must stay outside for a minute and three
readings, spot measurements for two readings in a row: one odd value wakes nobody.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from alerting.detection.context import VITALS, District, Person, VitalColumns
from alerting.detection.episodes import Episode
from alerting.detection.state import VitalState
from alerting.finding import Finding
from firmware_profiles.channels import CHANNELS

VERSION = 1


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


class Limits:
    """Watches every reading of a limited channel."""

    def __init__(self) -> None:
        self._episodes: dict[tuple[int, int], Episode] = {}

    def step(self, district: District, state: VitalState, new: VitalColumns, now_us: int) -> Iterator[Finding]:
        # in the order of time; only channels that have a limit, a few per resident and step
        for row, column, time_us, value in zip(
            new.row.tolist(), new.column.tolist(), new.time_us.tolist(), new.value.tolist(), strict=True
        ):
            limit = DEFAULTS.get(VITALS[column])
            if limit is None:
                continue
            person = district.people[row]
            low, high = person.limits.get(VITALS[column], (limit.low, limit.high))
            below = low is not None and value < low
            above = high is not None and value > high
            key = (row, column)
            if not (below or above):
                episode = self._episodes.get(key)
                if episode is not None and (episode.release(time_us, NORMAL_US) or not episode.onset_us):
                    del self._episodes[key]
                continue
            episode = self._episodes.setdefault(key, Episode())
            episode.hold(time_us)
            held_us = time_us - episode.since_us
            if episode.onset_us or held_us < limit.hold_us or episode.count < limit.readings:
                continue
            episode.onset_us = episode.since_us
            yield _finding(
                person, VITALS[column], value, low if below else high, bool(below), held_us, episode, time_us
            )


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
        rule_version=VERSION,
        severity="urgent",
        subject=f"resident:{person.code}",
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
