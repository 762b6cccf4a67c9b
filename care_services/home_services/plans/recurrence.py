"""The days and times of a plan. Pure; days and times are those of Asia/Shanghai."""

import datetime as dt
from collections.abc import Iterator, Sequence

import msgspec

from vocabulary.times import SHANGHAI

DAY = dt.timedelta(days=1)


class Recurrence(msgspec.Struct, frozen=True, kw_only=True):
    """How often: on these days of the week (1 Monday … 7 Sunday) at these times, in every nth week.

    Weeks are counted from that of ``first_day``, which is one of them. ``last_day`` None: open.
    """

    weekdays: tuple[int, ...]
    times: tuple[dt.time, ...]
    first_day: dt.date
    last_day: dt.date | None = None
    every_weeks: int = 1


def monday_of(day: dt.date) -> dt.date:
    """The Monday of a day's week."""
    return day - (day.isoweekday() - 1) * DAY


def slots(rule: Recurrence, since: dt.date, until: dt.date) -> Iterator[dt.datetime]:
    """The times of the plan on the days from ``since`` to and with ``until``, in order, each once, in UTC."""
    day = max(since, rule.first_day)
    end = until if rule.last_day is None else min(until, rule.last_day)
    first_week = monday_of(rule.first_day)
    while day <= end:
        weeks = (monday_of(day) - first_week).days // 7
        if weeks % rule.every_weeks == 0 and day.isoweekday() in rule.weekdays:
            for time in sorted(set(rule.times)):
                yield dt.datetime.combine(day, time, SHANGHAI).astimezone(dt.UTC)
        day += DAY


_DAYS = (("一", "Mon"), ("二", "Tue"), ("三", "Wed"), ("四", "Thu"), ("五", "Fri"), ("六", "Sat"), ("日", "Sun"))


def words(rule: Recurrence) -> tuple[str, str]:
    """How often, in Chinese and English."""
    days = sorted(set(rule.weekdays))
    clocks = [f"{one:%H:%M}" for one in sorted(set(rule.times))]
    if len(days) == 7:
        zh, en = "每天", "every day"
    else:
        zh = "每周" + "、".join(_DAYS[day - 1][0] for day in days)
        en = _listed([_DAYS[day - 1][1] for day in days])
    if rule.every_weeks == 2:
        zh, en = zh.replace("每周", "隔周", 1), f"{en}, every other week"
    elif rule.every_weeks > 2:
        zh, en = (
            f"每 {rule.every_weeks} 周一次：" + zh.replace("每周", "周", 1),
            f"{en}, every {rule.every_weeks} weeks",
        )
    return f"{zh} {'、'.join(clocks)}", f"{en} at {_listed(clocks)}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]
