"""Expect the counts of the coming months, with the range that they will lie in, and say how good that was so far. Pure.

Method: exponential smoothing with a damped trend (E. S. Gardner and E. McKenzie, Management Science 31 (1985)
1237–1246), its three numbers chosen on the months that are there. The range holds 80 of 100 months: counts scatter at
least as those of chance do (Poisson), and as much more as the errors of one month ahead have shown; it widens with the
months ahead.

*Back-test*: every month from the seventh on is foretold from those before it. The mean error is shown beside that of
the simplest guess ("as in the month before"). Where the method was not better, the simplest guess is the forecast.
"""

import math
from collections.abc import Sequence
from itertools import pairwise, product

import msgspec

ENOUGH = 9
"""Whole months from which on anything is foretold: six to learn from, three to be tested on."""
LEARNT = 6
AHEAD = 3
Z80 = 1.2815515655446004
_LEVEL, _TREND, _DAMPED = (0.2, 0.4, 0.6, 0.8), (0.05, 0.2, 0.4), (0.8, 0.9)


class Expected(msgspec.Struct, frozen=True):
    """A coming month: the value expected, and the range of 80 of 100."""

    value: float
    low: float
    high: float


class Forecast(msgspec.Struct, frozen=True):
    """``months``: empty where there are not enough (``had`` of ``ENOUGH``). ``error``, ``naive_error``: mean absolute
    error of one month ahead in the back-test over ``tested`` months; ``naive``: the simplest guess is the forecast."""

    had: int
    months: tuple[Expected, ...] = ()
    error: float | None = None
    naive_error: float | None = None
    tested: int = 0
    naive: bool = False


def forecast(counts: Sequence[float], ahead: int = AHEAD) -> Forecast:
    """Forecast from the counts of whole months, the oldest first."""
    if len(counts) < ENOUGH:
        return Forecast(had=len(counts))
    tested = range(LEARNT, len(counts))
    ours = [abs(_ahead(counts[:n], _fit(counts[:n]), 1)[0] - counts[n]) for n in tested]
    simplest = [abs(counts[n - 1] - counts[n]) for n in tested]
    error, naive_error = sum(ours) / len(ours), sum(simplest) / len(simplest)
    naive = error >= naive_error
    values = [float(counts[-1])] * ahead if naive else _ahead(counts, _fit(counts), ahead)
    missed = [b - a for a, b in pairwise(counts)] if naive else _errors(counts, _fit(counts))[2:]
    scatter = sum(one * one for one in missed) / len(missed)
    return Forecast(
        had=len(counts),
        months=tuple(_range(value, scatter, step) for step, value in enumerate(values, 1)),
        error=error,
        naive_error=naive_error,
        tested=len(ours),
        naive=naive,
    )


def _range(value: float, scatter: float, step: int) -> Expected:
    value = max(0.0, value)
    half = Z80 * math.sqrt(max(value, scatter) * (1 + 0.5 * (step - 1)))
    return Expected(value, max(0.0, value - half), value + half)


def _fit(counts: Sequence[float]) -> tuple[float, float, float]:
    """The three numbers whose errors of one month ahead were smallest."""
    return min(
        product(_LEVEL, _TREND, _DAMPED), key=lambda three: sum(error * error for error in _errors(counts, three))
    )


def _errors(counts: Sequence[float], three: tuple[float, float, float]) -> list[float]:
    alpha, beta, phi = three
    level, trend, errors = float(counts[0]), 0.0, []
    for count in counts[1:]:
        expected = level + phi * trend
        errors.append(count - expected)
        before, level = level, alpha * count + (1 - alpha) * expected
        trend = beta * (level - before) + (1 - beta) * phi * trend
    return errors


def _ahead(counts: Sequence[float], three: tuple[float, float, float], ahead: int) -> list[float]:
    alpha, beta, phi = three
    level, trend = float(counts[0]), 0.0
    for count in counts[1:]:
        expected = level + phi * trend
        before, level = level, alpha * count + (1 - alpha) * expected
        trend = beta * (level - before) + (1 - beta) * phi * trend
    return [max(0.0, level + trend * sum(phi**n for n in range(1, step + 1))) for step in range(1, ahead + 1)]
