"""How much a day adds, and when the disk is full: with its uncertainty, or not at all."""

import datetime as dt

import pytest

from database.upkeep.forecast import fullness, growth

START = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def days(*sizes: int) -> list[tuple[dt.datetime, int]]:
    return [(START + dt.timedelta(days=n), size) for n, size in enumerate(sizes)]


def test_too_few_days_tell_nothing() -> None:
    assert growth([]) is None
    assert growth(days(1, 2)) is None
    assert growth([(START + dt.timedelta(hours=n), n) for n in range(20)]) is None


def test_a_straight_line_is_certain_and_a_crooked_one_has_a_range() -> None:
    straight = growth(days(0, 10, 20, 30))
    assert straight is not None
    assert straight.low == pytest.approx(straight.high)
    found = fullness(100, straight)
    assert found is not None
    assert (found.soonest, found.expected, found.latest) == pytest.approx((10, 10, 10))
    crooked = growth(days(0, 18, 15, 40, 30))
    assert crooked is not None
    assert crooked.low < crooked.a_day < crooked.high
    range_ = fullness(100, crooked)
    assert range_ is not None
    assert range_.expected is not None
    assert range_.soonest < range_.expected


def test_a_disk_that_does_not_fill_is_not_foretold() -> None:
    shrinking = growth(days(40, 30, 20, 10))
    assert shrinking is not None
    assert fullness(100, shrinking) is None
    slow = growth(days(0, 1, 2, 3))
    assert slow is not None
    assert fullness(10**9, slow) is None
