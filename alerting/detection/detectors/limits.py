"""Detects a single vital sign that stays outside the resident's limits.

The defaults lie where NEWS2 gives 3 points or beyond (RCP 2017), but for the upper systolic and the temperature, which
follow the thresholds of hypertensive urgency (180 mmHg, ESC/ESH 2018) and high fever (39.1 °C). Limits that people set
(``alerting.tuning.catalogue``) replace them.

A *stream* must stay outside in most readings of two minutes (oxygen, of a cold or badly placed finger, three). A
*single measurement* outside counts when the next one within a day is outside as well. One so far outside that nobody
may wait for that asks at once to measure again, and becomes urgent when that confirms it, or is left undone. Glucose
has two steps: an urgent alert below 3.9 mmol/L, an emergency below 3.0 once it is confirmed or left unrepeated (ADA
Standards of Care, levels 1 and 2).
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.columns import STEP_US, Bins
from alerting.detection.kit.context import COLUMN, COLUMNS, MEASURED, SEATS, District, Person
from alerting.detection.kit.detector import CompleteSteps, Detector, Rule
from alerting.detection.kit.sources.seats import CONTACTLESS
from alerting.detection.kit.sources.window import (
    PAUSE_STEPS,
    SENSED,
    SPARSE_STEPS,
    Held,
    age,
    established,
    is_sensed,
    lasts,
    sensed_series,
)
from alerting.detection.kit.words import VITAL_SIGNS, finding_about, lasting, title_of, value_in_words
from firmware_profiles.channels import CHANNELS
from vocabulary.severity import RANK, Severity
from vocabulary.times import DAY_US, HOUR_S, MINUTE_US, SECOND_US

_INF = float("inf")


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of a channel, in its unit. ``hold_us``: least time of a stream outside; 0: it is always measured by hand.

    ``far_low``, ``far_high``: a single measurement beyond asks at once to measure again, within ``again_us``.
    ``urgent_once``: a single measurement outside is urgent by itself. ``grave_low``, ``grave_high``: beyond, a
    confirmed value is an emergency; ``worst_low``, ``worst_high``: beyond, a single one is.
    """

    low: float | None
    high: float | None
    hold_us: int = 0
    far_low: float = -_INF
    far_high: float = _INF
    again_us: int = 30 * MINUTE_US
    urgent_once: bool = False
    grave_low: float = -_INF
    grave_high: float = _INF
    worst_low: float = -_INF
    worst_high: float = _INF


_HOLD = 2 * MINUTE_US
_SOON = 10 * MINUTE_US
DEFAULTS: dict[str, Limit] = {
    "heart_rate": Limit(low=40, high=131, hold_us=_HOLD, far_low=35, far_high=150, again_us=_SOON),
    "respiration_rate": Limit(low=8, high=26, hold_us=_HOLD, far_low=7, far_high=30, again_us=_SOON),
    "spo2": Limit(low=90, high=None, hold_us=3 * MINUTE_US, far_low=86, again_us=_SOON),
    "systolic_bp": Limit(low=90, high=180, far_low=80, far_high=200),
    "diastolic_bp": Limit(low=None, high=110, far_high=120),
    "body_temperature": Limit(low=35.0, high=39.1, hold_us=_HOLD, far_low=34.0, far_high=40.0),
    "glucose": Limit(
        low=3.9,
        high=16.7,
        again_us=15 * MINUTE_US,
        urgent_once=True,
        grave_low=3.0,
        grave_high=27.8,
        worst_low=2.0,
        worst_high=33.3,
    ),
}
"""Glucose: marked hyperglycaemia above 16.7 mmol/L, 33.3 mmol/L (600 mg/dL) of the hyperosmolar state, and the
15 minutes of measuring again after sugar, by the ADA Standards of Care. Far values: our own choice, but for the 200 and
120 mmHg of a hypertensive crisis (ESC/ESH 2018: grade 3 begins at 180/110) and 40 °C."""
SPO2_LOW_SCALE_2 = 84.0
"""The low limit of oxygen for those on NEWS2's scale 2: 83 % and below gives 3 points (RCP 2017, chart 1)."""
ROW_US = DAY_US
"""Single measurements further apart than this are not in a row."""
ALONE_US = 3 * MINUTE_US
"""A stream goes on within this time; a reading that nothing follows was measured by hand."""
AGAIN_US = MINUTE_US
"""A measurement confirms the one before if it was made at least a minute later."""

