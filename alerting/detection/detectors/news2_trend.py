"""Detects a NEWS2 score that rises over hours, before it reaches a trigger.

RCP 2017: the trend of the score matters as much as its level. At home the set of parameters changes (the oximeter is
worn at night), so like is compared with like: each parameter's points of the last three hours, from the hour's mean,
with its own median of the day before, and only parameters known in both are summed. The numbers are our own choice.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit import news2_score
from alerting.detection.kit.columns import Bins, grown
from alerting.detection.kit.context import COLUMN, COLUMNS, District
from alerting.detection.kit.detector import Array, CompleteSteps, Detector, Rule
from alerting.detection.kit.words import finding_about, name_of
from vocabulary.parameter import Parameter
from vocabulary.times import HOUR_US

HOURS = 27
RECENT = 3
LEAST_BEFORE = 5
"""Hours of the day before with a value that a parameter's usual points need; of a spot measurement one is enough."""
LEAST_READINGS = 5
"""Bins that an hour of a continuous parameter needs."""
SPOT = frozenset({"systolic_bp", "body_temperature", "consciousness"})
UNKNOWN = 255
_COLUMNS = np.array([COLUMN[channel] for channel in news2_score.PARAMETERS])
_PLACE = np.full(COLUMNS, -1)
_PLACE[_COLUMNS] = np.arange(len(_COLUMNS))
_IS_SPOT = np.array([channel in SPOT for channel in news2_score.PARAMETERS])
_LEAST = np.where(_IS_SPOT, 1, LEAST_READINGS)
_KNOWN = np.where(_IS_SPOT, 1, LEAST_BEFORE)


class Hours(msgspec.Struct):
    """``points`` [people, 6, 27 hours]: of each hour's mean, newest last, 255: not known; ``total``, ``count``
    [people, 6]: of the present hour (``hour``: since 1970, UTC); ``told_us`` [people]: the open onset, 0: none."""

    hour: int = 0
    points: Array = msgspec.field(default_factory=lambda: np.zeros((0, 6, HOURS), np.uint8))
    total: Array = msgspec.field(default_factory=lambda: np.zeros((0, 6), np.float64))
    count: Array = msgspec.field(default_factory=lambda: np.zeros((0, 6), np.int32))
    told_us: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int64))


