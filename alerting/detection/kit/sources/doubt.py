"""Finds readings that no body gives so suddenly: they wait, or are left aside, and are never judged as they stand.

- *swapped*: a diastolic pressure that is not below the systolic of the same moment: an import that mixed the two up;
- *jumped*: a stream of temperatures that falls or rises faster than a body cools or warms: the probe came off;
- *doubled*: a rate that is suddenly twice or half the last usual one, while another sign has not changed: radars and
  pulse waves do so for minutes (both peaks of a beat counted, or every second one left out). It waits ten minutes, but
  not of a device of the highest trust;
- *exercise*: a fast heart while the step counter runs;
- *nobody*: no breath and no pulse in an empty bed, or a room in which the same sensor sees no person; or from a sensor
  that finds no pulse while a more trusted device measures one.

The numbers are our own choice; they follow recorded faults of such devices.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.kit.columns import STEP_US, Array, Bins, Latest, firsts, grown, source_at, value_at
from alerting.detection.kit.context import COLUMN, NO_PULSE, SEATS, District, home_rows
from alerting.detection.kit.sources.seats import CLINICAL, SeatedDevices
from vocabulary.times import HOUR_US, MINUTE_US

Flags = NDArray[np.bool_]
SWAPPED, JUMPED, DOUBLED, EXERCISE, NOBODY = 1, 2, 3, 4, 5

_SYSTOLIC, _DIASTOLIC = COLUMN["systolic_bp"], COLUMN["diastolic_bp"]
_PULSE, _BREATH, _TEMPERATURE, _STEPS = (
    COLUMN[code] for code in ("heart_rate", "respiration_rate", "body_temperature", "step_count")
)
_BED, _PRESENCE = COLUMN["in_bed"], COLUMN["presence"]
_RATES = (_PULSE, _BREATH)
USUAL = {_PULSE: (41.0, 110.0), _BREATH: (9.0, 20.0)}
"""Rates for which NEWS2 gives at most one point (RCP 2017, chart 1): sleepers are slow."""
TWICE_TOLERANCE, HALF_TOLERANCE = 0.2, 0.075
"""A rate within 10 % of twice, or 15 % of half, the usual one: counted in whole beats, half a rate scatters more."""
SUDDEN_STEPS = 6 * MINUTE_US // STEP_US
"""From one reading of a slow stream to the next; of a fast one the last usual rate would be near, and not half."""
DOUBT_STEPS = 10 * MINUTE_US // STEP_US
REFUTED = -1
"""Unusual, but no doubling."""
REPEATS, REPEAT_STEPS = 3, 45 * MINUTE_US // STEP_US
"""A fourth doubling, each within this time of the one before, is no longer doubted."""
FRESH_STEPS = 5 * MINUTE_US // STEP_US
SKIN_C = (35.5, 38.5)
SLOW_STEPS = 10 * MINUTE_US // STEP_US
"""A probe that cools on the table leaves the usual temperatures, and is 1.5 °C away, faster than any body."""
PULSE_STEPS = 30_000_000 // STEP_US
"""A pulse that was measured so lately refutes a sensor that finds none."""
JUMP_C, BACK_C = 1.5, 1.0
"""Change of temperature between readings of a stream that no body makes, and the distance that counts as back."""
STREAM_STEPS, JUMP_FOR_STEPS = 6 * MINUTE_US // STEP_US, 6 * HOUR_US // STEP_US
RUNNING, REST_STEPS = 15, 5 * MINUTE_US // STEP_US
"""Steps a minute from which a body is exercised, and the time in which the heart calms down."""
BREATHLESS = 6.0
"""A rate below this is no breath."""
PRESENT_STEPS = 12 * HOUR_US // STEP_US
"""An empty bed, or a room without anybody, is believed for so long after the sensor's last word."""
FAST, FASTEST = 90.0, 180.0
"""A heart faster than this is not explained by steps: no elderly person's dance (220 less the age)."""


def _per_source(dtype: type) -> Array:
    return msgspec.field(default_factory=lambda: np.zeros((0, SEATS), dtype))


def _per_person(dtype: type) -> Array:
    return msgspec.field(default_factory=lambda: np.zeros(0, dtype))


