"""Reckon with months of the calendar in Shanghai: a month is the date of its first day."""

import datetime as dt
import re

from vocabulary.times import SHANGHAI


def month_at(moment: dt.datetime) -> dt.date:
    """The month in which a moment lies."""
    return moment.astimezone(SHANGHAI).date().replace(day=1)


def after(month: dt.date, count: int = 1) -> dt.date:
    """The month ``count`` later, or earlier where it is negative."""
    number = month.year * 12 + month.month - 1 + count
    return dt.date(number // 12, number % 12 + 1, 1)


def begin(month: dt.date) -> dt.datetime:
    """The first moment of a month (UTC)."""
    return dt.datetime.combine(month, dt.time(), SHANGHAI).astimezone(dt.UTC)


def span(month: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """The first moment of a month, and that of the next."""
    return begin(month), begin(after(month))


def between(first: dt.date, last: dt.date) -> list[dt.date]:
    """All months from ``first`` to ``last``, both included."""
    months = []
    while first <= last:
        months.append(first)
        first = after(first)
    return months


def parse(text: str) -> dt.date:
    """The month that is written 2026-11. Raises ValueError."""
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", text):
        raise ValueError(f"{text!r} is no month: write 2026-11")
    return dt.date.fromisoformat(f"{text}-01")


def code(month: dt.date) -> str:
    """The month as it is written in addresses and tables: 2026-11."""
    return f"{month:%Y-%m}"
