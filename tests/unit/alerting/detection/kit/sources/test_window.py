"""The last minutes as bits, held against lists of readings."""

import math
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alerting.detection.kit.columns import Latest
from alerting.detection.kit.context import SEATS
from alerting.detection.kit.sources.window import (
    LASTING_STEPS,
    OFTEN_STEPS,
    PAUSE_STEPS,
    SHARE,
    SLOW_STEPS,
    STREAM_READINGS,
    STREAM_RUN,
    WINDOW_STEPS,
    Held,
    Seen,
    age,
    lasts,
    sensed_series,
    share_holds,
)
from tests.support.bins import At, bins_of, cut

STEPS = st.lists(
    st.one_of(st.integers(1, 8), st.integers(20, 80), st.integers(PAUSE_STEPS - 1, 2 * PAUSE_STEPS)), max_size=30
).map(lambda gaps: [1000 + sum(gaps[: n + 1]) for n in range(len(gaps))])
READINGS = st.lists(STEPS, min_size=2, max_size=2).map(
    lambda sources: [At(step, seat, 70 + step % 3) for seat, steps in enumerate(sources) for step in steps]
)
CUTS = st.lists(st.integers(1000, 3000), max_size=6)


def bits(steps: list[int], now: int) -> int:
    return sum(1 << (now - step) for step in steps if 0 <= now - step < 64)


def within(steps: list[int], now: int, window: int) -> list[int]:
    return [step for step in steps if 0 <= now - step < window]


def pairs(steps: list[int], now: int) -> bool:
    """Whether its source has not spoken often within three hours before."""
    spoke = [one for one in steps if len(within([s for s in steps if s <= one], one, WINDOW_STEPS)) >= STREAM_READINGS]
    return not any(now - one <= OFTEN_STEPS for one in spoke)


def streams(steps: list[int]) -> list[tuple[bool, bool]]:
    """Of each reading: whether its source streams, and does so for good."""
    found, known = [], False
    for n, now in enumerate(steps):
        run = 0  # intervals between readings, not readings
        for earlier, later in reversed(list(pairwise(steps[: n + 1]))):
            if later - earlier > PAUSE_STEPS:
                break
            run += 1
        lately = within(steps[: n + 1], now, WINDOW_STEPS)
        many = len(lately) >= STREAM_READINGS
        known |= many and now - lately[0] >= LASTING_STEPS
        known |= run >= STREAM_RUN and now - steps[n - 1] >= SLOW_STEPS
        found.append((known or many, known))
    return found


@given(READINGS, CUTS)
def test_what_is_seen_is_what_a_list_would_say(readings: list[At], cuts: list[int]) -> None:
    seen, latest = Seen(), Latest(1, of_sources=True)
    seen.grow(1)
    found = {}
    for batch in cut(readings, cuts):
        bins = bins_of(batch)
        sensed = seen.add(bins, latest.before(bins)[1])
        latest.keep(bins)
        for i in range(len(bins)):
            said = int(sensed.seen[i]), (bool(sensed.streams[i]), bool(sensed.lasting[i])), int(sensed.ago[i])
            found[int(bins.seat[i]), int(bins.step[i])] = (*said, bool(sensed.pairs[i]))
    for seat in range(2):
        steps = [at.step for at in readings if at.seat == seat]
        for n, (now, stream) in enumerate(zip(steps, streams(steps), strict=True)):
            ago = now - steps[n - 1] if n else 0
            apart = pairs(steps[: n + 1], now)
            assert found[seat, now] == (bits(steps[: n + 1], now), stream, ago, apart)


@given(READINGS, CUTS, st.sampled_from((24, 36, WINDOW_STEPS)), st.data())
def test_a_share_holds_as_a_list_would_say(
    readings: list[At], cuts: list[int], window: int, data: st.DataObject
) -> None:
    bad = {at: data.draw(st.sampled_from((True, True, True, False))) for at in readings}
    held, seen, latest = Held.of(1), Seen(), Latest(1, of_sources=True)
    held.grow(1)
    seen.grow(1)
    for batch in cut(readings, cuts):
        bins = bins_of(batch)
        ordered = sorted(batch, key=lambda at: (at.seat, at.step))
        spoken = seen.add(bins, latest.before(bins)[1]).seen
        latest.keep(bins)
        (holding,) = held.add(sensed_series(bins), bins.step, np.array([[bad[at] for at in ordered]]))
        said, old = share_holds(spoken, holding, window), age(holding)
        enough = lasts(spoken, holding, window, 3)
        for i, at in enumerate(ordered):
            mine = [r for r in readings if r.seat == at.seat and r.step <= at.step]
            lately = within([r.step for r in mine], at.step, window)
            odd = within([r.step for r in mine if bad[r]], at.step, window)
            assert said[i] == (len(odd) > 0 and len(odd) >= math.ceil(SHARE * len(lately) - 1e-6))
            steps, odd_steps = [r.step for r in mine], [r.step for r in mine if bad[r]]
            shares = [
                (len(within(steps, at.step, some)), len(within(odd_steps, at.step, some)))
                for some in (window, min(window + 12, WINDOW_STEPS), WINDOW_STEPS)
            ]
            assert enough[i] == any(worse >= max(3, math.ceil(SHARE * n - 1e-6)) for n, worse in shares)
            oldest = within([r.step for r in mine if bad[r]], at.step, WINDOW_STEPS)
            assert old[i] == (at.step - oldest[0] if oldest else 0)


@given(READINGS, CUTS, st.data())
def test_the_reading_before_is_known_across_batches(readings: list[At], cuts: list[int], data: st.DataObject) -> None:
    bad = {at: data.draw(st.booleans()) for at in readings}
    held, seen, latest = Held.of(1), Seen(), Latest(1, of_sources=True)
    held.grow(1)
    seen.grow(1)
    for batch in cut(readings, cuts):
        bins = bins_of(batch)
        ordered = sorted(batch, key=lambda at: (at.seat, at.step))
        ago = seen.add(bins, latest.before(bins)[1]).ago
        latest.keep(bins)
        holds, series = np.array([[bad[at] for at in ordered]]), sensed_series(bins)
        (before,) = held.before(series, bins.step, ago, holds)
        held.add(series, bins.step, holds)
        for i, at in enumerate(ordered):
            mine = [r for r in readings if r.seat == at.seat and r.step < at.step]
            assert before[i] == (bool(mine) and at.step - mine[-1].step <= PAUSE_STEPS and bad[mine[-1]])


def test_sources_do_not_mix() -> None:
    series = sensed_series(bins_of(At(1, seat, 70, code) for seat in range(SEATS) for code in ("heart_rate", "spo2")))
    assert len(set(series.tolist())) == 2 * SEATS
