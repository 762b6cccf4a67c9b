"""NEWS2 over what is fresh: 3 in one parameter, 5, 7; partial scores say what is missing or stale.

Source: RCP 2017 (see ``alerting.news2``). For the home: score what is fresh, never call a partial score complete, let a
3 in a single fresh parameter speak on its own. The level must hold for a minute: one odd reading wakes nobody.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from alerting import news2
from alerting.detection.context import COLUMN, District, Person, VitalColumns
from alerting.detection.episodes import Episode
from alerting.detection.state import VitalState
from alerting.finding import RANK, Finding, Severity
from firmware_profiles.channels import CHANNELS

RULE = "news2"
VERSION = 1
FRESH_US: dict[str, int] = {
    # continuous sensors: a quarter of an hour; spot measurements: the interval RCP asks for at a score of 1–4, 6 h
    "respiration_rate": 15 * 60_000_000,
    "spo2": 15 * 60_000_000,
    "heart_rate": 15 * 60_000_000,
    "systolic_bp": 6 * 3_600_000_000,
    "body_temperature": 6 * 3_600_000_000,
    "consciousness": 6 * 3_600_000_000,
}
HOLD_US = 60_000_000
NORMAL_US = 600_000_000
"""The score must stay below every trigger for ten minutes before a new episode can begin."""
_COLUMNS = np.array([COLUMN[channel] for channel in news2.PARAMETERS])


class News2:
    """Scores the residents whose vital signs changed in a step."""

    def __init__(self) -> None:
        self._episodes: dict[str, Episode] = {}
        self._scored = frozenset(int(column) for column in _COLUMNS)

    def step(self, district: District, state: VitalState, new: VitalColumns, now_us: int) -> Iterator[Finding]:
        rows = np.unique(new.row[np.isin(new.column, _COLUMNS)])
        if not len(rows):
            return
        people = [district.people[row] for row in rows]
        scale = np.array([person.spo2_scale for person in people], np.int8)
        oxygen = np.array([person.on_oxygen for person in people], np.bool_)
        values, times = state.value[rows][:, _COLUMNS], state.time_us[rows][:, _COLUMNS]
        limit = np.array([FRESH_US[channel] for channel in news2.PARAMETERS])
        fresh = (times > 0) & (now_us - times <= limit)
        points = np.stack(
            [news2.points(channel, values[:, i], scale, oxygen) for i, channel in enumerate(news2.PARAMETERS)], axis=1
        )
        points = np.where(fresh, points, 0)
        total = points.sum(axis=1) + news2.OXYGEN_POINTS * oxygen
        single = points.max(axis=1)
        for i in np.flatnonzero((total >= 5) | (single >= 3) | self._known(people)):
            person = people[i]
            parts = _parts(person, values[i], times[i], fresh[i], points[i], now_us)
            yield from self._judge(person, int(total[i]), int(single[i]), parts, now_us)

    def _known(self, people: list[Person]) -> Any:
        return np.array([person.code in self._episodes for person in people], np.bool_)

    def _judge(
        self, person: Person, total: int, single: int, parts: list[dict[str, Any]], now_us: int
    ) -> Iterator[Finding]:
        level = news2.level(total, single)
        episode = self._episodes.setdefault(person.code, Episode())
        if level in ("none", "low"):
            if episode.release(now_us, NORMAL_US) or not episode.onset_us:
                del self._episodes[person.code]
            return
        episode.hold(now_us)
        if now_us - episode.since_us < HOLD_US:
            return
        severity: Severity = "emergency" if level == "high" else "urgent"
        if not episode.onset_us:
            episode.onset_us, episode.severity = episode.since_us, severity
            yield _finding("open", person, episode, total, single, parts, now_us)
        elif RANK[severity] < RANK[episode.severity]:
            episode.severity = severity
            yield _finding("update", person, episode, total, single, parts, now_us)


def _parts(person: Person, values: Any, times: Any, fresh: Any, points: Any, now_us: int) -> list[dict[str, Any]]:
    """The score's parts, for a person to read: value, points, and how old each is."""
    parts: list[dict[str, Any]] = []
    for i, channel in enumerate(news2.PARAMETERS):
        entry: dict[str, Any] = {"channel": channel, "state": "missing"}
        if times[i]:
            entry = {
                "channel": channel,
                "state": "fresh" if fresh[i] else "stale",
                "value": round(float(values[i]), 1),
                "age_s": int(now_us - times[i]) // 1_000_000,
            }
            if fresh[i]:
                entry["points"] = int(points[i])
        parts.append(entry)
    if person.on_oxygen:
        parts.append({"channel": "supplemental_oxygen", "state": "fresh", "value": 1, "points": news2.OXYGEN_POINTS})
    return parts


def _finding(
    action: Any, person: Person, episode: Episode, total: int, single: int, parts: list[dict[str, Any]], now_us: int
) -> Finding:
    complete = all(part["state"] == "fresh" for part in parts)
    told = [part for part in parts if part.get("points")]
    zh = "、".join(_say(part, "zh") for part in told)
    en = ", ".join(_say(part, "en") for part in told)
    missing = [part["channel"] for part in parts if part["state"] != "fresh"]
    partial_zh = "" if complete else f"(部分评分,缺 {len(missing)} 项:{'、'.join(CHANNELS[c].zh for c in missing)})"
    partial_en = (
        "" if complete else f" (partial: {len(missing)} missing or stale: {', '.join(CHANNELS[c].en for c in missing)})"
    )
    held_s = (now_us - episode.since_us) // 1_000_000
    return Finding(
        action=action,
        rule=RULE,
        rule_version=VERSION,
        severity="emergency" if total >= 7 else "urgent",
        subject=f"resident:{person.code}",
        household_id=person.household_id,
        resident_id=person.id,
        onset_us=episode.onset_us,
        sensed_us=now_us,
        reason_zh=f"NEWS2 {total} 分{partial_zh}:{zh},已持续 {held_s} 秒",
        reason_en=f"NEWS2 {total}{partial_en}: {en}, for {held_s} s",
        evidence={
            "kind": "news2",
            "total": total,
            "highest_single": single,
            "level": news2.level(total, single),
            "complete": complete,
            "spo2_scale": person.spo2_scale,
            "parts": parts,
        },
    )


def _say(part: dict[str, Any], language: str) -> str:
    channel = CHANNELS[part["channel"]]
    if language == "zh":
        return f"{channel.zh} {part['value']:g}({part['points']} 分)"
    return f"{channel.en} {part['value']:g} ({part['points']})"
