"""Scores fresh vital signs by NEWS2: alerts at 3 in one parameter, 5, 7; partial scores name missing and stale parts.

Source: RCP 2017 (see ``alerting.detection.kit.news2_score``). For the home: score fresh values, never call a partial
score complete, let a 3 in a single fresh parameter alert on its own. Each device is scored by itself, and of several
the gravest counts. Measurements by hand count when they come; of streams what holds
(:mod:`alerting.detection.kit.sources.counted`). A 3 in one parameter of a stream must last five minutes; one in a
single measurement of a sensor on the skin asks to measure again, and becomes urgent when that confirms it, or is left
undone.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit import news2_score
from alerting.detection.kit.columns import STEP_US, Bins, firsts, grown, value_at
from alerting.detection.kit.context import COLUMN, COLUMNS, SEATS, District, Person
from alerting.detection.kit.detector import Array, CompleteSteps, Detector, Rule
from alerting.detection.kit.sources.counted import HOLD_STEPS, Counting, Readings
from alerting.detection.kit.sources.moments import AGAIN_STEPS, Moments, first_since, measured_again
from alerting.detection.kit.sources.seats import SeatedDevices
from alerting.detection.kit.sources.window import is_sensed
from alerting.detection.kit.words import VITAL_SIGNS, lasting, name_of, value_in_words
from vocabulary.severity import RANK, Severity
from vocabulary.times import HOUR_S, HOUR_US, MINUTE_US, SECOND_US

RULE = "news2"
FRESH_US: dict[str, int] = {
    # RCP 2017, table 2, asks for the next set within an hour at 5 or a 3 in one, within 6 h at 1–4. What changes within
    # minutes counts for the first, and a quarter of an hour for a round that is late
    "respiration_rate": 75 * MINUTE_US,
    "spo2": 75 * MINUTE_US,
    "heart_rate": 75 * MINUTE_US,
    "systolic_bp": 6 * HOUR_US,
    "body_temperature": 6 * HOUR_US,
    "consciousness": 6 * HOUR_US,
}
FRESH_STREAM_US = 15 * MINUTE_US
"""The last value of a sensor that measured by itself and stopped counts no longer than this."""
SINGLE_STEPS = 5 * MINUTE_US // STEP_US
"""A 3 in one parameter of a stream must last longer: sleepers' oxygen dips for minutes."""
MEASURE_AGAIN_US = 10 * MINUTE_US
SAID_US = MINUTE_US
"""A shorter duration, as after a measurement by a person, is left out of the reason."""
NORMAL_US = 10 * MINUTE_US
"""A stream's score must stay below every trigger for ten minutes before the episode is over."""
UNKNOWN_US = 6 * HOUR_US
"""An episode of which nothing was heard for longer than any value is fresh is over, and the next one is new."""

