"""The days and times of a plan."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from care_services.home_services.plans.recurrence import DAY, Recurrence, slots, words
from vocabulary.times import SHANGHAI

MONDAY = dt.date(2026, 11, 2)


def days_of(rule: Recurrence, since: dt.date, until: dt.date) -> list[str]:
    return [f"{slot.astimezone(SHANGHAI):%m-%d %H:%M}" for slot in slots(rule, since, until)]


def test_every_other_week_is_counted_from_the_week_of_the_first_day() -> None:
    rule = Recurrence(weekdays=(1, 4), times=(dt.time(9, 30),), first_day=MONDAY + 2 * DAY, every_weeks=2)
    assert days_of(rule, MONDAY, MONDAY + 20 * DAY) == ["11-05 09:30", "11-16 09:30", "11-19 09:30"]
    assert words(rule) == ("隔周一、四 09:30", "Mon and Thu, every other week at 09:30")


def test_a_plan_ends_with_its_last_day() -> None:
    rule = Recurrence(
        weekdays=(1, 2, 3, 4, 5, 6, 7), times=(dt.time(18), dt.time(8)), first_day=MONDAY, last_day=MONDAY + DAY
    )
    assert days_of(rule, MONDAY, MONDAY + 9 * DAY) == ["11-02 08:00", "11-02 18:00", "11-03 08:00", "11-03 18:00"]
    assert words(rule)[0] == "每天 08:00、18:00"


@given(
    st.sets(st.integers(1, 7), min_size=1),
    st.sets(st.times().map(lambda one: one.replace(microsecond=0)), min_size=1, max_size=3),
    st.integers(1, 4),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_slots_of_two_stretches_are_those_of_the_whole(
    days: set[int], times: set[dt.time], weeks: int, first: int, cut: int
) -> None:
    rule = Recurrence(weekdays=tuple(days), times=tuple(times), first_day=MONDAY + first * DAY, every_weeks=weeks)
    whole = list(slots(rule, MONDAY, MONDAY + 60 * DAY))
    parts = [*slots(rule, MONDAY, MONDAY + cut * DAY), *slots(rule, MONDAY + (cut + 1) * DAY, MONDAY + 60 * DAY)]
    assert whole == parts == sorted(set(whole)), "so that orders are made once, however the days are cut"
