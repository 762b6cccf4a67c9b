"""Keeps one figure a day for the last 14 days, in arrays [people, …, 14]; a day's place is its number modulo 14.

The usual figure is the second largest of them: one odd day (an outage, an emergency) counts for nothing, a habit of two
days does, and after 14 days all is forgotten.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

DAYS = 14


def turn_to(ring: NDArray[Any], newest: NDArray[np.int32], row: int, day: int) -> bool:
    """Make room for ``day`` (local, since 1970); ``newest`` [people] is the newest in the ring. False: too old."""
    last = int(newest[row])
    if day > last:
        for forgotten in range(max(last, day - DAYS) + 1, day + 1):
            ring[row, ..., forgotten % DAYS] = 0
        newest[row] = last = day
    return day > last - DAYS


def keep_largest(ring: NDArray[Any], newest: NDArray[np.int32], row: int, day: int, value: int) -> None:
    """Keep the largest of a day's values in a ring [people, 14], cut at the array's maximum."""
    if turn_to(ring, newest, row, day):
        most = int(np.iinfo(ring.dtype).max)
        ring[row, day % DAYS] = max(int(ring[row, day % DAYS]), min(value, most))


def forget_since(ring: NDArray[Any], newest: NDArray[np.int32], row: int, day: int) -> None:
    """Forget ``day`` and those after it."""
    for forgotten in range(max(day, int(newest[row]) - DAYS + 1), int(newest[row]) + 1):
        ring[row, ..., forgotten % DAYS] = 0


def usual(days: NDArray[Any]) -> int:
    """The second largest of some days, shape [14]; 0 where fewer than two are known."""
    return int(np.sort(days)[-2])
