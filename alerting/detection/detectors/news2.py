"""Scores fresh vital signs by NEWS2: alerts at 3 in one parameter, 5, 7; partial scores name missing and stale parts.

Source: RCP 2017 (see ``alerting.detection.kit.news2_score``). For the home: score fresh values, never call a partial
score complete, let a 3 in a single fresh parameter alert on its own. Of heart, breathing and oxygen the mildest of the
last three readings counts, and the level must hold for two minutes, a 3 alone for five: one odd reading alerts nobody.
Measurements by a person (pressure, temperature, consciousness) count at once.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit import news2_score
from alerting.detection.kit.columns import STEP_US, Bins, Carried, carry, grown
from alerting.detection.kit.context import COLUMN, MEASURED, District, Person
from alerting.detection.kit.detector import Array, CompleteSteps, Detector, Rule
from alerting.detection.kit.episodes import Episode
from alerting.detection.kit.steady import Recent
from alerting.detection.kit.words import VITAL_SIGNS, lasting, name_of, value_in_words
from vocabulary.severity import RANK, Severity
from vocabulary.times import HOUR_US, MINUTE_US, SECOND_US

RULE = "news2"
FRESH_US: dict[str, int] = {
    # continuous sensors: a quarter of an hour; spot measurements: the interval RCP asks for at a score of 1–4, 6 h
    "respiration_rate": 15 * MINUTE_US,
    "spo2": 15 * MINUTE_US,
    "heart_rate": 15 * MINUTE_US,
    "systolic_bp": 6 * HOUR_US,
    "body_temperature": 6 * HOUR_US,
    "consciousness": 6 * HOUR_US,
}
HOLD_US, HOLD_SINGLE_US = 2 * MINUTE_US, 5 * MINUTE_US
"""A 3 in one parameter alone must last longer: sleepers' oxygen dips for minutes, and below 90 % the limits alert."""

