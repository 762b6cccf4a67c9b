"""A pack gives back each reading, bit by bit."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from database.packing.form import MOST, Pack, copy_row, pack, packs_of
from vocabulary.times import DAY_US

ODD = (float("nan"), float("inf"), float("-inf"), -0.0, 0.0, 1e-45, 3.4e38, 0.1, 36.6, -5.25, 1e9, 120.0)
VALUES = st.one_of(
    st.floats(width=32), st.sampled_from(ODD), st.integers(-40, 400).map(lambda n: n / 10), st.integers(-99999, 99999)
)
OFFSETS = st.one_of(
    st.integers(0, DAY_US - 1), st.integers(0, 1439).map(lambda n: n * 60_000_000), st.integers(0, 86_399_999).map(
        lambda n: n * 1000))  # fmt: skip
DAY = 20_700 * DAY_US


def unpack(made: Pack) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """As the SQL of migration 0442 does it."""
    place = np.arange(1, made.n + 1)
    if made.t2 is not None:
        offset = made.t2.astype(np.int64) + 2**15
    elif made.t4 is not None:
        offset = made.t4.astype(np.int64) + 2**31
        if made.turns is not None:
            offset += 2**32 * np.searchsorted(made.turns, place, side="right")
    else:
        offset = place - 1
    if made.v4 is not None:
        value = made.v4
    else:
        at = np.zeros(made.n)
        if made.v1 is not None:
            at = made.v1.astype(np.float64) + 128
        elif made.v2 is not None:
            at = made.v2.astype(np.float64) + 2**15
        value = ((made.low + made.step * at) / made.scale).astype(np.float32)
    assert {len(one) for one in (made.t2, made.t4, made.v1, made.v2, made.v4) if one is not None} == {made.n}
    return made.since_us + made.unit * offset, value


@given(st.lists(st.tuples(OFFSETS, VALUES), min_size=1, max_size=40))
@example([(0, 1.0)])
@example([(0, 5.0), (0, 5.0), (0, 7.0)])
@example([(0, 0.0), (2**32 - 1, 0.0), (2**32, 0.0), (2**33, 0.0), (DAY_US - 1, 0.0)])
@example([(n * 1_000_000, n % 5 / 10) for n in range(30)])
@settings(deadline=None)
def test_a_pack_gives_back_what_it_holds(readings: list[tuple[int, float]]) -> None:
    readings = sorted(readings, key=lambda one: one[0])
    times = np.array([DAY + at for at, _ in readings], np.int64)
    values = np.array([value for _, value in readings], np.float32)
    found_times, found_values = unpack(pack(times, values))
    assert np.array_equal(found_times, times)
    assert np.array_equal(found_values.view(np.int32), values.view(np.int32))


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3 * DAY_US), VALUES), max_size=40))
@settings(deadline=None)
def test_readings_are_packed_by_series_and_day_whatever_their_order(readings: list[tuple[int, int, float]]) -> None:
    series = np.array([one for one, _, _ in readings], np.int32)
    times = np.array([DAY + at for _, at, _ in readings], np.int64)
    values = np.array([value for *_, value in readings], np.float32)
    found = []
    for one, made in packs_of(series, times, values):
        assert made.since_us // DAY_US == made.until_us // DAY_US
        assert copy_row(one, made)
        at, value = unpack(made)
        found += [(one, *pair) for pair in zip(at.tolist(), value.view(np.int32).tolist(), strict=True)]
    wanted = zip(series.tolist(), times.tolist(), values.view(np.int32).tolist(), strict=True)
    assert sorted(found) == sorted(wanted)


def test_a_pack_is_small_enough_to_look_into() -> None:
    n = 2 * MOST + 1
    made = [one for _, one in packs_of(np.ones(n, np.int32), DAY + np.arange(n) * 10**6, np.full(n, 70, np.float32))]
    assert [one.n for one in made] == [MOST, MOST, 1]
    assert made[1].since_us == made[0].until_us + 10**6