class DoubtState(msgspec.Struct, kw_only=True):
    """``usual`` [people * 2 rates * seats]: the last usual rate, ``usual_step`` its step; ``doubled``: the step since
    which it is unusual, 0: it is not, or :data:`REFUTED`; ``began``: step of the last doubling, ``repeats``: how many
    followed each other. ``level``, ``jumped`` [people * seats]: the temperature before a jump, and its step;
    ``running`` [people]: the step until which exercise explains a fast heart."""

    usual: Array = _per_person(np.float32)
    usual_step: Array = _per_person(np.int32)
    doubled: Array = _per_person(np.int32)
    began: Array = _per_person(np.int32)
    repeats: Array = _per_person(np.uint8)
    stream: Array = _per_person(np.uint8)
    level: Array = _per_person(np.float32)
    jumped: Array = _per_person(np.int32)
    running: Array = _per_person(np.int32)
    warm: Array = _per_person(np.float32)
    warm_step: Array = _per_person(np.int32)

    def grow(self, people: int) -> None:
        """Make room for more people."""
        rates, seats = people * len(_RATES) * SEATS, people * SEATS
        self.usual, self.usual_step = grown(self.usual, rates), grown(self.usual_step, rates)
        self.doubled, self.stream = grown(self.doubled, rates), grown(self.stream, seats)
        self.level, self.jumped = grown(self.level, seats), grown(self.jumped, seats)
        self.began, self.repeats = grown(self.began, rates), grown(self.repeats, rates)
        self.running = grown(self.running, people)
        self.warm, self.warm_step = grown(self.warm, seats), grown(self.warm_step, seats)


