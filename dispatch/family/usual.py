"""Usual values of a person, from the roll-ups of the weeks before. Pure."""

import datetime as dt
from collections.abc import Collection

HOUR = dt.timedelta(hours=1)
LEAST_DAYS = 3
"""Fewer days say nothing about what is usual."""
LEAST, MOST = dt.timedelta(hours=2), dt.timedelta(hours=12)
"""Bounds of the longest usual time without a sign of life: below it hours are too coarse, beyond it nobody is alone for
that long without somebody looking. Our own figures."""
DAYS = 14


def quiet_at(now: dt.datetime, signs: Collection[dt.datetime]) -> dt.timedelta | None:
    """The longest time without a sign of life that was usual at this hour of the day in the last DAYS days.

    ``signs``: begins of the hours with a sign. None with fewer than LEAST_DAYS days on which the person was seen.
    """
    ordered = sorted(signs)
    quiet: list[dt.timedelta] = []
    for day in range(1, DAYS + 1):
        then = now - dt.timedelta(days=day)
        before = [hour for hour in ordered if then - dt.timedelta(days=1) <= hour <= then]
        if before:
            quiet.append(max(then - (before[-1] + HOUR), dt.timedelta(0)))
    if len(quiet) < LEAST_DAYS:
        return None
    return min(max(max(quiet) + HOUR, LEAST), MOST)
