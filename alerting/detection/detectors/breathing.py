"""Detects a person in bed whose breathing is not measured.

Three cases. *Breathing pause*: the sensor measures a rate of next to nothing; apnoea is a pause of 10 s or more (AASM
Manual for the Scoring of Sleep), and a rate averaged over the sensor's window falls below 6 /min only when it lasts. An
empty bed and a room without anybody have no breath, and sensors say 0 there: that is left aside before
(:mod:`alerting.detection.kit.sources.doubt`). *Arrest*: breathing and pulse are both gone, for 90 s, from a bed that
its own sensor calls taken: an emergency. *No vital sign*: the bed is occupied, and neither breathing nor pulse comes,
though this bed gave them before. Radars lose a sleeper for some minutes every night, so it takes half an hour. It takes
twice as long where none has come since the bed was taken (somebody else lies there, or its sensor hangs), and four
times where the only resident is seen elsewhere again and again. A silent device explains it.
*Quality*: most sensors send no value when their signal is poor. While a sensor reports a poor
signal (``signal_quality``), its pauses do not count, a missing vital sign takes twice the time, and the reason says so.
"""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.columns import STEP_US, Bins, Carried, carry, firsts, grown, newest_at, value_at
from alerting.detection.kit.context import COLUMN, NO_PULSE, District, Happened, home_rows
from alerting.detection.kit.detector import Array, CompleteSteps, Detector, Rule
from alerting.detection.kit.routine.rooms import bedrooms
from alerting.detection.kit.sources.doubt import NOBODY, PRESENT_STEPS
from alerting.detection.kit.watcher import Episodes, Turn, Watcher
from alerting.detection.kit.words import finding_about, lasting
from vocabulary.parameter import Parameter
from vocabulary.times import HOUR_US, MINUTE_US, SECOND_US

_BED, _RATE, _PULSE = COLUMN["in_bed"], COLUMN["respiration_rate"], COLUMN["heart_rate"]
_QUALITY = COLUMN["signal_quality"]
_COLUMNS = np.array([_BED, _RATE, _PULSE, _QUALITY])
QUALITY_KNOWN_STEPS = 2 * MINUTE_US // STEP_US
"""A reported signal quality is valid for two minutes."""
BED_KNOWN_STEPS = 3 * MINUTE_US // STEP_US
"""A reading of the bed sensor is valid for three minutes."""
ARREST_US = 90 * SECOND_US
"""Time for which a taken bed without breath and pulse is not yet an arrest: radars lose a sleeper for moments. Our own
choice."""
PULSE_GONE_STEPS = MINUTE_US // STEP_US
SEEN_LATELY_STEPS = 12 * HOUR_US // STEP_US
"""A bed without any vital sign for longer than this has no sensor for them."""
ELSEWHERE = ("motion_began", "presence_began", "door_opened")
ABOUT_SIGNS, APART_US = 6, 2 * MINUTE_US
"""So many signs in other rooms, apart by at least this, are somebody about. Our own choice."""
UNSEEN, ABOUT = 2, 4
"""Factors on the time without any vital sign where none has come since the bed was taken, and where somebody is about.
Our own choice: a bed's sensor that hangs is recognised by then (:mod:`alerting.detection.kit.routine.stuck`)."""


class Unmeasured(msgspec.Struct):
    """A time in bed without any vital sign. ``allowed_us``: how long it may last; ``quality``: the poor signal's, in
    percent."""

    onset_us: int
    vital_us: int
    allowed_us: int
    quality: int | None
    told: bool = False


class InBed(msgspec.Struct):
    """Shapes [people]. ``missing_us``: onset of the open episode without any vital sign; ``empty``: the last step at
    which the bed was not known to be occupied; ``nobody``: the last one at which a sensor without breath had nobody
    before it. ``about_us``: the last signs of life in other rooms, by the row of somebody who lives alone;
    ``unmeasured``: times without any vital sign by 'row|onset'."""

    pauses: Episodes = {}
    arrests: Episodes = {}
    missing_us: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int64))
    empty: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int32))
    nobody: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int32))
    about_us: dict[int, list[int]] = {}
    unmeasured: dict[str, Unmeasured] = {}