_LIMITED = np.zeros(COLUMNS, np.bool_)
_LIMITED[[COLUMN[code] for code in DEFAULTS]] = True
_EVERY_SEAT = np.dtype(f"u{SEATS}")
"""Flags of all seats of a series read as one number: much faster than to look at each."""
_READINGS = {code: 4 if code == "spo2" else 3 for code in SENSED}
_HOLD_STEPS, _LEAST = np.ones(COLUMNS, np.int64), np.ones(COLUMNS, np.int64)
for _code in SENSED:
    _HOLD_STEPS[COLUMN[_code]] = DEFAULTS[_code].hold_us // STEP_US
    _LEAST[COLUMN[_code]] = _READINGS[_code]


class LimitEpisode(msgspec.Struct, kw_only=True):
    """Of one person, channel and device. ``onset_us`` of the open alert, 0: none, and a single reading is outside;
    ``again_us``: when a reading that was not repeated becomes graver, 0: none waits for that. ``by_hand``: single
    measurements alone made it, the first by a device of this ``trust``."""

    since_us: int
    last_us: int
    count: int = 1
    counted_us: int
    onset_us: int = 0
    severity: Severity = "attention"
    calm_us: int = 0
    again_us: int = 0
    value: float = 0.0
    by_hand: bool = False
    trust: int = 0


class Outside(msgspec.Struct):
    """Episodes by (row, column, seat); first readings of streams after a pause: (end, value); what they did lately."""

    episodes: dict[tuple[int, int, int], LimitEpisode] = {}
    alone: dict[tuple[int, int, int], tuple[int, float]] = {}
    held: Held = msgspec.field(default_factory=lambda: Held.of(2))


