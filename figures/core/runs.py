"""Read a run chart: values of a time series around their median, and whether anything but chance shows. Pure.

The rules are those of R. J. Perla, L. P. Provost and S. K. Murray, "The run chart: a simple analytical tool for
learning from variation in healthcare processes", BMJ Quality & Safety 20 (2011) 46–51: a *shift* is six or more
consecutive points on one side of the median, a *trend* five or more that all go up or all go down. Points on the median
neither break nor lengthen a shift; equal neighbours neither break nor lengthen a trend.

Chance makes such runs, too, the oftener the longer the chart (J. Anhøj and A. V. Olesen, "Run charts revisited", PLoS
ONE 9 (2014) e113825): :func:`by_chance` says how often.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Literal

import msgspec

SHIFT, TREND = 6, 5
ENOUGH = 10
"""Points from which on the rules tell signal from chance; with fewer nothing is concluded."""
_CHANCE = ((10, 0.08), (12, 0.11), (18, 0.24), (24, 0.37), (36, 0.54))
"""(points, share of the charts of independent points that show a signal): of 2,000 simulated charts each."""


class Signal(msgspec.Struct, frozen=True):
    """A run that chance hardly makes: places of its first and its last point."""

    kind: Literal["shift", "trend"]
    up: bool
    """Above the median, or rising."""
    first: int
    last: int


class RunChart(msgspec.Struct, frozen=True):
    """Values with their median. ``signals``: empty where ``enough`` is False: nothing can be concluded yet."""

    values: tuple[float | None, ...]
    middle: float | None
    enough: bool
    signals: tuple[Signal, ...]


def by_chance(points: int) -> float:
    """The share of charts of so many points that show a signal although nothing but chance is in them."""
    for (low, share), (high, more) in pairwise(_CHANCE):
        if points <= high:
            return share + (more - share) * max(0, points - low) / (high - low)
    return _CHANCE[-1][1]


def read(values: Sequence[float | None]) -> RunChart:
    """Read a series; None: no value at that time, which is left out."""
    there = [(place, value) for place, value in enumerate(values) if value is not None]
    if not there:
        return RunChart(tuple(values), None, False, ())
    middle = float(median(value for _, value in there))
    enough = len(there) >= ENOUGH
    signals = (*shifts(there, middle), *trends(there)) if enough else ()
    return RunChart(tuple(values), middle, enough, tuple(sorted(signals, key=lambda one: (one.first, one.kind))))


def shifts(points: Sequence[tuple[int, float]], middle: float) -> list[Signal]:
    """The shifts of (place, value) around a median."""
    found: list[Signal] = []
    run: list[int] = []
    side = 0
    for place, value in points:
        here = (value > middle) - (value < middle)
        if here == 0:
            continue
        if here != side:
            found += _shift(run, side)
            run, side = [], here
        run.append(place)
    return found + _shift(run, side)


def _shift(run: list[int], side: int) -> list[Signal]:
    return [Signal("shift", side > 0, run[0], run[-1])] if len(run) >= SHIFT else []


def trends(points: Sequence[tuple[int, float]]) -> list[Signal]:
    """The trends of (place, value): five points, each beyond the one before."""
    found: list[Signal] = []
    run: list[tuple[int, float]] = []
    way = 0
    for place, value in points:
        if run and value == run[-1][1]:
            continue
        here = 0 if not run else 1 if value > run[-1][1] else -1
        if run and here != way and way != 0:
            found += _trend(run, way)
            run = [run[-1]]
        way = here or way
        run.append((place, value))
        if len(run) == 1:
            way = 0
    return found + _trend(run, way)


def _trend(run: list[tuple[int, float]], way: int) -> list[Signal]:
    return [Signal("trend", way > 0, run[0][0], run[-1][0])] if len(run) >= TREND else []
