"""What the district's doctor says of a city that follows it, or is away."""

import pytest

from database.city.feed import Slot
from shouwang.doctor.feed import slot_check

GB = 2**30


@pytest.mark.parametrize(
    ("slot", "good", "warning", "words"),
    [
        (Slot("district_yt", True, False, GB // 10, 500, GB), True, False, "follows"),
        (Slot("district_yt", False, False, GB // 10, 500, GB), True, True, "not connected"),
        (Slot("district_yt", False, False, GB // 2, GB // 2, GB), False, False, "512 of 1,024 MiB"),
        (Slot("district_yt", True, False, GB // 2, GB // 2, GB), False, False, "given up"),
        (Slot("district_yt", False, True, 0, 0, GB), False, False, "join --again"),
        (Slot("district_yt", True, False, 0, 0, None), False, False, "max_slot_wal_keep_size"),
    ],
)
def test_a_city_that_is_away_is_told_before_it_is_given_up(slot: Slot, good: bool, warning: bool, words: str) -> None:
    check = slot_check(slot)
    assert (check.good, check.warning) == (good, warning)
    assert words in check.text
