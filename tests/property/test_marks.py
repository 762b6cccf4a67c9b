"""Marks of streams: each number is taken once, in any order and with any repetitions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.batches.marks import Mark


@given(st.lists(st.integers(1, 60), max_size=150))
def test_each_number_is_taken_once_whatever_the_order(arrivals: list[int]) -> None:
    mark = Mark()
    taken: set[int] = set()
    for seq in arrivals:
        assert mark.take(seq) == (seq not in taken)
        taken.add(seq)
        missing = set(range(1, max(taken) + 1)) - taken
        assert mark.high == max(taken)
        assert {n for first, behind in mark.gaps for n in range(first, behind)} == missing
        assert mark.missing == len(missing)
        assert all(a[1] < b[0] for a, b in zip(mark.gaps, mark.gaps[1:], strict=False)), "gaps are sorted and apart"


@given(st.lists(st.integers(1, 40)), st.lists(st.integers(1, 40)))
def test_a_copy_lives_its_own_life(before: list[int], after: list[int]) -> None:
    mark = Mark()
    for seq in before:
        mark.take(seq)
    copy = mark.copy()
    high, gaps = copy.high, list(copy.gaps)
    for seq in after:
        mark.take(seq)
    assert (copy.high, copy.gaps) == (high, gaps)


def test_numbers_begin_at_one() -> None:
    with pytest.raises(ValueError, match="begin at 1"):
        Mark().take(0)
