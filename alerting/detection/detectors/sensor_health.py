"""Detects stuck and erratic sensors and wrong gateway clocks: technical alerts, never medical ones.

*Stuck*: a device that shows exactly one value for longer than a heart or a chest ever does: beat-to-beat and
breath-to-breath variability never vanish in a living person (Task Force of the ESC and NASPE, Heart rate variability,
1996). While another sign of the same device changes it takes six times as long: radars round a sleeper's even breath.
*Erratic*: many jumps between neighbouring steps that a body cannot make: the sensor is loose.
*Clock*: the gateway's times lie a minute ahead of the platform's clock, or behind it for long, or it reports 2 s or
more left to correct: its times cannot be trusted.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.core.finding import Finding
from alerting.detection.kit.columns import STEP_US, Bins, firsts, grown, newest_at, whole_series
from alerting.detection.kit.context import COLUMN, COLUMNS, SEATS, District, Happened
from alerting.detection.kit.detector import Array, CompleteSteps, Detector, Rule
from alerting.detection.kit.intake import FUTURE_US
from alerting.detection.kit.origin import Origins, suspects
from alerting.detection.kit.sources.doubt import BREATHLESS, NOBODY
from alerting.detection.kit.sources.seats import SeatedDevices
from alerting.detection.kit.words import UNSOUND, finding_about, lasting, title_of, value_in_words
from firmware_profiles.channels import CHANNELS
from vocabulary.parameter import Parameter
from vocabulary.times import DAY_S, HOUR_US, MINUTE_US


class Plausible(msgspec.Struct, frozen=True):
    """Bounds of a living body. ``stuck_us``: longest time without any change; ``jump``: largest from step to step."""

    stuck_us: int
    jump: float


WATCHED: dict[str, Plausible] = {
    "heart_rate": Plausible(HOUR_US // 2, 45),
    "respiration_rate": Plausible(HOUR_US // 2, 18),
    "spo2": Plausible(12 * HOUR_US, 12),
}
_CODES = tuple(WATCHED)
_COLUMNS = np.array([COLUMN[code] for code in _CODES])
_SLOT = np.full(COLUMNS, -1)
_SLOT[_COLUMNS] = np.arange(len(_CODES))
_STUCK_STEPS = np.array([watched.stuck_us // STEP_US for watched in WATCHED.values()])
_JUMP = np.array([watched.jump for watched in WATCHED.values()], np.float32)
_GAP_STEPS = 10 * MINUTE_US // STEP_US
"""After ten minutes without a value the next one may be anything."""
LEAST_BINS = 20
WHILE_OTHERS_CHANGE = 6
CLOCK_EVENTS = frozenset({"clock_off", "clock_right"})
BEHIND_US, BEHIND_FOR_US = 2 * MINUTE_US, 10 * MINUTE_US
"""Age of live frames, and its least duration, that mean a clock that is behind."""


def _zeros(dtype: type) -> Any:
    return msgspec.field(default_factory=lambda: np.zeros((0, len(_CODES) * SEATS), dtype))


class SensorSigns(msgspec.Struct, kw_only=True):
    """Shapes [people, channels * seats]: since which step the value has not changed, in how many bins, and at which
    step it last did; jumps of the present hour; steps of the onsets of open alerts (0: none)."""

    since: Array = _zeros(np.int32)
    same: Array = _zeros(np.uint16)
    changed: Array = _zeros(np.int32)
    jumps: Array = _zeros(np.uint16)
    stuck: Array = _zeros(np.int32)
    erratic: Array = _zeros(np.int32)
    hour: int = 0
    clocks: dict[str, int] = {}
    """Onset of the open alert of each gateway whose clock is off."""
    behind_us: dict[str, int] = {}
    """Since when each gateway's live frames have been old."""


