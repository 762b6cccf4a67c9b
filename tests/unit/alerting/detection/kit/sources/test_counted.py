"""Which reading counts, held against one reading after the other in plain Python."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alerting.detection.kit.columns import Latest
from alerting.detection.kit.context import SEATS
from alerting.detection.kit.sources.counted import HOLD_STEPS, Counting, Readings
from alerting.detection.kit.sources.window import PAUSE_STEPS, SHARE, SPARSE_STEPS, WINDOW_STEPS, Seen, sensed_series
from tests.support.bins import At, bins_of, cut

LEAST, LEAST_STEPS = 3, 20
Counted = tuple[int, float, int]  # grade, value, step
"""So many readings as grave, and 100 s, before a stream's reading counts."""


def grade_of(value: float) -> int:
    return int(value) % 4


def holds(mine: list[At], now: int, level: int, window: int, least: int = 1) -> bool:
    lately = [at for at in mine if now - at.step < window]
    bad = [at for at in lately if grade_of(at.value) >= level]
    return len(bad) >= least and len(bad) >= math.ceil(SHARE * len(lately) - 1e-6)


def plainly(mine: list[At], streams: list[bool], pairs: list[bool]) -> list[Counted]:
    """What counts after each reading of one device."""
    found: list[Counted] = []
    counts = (0, 0.0, 0)
    for n, at in enumerate(mine):
        sofar, grade = mine[: n + 1], grade_of(at.value)
        lately = [r for r in sofar if at.step - r.step < WINDOW_STEPS]
        enough = any(
            holds(sofar, at.step, grade, window, LEAST) for window in (HOLD_STEPS, HOLD_STEPS + 12, WINDOW_STEPS)
        )
        spoken = len(lately) >= LEAST and at.step - lately[0].step >= LEAST_STEPS
        ago = at.step - mine[n - 1].step if n else 0
        again = 0 < ago <= PAUSE_STEPS and grade_of(mine[n - 1].value) >= grade

        def held(level: int, sofar: list[At] = sofar, now: int = at.step) -> bool:
            return any(holds(sofar, now, level, window) for window in (HOLD_STEPS, WINDOW_STEPS))

        ready = (enough and spoken) or (again and ago >= SPARSE_STEPS and pairs[n])
        now = counts[0]
        if (grade > now and (not streams[n] or ready)) or (grade < now and not held(now)):
            now = grade
        counts = (now, at.value, at.step) if now == grade else (now, *counts[1:])
        found.append(counts)
    return found


GAPS = st.one_of(st.integers(1, 6), st.integers(10, 40), st.integers(100, 200))
SOURCE = st.lists(st.tuples(GAPS, st.sampled_from((0, 0, 1, 2, 3, 3, 3))), max_size=25)


def readings_of(seat: int, source: list[tuple[int, int]]) -> list[At]:
    step, found = 1000, []
    for gap, grade in source:
        step += gap
        found.append(At(step, seat, 100 + 4 * (len(found) % 3) + grade))
    return found


@given(st.lists(SOURCE, min_size=2, max_size=2), st.lists(st.integers(1000, 3000), max_size=6))
def test_what_counts_is_what_a_plain_loop_says(sources: list[list[tuple[int, int]]], cuts: list[int]) -> None:
    readings = [at for seat, source in enumerate(sources) for at in readings_of(seat, source)]
    counting, seen, latest = Counting(), Seen(), Latest(1, of_sources=True)
    counting.grow(1)
    seen.grow(1)
    known = Readings(*(np.zeros(4 * SEATS, kind) for kind in (np.int8, np.float32, np.int32, np.int32)))
    found: dict[tuple[int, int], tuple[Counted, bool, bool]] = {}
    for batch in cut(readings, cuts):
        bins = bins_of(batch)
        sensed, series = seen.add(bins, latest.before(bins)[1]), sensed_series(bins)
        latest.keep(bins)
        grade = np.array([grade_of(value) for value in bins.mean.tolist()], np.int8)
        counted = counting.add(bins, grade, sensed, known.at(series))
        known.put(series, counted)
        for i in range(len(bins)):
            said = int(counted.grade[i]), float(counted.value[i]), int(counted.step[i])
            found[int(bins.seat[i]), int(bins.step[i])] = said, bool(sensed.streams[i]), bool(sensed.pairs[i])
    for seat in range(2):
        mine = [at for at in readings if at.seat == seat]
        said = [found[seat, at.step] for at in mine]
        streams, pairs = [stream for _, stream, _ in said], [pair for _, _, pair in said]
        assert [counted for counted, _, _ in said] == plainly(mine, streams, pairs)
