"""Bed occupancy: exits and entries alternate, however the readings come in."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.bed import ENTER_US, EXIT_US, BedChange, BedWatch

S = 1_000_000


def feed(watch: BedWatch, states: list[tuple[int, int]], end_us: int) -> list[BedChange]:
    found = []
    for time_us, value in states:
        found += watch.readings("bed", np.array([time_us], np.int64), np.array([value], np.float32))
    return [*found, *watch.advance(end_us)]


def test_turning_over_is_no_exit() -> None:
    states = [(0, 1), (100 * S, 0), (100 * S + EXIT_US - 1, 1), (200 * S, 1)]
    assert feed(BedWatch(), states, 300 * S) == []


def test_getting_up_is_told_once_with_the_time_it_began() -> None:
    watch = BedWatch()
    assert feed(watch, [(0, 1), (100 * S, 0)], 100 * S + EXIT_US) == [BedChange("bed", "bed_exit", 100 * S)]
    assert list(watch.advance(500 * S)) == []


def test_sitting_on_the_edge_is_not_going_to_bed() -> None:
    assert feed(BedWatch(), [(0, 0), (10 * S, 1), (10 * S + ENTER_US - 1, 0)], 90 * S) == []
    assert [c.kind for c in feed(BedWatch(), [(0, 0), (10 * S, 1)], 10 * S + ENTER_US)] == ["bed_enter"]


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 1)), min_size=1, max_size=60), st.integers(1, 7))
def test_changes_alternate_and_do_not_depend_on_the_pieces(steps: list[tuple[int, int]], piece: int) -> None:
    times = np.cumsum([gap for gap, _ in steps]) * S
    values = np.array([value for _, value in steps], np.float32)
    whole, pieces = BedWatch(), BedWatch()
    end = int(times[-1]) + 100 * S
    one = [*whole.readings("bed", times, values), *whole.advance(end)]
    many: list[BedChange] = []
    for at in range(0, len(times), piece):
        many += pieces.readings("bed", times[at : at + piece], values[at : at + piece])
    many += pieces.advance(end)
    assert one == many
    kinds = [change.kind for change in one]
    assert all(a != b for a, b in itertools.pairwise(kinds))
    assert kinds[:1] in ([], ["bed_exit" if values[0] else "bed_enter"])
