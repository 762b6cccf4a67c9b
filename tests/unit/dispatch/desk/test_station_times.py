"""The day and the months of a station's page, by the clock on the wall there."""

import datetime as dt

import pytest

from dispatch.desk import station
from vocabulary.times import SHANGHAI


def wall(*when: int) -> dt.datetime:
    return dt.datetime(*when, tzinfo=SHANGHAI)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("now", "day", "month", "last"),
    [
        (wall(2026, 11, 30, 23, 59, 30), wall(2026, 11, 30), wall(2026, 11, 1), wall(2026, 10, 1)),
        (wall(2026, 12, 1, 0, 0, 30), wall(2026, 12, 1), wall(2026, 12, 1), wall(2026, 11, 1)),
        (wall(2027, 1, 1, 0, 0, 0), wall(2027, 1, 1), wall(2027, 1, 1), wall(2026, 12, 1)),
        (wall(2027, 3, 31, 12), wall(2027, 3, 31), wall(2027, 3, 1), wall(2027, 2, 1)),
    ],
)
def test_a_day_and_a_month_begin_at_midnight_in_shanghai(
    now: dt.datetime, day: dt.datetime, month: dt.datetime, last: dt.datetime
) -> None:
    for moment in (now, now.astimezone(dt.UTC)):  # clocks of servers go by UTC: there, the day is another
        assert station.today(moment) == (day, day + dt.timedelta(days=1))
        assert station.months(moment) == (last, month)
