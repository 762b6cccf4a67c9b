"""Until when a meal may be ordered or cancelled. Pure."""

import datetime as dt

import msgspec

from vocabulary.times import SHANGHAI


class Deadline(msgspec.Struct, frozen=True):
    """So many days before the meal, at that hour in Shanghai: the day before at 16:00."""

    days: int = 1
    hour: dt.time = dt.time(16)

    def of(self, day: dt.date) -> dt.datetime:
        """The moment after which nothing is ordered or cancelled for that day."""
        return dt.datetime.combine(day - dt.timedelta(days=self.days), self.hour, SHANGHAI)

    def is_open(self, day: dt.date, now: dt.datetime) -> bool:
        """Whether there is still time; at the moment itself there is."""
        return now <= self.of(day)


def monday_of(day: dt.date) -> dt.date:
    """The Monday of a day's week."""
    return day - dt.timedelta(days=day.weekday())


def week_of(day: dt.date) -> tuple[dt.date, ...]:
    """The seven days of a day's week."""
    return tuple(monday_of(day) + dt.timedelta(days=n) for n in range(7))