class Breathing(Detector):
    """Detects breathing pauses and missing vital signs; see the module."""

    version: ClassVar = 4
    constants: ClassVar = {"breathing.arrest_s": ARREST_US / 1e6}
    parameters: ClassVar = {
        "breathing.pause_rate": Parameter(6, 1, 8, "/min", "呼吸停顿：呼吸率低于", "pause: rate below"),
        "breathing.pause_seconds": Parameter(30, 15, 120, "s", "呼吸停顿：持续时间", "pause: for"),
        "breathing.missing_minutes": Parameter(
            30, 5, 120, "min", "在床无生命体征：持续时间", "no vital sign in bed: for"
        ),
        "breathing.poor_quality": Parameter(
            30, 0, 90, "%", "信号质量差：低于", "poor signal: the sensor's own quality below"
        ),
    }
    rules: ClassVar = {
        "breathing_pause": Rule(title=("呼吸暂停", "pause of breathing"), story="vital", again_s=1800, per_day=6),
        "no_vital_sign": Rule(
            title=("在床但测不到生命体征", "no vital sign in bed"),
            story="vital",
            again_s=3600,
            per_day=4,
            explained_by=("gateway_silent", "device_silent", "stuck_in_bed"),
        ),
    }

    kinds: ClassVar = frozenset(ELSEWHERE)

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = InBed()

    def prepare(self, district: District) -> None:
        district.derived(home_rows), district.derived(bedrooms)

    def learn(self, district: District) -> None:
        people = len(district.people)
        self._home, self._bedrooms = district.derived(home_rows), district.derived(bedrooms)
        self.state.missing_us, self.state.empty = grown(self.state.missing_us, people), grown(self.state.empty, people)
        self.state.nobody = grown(self.state.nobody, people)
        self._rate = self.tuned(district, "breathing.pause_rate")
        pause_us = (self.tuned(district, "breathing.pause_seconds") * 1e6).astype(np.int64)
        self._missing_steps = (self.tuned(district, "breathing.missing_minutes") * 60e6 / STEP_US).astype(np.int64)
        self._poor = self.tuned(district, "breathing.poor_quality")
        self._watcher = Watcher(self.state.pauses, people, pause_us[:, None], 3)
        self._arrests = Watcher(self.state.arrests, people, ARREST_US, 3)

    def event(self, district: District, happened: Happened) -> Iterable[Finding]:
        row, room, now_us = happened.source.home, happened.source.room, happened.time_us
        if row is None or district.people[row].id is None:
            return ()  # of several people one may lie while another moves
        if happened.kind in ELSEWHERE and room not in self._bedrooms.get(row, ()):
            signs = self.state.about_us.setdefault(row, [])
            if not signs or now_us - signs[-1] >= APART_US:
                self.state.about_us[row] = [*signs[1 - ABOUT_SIGNS :], now_us]
        return ()

    def look(self, steps: CompleteSteps) -> Iterator[Finding]:
        moments = carry(steps.bins.of(*_COLUMNS), steps.latest, _COLUMNS)
        if not len(moments.row):
            return
        told = (moments.step_of[:, 3] > 0) & (moments.step - moments.step_of[:, 3] <= QUALITY_KNOWN_STEPS)
        poor = told & (moments.value[:, 3] < self._poor[moments.row])
        measured = (moments.bin_of[:, 1] >= 0) & (moments.step_of[:, 1] == moments.step)
        yield from self._pauses(steps, poor[measured])
        self._missing(moments, poor)

    def _pauses(self, steps: CompleteSteps, poor: NDArray[np.bool_]) -> Iterator[Finding]:
        """``poor``: where the sensor reports a poor signal, for each bin of the breathing rate."""
        bins, after = steps.bins.of(_RATE), self._nobody(steps)
        if not len(bins):
            return
        low = (bins.mean < self._rate[bins.row]) & ~poor
        taken, gone = np.zeros(len(bins), np.bool_), np.zeros(len(bins), np.bool_)
        suspect = np.flatnonzero(low)
        if len(suspect):
            row, step = self._home[bins.row[suspect]], bins.step[suspect]
            value, at = value_at(steps.bins, steps.latest, _BED, row, step)
            taken[suspect] = (at > 0) & (step - at <= PRESENT_STEPS) & (value >= 0.5)
            gone[suspect] = self._no_pulse(steps, bins.take(suspect))
        onsets_us = {row: pause.onset_us for (row, _), pause in self.state.pauses.items()}
        pauses, arrests = (
            list(self._watcher.walk(bins, low, after)),
            self._arrests.walk(bins, low & taken & gone, after),
        )
        turns = [(turn.at, False, turn) for turn in pauses] + [(turn.at, True, turn) for turn in arrests]
        for _, arrest, turn in sorted(turns, key=lambda each: each[:2]):  # an arrest is told in the pause of its moment
            of = int(bins.row[turn.at])
            if not arrest:
                onsets_us[of] = turn.onset_us if turn.kind == "open" else 0
                yield self._pause_finding(steps.district, bins, turn)
            elif turn.kind == "open":
                yield self._pause_finding(steps.district, bins, turn, pause_us=onsets_us.get(of, 0))

    def _nobody(self, steps: CompleteSteps) -> NDArray[np.int64]:
        """At each bin of the breathing rate the last step in which a sensor without breath had nobody before it: what
        it said before somebody left, and while he comes back, is no pause."""
        bins, known = steps.bins.of(_RATE), self.state.nobody
        absent = steps.sources.bins.where(steps.sources.doubt == NOBODY)
        absent = absent.take(np.lexsort((absent.step, absent.row)))
        _, after = newest_at(absent, np.zeros(len(bins), np.float32), known[bins.row], bins.row, bins.step)
        known[absent.row] = absent.step
        return after

    def _no_pulse(self, steps: CompleteSteps, bins: Bins) -> NDArray[np.bool_]:
        """Whether a sensor says that there is no pulse, and none has been measured since."""
        _, zero_at = value_at(steps.bins, steps.latest, NO_PULSE, bins.row, bins.step)
        _, pulse_at = value_at(steps.bins, steps.latest, _PULSE, bins.row, bins.step)
        return (zero_at > 0) & (bins.step - zero_at <= PULSE_GONE_STEPS) & (zero_at > pulse_at)

    def _pause_finding(self, district: District, bins: Bins, turn: Turn, *, pause_us: int | None = None) -> Finding:
        """The finding of a pause, or of one that is an arrest: the same alert, and graver. ``pause_us``: of an arrest,
        the onset of the pause's alert; 0: none is open."""
        row, rate, now_us = int(bins.row[turn.at]), float(bins.mean[turn.at]), int(bins.end_us[turn.at])
        onset_us = turn.onset_us
        action: FindingAction = "open" if turn.kind == "open" else "end"
        for_zh, for_en = lasting(turn.held_us)
        zh, en = f"呼吸频率 {rate:.0f} 次/分，近乎停止，已持续 {for_zh}", f"breathing at {rate:.0f} /min, for {for_en}"
        if pause_us is not None:
            zh, en = f"在床，呼吸和心率均为 0，已持续 {for_zh}", f"in bed, neither breathing nor pulse for {for_en}"
            if pause_us:
                onset_us, action = pause_us, "update"
        elif turn.kind == "end":
            zh, en = f"呼吸已恢复，{rate:.0f} 次/分", f"breathing again, {rate:.0f} /min"
        return finding_about(
            district.people[row],
            "breathing_pause",
            self.version,
            action,
            "urgent" if pause_us is None else "emergency",
            onset_us,
            now_us,
            zh,
            en,
            {
                "kind": "breathing",
                "channel": "respiration_rate",
                "value": round(rate, 1),
                "held_s": turn.held_us // SECOND_US,
            },
        )

    def _missing(self, moments: Carried, poor: NDArray[np.bool_]) -> None:
        """Note where a taken bed has given no vital sign for too long, and where that ends."""
        state = self.state
        row, bed_step = moments.row, moments.step_of[:, 0]
        vital_step = moments.step_of[:, 1:3].max(axis=1)
        in_bed = (moments.value[:, 0] >= 0.5) & (bed_step > 0) & (moments.step - bed_step <= BED_KNOWN_STEPS)
        # the time counts from lying down
        empty_step = self._empty(row, moments.step, in_bed)
        if not in_bed.any() and not state.missing_us[row].any():
            return
        since = np.maximum(vital_step, empty_step)
        allowed = self._missing_steps[row] * np.where(poor, 2, 1)
        missing = in_bed & (vital_step > 0) & (moments.step - since >= allowed)
        missing &= moments.step - vital_step <= SEEN_LATELY_STEPS
        missing &= moments.step - since >= allowed * np.where(vital_step <= empty_step, UNSEEN, 1)
        concerned = missing | (state.missing_us[row] > 0)
        for i in np.flatnonzero(np.isin(row, row[concerned])).tolist() if concerned.any() else ():
            person_row, onset_us = int(row[i]), int(state.missing_us[row[i]])
            if bool(missing[i]) == bool(onset_us):
                continue
            now_us = int(moments.step[i] + 1) * STEP_US
            if onset_us:
                state.missing_us[person_row] = 0
                self.timers.set(now_us, f"back|{person_row}|{onset_us}")
            else:
                onset_us = state.missing_us[person_row] = int(since[i] + 1) * STEP_US
                key = f"{person_row}|{onset_us}"
                quality = round(float(moments.value[i, 3])) if poor[i] else None
                vital_us, allowed_us = int(vital_step[i]) * STEP_US, int(allowed[i]) * STEP_US
                state.unmeasured[key] = Unmeasured(onset_us, vital_us, allowed_us, quality)
                self.timers.set(now_us, f"missing|{key}")

    def due(self, district: District, key: str, at_us: int) -> Iterator[Finding]:
        """Tell of a time without any vital sign, in the order of events: whether somebody is about is known now."""
        kind, _, key = key.partition("|")
        found = self.state.unmeasured.get(key)
        if found is None:
            return
        row = int(key.partition("|")[0])
        if kind == "missing":
            later_us = found.onset_us + ABOUT * found.allowed_us
            if at_us < later_us and self._about(row, found.onset_us):
                self.timers.set(later_us, f"missing|{key}")
                return
            found.told = True
            minutes = (at_us - found.onset_us) // MINUTE_US
            zh, en = (
                f"在床但 {minutes} 分钟未测到呼吸和心率",
                f"in bed, no breathing or pulse measured for {minutes} min",
            )
            if found.quality is not None:
                zh, en = f"{zh}，传感器自报信号质量 {found.quality}%", f"{en}; signal quality {found.quality}%"
        else:
            del self.state.unmeasured[key]
            self.timers.cancel(f"missing|{key}")
            if not found.told:
                return
            zh, en = "已重新测到生命体征或已离床", "vital signs are back, or the bed is empty"
        yield finding_about(
            district.people[row],
            "no_vital_sign",
            self.version,
            "open" if kind == "missing" else "note",
            "urgent",
            found.onset_us,
            at_us,
            zh,
            en,
            {
                "kind": "no_vital_sign",
                "minutes": (at_us - found.onset_us) // MINUTE_US,
                "signal_quality": found.quality,
                "last_vital_us": found.vital_us,
            },
        )

    def _about(self, row: int, since_us: int) -> bool:
        """Whether somebody who lives alone has been about in other rooms since then."""
        signs = self.state.about_us.get(row, [])
        return len(signs) == ABOUT_SIGNS and signs[0] > since_us

    def _empty(self, row: NDArray[np.int32], step: NDArray[np.int64], in_bed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """At each moment the last step at which the bed was not known to be occupied."""
        first, empty = firsts(row), step
        if in_bed.any():
            at = np.maximum.accumulate(np.where(first | ~in_bed, np.arange(len(row)), 0))
            empty = np.where(in_bed[at], self.state.empty[row], step[at]).astype(np.int64)
        last = np.append(first[1:], True)
        self.state.empty[row[last]] = empty[last]
        return empty
