"""Readings to bins, held against the plainest way to do it."""

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alerting.detection.kit.columns import LANES, STEP_US, VitalColumns, fold
from alerting.detection.kit.context import SEATS

HOUR_US = 1_800_000_000_000_000 // 3_600_000_000 * 3_600_000_000
HOUR_END_US = 3_600_000_000 - 1
SERIES = st.tuples(st.sampled_from([0, 1, 2, 99_999]), st.integers(0, LANES - 1))
READING = st.tuples(SERIES, st.integers(0, HOUR_END_US), st.integers(-500, 500))
CLOSE = st.tuples(SERIES, st.integers(0, 60), st.integers(-500, 500))


def columns(readings: list[tuple[tuple[int, int], int, int]]) -> VitalColumns:
    return VitalColumns(
        np.array([row for (row, _), _, _ in readings], np.int32),
        np.array([lane for (_, lane), _, _ in readings], np.int16),
        np.array([HOUR_US + offset for _, offset, _ in readings], np.int64),
        np.array([value for _, _, value in readings], np.float32),
    )


@given(st.lists(READING, min_size=1, max_size=40) | st.lists(CLOSE, min_size=1, max_size=120))
def test_bins_are_those_of_the_plainest_way(readings: list[tuple[tuple[int, int], int, int]]) -> None:
    once: dict[tuple[int, int, int], float] = {}
    for (row, lane), offset, value in readings:
        key = row, lane, HOUR_US + offset
        once[key] = max(float(value), once.get(key, -np.inf))
    expected: dict[tuple[int, int, int], list[float]] = defaultdict(list)
    for (row, lane, time_us), held in sorted(once.items()):
        expected[row, lane, time_us // STEP_US].append(held)
    least: dict[tuple[int, int, int], float] = {}
    for (row, lane), offset, value in readings:
        place = row, lane, (HOUR_US + offset) // STEP_US
        least[place] = min(float(value), least.get(place, np.inf))
    bins = fold(columns(readings))
    lane = bins.column * SEATS + bins.seat
    assert list(zip(bins.row.tolist(), lane.tolist(), bins.step.tolist(), strict=True)) == sorted(expected)
    for i, place in enumerate(sorted(expected)):
        values, found = expected[place], (bins.count[i], bins.low[i], bins.high[i])
        assert found == (len(values), least[place], max(values))
        assert bins.mean[i] == np.float32(sum(values) / len(values))


@given(st.permutations(range(12)))
def test_the_order_of_homes_does_not_matter(order: list[int]) -> None:
    """Frames of many homes, each sorted in itself: sorted by counting."""
    frames = [[((home, column), 1_000_000 * second, 60 + home) for column in (0, 3) for second in range(5)]
              for home in range(12)]  # fmt: skip
    mixed = fold(columns([reading for home in order for reading in frames[home]]))
    plain = fold(columns([reading for frame in frames for reading in frame]))
    for name in plain.__struct_fields__:
        assert (getattr(mixed, name) == getattr(plain, name)).all()


def test_nothing_gives_nothing() -> None:
    assert len(fold(VitalColumns.empty(0))) == 0
