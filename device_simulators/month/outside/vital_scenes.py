"""Play scenes of vital signs that stream: two sources, artefacts of minutes, values that flicker and swing.

A radar's rate locks to a multiple (MR60BHA2 reports; Massagram et al., IEEE TMTT 2009;57:2542 on harmonics), sees the
other person or hangs (limengdu/MR60BHA2_ESPHome_external_components#17). Points of the early warning score: NEWS2, RCP
2017. Apnoea: pauses of 10 s and more (AASM manual); those under half a minute are no alarm.
"""

import numpy as np
from numpy.random import Generator

from device_simulators.month.body import Effect
from device_simulators.month.outside.scene import OXYGEN, Play, Scene
from device_simulators.month.routine import BED, DAY, LIVING, OUT
from device_simulators.month.script import Fault, Script, Spot

RADAR = ("heart_rate", "respiration_rate")
CARED_FOR = DAY + 720
"""Minute until which somebody who was taken to hospital is away, from the day's midnight."""


def _locked(kind: str, times: float) -> Play:
    """Three times a night the radar's heart rate is a multiple for four minutes; breathing goes on as it was."""

    def play(script: Script, day: int, rng: Generator) -> None:
        at = day * DAY + int(rng.uniform(30, 60))
        script.life.stay(at - 20, at + 200, BED)
        for lock in range(3):
            begin = at + 70 * lock + float(rng.uniform(0, 20))
            lasts = float(rng.uniform(3.5, 4.5))
            script.faults.append(Fault("radar", ("heart_rate",), begin, begin + lasts, "times", times))
        script.true(kind, at, at + 200)

    return play


def _tachycardia(script: Script, at: float, minutes: float, rng: Generator) -> None:
    script.effects.append(Effect("heart_rate", at, at + minutes, "set", float(rng.uniform(138, 146)), 0.5))


def _masked_tachycardia(script: Script, day: int, rng: Generator) -> None:
    """The oximeter counts the racing heart; the radar sees the other person."""
    at = script.night(day, rng)
    script.life.stay(at - 30, at + 80, BED)
    _tachycardia(script, at, 50, rng)
    script.faults.append(Fault("radar", ("heart_rate",), at - 5, at + 60, "set", 70, spread=2))
    script.true("masked_tachycardia", at, at + 50)
    script.true("sources_disagree", at, at + 60, "radar")


def _radar_hangs(script: Script, day: int, rng: Generator) -> None:
    """The radar repeats one value all night; an hour and a half later the heart races."""
    at = day * DAY + int(rng.uniform(20, 60))
    script.life.stay(at - 60, at + 270, BED)
    script.faults.append(Fault("radar", RADAR, at, at + 270, "hold"))
    _tachycardia(script, at + 100, 40, rng)
    script.true("radar_hangs", at, at + 270, "radar")
    script.true("masked_tachycardia", at + 100, at + 140)


def _sources_disagree(script: Script, day: int, rng: Generator) -> None:
    """Two plausible pulses of one sleeper, 35 to 45 /min apart, for hours."""
    at = day * DAY + int(rng.uniform(30, 60))
    script.life.stay(at - 60, at + 180, BED)
    script.faults.append(Fault("radar", ("heart_rate",), at, at + 180, "add", float(rng.uniform(35, 45))))
    script.true("sources_disagree", at, at + 180, "radar")


def _arrest(script: Script, day: int, rng: Generator) -> None:
    at = script.night(day, rng)
    script.life.stay(at - 60, at + 90, BED, still=True)
    script.life.stay(at + 90, day * DAY + CARED_FOR, OUT)
    script.effects.append(Effect("heart_rate", at - 3, at + 90, "set", 36, 2))
    script.effects.append(Effect("respiration_rate", at - 3, at + 90, "set", 6.5, 2))
    script.faults.append(Fault("radar", RADAR, at, at + 90, "set", 0))
    script.faults.append(Fault("oximeter", ("spo2", "heart_rate"), at, at + 90, "lost"))
    script.true("arrest", at, at + 90)


def _apnoea(script: Script, day: int, rng: Generator) -> None:
    """A sleeper's pauses of half a minute at most, each with a dip of oxygen."""
    begin = day * DAY + 40
    script.life.stay(begin - 60, begin + 250, BED)
    for at in begin + 20 * np.arange(12) + rng.uniform(0, 8, 12):
        script.effects.append(Effect("respiration_rate", at, at + rng.uniform(0.25, 0.48), "set", 1.5))
        script.effects.append(Effect("spo2", at + 0.3, at + 1.0, "add", -float(rng.uniform(3, 6))))
    script.true("apnoea", begin, begin + 250)


def _loose_finger(script: Script, day: int, rng: Generator) -> None:
    """An hour at 84 to 88 %, of which every fifth reading says 92 or 93."""
    at = script.night(day, rng)
    script.life.stay(at - 30, at + 90, BED)
    script.effects.append(Effect("spo2", at, at + 60, "set", 86, 0.5))
    script.faults.append(Fault("oximeter", ("spo2",), at, at + 60, "set", 92.5, share=0.2, spread=0.4))
    script.true("loose_finger", at, at + 60)