class News2Trend(Detector):
    """Judges everybody at once, once an hour."""

    parameters: ClassVar = {
        "news2_trend.rise": Parameter(3, 2, 8, "", "评分上升", "points more than the day before"),
    }
    rules: ClassVar = {
        "news2_trend": Rule(
            title=("NEWS2 评分上升趋势", "rising trend of NEWS2"),
            story="vital",
            again_s=12 * 3600,
            per_day=2,
            waits=True,
        )
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Hours()

    def learn(self, district: District) -> None:
        people, state = len(district.people), self.state
        state.points = grown(state.points, people, UNKNOWN)
        for name in ("total", "count", "told_us"):
            setattr(state, name, grown(getattr(state, name), people))
        self._rise = self.tuned(district, "news2_trend.rise")
        self._scale = np.array([person.spo2_scale for person in district.people], np.int8)
        self._oxygen = np.array([person.on_oxygen for person in district.people], np.bool_)

    def look(self, steps: CompleteSteps) -> Iterator[Finding]:
        state = self.state
        if steps.hour > state.hour:
            if state.hour:
                yield from self._hour_over(steps.district, min(steps.hour - state.hour, HOURS))
            state.hour = steps.hour
        elif steps.hour < state.hour:
            return
        self._gather(steps.bins.of(*_COLUMNS))

    def _gather(self, bins: Bins) -> None:
        if not len(bins):
            return
        starts = bins.starts
        at = bins.row[starts] * np.int64(len(_COLUMNS)) + _PLACE[bins.column[starts]]
        self.state.total.reshape(-1)[at] += np.add.reduceat(bins.mean, starts, dtype=np.float64)
        self.state.count.reshape(-1)[at] += np.diff(starts, append=len(bins))

    def _hour_over(self, district: District, hours: int) -> Iterator[Finding]:
        """Judge the present hour, which is over, and ``hours`` - 1 more without any reading."""
        state = self.state
        mean = state.total / np.maximum(state.count, 1)
        points = np.full(state.count.shape, UNKNOWN, np.uint8)
        for i, channel in enumerate(news2_score.PARAMETERS):
            known = state.count[:, i] >= _LEAST[i]
            if known.any():
                points[known, i] = news2_score.points(channel, mean[known, i], self._scale[known], self._oxygen[known])
        state.points[:, :, :-1] = state.points[:, :, 1:]
        state.points[:, :, -1] = points
        state.total[:], state.count[:] = 0, 0
        yield from self._judge(district)
        if hours > 1:
            state.points[:, :, : HOURS - hours + 1] = state.points[:, :, hours - 1 :]
            state.points[:, :, HOURS - hours + 1 :] = UNKNOWN

    def _judge(self, district: District) -> Iterator[Finding]:
        state = self.state
        somebody = np.flatnonzero((state.points[:, :, -RECENT:] != UNKNOWN).any(axis=(1, 2)) | (state.told_us > 0))
        if not len(somebody):
            return
        points = np.where(state.points[somebody] == UNKNOWN, np.nan, state.points[somebody]).astype(np.float32)
        recent, before = points[:, :, -RECENT:], points[:, :, :-RECENT]
        known = (~np.isnan(before)).sum(axis=2) >= _KNOWN
        # a continuous parameter has to be high in each of the hours; a spot measurement counts as it is
        low = np.fmin.reduce(recent, axis=2)
        always = ~np.isnan(recent).any(axis=2) | _IS_SPOT
        usual = _median(np.where(known[:, :, None], before, 0))
        counted = known & always & ~np.isnan(low)
        change = np.where(counted, low - usual, 0)
        rise = change.sum(axis=1)
        end_us = (state.hour + 1) * HOUR_US
        for at in np.flatnonzero((rise >= self._rise[somebody]) & (state.told_us[somebody] == 0)).tolist():
            row = int(somebody[at])
            state.told_us[row] = end_us - RECENT * HOUR_US
            yield self._finding(district, row, "open", end_us, float(rise[at]), change[at], usual[at], low[at])
        for at in np.flatnonzero((rise < self._rise[somebody] / 2) & (state.told_us[somebody] > 0)).tolist():
            row = int(somebody[at])
            yield self._finding(district, row, "clear", end_us, float(rise[at]), change[at], usual[at], low[at])
            state.told_us[row] = 0

    def _finding(
        self,
        district: District,
        row: int,
        action: FindingAction,
        end_us: int,
        rise: float,
        change: NDArray[np.floating[Any]],
        usual: NDArray[np.floating[Any]],
        now: NDArray[np.floating[Any]],
    ) -> Finding:
        moved = [i for i in range(len(news2_score.PARAMETERS)) if change[i]]
        parts = [
            {"channel": news2_score.PARAMETERS[i], "points": float(now[i]), "points_before": float(usual[i])}
            for i in moved
        ]
        moved_zh = "、".join(f"{name_of(news2_score.PARAMETERS[i])[0]} {usual[i]:g}→{now[i]:g} 分" for i in moved)
        moved_en = ", ".join(f"{name_of(news2_score.PARAMETERS[i])[1]} {usual[i]:g}→{now[i]:g}" for i in moved)
        zh = f"NEWS2 评分近 {RECENT} 小时比前一天升高 {rise:g} 分（{moved_zh}）"
        en = f"NEWS2 of the last {RECENT} hours {rise:g} above the day before ({moved_en})"
        if action == "clear":
            zh, en = "NEWS2 评分已回落至前一天水平", "NEWS2 is back where it was the day before"
            if rise:
                zh = f"NEWS2 评分已回落，比前一天{'高' if rise > 0 else '低'} {abs(rise):g} 分"
                en = f"NEWS2 is down again, {abs(rise):g} {'above' if rise > 0 else 'below'} the day before"
        evidence: dict[str, object] = {
            "kind": "news2_trend",
            "window": {"since_us": end_us - HOURS * HOUR_US, "until_us": end_us},
            "rise": rise,
            "parts": parts,
        }
        person, onset_us = district.people[row], int(self.state.told_us[row])
        return finding_about(
            person, "news2_trend", self.version, action, "attention", onset_us, end_us, zh, en, evidence
        )


def _median(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The median along the last axis of those that are numbers, of which there is at least one; as ``np.nanmedian``,
    which takes a masked array apart for short axes."""
    n = np.count_nonzero(~np.isnan(values), axis=-1)
    ordered = np.sort(values, axis=-1)  # what is no number comes last
    low, high = (np.take_along_axis(ordered, at[..., None], -1)[..., 0] for at in ((n - 1) // 2, n // 2))
    return np.asarray((low + high) / 2, np.float32)
