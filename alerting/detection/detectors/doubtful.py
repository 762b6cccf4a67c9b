"""Tells, technically, what is left aside as no body's value: pressures mixed up, a temperature probe that came off.

Why a reading is doubted: :mod:`alerting.detection.kit.sources.doubt`.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.context import COLUMN, District
from alerting.detection.kit.detector import CompleteSteps, Detector, Rule
from alerting.detection.kit.origin import Origins, suspects
from alerting.detection.kit.sources.doubt import JUMP_C, JUMPED, SWAPPED
from alerting.detection.kit.sources.seats import SeatedDevices
from alerting.detection.kit.words import UNSOUND, finding_about, value_in_words
from vocabulary.times import DAY_S

_TOLD = {COLUMN["diastolic_bp"]: (SWAPPED, "swapped_bp"), COLUMN["body_temperature"]: (JUMPED, "jump_body_temperature")}

_TITLES = {
    "swapped_bp": ("血压数值颠倒", "blood pressures mixed up"),
    "jump_body_temperature": ("体温探头脱落", "temperature probe off"),
}


class Doubted(msgspec.Struct):
    """Onset of each open alert by (row, column, seat)."""

    onsets_us: dict[tuple[int, int, int], int] = {}


class Doubtful(Detector):
    """Opens an alert with the first doubted reading of a source, and clears it with the first good one."""

    rules: ClassVar = {
        rule: Rule(title=_TITLES[rule], outside=UNSOUND, again_s=DAY_S, per_day=1, rests_for=("maintenance",))
        for _, rule in _TOLD.values()
    }
    constants: ClassVar = {"doubtful.jump": JUMP_C}

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Doubted()
        self._origins = Origins({})

    def learn(self, district: District) -> None:
        self._origins = Origins(district.sources)

    def look(self, steps: CompleteSteps) -> Iterator[Finding]:
        bins, doubt, onsets = steps.sources.bins, steps.sources.doubt, self.state.onsets_us
        for column, (reason, rule) in _TOLD.items():
            doubted = (doubt == reason) & (bins.column == column)
            if not onsets and not doubted.any():
                continue
            for i in np.flatnonzero(bins.column == column).tolist():
                key = int(bins.row[i]), column, int(bins.seat[i])
                if bool(doubted[i]) == (key in onsets):
                    continue
                end_us, value = int(bins.end_us[i]), float(bins.mean[i])
                if doubted[i]:
                    onsets[key] = end_us
                    yield self._finding(steps, key, rule, "open", value, end_us, end_us)
                else:
                    yield self._finding(steps, key, rule, "clear", value, onsets.pop(key), end_us)

    def _finding(
        self,
        steps: CompleteSteps,
        key: tuple[int, int, int],
        rule: str,
        action: FindingAction,
        value: float,
        onset_us: int,
        now_us: int,
    ) -> Finding:
        code = "diastolic_bp" if rule == "swapped_bp" else "body_temperature"
        seated: SeatedDevices = steps.sources.seated
        who_zh, who_en, who = suspects(self._origins.at(seated, *key))
        value_zh, value_en = value_in_words(code, value)
        if action == "clear":
            zh, en = f"{value_zh}，数据已恢复正常", f"{value_en}: plausible again"
        elif rule == "swapped_bp":
            zh = f"{value_zh}，不低于同时测得的收缩压，疑{who_zh}两项数值颠倒，请复测"
            en = (
                f"{value_en}, not below the systolic of the same moment: {who_en} may have mixed them up; measure again"
            )
        else:
            zh = f"{value_zh}，变化之快人体不可能，疑{who_zh}探头脱落"
            en = f"{value_en}, changed faster than a body can: the probe of {who_en} may be off"
        evidence = {"kind": "doubt", "channel": code, "value": round(value, 2), **who}
        person = steps.district.people[key[0]]
        return finding_about(person, rule, self.version, action, "technical", onset_us, now_us, zh, en, evidence)