class Doubts:
    """Marks each bin of all sources with the reason why it is doubted; 0: none."""

    def __init__(self) -> None:
        self.state = DoubtState()
        self._home = np.empty(0, np.int32)

    def learn(self, district: District) -> None:
        """Take a changed district."""
        self.state.grow(len(district.people))
        self._home = district.derived(home_rows)

    def of(
        self,
        bins: Bins,
        chosen: Bins,
        latest: Latest,
        sources: Latest,
        seated: SeatedDevices,
        streams: Flags,
    ) -> NDArray[np.int8]:
        """Reasons, shape [n]. ``chosen``: the leading device's bins; ``latest``, ``sources``: the newest before;
        ``streams``: whether each bin's source measures by itself: what a person measured is not doubted for its
        rate."""
        reason = np.zeros(len(bins), np.int8)
        self._swapped(bins, reason)
        self._jumped(bins, sources, reason)
        may_double = streams & (np.abs(seated.rank.take(bins.source)) < CLINICAL)
        for slot, column in enumerate(_RATES):
            self._doubled(bins, chosen, latest, may_double, slot, column, reason)
        self._exercise(bins, sources, reason)
        self._nobody(bins, chosen, latest, sources, seated, reason)
        return reason

    def _swapped(self, bins: Bins, reason: NDArray[np.int8]) -> None:
        low = np.flatnonzero(bins.column == _DIASTOLIC)
        high = np.flatnonzero(bins.column == _SYSTOLIC)
        if not len(low) or not len(high):
            return
        key = (bins.row.astype(np.int64) << 40) | bins.step
        at = np.minimum(np.searchsorted(key[high], key[low], sorter=(order := np.argsort(key[high]))), len(high) - 1)
        pair = high[order[at]]
        swapped = (key[pair] == key[low]) & (bins.mean[low] >= bins.mean[pair])
        reason[low[swapped]] = reason[pair[swapped]] = SWAPPED

    def _jumped(self, bins: Bins, sources: Latest, reason: NDArray[np.int8]) -> None:
        index = np.flatnonzero(bins.column == _TEMPERATURE)
        if not len(index):
            return
        state, mine = self.state, bins.take(index)
        series = mine.row * np.int64(SEATS) + mine.seat
        first = firsts(series)
        before, before_step = sources.before(mine)
        before = np.where(first, before, np.concatenate((before[:1], mine.mean[:-1])))
        before_step = np.where(first, before_step, np.concatenate((before_step[:1], mine.step[:-1])))
        near = mine.step - before_step <= STREAM_STEPS
        warm, since_warm = self._last_warm(mine, series, first)
        slow = (since_warm <= SLOW_STEPS) & (np.abs(mine.mean - warm) >= JUMP_C)
        odd = (near & (np.abs(mine.mean - before) >= JUMP_C)) | slow | (state.jumped[series] > 0)
        walked = np.isin(series, series[odd]) if odd.any() else odd
        for i in np.flatnonzero(walked).tolist():
            of, step, value = int(series[i]), int(mine.step[i]), float(mine.mean[i])
            streaming = state.stream[of] >= 3
            state.stream[of] = min(int(state.stream[of]) + 1, 255) if near[i] else 0
            at_once = abs(value - float(before[i])) >= JUMP_C
            if not state.jumped[of] and near[i] and streaming and (at_once or slow[i]):
                state.jumped[of], state.level[of] = step, before[i] if at_once else warm[i]
            since = int(state.jumped[of])
            if since and (abs(value - float(state.level[of])) <= BACK_C or not 0 <= step - since <= JUMP_FOR_STEPS):
                state.jumped[of] = 0
            if state.jumped[of]:
                reason[index[i]] = JUMPED
        calm = ~walked
        last = np.append(first[1:], True)
        begin = np.maximum.accumulate(np.where(first | ~near, np.arange(len(mine)), 0))
        run = np.arange(len(mine)) - begin + np.where(near[begin], state.stream[series].astype(np.int64) + 1, 0)
        keep = np.flatnonzero(calm & last)
        state.stream[series[keep]] = np.minimum(run[keep], 255)

    def _last_warm(
        self, mine: Bins, series: NDArray[np.int64], first: Flags
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The last usual temperature at each reading, and the steps since (many where there is none)."""
        state, at = self.state, np.arange(len(mine))
        usual = (mine.mean >= SKIN_C[0]) & (mine.mean <= SKIN_C[1])
        found = np.maximum.accumulate(np.where(usual, at, -1))
        here = found >= np.maximum.accumulate(np.where(first, at, 0))
        warm = np.where(here, mine.mean[found], state.warm[series])
        step = np.where(here, mine.step[found], state.warm_step[series])
        last = np.append(first[1:], True)
        state.warm[series[last]], state.warm_step[series[last]] = warm[last], step[last]
        return warm, mine.step - step

    def _doubled(
        self,
        bins: Bins,
        chosen: Bins,
        latest: Latest,
        may_double: Flags,
        slot: int,
        column: int,
        reason: NDArray[np.int8],
    ) -> None:
        state, index = self.state, np.flatnonzero((bins.column == column) & may_double)
        if not len(index):
            return
        low, high = USUAL[column]
        series = (bins.row[index] * np.int64(len(_RATES)) + slot) * SEATS + bins.seat[index]
        first = firsts(series)
        unusual = (bins.mean[index] < low) | (bins.mean[index] > high) | (state.doubled[series] != 0)
        begins = np.flatnonzero(first)
        if len(begins) < len(index):
            unusual = np.logical_or.reduceat(unusual, begins).repeat(np.diff(begins, append=len(index)))
        calm = np.flatnonzero(~unusual & np.append(first[1:], True))
        state.usual[series[calm]], state.usual_step[series[calm]] = bins.mean[index[calm]], bins.step[index[calm]]
        index = index[unusual]
        if not len(index):
            return
        row, step, value = bins.row[index], bins.step[index], bins.mean[index]
        series = series[unusual]
        first, at = firsts(series), np.arange(len(index))
        last = np.append(first[1:], True)
        usual = (value >= low) & (value <= high)
        begin = np.maximum.accumulate(np.where(first, at, 0))
        found = np.maximum.accumulate(np.where(usual, at, -1))
        here = found >= begin
        usual_value = np.where(here, value[found], state.usual[series])
        usual_step = np.where(here, step[found], state.usual_step[series])
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = value / usual_value
        twice = (np.abs(ratio - 2) <= TWICE_TOLERANCE) | (np.abs(ratio - 0.5) <= HALF_TOLERANCE)
        twice &= ~usual & (usual_step > 0)
        # the readings since the last usual one: one that is not twice shows that it is the heart that races
        run = np.minimum(np.where(here, found + 1, begin), at)
        known = np.where(here, 0, state.doubled[series])
        refuted = (np.maximum.accumulate(np.where(~usual & ~twice, at, -1)) >= run) | (known == REFUTED)
        since = np.where(known > 0, known, step[run])
        waits = twice & ~refuted & (since - usual_step <= SUDDEN_STEPS) & (step - since < DOUBT_STEPS)
        if waits.any():
            waits[waits] &= _unchanged(column, row[waits], step[waits], chosen, latest)
            waits &= self._seldom(series, step, run, waits & (step == since) & (known == 0))
            reason[index[waits]] = DOUBLED
        state.doubled[series[last]] = np.where(usual, 0, np.where(refuted, REFUTED, since))[last]
        state.usual[series[last]], state.usual_step[series[last]] = usual_value[last], usual_step[last]

    def _seldom(
        self, series: NDArray[np.int64], step: NDArray[np.int64], run: NDArray[np.int64], begins: Flags
    ) -> Flags:
        """Whether a doubling is not one of many, at each reading; ``run``: index of the first of its run, ``begins``:
        where a doubling begins. A sensor that miscounts does so now and then; a heart that bolts does so again."""
        state, several = self.state, self.state.repeats[series] > REPEATS
        for i in np.flatnonzero(begins).tolist():
            of, again = int(series[i]), int(step[i]) - int(state.began[series[i]]) <= REPEAT_STEPS
            state.repeats[of] = min(int(state.repeats[of]) + 1, 255) if again else 1
            state.began[of] = step[i]
            several[i] = state.repeats[of] > REPEATS
        fresh = begins[run]
        return ~np.where(fresh, several[run], several)

    def _exercise(self, bins: Bins, sources: Latest, reason: NDArray[np.int8]) -> None:
        state, index = self.state, np.flatnonzero(bins.column == _STEPS)
        until = None
        if len(index):
            mine = bins.take(index)
            first = firsts(mine.source)
            before, before_step = sources.before(mine)
            before = np.where(first, before, np.concatenate((before[:1], mine.mean[:-1])))
            before_step = np.where(first, before_step, np.concatenate((before_step[:1], mine.step[:-1])))
            minutes = (mine.step - before_step) * (STEP_US / MINUTE_US)
            runs = (before_step > 0) & (minutes <= 5) & (mine.mean - before >= RUNNING * minutes)
            until = mine.row[runs], mine.step[runs]
        fast = np.flatnonzero((bins.column == _PULSE) & (bins.mean > FAST) & (bins.mean < FASTEST))
        if len(fast):
            left = state.running[bins.row[fast]] - bins.step[fast]
            explained = (left >= 0) & (left <= REST_STEPS)
            if until is not None and len(until[0]):
                key = (until[0].astype(np.int64) << 40) | until[1]
                key.sort()
                wanted = (bins.row[fast].astype(np.int64) << 40) | bins.step[fast]
                at = np.searchsorted(key, wanted, "right") - 1
                explained |= (at >= 0) & (wanted - key[at] <= REST_STEPS)
            reason[fast[explained]] = EXERCISE
        if until is not None and len(until[0]):
            np.maximum.at(state.running, until[0], (until[1] + REST_STEPS).astype(np.int32))

    def _nobody(
        self,
        bins: Bins,
        chosen: Bins,
        latest: Latest,
        sources: Latest,
        seated: SeatedDevices,
        reason: NDArray[np.int8],
    ) -> None:
        of_breath = bins.column == _BREATH
        breathless = np.flatnonzero((of_breath & (bins.mean < BREATHLESS)) | (bins.column == NO_PULSE))
        if not len(breathless):
            return
        row, step, seat = bins.row[breathless], bins.step[breathless], bins.seat[breathless]
        home = self._home[row]
        value, at = value_at(chosen, latest, _BED, home, step)
        nobody = _says_no(value, at, step)
        number = seated.device[row, bins.column[breathless], seat]
        for other in range(SEATS):  # the same sensor's word about the room, from whichever seat it has there
            same = (seated.device[home, _PRESENCE, other] == number) & (number > 0)
            if same.any():
                mine = bins.where((bins.column == _PRESENCE) & (bins.seat == other))
                value, at = source_at(mine, sources, _PRESENCE, other, home, step)
                nobody |= same & _says_no(value, at, step)
        nobody |= self._refuted(bins, breathless, sources, seated)
        reason[breathless[nobody]] = NOBODY

    def _refuted(self, bins: Bins, breathless: NDArray[np.intp], sources: Latest, seated: SeatedDevices) -> Flags:
        """Whether the same device finds no pulse while a more trusted one has just measured it."""
        row, step, seat = bins.row[breathless], bins.step[breathless], bins.seat[breathless]
        number = seated.device[row, bins.column[breathless], seat]
        own = np.abs(seated.rank[row, bins.column[breathless], seat])
        blind, refuted = np.zeros(len(row), np.bool_), np.zeros(len(row), np.bool_)
        for other in range(SEATS):
            device = seated.device[row, _PULSE, other]
            same, better = device == number, np.abs(seated.rank[row, _PULSE, other]) > own
            for column, asked, found in ((NO_PULSE, same, blind), (_PULSE, better, refuted)):
                if (asked & (device > 0)).any():
                    mine = bins.where((bins.column == column) & (bins.seat == other))
                    _, at = source_at(mine, sources, column, other, row, step)
                    found |= asked & (device > 0) & (at > 0) & (step - at <= PULSE_STEPS)
        return blind & refuted


def _says_no(value: NDArray[np.float32], at: NDArray[np.int64], step: NDArray[np.int64]) -> Flags:
    return (at > 0) & (step - at <= PRESENT_STEPS) & (value < 0.5)


def _unchanged(
    column: int, row: NDArray[np.int32], step: NDArray[np.int64], chosen: Bins, latest: Latest
) -> NDArray[np.bool_]:
    """Whether another sign is known at these moments, and those that are known are usual."""
    known = np.zeros(len(row), np.bool_)
    calm = np.ones(len(row), np.bool_)
    for other, (low, high) in {**USUAL, COLUMN["spo2"]: (92.0, 100.0)}.items():
        if other != column:
            value, at = value_at(chosen, latest, other, row, step)
            fresh = (at > 0) & (step - at <= FRESH_STEPS)
            known |= fresh
            calm &= ~fresh | ((value >= low) & (value <= high))
    return known & calm
