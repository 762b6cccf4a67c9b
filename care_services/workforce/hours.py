"""Working hours by week and month in Shanghai, and where they go beyond what the labour law allows. Pure."""

import datetime as dt
from collections.abc import Iterable, Sequence

import msgspec

from vocabulary.times import SHANGHAI

Span = tuple[dt.datetime, dt.datetime]
WEEK_H = 44.0
"""Average working hours a week at most (劳动法 Article 36)."""
FREE_DAYS = 1
"""Days off a week at least (劳动法 Article 38)."""
WEEK = dt.timedelta(days=7)


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """A week of one person."""

    monday: dt.date
    hours: float
    days: int
    """Days of the week on which they work at all."""

    @property
    def too_long(self) -> bool:
        """Whether it has more hours than the law allows on average."""
        return self.hours > WEEK_H

    @property
    def no_rest(self) -> bool:
        """Whether there is no day off in it."""
        return 7 - self.days < FREE_DAYS


def monday_of(day: dt.date) -> dt.date:
    """The Monday of a day's week."""
    return day - dt.timedelta(days=day.weekday())


def midnight(day: dt.date) -> dt.datetime:
    """The begin of a day in Shanghai."""
    return dt.datetime.combine(day, dt.time(), SHANGHAI)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans without their overlaps: an hour on two rosters is one hour."""
    found: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def hours_between(spans: Sequence[Span], since: dt.datetime, until: dt.datetime) -> float:
    """Hours of spans that do not overlap, within [since, until)."""
    return sum(
        (min(end, until) - max(start, since)).total_seconds() for start, end in spans if start < until and end > since
    ) / 3600  # fmt: skip


def weeks(spans: Iterable[Span], first: dt.date, number: int) -> list[Week]:
    """The weeks from that of ``first`` on."""
    monday = monday_of(first)
    hours, days = [0.0] * number, [set[dt.date]() for _ in range(number)]
    for start, end in merged(spans):
        begin, last = start.astimezone(SHANGHAI), (end - dt.timedelta.resolution).astimezone(SHANGHAI)
        day = begin.date()
        while day <= last.date():
            place = (day - monday).days // 7
            if 0 <= place < number:
                since, until = max(begin, midnight(day)), min(last, midnight(day + dt.timedelta(days=1)))
                hours[place] += round((until - since).total_seconds()) / 3600
                days[place].add(day)
            day += dt.timedelta(days=1)
    return [Week(monday=monday + place * WEEK, hours=hours[place], days=len(days[place])) for place in range(number)]


def month_hours(spans: Iterable[Span], day: dt.date) -> float:
    """The hours of a day's calendar month."""
    first = day.replace(day=1)
    after = (first + dt.timedelta(days=31)).replace(day=1)
    return hours_between(merged(spans), midnight(first), midnight(after))
