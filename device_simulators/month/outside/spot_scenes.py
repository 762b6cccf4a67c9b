"""Play scenes of values measured by hand: rounds of carers, single frightening values, typing and unit errors.

Points: NEWS2, RCP 2017. Glucose: ADA Standards of Care, level 1 below 3.9, level 2 below 3.0 mmol/L. Pressure above
180/120: hypertensive crisis (ACC/AHA 2017). A drop of 20/10 mmHg within three minutes of standing: orthostatic
hypotension (Freeman et al., Clin Auton Res 2011;21:69). Cuffs whose clock falls back:
derdilla/blood-pressure-monitor-fl#410, #439, #450.
"""

from collections.abc import Sequence
from typing import Any

from numpy.random import Generator

from device_simulators.month.outside.scene import OXYGEN, Play, Scene
from device_simulators.month.routine import DAY, LIVING
from device_simulators.month.script import ClockError, Script, Spot

ROUND = "round"
"""The device of values that a carer enters by hand."""
YEAR_S, HOUR_S = 365 * 86_400.0, 3600.0
Row = tuple[float, str, str, float]
"""(minutes after the begin, device, channel, value)."""


def _round(respiration: float, spo2: float, systolic: float, heart: float, awake: int, degrees: float) -> list[Row]:
    """A complete set of NEWS2 by hand, each value once, within two minutes."""
    channels = ("respiration_rate", "spo2", "systolic_bp", "diastolic_bp", "heart_rate", "consciousness")
    values = (respiration, spo2, systolic, round(0.58 * systolic), heart, float(awake))
    rows = [(0.2 * i, ROUND, channel, value) for i, (channel, value) in enumerate(zip(channels, values, strict=True))]
    return [*rows, (1.4, ROUND, "body_temperature", degrees)]


def _cuff(minute: float, systolic: float, diastolic: float) -> list[Row]:
    return [(minute, "bp-cuff", "systolic_bp", systolic), (minute, "bp-cuff", "diastolic_bp", diastolic)]


def _meter(*values: tuple[float, float]) -> list[Row]:
    return [(minute, "meter", "glucose", value) for minute, value in values]


Told = tuple[str, float, float, str]
"""(kind, begin and end in minutes after the begin, device at fault)."""


def _table(rows: Sequence[Row], *truth: Told, clock: tuple[str, float] | None = None) -> Play:
    """Rows at a moment of the day at which the person is in the living room. ``clock``: (device, seconds) of error."""

    def play(script: Script, day: int, rng: Generator) -> None:
        at = day * DAY + int(rng.uniform(560, 620))
        script.life.stay(at - 10, at + 20, LIVING)
        script.spots += [Spot(at + minute, device, channel, value) for minute, device, channel, value in rows]
        if clock is not None:
            script.clocks.append(ClockError(clock[0], at - 60, at + DAY, clock[1]))
        for kind, begin, end, device in truth:
            script.true(kind, at + begin, at + end, device)

    return play


def _well_rounds(script: Script, day: int, rng: Generator) -> None:
    """Three rounds a day for two days, all in order."""
    for begin in (600, 840, 1080, DAY + 600, DAY + 840, DAY + 1080):
        at = day * DAY + begin + float(rng.uniform(-15, 15))
        breath, spo2, systolic, heart = rng.integers((14, 96, 118, 66), (19, 99, 142, 86)).astype(float).tolist()
        rows = _round(breath, spo2, systolic, heart, 0, round(float(rng.uniform(36.2, 37.1)), 1))
        script.spots += [Spot(at + minute, device, channel, value) for minute, device, channel, value in rows]
    script.true("round_well", day * DAY + 580, (day + 1) * DAY + 1140)


def _probe_off(script: Script, day: int, rng: Generator) -> None:
    """A skin thermometer once a minute; for 20 minutes it lies beside the person."""
    at = day * DAY + int(rng.uniform(560, 620))
    for minute in range(120):
        off = 50 <= minute < 70
        level = max(30.1 - 0.05 * (minute - 50), 29.3) if off else 36.5
        script.spots.append(Spot(at + minute, "skin", "body_temperature", round(level + float(rng.normal(0, 0.05)), 1)))
    script.true("probe_off", at + 50, at + 120, "skin")


def _low_alternate_days(script: Script, day: int, rng: Generator) -> None:
    """84 mmHg on every other day, one reading a day."""
    at = day * DAY + int(rng.uniform(560, 620))
    for later, level in enumerate((84, 126, 84)):
        minute = at + later * DAY
        script.spots += [Spot(minute + m, d, c, v) for m, d, c, v in _cuff(0, level, round(0.6 * level))]
        if level < 90:
            script.true("low_pressure", minute, minute + 60)


