"""Detects a fall of blood pressure between two readings minutes apart, as when somebody stands up.

Orthostatic hypotension: systolic 20 mmHg, or diastolic 10 mmHg, lower within three minutes of standing (Freeman et al.,
Consensus statement, Clinical Autonomic Research 2011, 21:69–72). Meters do not know who stands, and of two readings the
second is often lower by some mmHg; so where the diastolic alone falls so far the systolic must fall too, and a first
reading that was measured again because it was alarming, a second that is still high, or one as the person usually has,
is none: an arm that hangs reads 20 mmHg more.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np

from alerting.core.finding import Finding
from alerting.detection.kit.columns import STEP_US, Bins, firsts
from alerting.detection.kit.context import COLUMN, District
from alerting.detection.kit.detector import CompleteSteps, Detector, Rule
from alerting.detection.kit.words import VITAL_SIGNS, finding_about, value_of
from vocabulary.times import DAY_S, MINUTE_US

_SYSTOLIC, _DIASTOLIC = COLUMN["systolic_bp"], COLUMN["diastolic_bp"]
WITHIN_STEPS = 6 * MINUTE_US // STEP_US
"""Two readings of one examination: three minutes of lying or sitting still, and three of standing."""
SYSTOLIC_DROP, DIASTOLIC_DROP, SYSTOLIC_WITH = 20.0, 10.0, 10.0
LOW = 140.0
"""A second systolic pressure above this is a return from a higher one."""
ALARMING = 180.0
"""A first systolic pressure from here was to be measured again, see :mod:`alerting.detection.detectors.limits`."""


USUAL_OF, KNOWN_WITH = 15, 8
"""The usual systolic pressure is the median of so many last measurements; it is known with this number."""
DEEP_DROP = 30.0
"""Of those whose pressure is high lying down (Freeman et al. 2011): such a fall counts, whatever is usual."""
BELOW_USUAL = 15.0
"""mmHg; our own choice: twice what a person's pressure wanders from morning to morning."""


class LastPressure(msgspec.Struct):
    """By (row, seat): step, systolic and diastolic of the last measurement (diastolic 0: not measured); the last
    systolic pressures."""

    last: dict[tuple[int, int], tuple[int, float, float]] = {}
    systolic: dict[tuple[int, int], list[float]] = {}


class Orthostatic(Detector):
    """Compares each measurement of a meter with its last one."""

    rules: ClassVar = {
        "orthostatic": Rule(
            title=("体位性低血压", "fall of pressure on standing"),
            outside=VITAL_SIGNS,
            service="vital_signs",
            story="pressure",
            again_s=DAY_S,
            per_day=1,
            waits=True,
        )
    }
    constants: ClassVar = {
        "orthostatic.systolic": SYSTOLIC_DROP,
        "orthostatic.diastolic": DIASTOLIC_DROP,
        "orthostatic.systolic_with": SYSTOLIC_WITH,
        "orthostatic.below_usual": BELOW_USUAL,
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = LastPressure()

    def look(self, steps: CompleteSteps) -> Iterator[Finding]:
        bins = steps.sources.bins.where(
            steps.sources.counts & np.isin(steps.sources.bins.column, (_SYSTOLIC, _DIASTOLIC))
        )
        if len(bins):
            yield from self._measured(steps.district, bins)

    def _measured(self, district: District, bins: Bins) -> Iterator[Finding]:
        order = np.lexsort((bins.column, bins.step, bins.seat, bins.row))
        bins = bins.take(order)
        key = (bins.row.astype(np.int64) << 44) | (bins.seat.astype(np.int64) << 40) | bins.step
        starts = np.flatnonzero(firsts(key))
        for begin, end in zip(starts.tolist(), [*starts[1:].tolist(), len(bins)], strict=True):
            pressure = dict(zip(bins.column[begin:end].tolist(), bins.mean[begin:end].tolist(), strict=True))
            if _SYSTOLIC not in pressure:
                continue
            of, step = (int(bins.row[begin]), int(bins.seat[begin])), int(bins.step[begin])
            now = step, pressure[_SYSTOLIC], pressure.get(_DIASTOLIC, 0.0)
            before = self.state.last.get(of)
            self.state.last[of] = now
            usual = self.state.systolic.setdefault(of, [])
            low = len(usual) < KNOWN_WITH or now[1] <= np.median(usual) - BELOW_USUAL
            deep = before is not None and before[1] - now[1] >= DEEP_DROP
            self.state.systolic[of] = [*usual, now[1]][-USUAL_OF:]
            if before is not None and 0 < step - before[0] <= WITHIN_STEPS and (low or deep) and _fell(before, now):
                yield self._finding(district, of[0], before, now)

    def _finding(
        self, district: District, row: int, before: tuple[int, float, float], now: tuple[int, float, float]
    ) -> Finding:
        was, became = (
            "/".join(value_of(code, value) for code, value in (("systolic_bp", p[1]), ("diastolic_bp", p[2])) if value)
            for p in (before, now)
        )
        minutes = max(1, round((now[0] - before[0]) * STEP_US / MINUTE_US))
        now_us = (now[0] + 1) * STEP_US
        zh = f"血压 {minutes} 分钟内由 {was} 降至 {became} mmHg，疑体位性低血压，谨防跌倒"
        en = f"blood pressure {was} → {became} mmHg within {minutes} min: may be orthostatic, beware of falls"
        evidence = {
            "kind": "orthostatic",
            "channel": "systolic_bp",
            "value": round(now[1], 1),
            "before": round(before[1], 1),
            "minutes": minutes,
        }
        person, onset_us = district.people[row], (before[0] + 1) * STEP_US
        return finding_about(
            person, "orthostatic", self.version, "open", "attention", onset_us, now_us, zh, en, evidence
        )


def _fell(before: tuple[int, float, float], now: tuple[int, float, float]) -> bool:
    systolic = before[1] - now[1]
    diastolic = before[2] - now[2] if before[2] and now[2] else 0.0
    fell = systolic >= SYSTOLIC_DROP or (diastolic >= DIASTOLIC_DROP and systolic >= SYSTOLIC_WITH)
    return fell and now[1] <= LOW and before[1] < ALARMING