def _flickers_low(script: Script, day: int, rng: Generator) -> None:
    """A well sleeper; every sixth reading of a loose finger is low."""
    at = script.night(day, rng)
    script.life.stay(at - 30, at + 90, BED)
    script.faults.append(Fault("oximeter", ("spo2",), at, at + 45, "set", 84, share=0.16, spread=3))
    script.true("flickers_low", at, at + 45)


def _swinging(script: Script, day: int, rng: Generator) -> None:
    """NEWS2 of 5 for ten minutes, 3 for twenty, six hours long."""
    begin = day * DAY + int(rng.uniform(540, 570))
    script.life.stay(begin - 5, begin + 360, BED)
    script.life.visitor[begin : begin + 360] = False
    script.effects.append(Effect("respiration_rate", begin, begin + 360, "set", 22.5))
    script.effects.append(Effect("heart_rate", begin, begin + 360, "set", 99))
    script.effects.append(Effect("spo2", begin, begin + 360, "set", 97.5))
    for at in range(begin, begin + 360, 30):
        script.effects.append(Effect("spo2", at, at + 10, "set", 92.6))
    script.true("swinging", begin, begin + 360)


def _af_bursts(script: Script, day: int, rng: Generator) -> None:
    """Three minutes at 133 to 140 /min in every 25, all night."""
    begin = day * DAY + int(rng.uniform(30, 45))
    script.life.stay(begin - 60, begin + 290, BED)
    for at in range(begin, begin + 290, 25):
        script.effects.append(Effect("heart_rate", at, at + 3.5, "set", 138))
    script.true("af_bursts", begin, begin + 290)


def _af_fast(script: Script, day: int, rng: Generator) -> None:
    """140 to 165 /min, irregular, every seventh reading between 118 and 128."""
    at = script.night(day, rng)
    script.life.stay(at - 30, at + 60, BED)
    script.effects.append(Effect("heart_rate", at, at + 30, "set", 150, 0.5))
    for device in ("radar", "oximeter"):
        script.faults.append(Fault(device, ("heart_rate",), at, at + 30, "set", 123, share=0.14, spread=2))
    script.true("af_fast", at, at + 30)


def _exercise(script: Script, day: int, rng: Generator) -> None:
    """Dances at home for 25 minutes with a chest band; the step counter runs."""
    at = day * DAY + int(rng.uniform(570, 640))
    script.life.stay(at - 10, at + 50, LIVING)
    script.effects.append(Effect("heart_rate", at, at + 25, "set", float(rng.uniform(128, 138)), 2))
    steps = np.cumsum(rng.integers(90, 130, 26)) + int(rng.uniform(500, 2000))
    for minute, count in enumerate(steps.tolist()):
        script.spots.append(Spot(at + minute, "steps", "step_count", count))
    script.true("exercise", at, at + 30)


def _steady_breath(script: Script, day: int, rng: Generator) -> None:
    """Deep sleep: the radar rounds breathing to one figure for 45 minutes, while its heart rate goes on to vary."""
    at = script.night(day, rng)
    script.life.stay(at - 30, at + 90, BED)
    level = float(rng.integers(13, 17))
    script.faults.append(Fault("radar", ("respiration_rate",), at, at + 45, "set", level))
    script.true("steady_breath", at, at + 45)


def _worse_slowly(script: Script, day: int, rng: Generator) -> None:
    """A resident with COPD who gets worse: 83 %, beyond scale 2."""
    at = script.night(day, rng)
    script.life.stay(at - 30, at + 90, BED)
    script.effects.append(Effect("spo2", at, at + 60, "set", 80.5, 5))
    script.true("copd_worse", at + 5, at + 60)


PULSES = ("oximeter", "pulse")
VITAL_SCENES: dict[str, Scene] = {
    "radar_doubles": Scene(play=_locked("radar_doubles", 2.0), body={"heart": 80.0}),
    "radar_halves": Scene(play=_locked("radar_halves", 0.5)),
    "masked_tachycardia": Scene(play=_masked_tachycardia, needs=PULSES),
    "radar_hangs": Scene(play=_radar_hangs, needs=PULSES),
    "sources_disagree": Scene(play=_sources_disagree, needs=PULSES),
    "arrest": Scene(play=_arrest),
    "apnoea": Scene(play=_apnoea, needs=("oximeter",), spoilt_by=OXYGEN),
    "loose_finger": Scene(play=_loose_finger, needs=("oximeter",), spoilt_by=OXYGEN),
    "flickers_low": Scene(play=_flickers_low, needs=("oximeter",), spoilt_by=OXYGEN),
    "swinging": Scene(play=_swinging, needs=("oximeter",), spoilt_by=OXYGEN),
    "af_bursts": Scene(play=_af_bursts),
    "af_fast": Scene(play=_af_fast),
    "exercise": Scene(play=_exercise, needs=("band", "steps")),
    "steady_breath": Scene(play=_steady_breath),
    "copd_worse": Scene(play=_worse_slowly, needs=("oximeter",), trait="copd"),
}
