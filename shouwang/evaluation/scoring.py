"""Score the alerts of a simulated month against its true episodes.

The rule of matching, by kind of episode (:data:`EXPECTED`). An episode is *found* when an alert about its resident
names one of ``finds``, itself or in its story, and told so between the episode's begin (minus ``early_min``, of what
comes slowly) and its end (plus ``late_min``). Its delay is that moment minus the begin, negative where it came early.
An alert is *right* when it was told between the begin (minus ``early_min``) and the end (plus ``after_min``) of an
episode of its resident and is one of ``finds`` or ``also`` (further consequences of the episode). Every other alert is
*false*: medical, or technical by its severity.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from alerting.replay.alerts import Alert
from device_simulators.month.truth import TECHNICAL, Episode
from vocabulary.times import MINUTE_US

_HEART = ("sudden_heart_rate", "limit_heart_rate", "shift_heart_rate", "drift_heart_rate")
_BREATH = ("sudden_respiration_rate", "limit_respiration_rate", "shift_respiration_rate", "drift_respiration_rate")
_OXYGEN = ("sudden_spo2", "limit_spo2", "shift_spo2", "drift_spo2")
_PRESSURE = tuple(f"{what}_{side}_bp" for what in ("limit", "shift", "drift") for side in ("systolic", "diastolic"))
_SLEEP = tuple(f"{what}_{figure}" for what in ("sudden", "shift", "drift") for figure in ("sleep_time", "night_exits"))
_BODY = frozenset((*_HEART, *_BREATH, *_OXYGEN, "news2", "news2_trend", "breathing_pause", "no_vital_sign"))
_DAY = 1440
_STILL = frozenset(("inactivity", "not_back", "missed_morning", "bathroom_stay", "bed_exit", *_SLEEP))
_NIGHT = frozenset(("night_wandering", "not_back", "inactivity", "bed_exit", "day_night_reversed", *_SLEEP))


class Expected(msgspec.Struct, frozen=True):
    """The alerts that an episode should or may cause; see the module. In minutes."""

    finds: frozenset[str]
    late_min: float = 0
    also: frozenset[str] = frozenset()
    early_min: float = 0
    after_min: float = 60


def _expected(*finds: str, late: float = 0, also: Iterable[str] = (), early: float = 0, after: float = 60) -> Expected:
    return Expected(frozenset(finds), late, frozenset(also), early, after)


EXPECTED: dict[str, Expected] = {
    "fall_confirmed": _expected("fall", also=_STILL, after=120),
    "fall_recovered": _expected("fall"),
    "long_lie": _expected("fall", also=_STILL, after=120),
    # the score is reached on the way; single vital signs may speak from the first sign on
    "deterioration": _expected("news2", also=_BODY | _STILL, early=240, after=_DAY),
    "tachycardia": _expected("sudden_heart_rate", "limit_heart_rate", "news2", late=5, also=_BODY, after=720),
    "bradycardia": _expected("sudden_heart_rate", "limit_heart_rate", "news2", late=5, also=_BODY, after=720),
    "shift": _expected("shift_heart_rate", "sudden_heart_rate", also=_BODY, after=2 * _DAY),
    "drift": _expected("drift_heart_rate", "shift_heart_rate", also=_BODY),
    "hypoxia": _expected("limit_spo2", "news2", "sudden_spo2", late=5, also=_BODY, after=720),
    "breathing_pause": _expected("breathing_pause", late=5, also=_BODY, after=720),
    "no_vital_sign": _expected("no_vital_sign", also=_BODY, after=720),
    "weight_gain": _expected("weight_gain", also=("drift_weight",), after=14 * _DAY),
    # single readings may be told of at once; the mean of days is judged when the next one begins
    "pressure_crisis": _expected("limit_systolic_bp", "limit_diastolic_bp", also=(*_PRESSURE, "news2"), after=4 * _DAY),
    "stop": _expected("inactivity", also=_STILL, after=2 * _DAY),
    "missed_morning": _expected("missed_morning", "inactivity", also=_STILL, after=180),
    "bathroom": _expected("bathroom_stay", "inactivity", also=_STILL, after=120),
    "night_wandering": _expected("night_wandering", late=5, also=_NIGHT, after=720),
    "bed_exit": _expected("bed_exit", "inactivity", also=_NIGHT, after=720),
    # a week is judged when it is over, and the change of a week takes as long to be forgotten
    "sleepless": _expected(
        *(f"{what}_sleep_time" for what in ("sudden", "shift")), late=720, also=_NIGHT, after=7 * _DAY
    ),
    "restless": _expected(
        *(f"{what}_night_exits" for what in ("sudden", "shift")), late=720, also=_NIGHT, after=7 * _DAY
    ),
    "reversed": _expected("day_night_reversed", late=720, also=_BODY | _STILL | _NIGHT, early=60, after=3 * _DAY),
    "absence": _expected("not_back", also=("inactivity", "missed_morning", *_SLEEP), after=720),
    "heat": _expected("heat", early=60, after=720),
    "cold": _expected("cold", early=60, after=720),
    "smoke": _expected("smoke"),
    "gas": _expected("gas"),
    "water_leak": _expected("water_leak"),
    "sos": _expected("sos"),
    "silent_device": _expected("device_silent", also=("gateway_silent",)),
    "silent_gateway": _expected("gateway_silent", also=("device_silent",), after=15),
    "stuck_device": _expected("stuck_heart_rate", "stuck_respiration_rate", also=_BODY, after=_DAY),
    "low_battery": _expected("battery_low", late=5),
}
"""By kind of :data:`device_simulators.month.truth.MUST`."""


class Found(msgspec.Struct, frozen=True):
    """An episode and the moment of its alert (None: missed). ``alert``: the id of that alert."""

    episode: Episode
    told_us: int | None
    alert: str | None

    @property
    def delay_s(self) -> float | None:
        return None if self.told_us is None else (self.told_us - self.episode.begin_us) / 1e6


class Judged(msgspec.Struct):
    """The score of one resident's month; a district's is the sum."""

    residents: int = 0
    weeks: float = 0
    found: list[Found] = []
    false: list[tuple[str, Alert]] = []
    """(resident, alert) of every false alert."""
    alerts: int = 0

    def add(self, other: "Judged") -> None:
        self.residents += other.residents
        self.weeks += other.weeks
        self.found += other.found
        self.false += other.false
        self.alerts += other.alerts

    @property
    def missed(self) -> list[Episode]:
        return [found.episode for found in self.found if found.told_us is None]


def judge(resident: str, alerts: Sequence[Alert], truth: Sequence[Episode], days: float) -> Judged:
    """Match the alerts of one resident's home to the true episodes there."""
    found = [_find(episode, alerts) for episode in truth]
    false = [(resident, alert) for alert in alerts if not any(_right(alert, episode) for episode in truth)]
    return Judged(1, days / 7, found, false, len(alerts))


