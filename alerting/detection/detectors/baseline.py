"""Compares each continuous channel with the person's own usual at this hour of the local day.

Learned hour by hour: ``centre`` follows the hour's mean with the step 1/days, later 1/14, of an error that is clipped
to three spreads (bounded influence: P. J. Huber, Robust Estimation of a Location Parameter, 1964); ``within`` is the
spread inside an hour, ``between`` that of the hour's mean from day to day. Three questions:

- sudden: far from this hour's usual, for minutes;
- shift: hours on end to one side, by a CUSUM of the hours' deviations (E. S. Page, Continuous Inspection Schemes,
  1954);
- drift: the level of the last days away from that of the last weeks, each hour compared with its own.

The numbers below are ours, chosen on simulated homes; they are parameters, and a resident's can be set.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.columns import grown
from alerting.detection.kit.context import COLUMN, COLUMNS, District
from alerting.detection.kit.detector import Array, CompleteSteps, Detector, Rule
from alerting.detection.kit.watcher import Episodes, Watcher
from alerting.detection.kit.words import (
    change_of,
    finding_about,
    lasting,
    name_of,
    title_of_change,
    value_in_words,
    value_of,
)
from firmware_profiles.channels import CHANNELS
from vocabulary.parameter import Parameter
from vocabulary.times import DAY_S, HOUR_US, LOCAL_US, SECOND_US

LOCAL_HOURS = LOCAL_US // HOUR_US


class WatchedChannel(msgspec.Struct, frozen=True):
    """``least``: the smallest deviation that matters (up, down; None: that side never does); the floors: least spreads,
    for very regular people; ``drift``: a change of level that matters."""

    least_up: float | None
    least_down: float | None
    within_floor: float
    between_floor: float
    drift: float


CHANNELS_WATCHED: dict[str, WatchedChannel] = {
    "heart_rate": WatchedChannel(25, 18, 4, 3, 8),
    "respiration_rate": WatchedChannel(7, 6, 1.5, 1, 2.5),
    "spo2": WatchedChannel(None, 4, 0.8, 0.6, 2),
}
_CODES = tuple(CHANNELS_WATCHED)
_COLUMNS = np.array([COLUMN[code] for code in _CODES])
_SLOT = np.full(COLUMNS, -1)
_SLOT[_COLUMNS] = np.arange(len(_CODES))


def _of(field: str) -> NDArray[np.float32]:
    values = [getattr(channel, field) for channel in CHANNELS_WATCHED.values()]
    return np.array([np.inf if value is None else value for value in values], np.float32)


_UP, _DOWN, _DRIFT = _of("least_up"), _of("least_down"), _of("drift")
_WITHIN, _BETWEEN = _of("within_floor"), _of("between_floor")
MEMORY_DAYS, LEVEL_DAYS = 14, 5
ORIGIN_LEARNED, ORIGIN_DAYS = 7, 45
ALLOWED = 0.75
"""Deviation of an hour, in spreads, that the sum forgives (Page's reference value, half of the shift looked for)."""
LEAST_BINS, LEAST_HOURS = 12, 6
"""Bins that an hour needs to be judged, and hours that a day needs."""


def _array(*shape: int, dtype: type = np.float32) -> Any:
    return msgspec.field(default_factory=lambda: np.zeros((0, *shape), dtype))


class Learned(msgspec.Struct, kw_only=True):
    """Shapes [people, channels, 24 local hours] and [people, channels]; ``hour``: the present one, since 1970, UTC."""

    hour: int = 0
    centre: Array = _array(len(_CODES), 24)
    within: Array = _array(len(_CODES), 24, dtype=np.float16)
    between: Array = _array(len(_CODES), 24, dtype=np.float16)
    """Spreads: half precision is a thousandth of them."""
    days: Array = _array(len(_CODES), 24, dtype=np.uint8)
    total: Array = _array(len(_CODES), dtype=np.float64)
    squares: Array = _array(len(_CODES), dtype=np.float64)
    count: Array = _array(len(_CODES), dtype=np.int32)
    up: Array = _array(len(_CODES))
    down: Array = _array(len(_CODES))
    up_since: Array = _array(len(_CODES), dtype=np.int32)
    down_since: Array = _array(len(_CODES), dtype=np.int32)
    shift_us: Array = _array(len(_CODES), dtype=np.int64)
    """Onset of the open shift; 0: none."""
    origin: Array = _array(len(_CODES), 24)
    """The centre of the last weeks, with which the level is compared."""
    day_off: Array = _array(len(_CODES))
    day_hours: Array = _array(len(_CODES), dtype=np.uint8)
    level: Array = _array(len(_CODES))
    """Deviation of the last days, in the channel's unit."""
    level_days: Array = _array(len(_CODES), dtype=np.uint16)
    drift_us: Array = _array(len(_CODES), dtype=np.int64)
    sudden: Episodes = {}


Bounds = NDArray[np.float32]
"""Shape [4, people * channels]: bounds beyond which a value is sudden, and bounds to which learned values are cut."""


class Baseline(Detector):
    """Judges each bin at once, hours and days at their end; see the module."""

    parameters: ClassVar = {
        "baseline.sudden_spreads": Parameter(
            4, 2, 10, "", "突变：偏离平时的倍数", "sudden: spreads away from the usual"
        ),
        "baseline.sudden_minutes": Parameter(15, 2, 60, "min", "突变：持续时间", "sudden: how long it must last"),
        "baseline.shift_sum": Parameter(12, 5, 30, "", "持续偏离：累积量", "shift: sum of hourly deviations"),
        "baseline.learning_days": Parameter(3, 2, 14, "d", "学习天数", "days to learn before judging"),
    }
    rules: ClassVar = {
        **{
            f"sudden_{code}": Rule(
                title=title_of_change("sudden", name_of(code)), story="vital", again_s=3600, per_day=4
            )
            for code in _CODES
        },
        **{
            f"shift_{code}": Rule(title=title_of_change("shift", name_of(code)), again_s=DAY_S, per_day=1, waits=True)
            for code in _CODES
        },
        **{
            f"drift_{code}": Rule(
                title=title_of_change("drift", name_of(code)), again_s=7 * DAY_S, per_day=1, waits=True
            )
            for code in _CODES
        },
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Learned()
        self._watcher: Watcher
        self._bounds: Bounds | None = None

    def learn(self, district: District) -> None:
        people = len(district.people)
        self._bounds = None
        for name in self.state.__struct_fields__:
            value = getattr(self.state, name)
            if isinstance(value, np.ndarray):
                setattr(self.state, name, grown(value, people))
        self._spreads = self.tuned(district, "baseline.sudden_spreads")
        hold_us = (self.tuned(district, "baseline.sudden_minutes") * 60e6).astype(np.int64)
        self._sum = self.tuned(district, "baseline.shift_sum")[:, None]
        self._learning = self.tuned(district, "baseline.learning_days")[:, None]
        self._watcher = Watcher(self.state.sudden, people, hold_us[:, None], 3)

    def look(self, steps: CompleteSteps) -> Iterator[Finding]:
        state, hour = self.state, steps.hour
        if hour > state.hour:
            self._bounds = None
            if state.hour:
                yield from self._hour_over(steps.district)
                if (hour + LOCAL_HOURS) // 24 > (state.hour + LOCAL_HOURS) // 24:
                    yield from self._day_over(steps.district)
            state.hour = hour
        elif hour < state.hour:
            return  # an hour that was closed: nothing is learned from it any more
        bins = steps.bins.of(*_COLUMNS)
        if not len(bins):
            return
        local = (hour + LOCAL_HOURS) % 24
        if self._bounds is None:
            self._bounds = self._bounds_of(local)
        series = bins.row * np.int64(len(_CODES)) + _SLOT[bins.column]
        bounds, value = self._bounds.take(series, axis=1), bins.mean
        outside = (value < bounds[0]) | (value > bounds[1])
        for turn in self._watcher.walk(bins, outside):
            i = turn.at
            slot = int(_SLOT[bins.column[i]])
            yield self._sudden(steps.district, bins.row[i], slot, float(value[i]), local, turn, bins.end_us[i])
        taught = np.clip(value, bounds[2], bounds[3]).astype(np.float64)
        # one after the other, so that sums do not depend on how the steps are divided
        np.add.at(state.total.reshape(-1), series, taught)
        np.add.at(state.squares.reshape(-1), series, taught * taught)
        np.add.at(state.count.reshape(-1), series, np.int32(1))

    def _bounds_of(self, local: int) -> Bounds:
        """The bounds of an hour of the local day; infinite where too little is learned yet."""
        state = self.state
        centre, within = state.centre[:, :, local], np.maximum(state.within[:, :, local], _WITHIN)
        width = self._spreads[:, None] * within
        known = state.days[:, :, local] >= self._learning
        offs = -np.maximum(width, _DOWN), np.maximum(width, _UP), -4 * within, 4 * within
        bounds = [np.where(known, centre + off, np.inf * side) for off, side in zip(offs, (-1, 1, -1, 1), strict=True)]
        return np.stack(bounds).reshape(len(offs), -1)

    def _sudden(
        self, district: District, row: int, slot: int, value: float, local: int, turn: Any, now_us: int
    ) -> Finding:
        person, code = district.people[row], _CODES[slot]
        centre = float(self.state.centre[row, slot, local])
        spread = 2 * max(float(self.state.within[row, slot, local]), float(_WITHIN[slot]))
        usual = f"{value_of(code, centre - spread)}–{value_of(code, centre + spread)}"
        for_zh, for_en = lasting(turn.held_us)
        value_zh, value_en = value_in_words(code, value)
        above = value > centre
        zh = f"{value_zh}，{'高' if above else '低'}于平时此时段的 {usual}，已持续 {for_zh}"
        en = f"{value_en}, {'above' if above else 'below'} this hour's usual {usual}, for {for_en}"
        if turn.kind == "end":
            zh, en = value_zh, value_en
            if self.state.days[row, slot, local] < self._learning[row, 0]:
                zh, en = f"{zh}，平时此时段的水平尚未学得", f"{en}; this hour's usual is not learned yet"
            elif abs(value - centre) <= spread:
                zh, en = f"{zh}，已回到平时此时段的 {usual}", f"{en}, back to this hour's usual {usual}"
            else:
                zh, en = f"{zh}，已接近平时此时段的 {usual}", f"{en}, near this hour's usual {usual} again"
        evidence = {
            "kind": "baseline",
            "channel": code,
            "value": round(value, 2),
            "usual": round(centre, 2),
            "spread": round(spread / 2, 2),
            "days": int(self.state.days[row, slot, local]),
            "held_s": turn.held_us // SECOND_US,
        }
        action: FindingAction = "open" if turn.kind == "open" else "note"
        return finding_about(
            person, f"sudden_{code}", self.version, action, "attention", turn.onset_us, int(now_us), zh, en, evidence
        )

    def _hour_over(self, district: District) -> Iterator[Finding]:
        state, local = self.state, (self.state.hour + LOCAL_HOURS) % 24
        enough = state.count >= LEAST_BINS
        n = np.maximum(state.count, 1)
        mean = state.total / n
        spread = np.sqrt(np.maximum(state.squares / n - mean * mean, 0))
        centre, within, between = state.centre[:, :, local], state.within[:, :, local], state.between[:, :, local]
        days = state.days[:, :, local].astype(np.int32)  # as uint8, 255 + 1 would be 0
        first, error = days == 0, mean - centre
        floor = np.maximum(between, _BETWEEN)
        rate = np.maximum(1 / (days + 1), 1 / MEMORY_DAYS)
        judged = enough & (days >= self._learning)
        known = np.where(judged, error, 0)
        yield from self._shift(district, known / (1.25 * floor), judged, known)
        origin = state.origin[:, :, local]
        off = np.clip(mean - origin, -4 * floor - _DRIFT, 4 * floor + _DRIFT)
        state.day_off += np.where(judged, off, 0)
        state.day_hours += judged
        slow = np.where(days < ORIGIN_LEARNED, 1 / (days + 1), 1 / ORIGIN_DAYS)
        origin += np.where(enough, slow * np.where(first, mean - origin, off), 0)
        step = np.where(first, error, rate * np.clip(error, -3 * floor, 3 * floor))
        centre += np.where(enough, step, 0)
        between += np.where(enough & ~first, rate * (np.minimum(np.abs(error), 4 * floor) - between), 0)
        wide = np.where(first, spread, np.minimum(spread, 3 * np.maximum(within, _WITHIN)))
        within += np.where(enough, np.where(first, wide - within, rate * (wide - within)), 0)
        state.days[:, :, local] = np.where(enough, np.minimum(days + 1, 255), days)
        state.total[:], state.squares[:], state.count[:] = 0, 0, 0

    def _shift(
        self, district: District, z: NDArray[np.float64], judged: NDArray[np.bool_], error: NDArray[np.float64]
    ) -> Iterator[Finding]:
        """CUSUM of the hour that is over; ``z``: its deviation in spreads, ``error`` in the channel's unit, shapes
        [people, channels]. A deviation too small to matter is not reported, however long."""
        state = self.state
        for total, since, sign in ((state.up, state.up_since, 1), (state.down, state.down_since, -1)):
            calm = total == 0
            total[:] = np.where(judged, np.maximum(0, total + np.clip(sign * z, -4, 4) - ALLOWED), total)
            since[:] = np.where(calm & (total > 0), state.hour, since)
        grave = ((state.up > self._sum) & np.isfinite(_UP) & (error >= _DRIFT)) | (
            (state.down > self._sum) & (-error >= _DRIFT)
        )
        for row, slot in np.argwhere(grave & (state.shift_us == 0)).tolist():
            upward = bool(state.up[row, slot] >= state.down[row, slot] and np.isfinite(_UP[slot]))
            since = int((state.up_since if upward else state.down_since)[row, slot])
            state.shift_us[row, slot] = since * HOUR_US
            yield self._trend(district, row, slot, "shift", "open", since * HOUR_US, upward)
        over = (state.shift_us > 0) & (state.up < self._sum / 3) & (state.down < self._sum / 3)
        for row, slot in np.argwhere(over).tolist():
            onset_us = int(state.shift_us[row, slot])
            state.shift_us[row, slot] = 0
            yield self._trend(district, row, slot, "shift", "clear", onset_us, True)

    def _day_over(self, district: District) -> Iterator[Finding]:
        state = self.state
        enough = state.day_hours >= LEAST_HOURS
        off = state.day_off / np.maximum(state.day_hours, 1)
        rate = np.maximum(1 / (state.level_days + 1), 1 / LEVEL_DAYS)
        state.level += np.where(enough, rate * (off - state.level), 0)
        state.level_days += enough
        state.day_off[:], state.day_hours[:] = 0, 0
        far = (np.abs(state.level) > _DRIFT) & (state.level_days >= LEVEL_DAYS)
        for row, slot in np.argwhere(far & (state.drift_us == 0)).tolist():
            state.drift_us[row, slot] = (state.hour + 1) * HOUR_US
            yield self._trend(
                district, row, slot, "drift", "open", int(state.drift_us[row, slot]), bool(state.level[row, slot] > 0)
            )
        for row, slot in np.argwhere((state.drift_us > 0) & (np.abs(state.level) < _DRIFT / 2)).tolist():
            onset_us = int(state.drift_us[row, slot])
            state.drift_us[row, slot] = 0
            yield self._trend(district, row, slot, "drift", "clear", onset_us, True)

    def _trend(
        self, district: District, row: int, slot: int, what: str, action: FindingAction, onset_us: int, upward: bool
    ) -> Finding:
        state, person, code = self.state, district.people[row], _CODES[slot]
        channel = CHANNELS[code]
        now_us = (state.hour + 1) * HOUR_US
        if action == "clear":
            zh, en = f"{channel.zh}已回到平时水平", f"{channel.en} back to the usual"
        elif what == "drift":
            by_zh, by_en = change_of(code, abs(float(state.level[row, slot])))
            zh = f"{channel.zh}近 {LEVEL_DAYS} 天平均比前几周{'升高' if upward else '降低'} {by_zh}"
            en = f"{channel.en} of the last {LEVEL_DAYS} days {by_en} {'above' if upward else 'below'} the weeks before"
        else:
            local = (state.hour + LOCAL_HOURS) % 24
            mean = float(state.total[row, slot] / max(1, state.count[row, slot]))
            usual = value_of(code, float(state.centre[row, slot, local]))
            for_zh, for_en = lasting(now_us - onset_us)
            mean_zh, mean_en = value_in_words(code, mean)
            zh = f"{mean_zh}，平时此时段 {usual}，持续偏{'高' if upward else '低'} {for_zh}"
            en = f"{mean_en}, usually {usual} at this hour; {'high' if upward else 'low'} for {for_en}"
        evidence = {
            "kind": what,
            "channel": code,
            "level": round(float(state.level[row, slot]), 2),
            "sum_up": round(float(state.up[row, slot]), 2),
            "sum_down": round(float(state.down[row, slot]), 2),
        }
        return finding_about(
            person, f"{what}_{code}", self.version, action, "attention", onset_us, now_us, zh, en, evidence
        )