CRISIS = [*_cuff(0, 212, 126), *_cuff(3, 210, 125), *_cuff(6, 211, 126)]


def _crisis_dated(offset_s: float) -> Scene:
    truth = (("crisis_wrong_clock", 0, 60, ""), ("meter_clock_off", 0, DAY, "bp-cuff"))
    return Scene(play=_table(CRISIS, *truth, clock=("bp-cuff", offset_s)), needs=("cuff",))


def _spot(rows: list[Row], *truth: Told, needs: tuple[str, ...] = (), **more: Any) -> Scene:
    return Scene(play=_table(rows, *truth), needs=needs or tuple({row[1] for row in rows}), **more)


def _frightening(kind: str, rows: list[Row], needs: tuple[str, ...] = (), **more: Any) -> Scene:
    """One value, and nobody measures again: told at once, urgent when it stays alone."""
    return _spot(rows, (kind, 0, 60, ""), ("spot_unanswered", 0, 180, ""), needs=needs, **more)


FINGER: list[Row] = [(0, "fingertip", "spo2", 82), (0, "fingertip", "heart_rate", 84)]
SPOT_SCENES: dict[str, Scene] = {
    "round_well": Scene(play=_well_rounds, needs=(ROUND,)),
    "round_ill": _spot(_round(28, 84, 88, 128, 1, 39.2), ("round_ill", 0, 60, ""), spoilt_by=OXYGEN),
    "round_middle": _spot(_round(22, 94, 104, 96, 0, 38.3), ("round_middle", 0, 60, ""), spoilt_by=OXYGEN),
    "not_alert": _spot([(0, ROUND, "consciousness", 1)], ("not_alert", 0, 60, "")),
    "spot_spo2": _frightening("spot_spo2", FINGER, spoilt_by=OXYGEN),
    "spot_fever": _frightening("spot_fever", [(0, "thermometer", "body_temperature", 40.3)]),
    "spot_pressure": _frightening("spot_pressure", _cuff(0, 210, 128), ("cuff",)),
    "spot_again_bad": _spot(
        [*FINGER, (10, "fingertip", "spo2", 81)],
        *(("spot_spo2", 0, 60, ""), ("spot_repeated", 10, 60, "")),
        spoilt_by=OXYGEN,
    ),
    "spot_again_fine": _spot(
        [*FINGER, (3, "fingertip", "spo2", 96), (5, "fingertip", "spo2", 97)],
        ("spot_again_fine", 0, 240, ""),
        spoilt_by=OXYGEN,
    ),
    "hypo_twice": _spot(
        _meter((0, 3.2), (240, 6.5), (540, 2.4)),
        *(("hypo_mild", 0, 60, ""), ("hypo_grave", 540, 600, "")),
    ),
    "hypo_severe": _spot(_meter((0, 1.8)), ("hypo_severe", 0, 60, "")),
    "hypo_worse": _spot(
        _meter((0, 2.9), (10, 2.7), (25, 2.2)), *(("hypo_grave", 0, 60, ""), ("hypo_worse", 25, 60, ""))
    ),
    "hyperglycaemia": _spot(_meter((0, 27.5), (15, 27.8)), ("hyperglycaemia", 0, 60, "")),
    "glucose_in_mg_dl": _spot(_meter((0, 104.0)), ("glucose_in_mg_dl", 0, 120, "meter")),
    "temperature_in_f": _spot(
        [(0, "thermometer", "body_temperature", 97.9)], ("temperature_in_f", 0, 120, "thermometer")
    ),
    "pressure_swapped": _spot(_cuff(0, 78, 126), ("pressure_swapped", 0, 120, "bp-cuff"), needs=("cuff",)),
    "probe_off": Scene(play=_probe_off, needs=("skin",)),
    "orthostatic": _spot([*_cuff(0, 142, 82), *_cuff(2, 112, 68)], ("orthostatic", 0, 600, ""), needs=("cuff",)),
    "stands_up_well": _spot([*_cuff(0, 138, 80), *_cuff(2, 129, 80)], ("stands_up_well", 0, 120, ""), needs=("cuff",)),
    "low_pressure": Scene(play=_low_alternate_days, needs=("cuff",)),
    "crisis_years_ago": _crisis_dated(-5 * YEAR_S),
    "crisis_8h_behind": _crisis_dated(-8 * HOUR_S),
    "crisis_8h_ahead": _crisis_dated(8 * HOUR_S),
}
