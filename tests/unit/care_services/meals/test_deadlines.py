"""Meals are ordered until the canteen's deadline, in Shanghai's time."""

import datetime as dt

from care_services.meals.deadlines import Deadline, week_of

DAY = dt.date(2026, 12, 2)


def test_the_day_before_at_four_is_the_last_moment() -> None:
    deadline = Deadline()
    assert deadline.of(DAY).isoformat() == "2026-12-01T16:00:00+08:00"
    assert deadline.is_open(DAY, dt.datetime(2026, 12, 1, 8, tzinfo=dt.UTC))
    assert not deadline.is_open(DAY, dt.datetime(2026, 12, 1, 8, 0, 1, tzinfo=dt.UTC))


def test_a_canteen_may_take_orders_on_the_day_itself() -> None:
    same_day = Deadline(0, dt.time(9, 30))
    assert same_day.is_open(DAY, dt.datetime(2026, 12, 2, 1, 30, tzinfo=dt.UTC))
    assert not same_day.is_open(DAY, dt.datetime(2026, 12, 2, 1, 31, tzinfo=dt.UTC))


def test_a_week_begins_on_monday() -> None:
    assert week_of(DAY)[0] == dt.date(2026, 11, 30)
    assert week_of(dt.date(2026, 12, 6)) == week_of(dt.date(2026, 11, 30))
