"""Tell from samples of sizes how much a day adds, and when the disk is full: with uncertainty, or not at all. Pure."""

import datetime as dt
import math
from collections.abc import Sequence

import msgspec

LEAST_DAYS = 3
"""Samples of fewer days tell no growth."""
SPREAD = 2.0
"""Standard errors to either side: about nineteen times of twenty the growth lies between."""
FAR_DAYS = 3650


class Growth(msgspec.Struct, frozen=True):
    """Bytes a day, and between what it may lie. ``days``: how long was looked at."""

    a_day: float
    low: float
    high: float
    days: float


class Fullness(msgspec.Struct, frozen=True):
    """Days until the disk is full: at the soonest, expected, at the latest (None: not foreseeable)."""

    soonest: float
    expected: float | None
    latest: float | None


def growth(samples: Sequence[tuple[dt.datetime, int]]) -> Growth | None:
    """The straight line through sizes by day; None where there are too few days."""
    if len(samples) < LEAST_DAYS:
        return None
    start = samples[0][0]
    days = [(at - start).total_seconds() / 86_400 for at, _ in samples]
    span = days[-1] - days[0]
    if span < LEAST_DAYS - 1:
        return None
    sizes = [float(size) for _, size in samples]
    n = len(days)
    middle, level = sum(days) / n, sum(sizes) / n
    width = sum((day - middle) ** 2 for day in days)
    slope = sum((day - middle) * (size - level) for day, size in zip(days, sizes, strict=True)) / width
    rest = sum((size - level - slope * (day - middle)) ** 2 for day, size in zip(days, sizes, strict=True))
    error = math.sqrt(rest / (n - 2) / width) if n > 2 else abs(slope)
    return Growth(slope, slope - SPREAD * error, slope + SPREAD * error, span)


def fullness(free_bytes: int, found: Growth) -> Fullness | None:
    """When the disk is full at this growth; None: not as it grows now."""
    if found.high <= 0 or free_bytes / found.high > FAR_DAYS:
        return None
    expected = free_bytes / found.a_day if found.a_day > 0 else None
    latest = free_bytes / found.low if found.low > 0 else None
    return Fullness(
        free_bytes / found.high,
        expected if expected is None or expected <= FAR_DAYS else None,
        latest if latest is None or latest <= FAR_DAYS else None,
    )
