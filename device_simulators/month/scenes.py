"""Play the true episodes: each is a scene that changes a resident's life, body, home or devices. Times: minutes.

Gain of weight before a heart failure is admitted: begins about a week before (Chaudhry et al., Circulation
2007;116:1549). The other courses are ours, each beyond the limits that clinical rules name.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from device_simulators.month.body import Effect
from device_simulators.month.routine import BATHROOM, BED, DAY, KITCHEN, LIVING, OUT
from device_simulators.month.script import DeviceReport, Script


def _fall(script: Script, day: int, rng: Generator, kind: str, lies: int) -> None:
    at = script.moment(day, 560, 1150, LIVING, rng)
    peak, sure = round(float(rng.uniform(2.2, 5.5)), 2), round(float(rng.uniform(0.75, 0.99)), 3)
    values = {"peak_g": peak, "confidence": sure}
    script.reports.append(DeviceReport(at, "pendant", "fall_suspected", values, 3))
    if kind == "fall_recovered":
        script.reports.append(DeviceReport(at, "pendant", "fall_recovered", values, float(rng.uniform(20, 50))))
    else:
        script.reports.append(DeviceReport(at, "pendant", "fall_confirmed", values, 30))
    script.life.stay(at, at + lies, LIVING, still=True)
    script.life.visitor[at : at + lies] = False
    script.life.visitor[at + lies : at + lies + 60] = kind != "fall_recovered"
    script.true(kind, at, at + lies + 5)


def _fall_confirmed(script: Script, day: int, rng: Generator) -> None:
    _fall(script, day, rng, "fall_confirmed", int(rng.uniform(12, 30)))


def _fall_recovered(script: Script, day: int, rng: Generator) -> None:
    _fall(script, day, rng, "fall_recovered", 1)


def _long_lie(script: Script, day: int, rng: Generator) -> None:
    _fall(script, day, rng, "long_lie", int(rng.uniform(120, 260)))


def _deterioration(script: Script, day: int, rng: Generator) -> None:
    begin = day * DAY + int(rng.uniform(520, 600))
    end, ramp = begin + 840, 360.0
    script.life.stay(begin, end, BED)
    script.life.visitor[begin:end] = False
    for channel, amount in (("heart_rate", 40), ("respiration_rate", 12), ("spo2", -7)):
        script.effects.append(Effect(channel, begin, end, "add", amount, ramp))  # type: ignore[arg-type]
    script.true("deterioration", begin + 0.6 * ramp, end)


def _of_the_night(kind: str, channel: Any, level: float, minutes: float) -> "Scene":
    """A vital sign goes to a level for minutes while the person sleeps."""

    def scene(script: Script, day: int, rng: Generator) -> None:
        at = script.night(day, rng)
        lasts = max(minutes, 5 * script.rate_s / 60) * float(rng.uniform(1, 1.3))
        script.life.stay(at - 5, at + int(lasts) + 20, BED)
        script.effects.append(Effect(channel, at, at + lasts, "set", level + float(rng.normal(0, 1)), 0.5))
        script.true(kind, at, at + lasts)

    return scene


def _shift(script: Script, day: int, rng: Generator) -> None:
    begin = day * DAY + 540
    script.effects.append(Effect("heart_rate", begin, begin + 48 * 60, "add", float(rng.uniform(14, 18)), 60))
    script.true("shift", begin, begin + 48 * 60)


def _drift(script: Script, day: int, rng: Generator) -> None:
    begin, end = day * DAY, len(script.life.place)
    script.effects.append(
        Effect("heart_rate", begin, end, "add", float(rng.uniform(14, 18)), min(17 * DAY, end - begin))
    )
    script.true("drift", begin, end)


def _weight_gain(script: Script, day: int, rng: Generator) -> None:
    script.kilograms.append((day, 5, float(rng.uniform(0.7, 0.9))))
    script.true("weight_gain", day * DAY + 300, (day + 6) * DAY)


def _pressure_crisis(script: Script, day: int, rng: Generator) -> None:
    high, low = float(rng.uniform(192, 205)), float(rng.uniform(114, 124))
    at = day * DAY + 620.0
    script.life.stay(int(at) - 15, int(at) + 15, LIVING)
    script.pressures += [(at, high, low), (at + 2, high - 4, low - 2), (at + 6, high - 6, low - 2)]
    script.true("pressure_crisis", at + 2, at + 240)


def _stop(script: Script, day: int, rng: Generator) -> None:
    at = script.moment(day, 570, 830, LIVING, rng)
    end = at + 8 * 60
    script.life.stay(at, end, LIVING, still=True)
    script.life.visitor[at:end] = False
    script.life.stay(end, (day + 1) * DAY + 720, OUT)  # found, and taken to hospital
    script.true("stop", at, end)


def _missed_morning(script: Script, day: int, rng: Generator) -> None:
    wake = script.life.wakes[day]
    script.life.stay(wake - 100, wake + 330, BED)
    script.life.visitor[wake : wake + 330] = False
    script.true("missed_morning", wake, wake + 330)


def _bathroom(script: Script, day: int, rng: Generator) -> None:
    at = script.moment(day, 560, 1140, LIVING, rng)
    script.life.stay(at, at + 4, BATHROOM)
    script.life.stay(at + 4, at + 160, BATHROOM, still=True)
    script.life.visitor[at : at + 160] = False
    script.true("bathroom", at, at + 160)


def _night_wandering(script: Script, day: int, rng: Generator) -> None:
    at = script.night(day, rng) + 5
    script.life.stay(at - 2, at, LIVING)
    script.life.stay(at, at + 45, OUT)
    script.true("night_wandering", at, at + 45)


def _bed_exit(script: Script, day: int, rng: Generator) -> None:
    at = script.night(day, rng) + 5
    script.life.stay(at, at + 2, KITCHEN)
    script.life.stay(at + 2, at + 150, KITCHEN, still=True)
    script.true("bed_exit", at, at + 150)


def _reversed(script: Script, day: int, rng: Generator) -> None:
    nights = 4
    for night in range(day, day + nights):
        at = night * DAY
        script.life.stay(at - 60, at + 90, LIVING)
        script.life.stay(at + 90, at + 125, KITCHEN)
        script.life.stay(at + 125, at + 330, LIVING)
        script.life.stay(at + 330, at + 342, BATHROOM)
        script.life.stay(at + 400, at + 940, BED)
        script.life.visitor[at - 60 : at + 940] = False
    script.true("reversed", day * DAY - 60, (day + nights) * DAY)


def _no_vital_sign(script: Script, day: int, rng: Generator) -> None:
    at = script.night(day, rng)
    script.life.stay(at - 60, at + 100, BED)
    script.unseen.append((at, at + 90))
    script.true("no_vital_sign", at, at + 90)


def _sleepless(script: Script, day: int, rng: Generator) -> None:
    for night in range(day, day + 3):
        up = night * DAY + int(rng.uniform(100, 160))
        script.life.stay(up, night * DAY + 420, LIVING)
    script.true("sleepless", day * DAY + 100, (day + 2) * DAY + 420)


def _restless(script: Script, day: int, rng: Generator) -> None:
    for night in range(day, day + 3):
        for way in range(7):
            at = night * DAY + 20 + way * 32 + int(rng.integers(0, 12))
            script.life.stay(at, at + 4 + int(rng.integers(0, 5)), BATHROOM)
    script.true("restless", day * DAY, (day + 2) * DAY + 420)


def _room(kind: str, degrees: float, hours: float) -> "Scene":
    def scene(script: Script, day: int, rng: Generator) -> None:
        begin = day * DAY + float(rng.uniform(600, 700))
        end = begin + 60 * hours
        script.room.append((begin, end, degrees + float(rng.normal(0, 0.5))))
        script.true(kind, begin + 60, end)

    return scene


def _reported(kind: str, device: str, event: str, lasts: float) -> "Scene":
    def scene(script: Script, day: int, rng: Generator) -> None:
        at = day * DAY + float(rng.uniform(500, 1250))
        script.reports.append(DeviceReport(at, device, event))
        script.true(kind, at, at + lasts)

    return scene


def _silent_device(script: Script, day: int, rng: Generator) -> None:
    begin = day * DAY + float(rng.uniform(540, 700))
    script.unplugged.append(("radar", begin, begin + 600))
    script.true("silent_device", begin, begin + 600)


def _stuck_device(script: Script, day: int, rng: Generator) -> None:
    begin = script.night(day, rng)
    script.life.stay(begin - 5, begin + 120, BED)
    script.stuck.append((begin, begin + 240))
    script.true("stuck_device", begin, begin + 240)


Scene = Callable[[Script, int, Generator], None]
SCENES: dict[str, Scene] = {
    "fall_confirmed": _fall_confirmed,
    "fall_recovered": _fall_recovered,
    "long_lie": _long_lie,
    "deterioration": _deterioration,
    "tachycardia": _of_the_night("tachycardia", "heart_rate", 142, 40),
    "bradycardia": _of_the_night("bradycardia", "heart_rate", 33, 40),
    "shift": _shift,
    "drift": _drift,
    "hypoxia": _of_the_night("hypoxia", "spo2", 84.5, 15),
    "breathing_pause": _of_the_night("breathing_pause", "respiration_rate", 1.5, 1.5),
    "no_vital_sign": _no_vital_sign,
    "weight_gain": _weight_gain,
    "pressure_crisis": _pressure_crisis,
    "stop": _stop,
    "missed_morning": _missed_morning,
    "bathroom": _bathroom,
    "night_wandering": _night_wandering,
    "bed_exit": _bed_exit,
    "sleepless": _sleepless,
    "restless": _restless,
    "reversed": _reversed,
    "heat": _room("heat", 37.5, 5),
    "cold": _room("cold", 6.0, 8),
    "smoke": _reported("smoke", "smoke", "smoke_detected", 10),
    "gas": _reported("gas", "gas", "gas_detected", 10),
    "water_leak": _reported("water_leak", "leak", "water_leak", 60),
    "sos": _reported("sos", "sos-button", "sos_pressed", 10),
    "silent_device": _silent_device,
    "stuck_device": _stuck_device,
    "low_battery": _reported("low_battery", "pir-kitchen", "battery_low", DAY),
}
NEEDS: dict[str, str] = {
    "deterioration": "oximeter",
    "hypoxia": "oximeter",
    "weight_gain": "scales",
    "pressure_crisis": "cuff",
}
"""The equipment without which the episode cannot be detected."""
FIRST_DAYS, SECOND_DAYS = (9, 14), (19, 25)
"""After a week and a day to learn from; two episodes of a resident are days apart."""


def planned(number: int, days: int, rng: Generator) -> dict[str, int]:
    """The episodes of a resident: kind → day. Kinds take turns, so that a district has about as many of each."""
    kinds = list(SCENES)
    first = kinds[number % len(kinds)]
    plan = {first: int(rng.integers(*FIRST_DAYS))}
    second = kinds[(number + len(kinds) // 2 + 5 * (number // len(kinds))) % len(kinds)]
    if first != "drift" and second not in ("drift", first):
        plan[second] = int(rng.integers(*SECOND_DAYS))
    return {kind: day for kind, day in plan.items() if day + 6 < days}


def play(script: Script, plan: dict[str, int], rng: Generator) -> None:
    """Play every planned scene, in the order of time."""
    for kind, day in sorted(plan.items(), key=lambda entry: entry[1]):
        SCENES[kind](script, day, rng)


def false_falls(script: Script, per_month: float, days: int, rng: Generator) -> None:
    """Add false suspicions of the gateway's fall detector: somebody drops into a chair. No true episodes."""
    for _ in range(rng.poisson(per_month * days / 30)):
        at = script.moment(int(rng.integers(0, days - 1)), 500, 1200, LIVING, rng)
        if script.near_truth(at, at, 60):
            continue
        values = {"peak_g": round(float(rng.uniform(2, 3.5)), 2), "confidence": round(float(rng.uniform(0.5, 0.7)), 3)}
        script.reports.append(DeviceReport(at, "pendant", "fall_suspected", values, 3))
        script.reports.append(
            DeviceReport(at, "pendant", "fall_recovered", values, float(np.clip(rng.normal(25, 8), 8, 60)))
        )