SAID_US = MINUTE_US
"""A shorter duration, as after a measurement by a person, is left out of the reason."""
NORMAL_US = 10 * MINUTE_US
"""The score must stay below every trigger for ten minutes before a new episode can begin."""
CONTINUOUS = tuple(code for code, fresh_us in FRESH_US.items() if fresh_us <= 15 * MINUTE_US)
_COLUMNS = np.array([COLUMN[channel] for channel in news2_score.PARAMETERS])
_PLACE = np.full(len(MEASURED), -1)
_PLACE[_COLUMNS] = np.arange(len(_COLUMNS))
_SLOT = np.array([CONTINUOUS.index(channel) if channel in CONTINUOUS else -1 for channel in news2_score.PARAMETERS])
_FRESH_STEPS = np.array([FRESH_US[channel] // STEP_US for channel in news2_score.PARAMETERS])


class Scored(msgspec.Struct):
    """Episodes by row; ``recent``: bins of the continuous channels; of each parameter's newest bin the points and value
    that count, and the step of the first reading with them, shapes [people, 6]."""

    episodes: dict[int, Episode] = {}
    recent: Recent = msgspec.field(default_factory=lambda: Recent.of(len(CONTINUOUS)))
    points: Array = msgspec.field(default_factory=lambda: np.zeros((0, len(news2_score.PARAMETERS)), np.int8))
    value: Array = msgspec.field(default_factory=lambda: np.zeros((0, len(news2_score.PARAMETERS)), np.float32))
    since: Array = msgspec.field(default_factory=lambda: np.zeros((0, len(news2_score.PARAMETERS)), np.int32))


class Moments(msgspec.Struct, frozen=True):
    """The values that count at every moment, shapes [m] and [m, 6]. ``since``: step of the first reading with them."""

    carried: Carried
    fresh: NDArray[np.bool_]
    value: NDArray[np.float32]
    points: NDArray[np.int8]
    since: NDArray[np.int64]


class News2(Detector):
    """Scores every moment at which a scored channel has a bin; only residents near a trigger are walked."""

    version: ClassVar = 2
    constants: ClassVar = {
        "news2.urgent": news2_score.URGENT,
        "news2.emergency": news2_score.EMERGENCY,
        "news2.single": news2_score.SINGLE,
        "news2.hold_s": HOLD_US / 1e6,
        "news2.hold_single_s": HOLD_SINGLE_US / 1e6,
        **{f"news2.fresh_s.{code}": fresh_us / 1e6 for code, fresh_us in FRESH_US.items()},
    }
    rules: ClassVar = {
        RULE: Rule(
            title=("NEWS2 评分升高", "raised NEWS2 score"), outside=VITAL_SIGNS, service="vital_signs", story="vital"
        )
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Scored()
        self._scale: NDArray[np.int8] = np.empty(0, np.int8)
        self._oxygen: NDArray[np.bool_] = np.empty(0, np.bool_)
        self._watched: NDArray[np.bool_] = np.empty(0, np.bool_)

    def learn(self, district: District) -> None:
        people, state = len(district.people), self.state
        state.recent.grow(people)
        state.points, state.value, state.since = (grown(a, people) for a in (state.points, state.value, state.since))
        self._scale = np.array([person.spo2_scale for person in district.people], np.int8)
        self._oxygen = np.array([person.on_oxygen for person in district.people], np.bool_)
        self._watched = np.zeros(people, np.bool_)
        self._watched[list(state.episodes)] = True

    def look(self, steps: CompleteSteps) -> Iterator[Finding]:
        bins = steps.bins.of(*_COLUMNS)
        if not len(bins):
            return
        moments = self._moments(bins, steps)
        row = moments.carried.row
        by_parameter = np.ascontiguousarray(moments.points.T)  # along the short axis numpy is slow
        total = by_parameter.sum(axis=0) + news2_score.OXYGEN_POINTS * self._oxygen[row]
        single = by_parameter.max(axis=0)
        near = (total >= news2_score.URGENT) | (single >= news2_score.SINGLE) | self._watched[row]
        for i in np.flatnonzero(np.isin(row, np.unique(row[near]))).tolist() if near.any() else ():
            yield from self._judge(steps.district, moments, i, int(total[i]))

    def _moments(self, bins: Bins, steps: CompleteSteps) -> Moments:
        """One odd reading of a continuous channel gives no points: see :mod:`alerting.detection.kit.steady`."""
        state, row, place = self.state, bins.row, _PLACE[bins.column]
        points = np.zeros(len(bins), np.int8)
        for i in np.unique(place).tolist():
            channel, of = news2_score.PARAMETERS[i], np.flatnonzero(place == i)
            points[of] = news2_score.points(channel, bins.mean[of], self._scale[row[of]], self._oxygen[row[of]])
        value, since = bins.mean.copy(), bins.step.copy()
        steady = np.flatnonzero(_SLOT[place] >= 0)
        continuous = bins.take(steady)
        value[steady], points[steady], since[steady] = state.recent.mildest(
            continuous, _SLOT[place[steady]], points[steady]
        )
        carried = carry(bins, steps.latest, _COLUMNS)
        fresh = (carried.step_of > 0) & (carried.step[:, None] + 1 - carried.step_of <= _FRESH_STEPS)
        people, at = carried.row, row * np.int64(len(_COLUMNS)) + place
        once = bool((people[1:] != people[:-1]).all())  # as when live: each person's only moment is their newest
        counted = []
        for new, known in ((value, state.value), (points, state.points), (since, state.since)):
            old = None if once else known[people]
            known.reshape(-1)[at] = new  # with repeated indices numpy keeps the last one, and that is the newest
            counted.append(known[people] if old is None else np.where(carried.bin_of >= 0, new[carried.bin_of], old))
        return Moments(carried, fresh, counted[0], np.where(fresh, counted[1], 0).astype(np.int8), counted[2])

    def _judge(self, district: District, moments: Moments, i: int, total: int) -> Iterator[Finding]:
        carried, points = moments.carried, moments.points[i]
        row, begin_us = int(carried.row[i]), int(carried.step[i]) * STEP_US
        end_us = begin_us + STEP_US
        level = news2_score.level(total, int(points.max()))
        episode = self.state.episodes.get(row)
        if level in ("none", "low"):
            if episode is not None and (episode.release(end_us, NORMAL_US) or not episode.onset_us):
                del self.state.episodes[row]
                self._watched[row] = False
            return
        if episode is None:
            episode = self.state.episodes[row] = Episode()
            self._watched[row] = True
        # holds since the first of the last three readings of the parameter that weighs most
        gravest = int(points.argmax())
        episode.hold(int(moments.since[i, gravest]) * STEP_US)
        hold_us = 0 if _SLOT[gravest] < 0 else HOLD_SINGLE_US if level == "low-medium" else HOLD_US
        if begin_us - episode.since_us < hold_us:
            return
        severity: Severity = "emergency" if level == "high" else "urgent"
        if not episode.onset_us:
            action: FindingAction = "open"
            episode.onset_us = episode.since_us
        elif RANK[severity] < RANK[episode.severity]:
            action = "update"
        else:
            return
        episode.severity = severity
        person = district.people[row]
        parts = _parts(person, moments.value[i], carried.step_of[i] * STEP_US, moments.fresh[i], points, end_us)
        yield _finding(action, severity, person, episode, total, int(points.max()), parts, end_us)


def _parts(person: Person, values: Any, times: Any, fresh: Any, points: Any, now_us: int) -> list[dict[str, Any]]:
    """The score's parts, for a person to read: value, points and age."""
    parts: list[dict[str, Any]] = []
    for i, channel in enumerate(news2_score.PARAMETERS):
        entry: dict[str, Any] = {"channel": channel, "state": "missing"}
        if times[i]:
            entry = {
                "channel": channel,
                "state": "fresh" if fresh[i] else "stale",
                "value": round(float(values[i]), 1),
                "age_s": int(now_us - times[i]) // SECOND_US,
            }
            if fresh[i]:
                entry["points"] = int(points[i])
        parts.append(entry)
    if person.on_oxygen:
        parts.append(
            {"channel": "supplemental_oxygen", "state": "fresh", "value": 1, "points": news2_score.OXYGEN_POINTS}
        )
    return parts


def _finding(
    action: FindingAction,
    severity: Severity,
    person: Person,
    episode: Episode,
    total: int,
    single: int,
    parts: list[dict[str, Any]],
    now_us: int,
) -> Finding:
    complete = all(part["state"] == "fresh" for part in parts)
    scoring_parts = [part for part in parts if part.get("points")]
    zh = "、".join(_say(part, "zh") for part in scoring_parts)
    en = ", ".join(_say(part, "en") for part in scoring_parts)
    missing = [part["channel"] for part in parts if part["state"] != "fresh"]
    lack_zh, lack_en = ("、".join(name_of(c)[0] for c in missing), ", ".join(name_of(c)[1] for c in missing))
    partial_zh = "" if complete else f"(部分评分,缺 {len(missing)} 项:{lack_zh})"
    partial_en = "" if complete else f" (partial: {len(missing)} missing or stale: {lack_en})"
    held_us = now_us - episode.since_us
    for_zh, for_en = (
        (f",已持续 {lasting(held_us)[0]}", f", for {lasting(held_us)[1]}") if held_us >= SAID_US else ("", "")
    )
    return Finding(
        action=action,
        rule=RULE,
        rule_version=News2.version,
        severity=severity,
        subject=person.subject,
        household_id=person.household_id,
        resident_id=person.id,
        onset_us=episode.onset_us,
        sensed_us=now_us,
        reason_zh=f"NEWS2 评分 {total} 分:{zh}{for_zh}{partial_zh}",
        reason_en=f"NEWS2 score {total}: {en}{for_en}{partial_en}",
        evidence={
            "kind": "news2",
            "total": total,
            "highest_single": single,
            "level": news2_score.level(total, single),
            "complete": complete,
            "spo2_scale": person.spo2_scale,
            "parts": parts,
        },
    )


def _say(part: dict[str, Any], language: str) -> str:
    zh, en = value_in_words(part["channel"], part["value"])
    if language == "zh":
        return f"{zh}({part['points']} 分)"
    return f"{en} ({part['points']})"