_PARAMETERS = len(news2_score.PARAMETERS)
_COLUMNS = np.array([COLUMN[channel] for channel in news2_score.PARAMETERS])
_OXYGEN = COLUMN["supplemental_oxygen"]
_PLACE = np.full(COLUMNS, -1)
_PLACE[_COLUMNS] = np.arange(_PARAMETERS)
_SKIN = np.array([channel in ("respiration_rate", "spo2", "heart_rate") for channel in news2_score.PARAMETERS])
"""Parameters whose single measurement is to be repeated before it is urgent: cold fingers, loose clips."""
_FRESH_STEPS = np.repeat([FRESH_US[channel] // STEP_US for channel in news2_score.PARAMETERS], SEATS)
_FRESH_STREAM_STEPS = np.where(np.repeat(_SKIN, SEATS), FRESH_STREAM_US // STEP_US, _FRESH_STEPS)
_LASTING = 2
"""Of a source that is known as a stream for good; 1: of one that is a stream now, 0: measured by hand."""
_PLACES = _PARAMETERS * SEATS


def _places(dtype: type) -> Any:
    return msgspec.field(default_factory=lambda: np.zeros((0, _PLACES), dtype))


class ScoreEpisode(msgspec.Struct, kw_only=True):
    """An open alert: ``calm_us``: since when the score has been low, 0: it is not; ``again_us``: when a measurement
    that was not repeated becomes urgent, 0: none waits for that; ``told``: what was said last."""

    onset_us: int
    severity: Severity
    last_us: int
    calm_us: int = 0
    again_us: int = 0
    told: "Score | None" = None


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """A score as it is told at ``at_us``, for a person to read."""

    total: int
    single: int
    since_us: int
    at_us: int
    parts: list[dict[str, Any]]


class Scored(msgspec.Struct):
    """Episodes by row; readings of the sensors that count; of each parameter and seat the points and value that count,
    the step of that reading and since when it has been as grave, shapes [people, 6 * seats]."""

    episodes: dict[int, ScoreEpisode] = {}
    counting: Counting = msgspec.field(default_factory=Counting)
    points: Array = _places(np.int8)
    value: Array = _places(np.float32)
    step: Array = _places(np.int32)
    since: Array = _places(np.int32)
    streams: Array = _places(np.int8)


class News2(Detector):
    """Scores every moment at which a scored channel has a bin; only residents near a trigger are walked."""

    version: ClassVar = 3
    constants: ClassVar = {
        "news2.urgent": news2_score.URGENT,
        "news2.emergency": news2_score.EMERGENCY,
        "news2.single": news2_score.SINGLE,
        "news2.hold_s": HOLD_STEPS * STEP_US / 1e6,
        "news2.hold_single_s": SINGLE_STEPS * STEP_US / 1e6,
        "news2.measure_again_s": MEASURE_AGAIN_US / 1e6,
        "news2.fresh_stream_s": FRESH_STREAM_US / 1e6,
        **{f"news2.fresh_s.{code}": fresh_us / 1e6 for code, fresh_us in FRESH_US.items()},
    }
    rules: ClassVar = {
        RULE: Rule(
            title=("NEWS2 评分升高", "raised NEWS2 score"),
            outside=VITAL_SIGNS,
            service="vital_signs",
            story="vital",
            again_s=HOUR_S,
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
        state.counting.grow(people)
        for name in ("points", "value", "step", "since", "streams"):
            setattr(state, name, grown(getattr(state, name), people))
        self._scale = np.array([person.spo2_scale for person in district.people], np.int8)
        self._oxygen = np.array([person.on_oxygen for person in district.people], np.bool_)
        self._watched = np.zeros(people, np.bool_)
        self._watched[list(state.episodes)] = True

    def look(self, steps: CompleteSteps) -> Iterator[Finding]:
        every = steps.sources.bins
        place = _PLACE[every.column]
        mine = ((place >= 0) | (every.column == _OXYGEN)) & steps.sources.counts
        if not mine.any():
            return
        moments = self._moments(mine, steps)
        if moments is None:
            return
        row = moments.row
        by_parameter = moments.points.reshape(-1, _PARAMETERS, SEATS).max(axis=2)
        total = by_parameter.sum(axis=1) + news2_score.OXYGEN_POINTS * moments.oxygen
        single = np.maximum(by_parameter.max(axis=1), news2_score.OXYGEN_POINTS * moments.oxygen)
        near = (total >= news2_score.URGENT) | (single >= news2_score.SINGLE) | self._watched[row]
        for i in np.flatnonzero(np.isin(row, np.unique(row[near]))).tolist() if near.any() else ():
            yield from self._judge(steps.district, moments, i, int(total[i]), int(single[i]))

    def due(self, district: District, key: str, at_us: int) -> Iterator[Finding]:
        yield from self._overdue(district, int(key), at_us + 1)

    def _moments(self, mine: NDArray[np.bool_], steps: CompleteSteps) -> Moments | None:
        """Let these bins of all sources count, and put what counts side by side at every moment of people who score."""
        bins = steps.sources.bins.where(mine)
        state, place = self.state, _PLACE[bins.column]
        oxygen = self._on_oxygen(bins, steps)
        points = np.zeros(len(bins), np.int8)
        for i in np.unique(place[place >= 0]).tolist():
            of = np.flatnonzero(place == i)
            channel, rows = news2_score.PARAMETERS[i], bins.row[of]
            points[of] = news2_score.points(channel, bins.mean[of], self._scale[rows], oxygen[of])
        step = bins.step.astype(np.int32)
        counted = Readings(points, bins.mean.copy(), step, step.copy())
        streams = np.zeros(len(bins), np.int8)
        at = bins.row * np.int64(_PLACES) + place * SEATS + bins.seat
        of_sensors = is_sensed(bins.column)
        sensed = np.flatnonzero(of_sensors)
        if len(sensed):
            spoken, known = steps.sources.sensed.where(mine).where(of_sensors), self._known().at(at[sensed])
            streams[sensed] = np.where(spoken.lasting, _LASTING, spoken.streams)
            found = state.counting.add(bins.where(of_sensors), points[sensed], spoken, known)
            counted.put(sensed, found)
        return self._side_by_side(bins, place, at, oxygen, counted, streams, steps.sources.seated)

    def _on_oxygen(self, bins: Bins, steps: CompleteSteps) -> NDArray[np.bool_]:
        """Whether each bin's person is on oxygen: as measured lately, else as recorded."""
        oxygen = self._oxygen[bins.row]
        if (bins.column == _OXYGEN).any() or steps.latest.step[:, _OXYGEN].any():
            value, at = value_at(steps.bins, steps.latest, _OXYGEN, bins.row, bins.step)
            measured = (at > 0) & ((bins.step - at) * STEP_US <= FRESH_US["consciousness"])
            oxygen = np.where(measured, value >= 0.5, oxygen)
        return oxygen

    def _known(self) -> Readings:
        """The readings that count, flat: by person, parameter and seat."""
        state = self.state
        return Readings(*(array.reshape(-1) for array in (state.points, state.value, state.step, state.since)))

    def _side_by_side(
        self,
        bins: Bins,
        place: NDArray[np.intp],
        at: NDArray[np.int64],
        oxygen: NDArray[np.bool_],
        counted: Readings,
        streams: NDArray[np.int8],
        seated: SeatedDevices,
    ) -> Moments | None:
        known = self._known()
        scored = np.flatnonzero((place >= 0) & (counted.step > 0))  # a stream's first readings do not count yet
        alone = bool((bins.step == bins.step[0]).all())
        if alone:
            known.put(at[scored], counted.at(scored))
            self.state.streams.reshape(-1)[at[scored]] = streams[scored]
        new = firsts(bins.row)
        begins, somebody = np.flatnonzero(new), bins.row[new]
        scores = self.state.points[somebody].any(axis=1) | self._watched[somebody]
        if not alone:
            scores |= np.logical_or.reduceat(counted.grade > 0, begins)
        moments = None
        if scores.any():  # nobody else can reach a trigger
            here = np.flatnonzero(np.repeat(scores, np.diff(begins, append=len(bins))))
            few, found = bins.take(here), counted.at(here)
            moments = self._at_moments(few, place[here], oxygen[here], found, streams[here], seated, alone=alone)
        if not alone:
            # with repeated places numpy keeps the last one, and that is the newest
            known.put(at[scored], counted.at(scored))
            self.state.streams.reshape(-1)[at[scored]] = streams[scored]
        return moments

    def _at_moments(
        self,
        bins: Bins,
        place: NDArray[np.intp],
        oxygen: NDArray[np.bool_],
        counted: Readings,
        streams: NDArray[np.int8],
        seated: SeatedDevices,
        *,
        alone: bool,
    ) -> Moments:
        """``alone``: these readings are of one step, and the state has them already."""
        if alone:
            new = firsts(bins.row)
            row, index = bins.row[new], np.cumsum(new) - 1
            step = np.full(len(row), bins.step[0])
            state = self.state
            every = state.points, state.value, state.step, state.since, state.streams
            points, value, step_of, since, of_streams = (old[row] for old in every)
        else:
            base = int(bins.step.min())
            moment, index = np.unique((bins.row.astype(np.int64) << 20) | (bins.step - base), return_inverse=True)
            row, step = (moment >> 20).astype(np.int32), (moment & 0xFFFFF) + base
            points, value, step_of, since, of_streams = self._carried(bins, place, counted, streams, row, index)
        age = step[:, None] - step_of  # from reading to reading: one of exactly six hours ago still counts
        fresh = (step_of > 0) & (age >= 0)
        fresh &= age <= np.where(of_streams == _LASTING, _FRESH_STREAM_STEPS, _FRESH_STEPS)
        trust = seated.trust((row[:, None] * np.int64(COLUMNS) + _COLUMNS).reshape(-1)).reshape(len(row), -1, SEATS)
        fresh &= ~measured_again(step_of, fresh & (of_streams == 0), trust)
        by_hand = np.zeros(len(row), np.bool_)
        by_hand[index[(streams == 0) & (place >= 0)]] = True
        on_oxygen = np.zeros(len(row), np.bool_)
        on_oxygen[index] = oxygen
        return Moments(
            row=row,
            step=step,
            points=np.where(fresh, points, 0).astype(np.int8),
            graded=points,
            value=value,
            step_of=np.where(fresh, step_of, -step_of),
            since=since,
            streams=of_streams,
            oxygen=on_oxygen,
            by_hand=by_hand,
        )

    def _carried(
        self,
        bins: Bins,
        place: NDArray[np.intp],
        counted: Readings,
        streams: NDArray[np.int8],
        row: NDArray[np.int32],
        index: NDArray[np.intp],
    ) -> list[NDArray[Any]]:
        """The readings that count at each of many moments of a person: carried forward from one to the next."""
        scored = np.flatnonzero((place >= 0) & (counted.step > 0))
        at = index[scored] * np.int64(_PLACES) + place[scored] * SEATS + bins.seat[scored]
        first = np.flatnonzero(firsts(row))
        source = np.full((len(row), _PLACES), -1, np.intp)
        source[first] = first[:, None]
        source.reshape(-1)[at] = index[scored]
        np.maximum.accumulate(source, axis=0, out=source)
        sides, state = [], self.state
        found = source * _PLACES + np.arange(_PLACES)
        pairs = (
            (state.points, counted.grade),
            (state.value, counted.value),
            (state.step, counted.step),
            (state.since, counted.since),
            (state.streams, streams),
        )
        for old, values in pairs:
            side = np.zeros((len(row), _PLACES), old.dtype)
            side[first] = old[row[first]]
            side.reshape(-1)[at] = values[scored]
            sides.append(side.take(found))
        return sides

    def _judge(self, district: District, moments: Moments, i: int, total: int, single: int) -> Iterator[Finding]:
        row, now_us = int(moments.row[i]), (int(moments.step[i]) + 1) * STEP_US
        yield from self._overdue(district, row, now_us)
        person, episode = district.people[row], self.state.episodes.get(row)
        if episode is not None and now_us - episode.last_us > UNKNOWN_US:
            self._forget(row)
            episode = None
        severity = _severity(moments, i, total, single)
        if severity is None:
            if episode is not None and news2_score.level(total, single) in ("none", "low"):
                episode.calm_us = min(episode.calm_us or now_us, now_us)
                if now_us - episode.calm_us >= (0 if moments.by_hand[i] else NORMAL_US):
                    self._forget(row)
                    parts = _parts(person, moments, i, now_us)
                    score = Score(total=total, single=single, since_us=now_us, at_us=now_us, parts=parts)
                    yield _finding("end", person, episode, score, now_us)
            return
        parts = _parts(person, moments, i, now_us)
        scoring = (moments.points[i] > 0) & (moments.points[i] >= (1 if total >= news2_score.URGENT else single))
        since_us = int(moments.since[i][scoring].max(initial=0)) * STEP_US or now_us - STEP_US
        if episode is None:
            episode = ScoreEpisode(onset_us=since_us, severity=severity, last_us=now_us)
            self.state.episodes[row] = episode
            self._watched[row] = True
            action: FindingAction = "open"
        else:
            episode.last_us, episode.calm_us = max(episode.last_us, now_us), 0
            if RANK[severity] >= RANK[episode.severity]:
                if episode.again_us:  # told if nobody repeats the measurement
                    episode.told = Score(total=total, single=single, since_us=since_us, at_us=now_us, parts=parts)
                return
            action = "update"
        episode.severity = severity
        episode.told = Score(total=total, single=single, since_us=since_us, at_us=now_us, parts=parts)
        self.timers.cancel(str(row))
        episode.again_us = now_us + MEASURE_AGAIN_US if severity == "attention" else 0
        if episode.again_us:
            self.timers.set(episode.again_us, str(row))
        yield _finding(action, person, episode, episode.told, now_us)

    def _overdue(self, district: District, row: int, now_us: int) -> Iterator[Finding]:
        """Raise a single measurement that nobody repeated in time. In a replay a later reading may be seen before the
        timer comes, so every moment looks."""
        episode = self.state.episodes.get(row)
        if episode is not None and episode.told is not None and episode.again_us and episode.again_us < now_us:
            at_us, episode.again_us, episode.severity = episode.again_us, 0, "urgent"
            self.timers.cancel(str(row))
            score = _aged(episode.told, at_us)
            yield _finding("update", district.people[row], episode, score, at_us, not_repeated=True)

    def _forget(self, row: int) -> None:
        del self.state.episodes[row]
        self._watched[row] = False
        self.timers.cancel(str(row))


def _severity(moments: Moments, i: int, total: int, single: int) -> Severity | None:
    """The severity of a moment's score; None: nothing to tell, or not yet."""
    level = news2_score.level(total, single)
    if level in ("none", "low"):
        return None
    if level != "low-medium":
        return "emergency" if level == "high" else "urgent"
    found: Severity | None = None
    for place in np.flatnonzero(moments.points[i] == single).tolist():
        since, reading, now = int(moments.since[i, place]), int(moments.step_of[i, place]), int(moments.step[i])
        if moments.streams[i, place]:
            if now - since >= SINGLE_STEPS:
                return "urgent"
        elif not _SKIN[place // SEATS] or reading - first_since(moments, i, place, _FRESH_STEPS) >= AGAIN_STEPS:
            return "urgent"
        else:
            found = "attention"
    return found


def _parts(person: Person, moments: Moments, i: int, now_us: int) -> list[dict[str, Any]]:
    """The score's parts, for a person to read: value, points and age. Of several devices the one that counts: the
    gravest, of equal ones the newest."""
    parts: list[dict[str, Any]] = []
    for place, channel in enumerate(news2_score.PARAMETERS):
        here = slice(place * SEATS, (place + 1) * SEATS)
        step_of, points = moments.step_of[i, here], moments.points[i, here]
        if not step_of.any():
            parts.append({"channel": channel, "state": "missing"})
            continue
        fresh = step_of > 0
        key = np.where(fresh, points.astype(np.int64) + 1, 0) * (1 << 33) + np.abs(step_of.astype(np.int64))
        best = int(key.argmax())
        entry: dict[str, Any] = {
            "channel": channel,
            "state": "fresh" if fresh[best] else "stale",
            "value": round(float(moments.value[i, here][best]), 1),
            "age_s": (now_us - abs(int(step_of[best])) * STEP_US) // SECOND_US,
        }
        if fresh[best]:
            entry["points"] = int(points[best])
        parts.append(entry)
    if moments.oxygen[i]:
        parts.append(
            {"channel": "supplemental_oxygen", "state": "fresh", "value": 1, "points": news2_score.OXYGEN_POINTS}
        )
    return parts


def _aged(score: Score, at_us: int) -> Score:
    """The score at a later time without another reading: its parts are older, and some of them stale."""
    later_s, parts = (at_us - score.at_us) // SECOND_US, []
    for part in score.parts:
        if "age_s" in part:
            age_s = part["age_s"] + later_s
            part = {**part, "age_s": age_s}
            if (age_s * SECOND_US - STEP_US) > FRESH_US[part["channel"]]:
                part = {**part, "state": "stale"}
                part.pop("points", None)
        parts.append(part)
    points = [part.get("points", 0) for part in parts]
    return Score(total=sum(points), single=max(points), since_us=score.since_us, at_us=at_us, parts=parts)


def _finding(
    action: FindingAction,
    person: Person,
    episode: ScoreEpisode,
    score: Score,
    now_us: int,
    *,
    not_repeated: bool = False,
) -> Finding:
    parts = score.parts
    complete = all(part["state"] == "fresh" for part in parts)
    scoring_parts = [part for part in parts if part.get("points")]
    zh = "、".join(_say(part, "zh") for part in scoring_parts)
    en = ", ".join(_say(part, "en") for part in scoring_parts)
    zh, en = (f"：{zh}", f": {en}") if scoring_parts else ("", "")
    missing = [part["channel"] for part in parts if part["state"] != "fresh"]
    lack_zh, lack_en = ("、".join(name_of(c)[0] for c in missing), ", ".join(name_of(c)[1] for c in missing))
    partial_zh = "" if complete else f"；评分不完整，缺{lack_zh}"
    partial_en = "" if complete else f"; incomplete, without {lack_en}"
    held_us = now_us - score.since_us
    for_zh, for_en = (
        (f"，已持续 {lasting(held_us)[0]}", f", for {lasting(held_us)[1]}")
        if held_us >= SAID_US and not not_repeated and action != "end"
        else ("", "")
    )
    if not_repeated:
        wait_zh, wait_en = lasting(MEASURE_AGAIN_US)
        for_zh, for_en = f"，{wait_zh}内未复测", f", not measured again for {wait_en}"
    elif episode.severity == "attention" and action != "end":
        for_zh, for_en = "，请立即复测", "; measure again now"
    reason_zh = f"生命体征异常（NEWS2 {score.total} 分）{zh}{for_zh}{partial_zh}"
    reason_en = f"Vital signs abnormal (NEWS2 {score.total}){en}{for_en}{partial_en}"
    if action == "end":
        reason_zh, reason_en = f"NEWS2 评分已降至 {score.total} 分{zh}", f"NEWS2 score down to {score.total}{en}"
    return Finding(
        action=action,
        rule=RULE,
        rule_version=News2.version,
        severity=episode.severity,
        subject=person.subject,
        household_id=person.household_id,
        resident_id=person.id,
        onset_us=episode.onset_us,
        sensed_us=now_us,
        reason_zh=reason_zh,
        reason_en=reason_en,
        evidence={
            "kind": "news2",
            "total": score.total,
            "highest_single": score.single,
            "level": news2_score.level(score.total, score.single),
            "complete": complete,
            "spo2_scale": person.spo2_scale,
            "parts": parts,
        },
    )


def _say(part: dict[str, Any], language: str) -> str:
    zh, en = value_in_words(part["channel"], part["value"])
    if language == "zh":
        return f"{zh}（{part['points']} 分）"
    return f"{en} ({part['points']})"
