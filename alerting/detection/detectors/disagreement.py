"""Tells, technically, that two devices measure the same sign of one person and lastingly differ.

One of them is wrong, looks at somebody else, or hangs; the more trusted one is believed meanwhile
(:mod:`alerting.detection.kit.sources.choice`). The differences that count are about three times the accuracy that
such devices state; they and the time are our own choice.
"""

import functools
from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.columns import STEP_US
from alerting.detection.kit.context import COLUMN, COLUMNS, District
from alerting.detection.kit.detector import CompleteSteps, Detector, Rule
from alerting.detection.kit.origin import Origins
from alerting.detection.kit.words import UNSOUND, finding_about, lasting, name_of, title_of, value_of
from vocabulary.times import DAY_S, MINUTE_US

APART: dict[str, float] = {"heart_rate": 20, "respiration_rate": 8, "spo2": 6, "body_temperature": 1.5}
"""Difference of two devices that counts, in the channel's unit."""
LASTS_STEPS = 15 * MINUTE_US // STEP_US
AGREED_STEPS = 10 * MINUTE_US // STEP_US
FORGOTTEN_STEPS, LEAST = 5 * MINUTE_US // STEP_US, 10
"""Differences further apart begin anew; so many must be seen."""
_CODES = tuple(APART)
_LEAST = np.full(COLUMNS, np.inf, np.float32)
_LEAST[[COLUMN[code] for code in _CODES]] = list(APART.values())


class Disagreeing(msgspec.Struct):
    """Of one person and channel: steps since which, and at which last, two devices differed and agreed (0: not);
    ``onset``: of the open alert, 0: none."""

    since: int
    last: int
    count: int = 0
    agreed: int = 0
    onset: int = 0


class Disagreements(msgspec.Struct):
    """By (row, column, seat, seat)."""

    pairs: dict[tuple[int, int, int, int], Disagreeing] = {}


class Disagreement(Detector):
    """Compares each reading with those that the person's other devices gave last."""

    rules: ClassVar = {
        f"disagree_{code}": Rule(
            title=title_of(code, "两台设备不一致", ": two devices disagree"),
            outside=UNSOUND,
            again_s=DAY_S,
            per_day=1,
            rests_for=("maintenance",),
        )
        for code in _CODES
    }
    constants: ClassVar = {
        "disagreement.minutes": LASTS_STEPS * STEP_US / MINUTE_US,
        **{f"disagreement.apart.{code}": apart for code, apart in APART.items()},
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Disagreements()
        self._origins = Origins({})

    def learn(self, district: District) -> None:
        self._origins = Origins(district.sources)

    def look(self, steps: CompleteSteps) -> Iterator[Finding]:
        shared, bins = steps.sources.shared, steps.sources.bins
        if shared is None:
            return
        column = bins.column[shared.index]
        seat, value = bins.seat[shared.index], bins.mean[shared.index]
        low, high = (np.where(shared.alive, shared.value, np.float32(none)).T for none in (np.inf, -np.inf))
        low, high = functools.reduce(np.minimum, low), functools.reduce(np.maximum, high)  # numpy's own is slow here
        differs = np.maximum(value - low[shared.group], high[shared.group] - value) >= _LEAST[column]
        watched = self._watched(bins.row[shared.index], column)
        for i in np.flatnonzero(differs | watched).tolist():
            at, group, mine = int(shared.index[i]), int(shared.group[i]), int(seat[i])
            for nth in np.flatnonzero(shared.alive[group]).tolist():
                if nth == mine:
                    continue
                a, b = sorted((mine, nth))
                key = int(bins.row[at]), int(column[i]), a, b
                values = {mine: float(value[i]), nth: float(shared.value[group, nth])}
                apart = abs(values[mine] - values[nth]) >= float(_LEAST[column[i]])
                yield from self._compared(steps, key, apart, values, int(bins.step[at]))

    def _watched(self, row: NDArray[np.int32], column: NDArray[np.int16]) -> NDArray[np.bool_]:
        if not self.state.pairs:
            return np.zeros(len(row), np.bool_)
        series = np.array([key[0] * COLUMNS + key[1] for key in self.state.pairs])
        return np.isin(row * np.int64(COLUMNS) + column, series)

    def _compared(
        self, steps: CompleteSteps, key: tuple[int, int, int, int], differs: bool, values: dict[int, float], step: int
    ) -> Iterator[Finding]:
        pairs = self.state.pairs
        pair = pairs.get(key)
        if differs:
            if pair is None or (not pair.onset and not 0 <= step - pair.last <= FORGOTTEN_STEPS):
                pair = pairs[key] = Disagreeing(since=step, last=step)
            pair.last, pair.agreed, pair.count = step, 0, pair.count + 1
            if not pair.onset and step - pair.since >= LASTS_STEPS and pair.count >= LEAST:
                pair.onset = pair.since
                yield self._finding(steps, key, pair, values, "open", step)
        elif pair is not None:
            pair.agreed = pair.agreed or step
            if not pair.onset:
                del pairs[key]
            elif step - pair.agreed >= AGREED_STEPS:
                del pairs[key]
                yield self._finding(steps, key, pair, values, "clear", step)

    def _finding(
        self,
        steps: CompleteSteps,
        key: tuple[int, int, int, int],
        pair: Disagreeing,
        values: dict[int, float],
        action: FindingAction,
        step: int,
    ) -> Finding:
        row, column, *seats = key
        code = next(code for code in _CODES if COLUMN[code] == column)
        labels, devices = [], []
        for seat in seats:
            found = self._origins.at(steps.sources.seated, row, column, seat)
            source = found[0] if len(found) == 1 else None
            number = f"{chr(65 + seat)}"
            labels.append(
                (f"设备 {number}", f"device {number}") if source is None else (source.label_zh, source.label_en)
            )
            devices += [] if source is None else [f"{source.gateway}/{source.name}"]
        (a_zh, a_en), (b_zh, b_en) = labels
        a, b = (value_of(code, values[seat]) for seat in seats)
        name_zh, name_en = name_of(code)
        for_zh, for_en = lasting((step - pair.since) * STEP_US)
        zh = f"{name_zh}：{a_zh} {a}、{b_zh} {b}，相差已持续 {for_zh}，请检查两台设备是否戴好、是否测到别人"
        en = f"{name_en}: {a_en} {a}, {b_en} {b}, for {for_en}; check both: worn well, and of the right person?"
        if action == "clear":
            zh, en = f"{name_zh}：{a_zh}与{b_zh}已一致", f"{name_en}: {a_en} and {b_en} agree again"
        evidence: dict[str, object] = {
            "kind": "disagreement",
            "channel": code,
            "values": [round(values[seat], 2) for seat in seats],
            "devices": devices,
        }
        onset_us, now_us = pair.onset * STEP_US, (step + 1) * STEP_US
        person = steps.district.people[row]
        return finding_about(
            person, f"disagree_{code}", self.version, action, "technical", onset_us, now_us, zh, en, evidence
        )
