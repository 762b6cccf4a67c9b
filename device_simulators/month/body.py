"""Compute heart rate, breathing and oxygen of a body on the grid of readings, before any sensor.

Heart rate and temperature follow a circadian wave with its top in the afternoon; the heart's own amplitude is a few
beats (Kräuchi and Wirz-Justice, Am J Physiol 1994;267:R819), sleep and rest make the rest of the nightly dip.
Breathing has a small wave of its own (Spengler et al., J Physiol 2000;526:683). Levels: see
:mod:`device_simulators.month.people`.
"""

from typing import Literal

import msgspec
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from device_simulators.month.people import Body
from device_simulators.month.routine import BATHROOM, BED, BEDROOM, DAY, KITCHEN, LIVING, OUT, Life

Grid = NDArray[np.float64]
CIRCADIAN_HEART, CIRCADIAN_BREATH, TOP_HOUR = 3.5, 0.5, 16.0
_EFFORT = np.zeros(6)
_EFFORT[[BED, BEDROOM, BATHROOM, KITCHEN, LIVING, OUT]] = (0, 0.15, 0.3, 0.35, 0.08, 0.6)


class Effect(msgspec.Struct, frozen=True):
    """Effect of an illness on a channel from ``begin`` to ``end`` (minutes): ``add`` an amount, reached after ``ramp``
    minutes, or ``set`` the level."""

    channel: Literal["heart_rate", "respiration_rate", "spo2"]
    begin: float
    end: float
    mode: Literal["add", "set"]
    amount: float
    ramp: float = 0.0


class Vitals(msgspec.Struct):
    """Shapes [n]; ``minute``: of the month, fractions allowed."""

    minute: Grid
    heart_rate: Grid
    respiration_rate: Grid
    spo2: Grid


def vitals(body: Body, life: Life, rate_s: float, effects: list[Effect], rng: Generator) -> Vitals:
    """Vital signs at each ``rate_s`` seconds of the whole month."""
    minutes = len(life.place)
    minute = np.arange(0, minutes, rate_s / 60)
    at = minute.astype(np.int64)
    asleep = (life.place == BED).astype(float)[at]
    effort = np.where(life.still, 0, np.maximum(_EFFORT[life.place], life.effort))[at]
    effort = _lag(effort, 2.5 * 60 / rate_s)
    asleep = _lag(asleep, 8 * 60 / rate_s)
    wave = np.cos(2 * np.pi * (minute / 60 - TOP_HOUR) / 24)
    day = rng.normal(0, 1, (3, minutes // DAY + 1))[:, at // DAY]
    heart = body.heart + CIRCADIAN_HEART * wave - 0.09 * body.heart * asleep + 26 * effort + 1.6 * day[0]
    heart += _wander(rng, len(minute), 2.2, 6 * 60 / rate_s) + rng.normal(0, 1.0, len(minute))
    breath = body.breath + CIRCADIAN_BREATH * wave - 1.0 * asleep + 5 * effort + 0.4 * day[1]
    breath += _wander(rng, len(minute), 0.8, 4 * 60 / rate_s) + rng.normal(0, 0.6, len(minute))
    spo2 = body.spo2 - 0.8 * asleep + 0.2 * day[2] + _wander(rng, len(minute), 0.5, 10 * 60 / rate_s)
    dips = rng.random(len(minute)) < body.dips * asleep * rate_s / 3600
    spo2 -= _lag(dips * rng.uniform(3, 5, len(minute)), 20 / rate_s, gain=True)
    signs = Vitals(minute, heart, breath, spo2)
    for effect in effects:
        _apply(signs, effect, rng)
    np.clip(signs.heart_rate, 25, 210, out=signs.heart_rate)
    np.clip(signs.respiration_rate, 0, 50, out=signs.respiration_rate)
    np.clip(signs.spo2, 60, 100, out=signs.spo2)
    return signs


def _apply(signs: Vitals, effect: Effect, rng: Generator) -> None:
    first, last = np.searchsorted(signs.minute, (effect.begin, effect.end))
    minute = signs.minute[first:last]
    values = getattr(signs, effect.channel)
    grown = np.clip((minute - effect.begin) / effect.ramp, 0, 1) if effect.ramp else np.ones(len(minute))
    if effect.mode == "add":
        values[first:last] += grown * effect.amount
    else:
        spread = {"heart_rate": 4.0, "respiration_rate": 0.5, "spo2": 0.7}[effect.channel]
        wanted = effect.amount + rng.normal(0, spread, len(minute))
        values[first:last] += grown * (wanted - values[first:last])


def _lag(values: Grid, steps: float, *, gain: bool = False) -> Grid:
    """First-order lag over so many steps of the grid; ``gain``: a single pulse keeps its height."""
    keep = float(np.exp(-1 / max(steps, 1e-9)))
    return _recursive(1.0 if gain else 1 - keep, keep, values)


def _wander(rng: Generator, n: int, spread: float, steps: float) -> Grid:
    """First-order autoregressive noise of this standard deviation and correlation length."""
    keep = float(np.exp(-1 / max(steps, 1e-9)))
    return _recursive(1.0, keep, rng.normal(0, spread * np.sqrt(1 - keep * keep), n))


def _recursive(part: float, keep: float, values: Grid) -> Grid:
    """Each value's ``part`` and what is kept of the result before it."""
    from scipy.signal import lfilter  # takes most of a second to load, and few who import this module make a month

    return np.asarray(lfilter([part], [1, -keep], values))
