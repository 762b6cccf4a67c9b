"""Amounts are whole fen, and what is no amount is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_network.errors import MalformedError
from care_services.core.money import MOST_FEN, in_yuan, share, yuan


@given(st.integers(0, MOST_FEN))
def test_what_is_written_is_read_again(fen: int) -> None:
    assert yuan(in_yuan(fen)) == fen


@pytest.mark.parametrize("text", ["", "1.005", "-1", "1e12", "NaN", "Infinity", "abc", "1,2,3.4.5"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        yuan(text)


@given(st.integers(0, MOST_FEN), st.integers(0, 100))
def test_a_share_is_half_a_fen_away_at_most(fen: int, percent: int) -> None:
    assert abs(share(fen, percent) * 100 - fen * percent) <= 50


def test_amounts_as_people_write_them() -> None:
    assert yuan(" ¥1,234.5 ") == 123450
    assert in_yuan(-5) == "-0.05"