class Limits(Detector):
    """Compares all bins of limited channels at once, each device by itself; own limits replace the defaults."""

    version: ClassVar = 2
    rules: ClassVar = {
        f"limit_{code}": Rule(
            title=title_of(code, "超出限值", " beyond its limits"),
            outside=VITAL_SIGNS,
            service="vital_signs",
            story="vital",
            again_s=HOUR_S if limit.hold_us else 900,
        )
        for code, limit in DEFAULTS.items()
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Outside()
        self._low: NDArray[np.float32] = np.empty((0, COLUMNS), np.float32)
        self._high = self._low
        self._watched: NDArray[np.bool_] = np.empty(0, np.bool_)

    def prepare(self, district: District) -> None:
        district.derived(_bounds)

    def learn(self, district: District) -> None:
        people = len(district.people)
        self._low, self._high = district.derived(_bounds)
        self.state.held.grow(people)
        self._watched = np.zeros(people * COLUMNS * SEATS, np.bool_)
        for row, column, seat in (*self.state.episodes, *self.state.alone):
            self._watched[(row * COLUMNS + column) * SEATS + seat] = True

    def in_force(self, person: Person | None, rule: str) -> dict[str, float]:
        code = rule.removeprefix("limit_")
        limit = DEFAULTS[code]
        low, high = (limit.low, limit.high) if person is None else limits_of(person, code)
        numbers = {"low": low, "high": high, "hold_s": limit.hold_us / 1e6, "readings": _READINGS.get(code, 2)}
        return {f"{rule}.{name}": number for name, number in numbers.items() if number is not None}

    def look(self, steps: CompleteSteps) -> Iterator[Finding]:
        every = steps.sources.bins
        mine = np.flatnonzero(_LIMITED[every.column] & (steps.sources.counts | steps.sources.waits))
        if not len(mine):
            return
        bins = every if len(mine) == len(every) else every.take(mine)
        series = bins.series
        sides = np.stack((bins.mean < self._low.take(series), bins.mean > self._high.take(series)))
        outside = sides[0] | sides[1]
        held, streams, since = self._streams(mine, bins, sides, steps)
        concerned = outside | (self._watched.view(_EVERY_SEAT).take(series) > 0)
        counts = steps.sources.counts.take(mine)
        concerned &= counts
        if not concerned.any():
            return
        walked = np.flatnonzero(counts & np.isin(series, np.unique(series[concerned])))
        trust = steps.sources.seated.trust(series)[np.arange(len(bins)), bins.seat]
        for i in walked[np.lexsort((bins.step[walked], series[walked]))].tolist():
            if streams[i]:
                ago = int(steps.sources.sensed.ago[mine[i]])
                yield from self._of_stream(steps.district, bins, i, bool(outside[i]), bool(held[i]), int(since[i]))
                self._perhaps_alone(steps, bins, i, bool(outside[i]), ago)
            else:
                yield from self._measured(steps.district, bins, i, bool(outside[i]), int(trust[i]))

    def due(self, district: District, key: str, at_us: int) -> Iterator[Finding]:
        alone, _, of = key.rpartition("alone|")
        row, column, seat = (int(part) for part in of.split("|"))
        if alone or key != of:
            if (row, column, seat) in self.state.alone:
                yield from self._was_alone(district, (row, column, seat), at_us + STEP_US)
        else:
            yield from self._overdue(district, (row, column, seat), at_us + 1)

    def _streams(
        self, mine: NDArray[np.intp], bins: Bins, sides: NDArray[np.bool_], steps: CompleteSteps
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
        """(whether the condition has held long enough, whether the bin is of a stream, the step since which it holds),
        shapes [n]. ``sides`` [2, n]: below, and above: a sensor that jumps from one to the other holds neither."""
        n = len(bins)
        held, streams, since = np.zeros(n, np.bool_), np.zeros(n, np.bool_), bins.step.copy()
        index = np.flatnonzero(is_sensed(bins.column))
        if not len(index):
            return held, streams, since
        sensed = steps.sources.sensed.take(mine[index])
        streams[index] = sensed.streams
        series, state = sensed_series(bins.take(index)), self.state.held
        uneasy = sides[:, index].any(axis=0) | state.some[series]
        if not uneasy.any():
            return held, streams, since
        walked = np.isin(series, np.unique(series[uneasy]))
        index, series, sensed = index[walked], series[walked], sensed.take(np.flatnonzero(walked))
        (low, high), rows = state.add(series, bins.step[index], sensed.ago, sides[:, index])
        above = np.bitwise_count(high) > np.bitwise_count(low)
        bad, in_row = np.where(above, high, low), np.where(above, rows[1], rows[0])
        seen, hold = sensed.seen, _HOLD_STEPS[bins.column[index]]
        # a step less: the first and the last reading of a hold lie one interval further apart
        held[index] = lasts(seen, bad, hold, _LEAST[bins.column[index]]) & established(seen, 3, hold - 2)
        held[index] &= age(bad) >= hold - 2
        sparse = (in_row >= sensed.in_row) & (sensed.ago >= SPARSE_STEPS)
        held[index] |= sparse
        since[index] = bins.step[index] - np.where(sparse, sensed.ago, age(bad))
        return held, streams, since

    def _perhaps_alone(self, steps: CompleteSteps, bins: Bins, i: int, outside: bool, ago: int) -> None:
        """Remember the first reading of a stream after a pause: if none follows, somebody used the sensor by hand."""
        key = int(bins.row[i]), int(bins.column[i]), int(bins.seat[i])
        limit, value = DEFAULTS[MEASURED[key[1]]], float(bins.mean[i])
        first = ago == 0 or ago > PAUSE_STEPS
        worn = steps.sources.seated.device[key] == 0 or steps.sources.seated.trust_of(key) > CONTACTLESS
        if outside and first and worn and (value <= limit.far_low or value >= limit.far_high):
            self.state.alone[key] = (int(bins.end_us[i]), value)
            self._watched[(key[0] * COLUMNS + key[1]) * SEATS + key[2]] = True
            self.timers.set(int(bins.end_us[i]) + ALONE_US, f"alone|{_timer(key)}")

    def _was_alone(self, district: District, key: tuple[int, int, int], now_us: int) -> Iterator[Finding]:
        """Take a reading that nothing followed for a measurement by hand; ``now_us``: the next one's time, or later."""
        end_us, value = self.state.alone.pop(key)
        self.timers.cancel(f"alone|{_timer(key)}")
        if now_us - end_us < ALONE_US:
            if key not in self.state.episodes:
                self._watched[(key[0] * COLUMNS + key[1]) * SEATS + key[2]] = False
        elif key not in self.state.episodes:
            episode = self._begin(key, end_us - STEP_US, end_us)
            yield self._raise(district, key, episode, value, end_us + ALONE_US, "attention")

    def _of_stream(
        self, district: District, bins: Bins, i: int, outside: bool, held: bool, since: int
    ) -> Iterator[Finding]:
        key = int(bins.row[i]), int(bins.column[i]), int(bins.seat[i])
        now_us = int(bins.end_us[i])
        if key in self.state.alone:
            yield from self._was_alone(district, key, now_us)
        yield from self._overdue(district, key, now_us)
        episode = self.state.episodes.get(key)
        if outside:
            if episode is not None:
                episode.calm_us, episode.last_us, episode.by_hand = 0, now_us, False
            if held and (episode is None or not episode.onset_us):
                if episode is None:
                    episode = self._begin(key, since * STEP_US, now_us)
                episode.since_us = since * STEP_US
                yield self._raise(district, key, episode, float(bins.mean[i]), now_us, "urgent")
            elif held and episode is not None and RANK["urgent"] < RANK[episode.severity]:
                yield self._raise(district, key, episode, float(bins.mean[i]), now_us, "urgent")
        elif episode is not None:
            limit = DEFAULTS[MEASURED[key[1]]]
            episode.calm_us = min(episode.calm_us or now_us, now_us)
            if not episode.onset_us or now_us - episode.calm_us >= max(5 * MINUTE_US, 2 * limit.hold_us):
                yield from self._end(district, key, episode, bins, i)

    def _measured(self, district: District, bins: Bins, i: int, outside: bool, trust: int) -> Iterator[Finding]:
        key = self._same(bins, i, trust)
        now_us, value, limit = int(bins.end_us[i]), float(bins.mean[i]), DEFAULTS[MEASURED[key[1]]]
        yield from self._overdue(district, key, now_us)
        episode = self.state.episodes.get(key)
        if episode is not None and now_us - episode.last_us > ROW_US:
            self._forget(key)
            episode = None
        if not outside:
            if episode is not None:
                yield from self._end(district, key, episode, bins, i)
            return
        if episode is None:
            episode = self._begin(key, now_us - STEP_US, now_us)
            episode.by_hand, episode.trust = True, trust
        else:
            episode.last_us, episode.calm_us = now_us, 0
            if now_us - episode.counted_us >= AGAIN_US:
                episode.count, episode.counted_us = episode.count + 1, now_us
        severity = _severity(limit, value, episode)
        if severity is None or (episode.onset_us and RANK[severity] >= RANK[episode.severity]):
            return
        yield self._raise(district, key, episode, value, now_us, severity)

    def _same(self, bins: Bins, i: int, trust: int) -> tuple[int, int, int]:
        """The episode that a measurement belongs to: its device's own, or that of another device that is trusted no
        more and was used at least a minute before. People who measure again may take another meter."""
        row, column, seat = int(bins.row[i]), int(bins.column[i]), int(bins.seat[i])
        for other in (seat, *range(SEATS)):
            episode = self.state.episodes.get((row, column, other))
            if episode is None:
                continue
            apart_us = int(bins.end_us[i]) - episode.last_us
            if other == seat or (episode.by_hand and episode.trust <= trust and AGAIN_US <= apart_us <= ROW_US):
                return row, column, other
        return row, column, seat

    def _begin(self, key: tuple[int, int, int], since_us: int, now_us: int) -> LimitEpisode:
        episode = self.state.episodes[key] = LimitEpisode(since_us=since_us, last_us=now_us, counted_us=now_us)
        self._watched[(key[0] * COLUMNS + key[1]) * SEATS + key[2]] = True
        return episode

    def _forget(self, key: tuple[int, int, int]) -> None:
        del self.state.episodes[key]
        self._watched[(key[0] * COLUMNS + key[1]) * SEATS + key[2]] = False
        self.timers.cancel(_timer(key))

    def _raise(
        self,
        district: District,
        key: tuple[int, int, int],
        episode: LimitEpisode,
        value: float,
        now_us: int,
        severity: Severity,
    ) -> Finding:
        limit = DEFAULTS[MEASURED[key[1]]]
        action: FindingAction = "update" if episode.onset_us else "open"
        episode.onset_us = episode.onset_us or episode.since_us
        episode.severity, episode.value = severity, value
        waits = severity == "attention" or (severity == "urgent" and episode.count == 1 and _grave(limit, value))
        self.timers.cancel(_timer(key))
        episode.again_us = now_us + limit.again_us if waits and (not limit.hold_us or severity == "attention") else 0
        if episode.again_us:
            self.timers.set(episode.again_us, _timer(key))
        return self._finding(district, key, episode, action, now_us)

    def _overdue(self, district: District, key: tuple[int, int, int], now_us: int) -> Iterator[Finding]:
        """Raise a single measurement that nobody repeated in time. In a replay a later reading may be seen before the
        timer comes, so every reading looks."""
        episode = self.state.episodes.get(key)
        if episode is None or not episode.again_us or episode.again_us >= now_us:
            return
        at_us, episode.again_us = episode.again_us, 0
        episode.severity = "urgent" if episode.severity == "attention" else "emergency"
        self.timers.cancel(_timer(key))
        yield self._finding(district, key, episode, "update", at_us, not_repeated=True)

    def _end(
        self, district: District, key: tuple[int, int, int], episode: LimitEpisode, bins: Bins, i: int
    ) -> Iterator[Finding]:
        self._forget(key)
        if episode.onset_us:
            episode.value = float(bins.mean[i])
            yield self._finding(district, key, episode, "end", int(bins.end_us[i]))

    def _finding(
        self,
        district: District,
        key: tuple[int, int, int],
        episode: LimitEpisode,
        action: FindingAction,
        now_us: int,
        *,
        not_repeated: bool = False,
    ) -> Finding:
        row, column, _ = key
        code, value = MEASURED[column], episode.value
        limit = DEFAULTS[code]
        below = value < self._low[row, column]
        bound = round(float(self._low[row, column] if below else self._high[row, column]), 2)
        held_us = now_us - STEP_US - episode.since_us if limit.hold_us and episode.severity != "attention" else 0
        value_zh, value_en = value_in_words(code, value)
        if action == "end":
            zh, en = f"{value_zh}，已回到范围内", f"{value_en}, within its limits again"
        else:
            zh = f"{value_zh}，{'低于下限' if below else '高于上限'} {bound:g}"
            en = f"{value_en}, {'below' if below else 'above'} the limit of {bound:g}"
            if not_repeated:
                for_zh, for_en = lasting(limit.again_us)
                zh, en = f"{zh}，{for_zh}内未复测", f"{en}, not measured again for {for_en}"
            elif held_us > 0 and episode.count == 1:
                for_zh, for_en = lasting(held_us)
                zh, en = f"{zh}，已持续 {for_zh}", f"{en}, for {for_en}"
            elif episode.count > 1:
                zh, en = f"{zh}，连续第 {episode.count} 次", f"{en}, {episode.count} times in a row"
            if episode.again_us:
                zh, en = f"{zh}，请立即复测", f"{en}; measure again now"
            if code == "glucose" and value > limit.worst_high:
                zh, en = f"{zh}，并核对单位", f"{en}, and check the unit"
        evidence = {
            "kind": "limit",
            "channel": code,
            "unit": CHANNELS[code].unit,
            "value": round(value, 2),
            "limit": bound,
            "side": "low" if below else "high",
            "held_s": max(held_us, 0) // SECOND_US,
            "readings": episode.count,
        }
        return finding_about(
            district.people[row],
            f"limit_{code}",
            self.version,
            action,
            episode.severity,
            episode.onset_us,
            now_us,
            zh,
            en,
            {} if action == "end" else evidence,
        )


def limits_of(person: Person, code: str) -> tuple[float | None, float | None]:
    """(low, high) limit of a channel for this person: those that people set, else the defaults of their NEWS2 scale."""
    limit = DEFAULTS[code]
    low = SPO2_LOW_SCALE_2 if code == "spo2" and person.spo2_scale == 2 else limit.low
    return person.limits.get(code, (low, limit.high))


def _bounds(district: District) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(low, high) limits, shapes [people, channels]; infinite where there is none."""
    low = np.full((len(district.people), COLUMNS), -np.inf, np.float32)
    high = np.full_like(low, np.inf)
    for row, person in enumerate(district.people):
        for channel in DEFAULTS:
            least, most = limits_of(person, channel)
            low[row, COLUMN[channel]] = -np.inf if least is None else least
            high[row, COLUMN[channel]] = np.inf if most is None else most
    for bounds in (low, high):
        bounds.setflags(write=False)
    return low, high


def _grave(limit: Limit, value: float) -> bool:
    return value < limit.grave_low or value > limit.grave_high


def _severity(limit: Limit, value: float, episode: LimitEpisode) -> Severity | None:
    """The severity of a single measurement outside the limits; None: nothing until the next one."""
    if value < limit.worst_low or value > limit.worst_high:
        return "emergency"
    if episode.count > 1 and _grave(limit, value):
        return "emergency"
    if episode.count > 1 or limit.urgent_once:
        return "urgent"
    return "attention" if value <= limit.far_low or value >= limit.far_high else None


def _timer(key: tuple[int, int, int]) -> str:
    return f"{key[0]}|{key[1]}|{key[2]}"