def _find(episode: Episode, alerts: Sequence[Alert]) -> Found:
    expected = EXPECTED[episode.kind]
    since_us = episode.begin_us - expected.early_min * MINUTE_US
    until_us = episode.end_us + expected.late_min * MINUTE_US
    told = [
        (told_us, alert.id)
        for alert in alerts
        for told_us in alert.times_of(expected.finds)
        if since_us <= told_us <= until_us
    ]
    return Found(episode, *(min(told) if told else (None, None)))


def _right(alert: Alert, episode: Episode) -> bool:
    expected = EXPECTED[episode.kind]
    since_us = episode.begin_us - expected.early_min * MINUTE_US
    until_us = episode.end_us + expected.after_min * MINUTE_US
    return alert.rule in expected.finds | expected.also and since_us <= alert.told_us <= until_us


def figures(judged: Judged) -> dict[str, Any]:
    """The numbers of a run, for people and for JSON: rates per resident-week, delays in seconds."""
    medical = [alert for _, alert in judged.false if alert.severity != "technical"]
    technical = [alert for _, alert in judged.false if alert.severity == "technical"]
    weeks = max(judged.weeks, 1e-9)
    kinds: dict[str, list[Found]] = defaultdict(list)
    for found in judged.found:
        kinds[found.episode.kind].append(found)
    return {
        "residents": judged.residents,
        "resident_weeks": round(judged.weeks, 2),
        "alerts": judged.alerts,
        "false_medical_per_resident_week": round(len(medical) / weeks, 4),
        "false_medical_by_rule": _rates(medical, weeks),
        "false_technical_per_resident_week": round(len(technical) / weeks, 4),
        "false_technical_by_rule": _rates(technical, weeks),
        "injected": len(judged.found),
        "missed": len(judged.missed),
        "by_kind": {kind: _kind(kind, kinds[kind]) for kind in EXPECTED if kind in kinds},
    }


def _rates(alerts: list[Alert], weeks: float) -> dict[str, dict[str, float]]:
    return {
        rule: {"alerts": count, "per_resident_week": round(count / weeks, 4)}
        for rule, count in Counter(alert.rule for alert in alerts).most_common()
    }


def _kind(kind: str, found: list[Found]) -> dict[str, Any]:
    delays = [delay for one in found if (delay := one.delay_s) is not None]
    return {
        "injected": len(found),
        "found": len(delays),
        "technical": kind in TECHNICAL,
        "delay_median_s": round(float(np.median(delays)), 1) if delays else None,
        "delay_max_s": round(max(delays), 1) if delays else None,
    }