class SensorHealth(Detector):
    """Watches values and clocks. Only series that have not changed, or jump, cost more than an array's comparison."""

    version: ClassVar = 2
    parameters: ClassVar = {
        "sensor_health.jumps": Parameter(60, 10, 700, "/h", "每小时不可能的跳变次数", "impossible jumps an hour"),
    }
    rules: ClassVar = {
        **{
            f"stuck_{code}": Rule(
                title=title_of(code, "读数不变", " does not change"),
                outside=UNSOUND,
                again_s=DAY_S,
                per_day=1,
                rests_for=("maintenance",),
            )
            for code in _CODES
        },
        **{
            f"erratic_{code}": Rule(
                title=title_of(code, "读数跳变", " jumps"),
                outside=UNSOUND,
                again_s=DAY_S,
                per_day=1,
                rests_for=("maintenance",),
            )
            for code in _CODES
        },
        "clock_off": Rule(
            title=("时钟不准", "clock is off"), outside="title", again_s=DAY_S, per_day=1, rests_for=("maintenance",)
        ),
    }

    kinds: ClassVar = CLOCK_EVENTS

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = SensorSigns()
        self._seated = SeatedDevices()

    def learn(self, district: District) -> None:
        people = len(district.people)
        for name in ("since", "same", "changed", "jumps", "stuck", "erratic"):
            setattr(self.state, name, grown(getattr(self.state, name), people))
        self._jumps = self.tuned(district, "sensor_health.jumps")[:, None]
        self._origins = Origins(district.sources)

    def look(self, steps: CompleteSteps) -> Iterator[Finding]:
        state, self._seated = self.state, steps.sources.seated
        if steps.hour > state.hour:
            yield from self._hour_over(steps.district)
            state.hour = steps.hour
        every = steps.sources.bins
        mine = np.flatnonzero((_SLOT[every.column] >= 0) & (steps.sources.doubt != NOBODY))  # an empty bed is no fault
        if not len(mine):
            return
        bins = every if len(mine) == len(every) else every.take(mine)
        place = (_SLOT[bins.column] * SEATS + bins.seat).astype(np.intp)
        series = bins.row * np.int64(len(_CODES) * SEATS) + place
        first = firsts(series)
        known, known_step = steps.sources.before[0].take(mine), steps.sources.before[1].take(mine)
        before = np.where(first, known, np.concatenate((known[:1], bins.mean[:-1])))
        before_step = np.where(first, known_step, np.concatenate((known_step[:1], bins.step[:-1])))
        near = (bins.step - before_step <= _GAP_STEPS) & (before_step > 0)
        jumped = near & (np.abs(bins.mean - before) > _JUMP[_SLOT[bins.column]])
        if steps.hour == state.hour:
            np.add.at(state.jumps.reshape(-1), series[jumped], np.uint16(1))
        breathes = (bins.column != COLUMN["respiration_rate"]) | (
            bins.mean >= BREATHLESS
        )  # a stopped breath is no fault
        same = near & (bins.mean == before) & (bins.low == bins.high) & breathes
        runs = whole_series(bins, same | (state.stuck.take(series) > 0), of_sources=True)
        ran = state.same.take(series[runs]).astype(np.int32)
        state.same.reshape(-1)[series] = 0
        if len(runs):
            changes = bins.where(near & ~same)
            yield from self._stuck(steps.district, bins.take(runs), place[runs], first[runs], same[runs], ran, changes)
        state.changed.reshape(-1)[series[near & ~same]] = bins.step[near & ~same]

    def _stuck(
        self,
        district: District,
        bins: Bins,
        place: NDArray[np.intp],
        first: NDArray[np.bool_],
        same: NDArray[np.bool_],
        ran: NDArray[np.int32],
        changes: Bins,
    ) -> Iterator[Finding]:
        """Runs of one value: ``same``: a bin repeats the one before; ``first``: a source begins here; ``ran``: length
        of each source's run before; ``changes``: the bins that differ from the one before."""
        state, row, at = self.state, bins.row, np.arange(len(bins))
        begin = np.maximum.accumulate(np.where(first, at, 0))
        change = np.maximum.accumulate(np.where(same, -1, at))
        before = change < begin  # the run began before these bins, or with them
        old_since = np.where(ran > 0, state.since[row, place], bins.step[begin])
        since = np.where(before, old_since, bins.step[np.minimum(change + 1, at)])
        count = np.where(before, ran + at - begin + 1, at - change)
        longest = _STUCK_STEPS[place // SEATS]
        stuck = same & (bins.step - since >= longest) & (count >= LEAST_BINS)
        if stuck.any():
            long = bins.step - since >= longest * WHILE_OTHERS_CHANGE
            stuck[stuck] &= long[stuck] | ~self._lively(bins.where(stuck), place[stuck], changes)
        last = np.append(first[1:], True)
        state.since[row[last], place[last]] = np.where(same, since, 0)[last]
        state.same[row[last], place[last]] = np.where(same, np.minimum(count, 65_535), 0)[last]
        concerned = stuck | (state.stuck[row, place] > 0)
        for i in whole_series(bins, concerned, of_sources=True).tolist():
            key = int(row[i]), int(place[i])
            told = bool(state.stuck[key])
            if stuck[i] and not told:
                state.stuck[key] = int(since[i])
                yield self._finding(district, key, "stuck", "open", float(bins.mean[i]), int(bins.step[i] + 1))
            elif told and not same[i]:
                yield self._finding(district, key, "stuck", "clear", float(bins.mean[i]), int(bins.step[i] + 1))

    def _lively(self, bins: Bins, place: NDArray[np.intp], changes: Bins) -> NDArray[np.bool_]:
        """Whether another sign of the same device has changed lately, at each bin."""
        lively = np.zeros(len(bins), np.bool_)
        device = self._seated.device
        number = device[bins.row, bins.column, bins.seat]
        for slot, column in enumerate(_COLUMNS.tolist()):
            for seat in range(SEATS):
                same = (device[bins.row, column, seat] == number) & (number > 0) & (column != bins.column)
                if not same.any():
                    continue
                mine = changes.where((changes.column == column) & (changes.seat == seat))
                known = self.state.changed[bins.row, slot * SEATS + seat]
                _, at = newest_at(mine, np.zeros(len(bins), np.float32), known, bins.row, bins.step)
                lively |= same & (bins.step - at <= _GAP_STEPS)
        return lively

    def _hour_over(self, district: District) -> Iterator[Finding]:
        state, end_step = self.state, (self.state.hour + 1) * HOUR_US // STEP_US
        erratic = state.jumps >= self._jumps
        for row, place in np.argwhere(erratic & (state.erratic == 0)).tolist():
            state.erratic[row, place] = state.hour * (HOUR_US // STEP_US)
            yield self._finding(district, (row, place), "erratic", "open", float(state.jumps[row, place]), end_step)
        for row, place in np.argwhere((state.jumps < self._jumps / 4) & (state.erratic > 0)).tolist():
            yield self._finding(district, (row, place), "erratic", "clear", 0, end_step)
        state.jumps[:] = 0

    def _finding(
        self, district: District, key: tuple[int, int], what: str, action: Any, value: float, end_step: int
    ) -> Finding:
        state, now_us = self.state, end_step * STEP_US
        slot, seat = divmod(key[1], SEATS)
        code = _CODES[slot]
        onsets = state.stuck if what == "stuck" else state.erratic
        onset_us = int(onsets[key]) * STEP_US
        channel = CHANNELS[code]
        for_zh, for_en = lasting(now_us - onset_us)
        who_zh, who_en, who = suspects(self._origins.at(self._seated, key[0], COLUMN[code], seat, by_hand=False))
        if action == "clear":
            onsets[key] = 0
            zh, en = f"{channel.zh}数据已恢复正常", f"{channel.en} readings are plausible again"
        elif what == "stuck":
            value_zh, value_en = value_in_words(code, value)
            zh = f"{value_zh}，{for_zh}内毫无变化，疑{who_zh}卡住"
            en = f"{value_en} without any change for {for_en} ({who_en} may be stuck)"
        else:
            zh = f"{channel.zh}一小时内 {value:.0f} 次不可能的跳变，疑{who_zh}松动"
            en = f"{channel.en}: {value:.0f} impossible jumps in an hour ({who_en} may be loose)"
        evidence = {"kind": what, "channel": code, "value": round(value, 2), **who}
        person = district.people[key[0]]
        return finding_about(
            person, f"{what}_{code}", self.version, action, "technical", onset_us, now_us, zh, en, evidence
        )

    def event(self, district: District, happened: Happened) -> Iterator[Finding]:
        """Judge the error of the clock that the gateway itself reports, in ms."""
        if happened.kind in CLOCK_EVENTS:
            off_us = round(float(happened.values.get("value", 0)) * 1000) if happened.kind == "clock_off" else 0
            source = happened.source
            yield from self._clock(source.gateway, source.household_id, off_us, happened.time_us)

    def clock(self, district: District, gateway: str, newest_us: int, now_us: int) -> Iterator[Finding]:
        off_us, clocks = newest_us - now_us, self.state.clocks
        if off_us > -BEHIND_US:
            self.state.behind_us.pop(gateway, None)
        elif now_us - self.state.behind_us.setdefault(gateway, now_us) < BEHIND_FOR_US:
            return  # frames that waited in the broker are old, too, but not for long
        off = off_us > FUTURE_US or off_us <= -BEHIND_US
        if off != (gateway in clocks):
            yield from self._clock(gateway, district.gateways[gateway], off_us if off else 0, now_us)

    def _clock(self, gateway: str, household_id: int, off_us: int, at_us: int) -> Iterator[Finding]:
        """``off_us``: the error of the clock; 0: right again."""
        onset_us = self.state.clocks.get(gateway, 0)
        if bool(off_us) == bool(onset_us):
            return
        if off_us:
            self.state.clocks[gateway] = onset_us = at_us
        else:
            del self.state.clocks[gateway]
        off_s, (by_zh, by_en) = off_us / 1e6, lasting(abs(off_us))
        fast_zh, fast_en = ("快", "ahead") if off_us > 0 else ("慢", "behind")
        yield Finding(
            action="open" if off_us else "clear",
            rule="clock_off",
            rule_version=self.version,
            severity="technical",
            subject=f"gateway:{gateway}",
            household_id=household_id,
            resident_id=None,
            onset_us=onset_us,
            sensed_us=at_us,
            reason_zh=f"网关时钟{fast_zh} {by_zh}，其时间不可信" if off_us else "网关时钟已校正",
            reason_en=f"Gateway clock {by_en} {fast_en}: its times cannot be trusted"
            if off_us
            else "Gateway clock is right again",
            evidence={"kind": "clock", "device": gateway, "seconds": round(off_s, 1)},
        )
