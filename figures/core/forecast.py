"""Expect the counts of the coming months, with the range that they will lie in, and say how good that was so far. Pure.

Method: exponential smoothing with a damped trend (E. S. Gardner and E. McKenzie, Management Science 31 (1985)
1237–1246), its three numbers chosen on the months that are there, all taken for months of 30 days.

*Back-test*: every month from the seventh on is foretold from those before it, one, two and three months ahead. The mean
error is shown beside that of the simplest guess ("as in the month before"). Where the method was not better, the
simplest guess is the forecast.

The range holds 80 of 100 months: it is as wide as the errors of the back-test, each number of months ahead by its own
ones, by Student's distribution since they are few; at least as wide as counts scatter by chance (Poisson), and no
narrower than that of the month before. Seasons are not known from so few months: they
are in the errors and make the range wider, and where they are strong it is still too narrow.
"""

import math
from collections.abc import Sequence
from itertools import product

import msgspec

ENOUGH = 9
"""Whole months from which on anything is foretold: six to learn from, three to be tested on."""
LEARNT = 6
AHEAD = 3
USUAL_DAYS = 30.0
_T80 = (3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.415, 1.397, 1.383, 1.372, 1.363, 1.356, 1.350, 1.345, 1.341)
"""Student's distribution at 0.9 with 1, 2 … degrees of freedom; beyond, its limit."""
Z80 = 1.2815515655446004
_LEVEL, _TREND, _DAMPED = (0.2, 0.4, 0.6, 0.8), (0.05, 0.2, 0.4), (0.8, 0.9)


class Expected(msgspec.Struct, frozen=True):
    """A coming month: the value expected, and the range of 80 of 100."""

    value: float
    low: float
    high: float


class Forecast(msgspec.Struct, frozen=True):
    """``months``: empty where there are not enough (``had`` of ``ENOUGH``). ``error``, ``naive_error``: mean absolute
    error of one month ahead in the back-test over ``tested`` months; ``naive``: the simplest guess is the forecast.
    ``held``: of the ``ranged`` months for which it would have told a range, those that came to lie in it."""

    had: int
    months: tuple[Expected, ...] = ()
    error: float | None = None
    naive_error: float | None = None
    tested: int = 0
    naive: bool = False
    held: int = 0
    ranged: int = 0


def forecast(
    counts: Sequence[float], days: Sequence[float] | None = None, ahead_days: Sequence[float] = (USUAL_DAYS,) * AHEAD
) -> Forecast:
    """Forecast from the counts of whole months, the oldest first. ``days``: of each (None: all the same), and of the
    three months ahead."""
    if len(counts) < ENOUGH:
        return Forecast(had=len(counts))
    sizes = [(USUAL_DAYS if days is None else days[place]) / USUAL_DAYS for place in range(len(counts))]
    rates = [count / size for count, size in zip(counts, sizes, strict=True)]
    told = {n: _ahead(rates[:n], _fit(rates[:n]), AHEAD) for n in range(LEARNT, len(rates) + 1)}
    tested = range(LEARNT, len(rates))
    error = sum(abs(told[n][0] - rates[n]) * sizes[n] for n in tested) / len(tested)
    naive_error = sum(abs(rates[n - 1] - rates[n]) * sizes[n] for n in tested) / len(tested)
    then = [(n, _tell(rates[:n], told)[1][0]) for n in range(ENOUGH, len(rates))]
    naive, months = _tell(rates, told)
    return Forecast(
        had=len(counts),
        months=tuple(
            Expected(*(number * size / USUAL_DAYS for number in (one.value, one.low, one.high)))
            for one, size in zip(months, ahead_days, strict=True)
        ),
        error=error,
        naive_error=naive_error,
        tested=len(tested),
        naive=naive,
        held=sum(one.low <= rates[n] <= one.high for n, one in then),
        ranged=len(then),
    )


def _tell(rates: Sequence[float], told: dict[int, list[float]]) -> tuple[bool, list[Expected]]:
    """Whether the simplest guess is taken, and the months ahead, by what was known when ``rates`` were all there was;
    ``told``: what the method tells from the first n."""
    known = len(rates)
    tested = range(LEARNT, known)
    naive = sum(abs(told[n][0] - rates[n]) for n in tested) >= sum(abs(rates[n - 1] - rates[n]) for n in tested)
    values = [float(rates[-1])] * AHEAD if naive else told[known]
    found: list[Expected] = []
    half = 0.0
    for step, value in enumerate(values):
        missed = [
            (rates[n - 1] if naive else told[n][step]) - rates[n + step] for n in range(LEARNT, known - step)
        ]  # fmt: skip
        scatter = sum(one * one for one in missed) / len(missed)
        wide = _T80[len(missed) - 1] if len(missed) <= len(_T80) else Z80
        half = max(half, wide * math.sqrt(scatter), Z80 * math.sqrt(max(value, 1.0)))
        found.append(Expected(value, max(0.0, value - half), value + half))
    return naive, found


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
