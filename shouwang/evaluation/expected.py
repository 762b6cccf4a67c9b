"""Say which alerts each kind of episode of the simulated month must, may and must not cause: :data:`EXPECTED`.

Times of the outside's kinds are those of the cases they come from: a value by hand counts when it comes, a stream
within minutes, a collapse within two and a half hours, a fault of a device before it hides anything.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from vocabulary.severity import Severity

_HEART = ("sudden_heart_rate", "limit_heart_rate", "shift_heart_rate", "drift_heart_rate")
_BREATH = ("sudden_respiration_rate", "limit_respiration_rate", "shift_respiration_rate", "drift_respiration_rate")
_OXYGEN = ("sudden_spo2", "limit_spo2", "shift_spo2", "drift_spo2")
_PRESSURE = tuple(f"{what}_{side}_bp" for what in ("limit", "shift", "drift") for side in ("systolic", "diastolic"))
_SLEEP = tuple(f"{what}_{figure}" for what in ("sudden", "shift", "drift") for figure in ("sleep_time", "night_exits"))
_BODY = frozenset((*_HEART, *_BREATH, *_OXYGEN, "news2", "news2_trend", "breathing_pause", "no_vital_sign"))
_DAY = 1440
_STILL = frozenset(("inactivity", "not_back", "missed_morning", "bathroom_stay", "bed_exit", *_SLEEP))
_NIGHT = frozenset(("night_wandering", "not_back", "inactivity", "bed_exit", "day_night_reversed", *_SLEEP))
_RACING = ("sudden_heart_rate", "limit_heart_rate", "news2")
_LOW_OXYGEN = ("limit_spo2", "sudden_spo2", "news2")
_CRISIS = ("limit_systolic_bp", "limit_diastolic_bp", "news2")
_STOPPED = ("inactivity", "inactivity_long")
_SPOT = ("limit_body_temperature",)


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """The alerts that an episode should or may cause. In minutes.

    A kind without ``finds`` is quiet; one about a device (:attr:`device_simulators.month.truth.Episode.device`) is
    found by any technical alert that names the device.
    """

    finds: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()
    """Further consequences, which are right, too."""
    late_min: float = 0
    early_min: float = 0
    after_min: float = 60
    severity: Severity | None = None
    """The mildest that will do."""
    within_min: float | None = None
    """Told by then, after the begin; None: until the end and ``late_min``."""
    at_most: Severity | None = None
    """Graver alerts of ``finds`` are false. A quiet kind with ``finds`` may be told so, and need not."""
    most: int | None = None
    """More alerts of ``finds`` are false."""
    over: Literal["", "open", "cancel"] = ""
    """``open``: it may not be taken back; ``cancel``: it must be."""


def _expected(
    *finds: str,
    late: float = 0,
    also: Iterable[str] = (),
    early: float = 0,
    after: float = 60,
    severity: Severity | None = None,
    within: float | None = None,
    at_most: Severity | None = None,
    most: int | None = None,
    over: Literal["", "open", "cancel"] = "",
) -> Expected:
    return Expected(
        finds=frozenset(finds),
        also=frozenset(also),
        late_min=late,
        early_min=early,
        after_min=after,
        severity=severity,
        within_min=within,
        at_most=at_most,
        most=most,
        over=over,
    )


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
    # --- of the outside: vital signs that stream
    "masked_tachycardia": _expected(*_RACING, severity="urgent", within=12, also=_BODY, after=720),
    "arrest": _expected(
        *("breathing_pause", "news2", "no_vital_sign"),
        severity="emergency",
        within=5,
        also=_BODY | _STILL | _NIGHT,  # somebody is fetched by night
        after=2 * _DAY,
    ),
    "loose_finger": _expected(*_LOW_OXYGEN, severity="urgent", within=15, also=_BODY, after=720),
    "swinging": _expected("news2", severity="urgent", within=30, most=3, also=_BODY | _STILL, after=_DAY),
    "af_bursts": _expected(*_RACING, severity="urgent", most=3, also=_BODY, after=720),
    "af_fast": _expected(*_RACING, severity="urgent", within=10, also=_BODY, after=720),
    "copd_worse": _expected(*_LOW_OXYGEN, severity="urgent", within=25, also=_BODY, after=720),
    # by hand: at once
    "round_ill": _expected("news2", severity="emergency", within=2, also=(*_BODY, *_PRESSURE, *_SPOT), after=_DAY),
    "round_middle": _expected("news2", severity="urgent", within=2, also=(*_BODY, *_PRESSURE, *_SPOT), after=_DAY),
    "not_alert": _expected("news2", severity="urgent", within=2, also=_BODY, after=_DAY),
    "spot_spo2": _expected("limit_spo2", "news2", severity="attention", within=5, also=_BODY, after=_DAY),
    "spot_fever": _expected("limit_body_temperature", "news2", severity="attention", within=5, also=_BODY, after=_DAY),
    "spot_pressure": _expected(*_CRISIS, severity="attention", within=5, also=_PRESSURE, after=4 * _DAY),
    "spot_unanswered": _expected(
        *("limit_spo2", "limit_body_temperature", "news2", *_CRISIS),
        severity="urgent",
        within=60,
        also=(*_BODY, *_PRESSURE),
        after=_DAY,
    ),
    "spot_repeated": _expected("limit_spo2", "news2", severity="urgent", within=5, also=_BODY, after=_DAY),
    "spot_again_fine": _expected("limit_spo2", "news2", at_most="attention", most=1),
    "hypo_mild": _expected("limit_glucose", severity="attention", within=2),
    "hypo_grave": _expected("limit_glucose", severity="urgent", within=2),
    # the alert may be as grave before the last value
    "hypo_worse": _expected("limit_glucose", severity="emergency", within=5, early=30),
    "hypo_severe": _expected("limit_glucose", severity="emergency", within=2),
    "hyperglycaemia": _expected("limit_glucose", severity="attention", within=20),
    "orthostatic": _expected(
        "orthostatic", "shift_systolic_bp", severity="attention", at_most="attention", within=60, after=4 * _DAY
    ),
    "low_pressure": _expected(
        "news2", "limit_systolic_bp", severity="attention", within=5, also=(*_PRESSURE, "news2_trend"), after=4 * _DAY
    ),
    "crisis_wrong_clock": _expected(
        *_CRISIS, severity="urgent", within=15, also=(*_PRESSURE, "orthostatic"), after=4 * _DAY
    ),
    # people whom nothing may hide
    "collapse_beside_stuck": _expected(*_STOPPED, severity="urgent", within=150, also=_STILL | _NIGHT, after=2 * _DAY),
    "collapse_after_clock": _expected(*_STOPPED, severity="urgent", within=150, also=_STILL | _NIGHT, after=2 * _DAY),
    "courier_then_collapse": _expected(
        *_STOPPED, severity="attention", within=180, also=_STILL | _NIGHT, after=2 * _DAY
    ),
    "stop_first_days": _expected(*_STOPPED, severity="attention", within=720, also=_STILL | _NIGHT, after=2 * _DAY),
    "lies_in_bed": _expected(
        *_STOPPED,
        *("missed_morning", "no_vital_sign"),
        severity="urgent",
        within=820,
        also=_STILL | _BODY,
        after=2 * _DAY,
    ),
    "bedside_fall": _expected(
        *_STOPPED, "bed_exit", "missed_morning", severity="urgent", within=61, also=_STILL | _BODY, after=720
    ),
    "evening_out": _expected("not_back", "night_wandering", severity="attention", also=_NIGHT | _STILL, after=_DAY),
    # hazards and calls
    "cooking_smoke": _expected("smoke", severity="emergency", within=1, most=1),
    "fire": _expected("smoke", severity="emergency", within=1, most=1, after=30),
    "fire_later": _expected("smoke", severity="emergency", within=1, most=1),
    "gas_again": _expected("gas", within=1, most=1, after=30),
    "leak_again": _expected("water_leak", within=1, most=1, after=30),
    "press_twice": _expected("sos", severity="emergency", within=1, most=1, over="open"),
    "press_echoed": _expected("sos", severity="emergency", within=1, most=1, over="open"),
    "own_cancel": _expected("sos", within=1, most=1, over="cancel"),
    "late_cancel": _expected("sos", severity="emergency", within=1, most=1, over="open"),
    "cancelled_by_other_sos": _expected("sos", severity="emergency", within=1, over="open"),
    "cancelled_by_other_fall": _expected("fall", severity="emergency", within=2, over="open", also=_STILL),
    "fall_gets_up": _expected("fall", severity="emergency", within=2, most=1),
    "fall_lies": _expected("fall", severity="emergency", within=2, most=1, over="open", also=_STILL, after=120),
    # devices, told as technical; nothing is told of the person
    "never_cleared": _expected(after=30),
    **dict.fromkeys(
        (
            *("radar_hangs", "sources_disagree", "glucose_in_mg_dl", "temperature_in_f", "pressure_swapped"),
            *("probe_off", "meter_clock_off", "stuck_motion", "stuck_bed_on", "stuck_bed_off", "motion_clock_off"),
        ),
        _expected(after=_DAY),
    ),
    "lone_long_press": _expected("sos", most=1),
    "gateway_clock_off": _expected("clock_off", after=30),
    # quiet: nothing is told of anybody
    **dict.fromkeys(
        (
            *("radar_doubles", "radar_halves", "apnoea", "flickers_low", "exercise", "steady_breath", "round_well"),
            *("stands_up_well", "cached_states", "late_home"),
        ),
        _expected(),
    ),
}
"""By kind of :data:`device_simulators.month.truth.KINDS`."""
