"""Plan a resident's day: the place at each time. Deterministic by seed and date."""

from bisect import bisect_right
from functools import lru_cache
from typing import Literal

import msgspec
import numpy as np

from vocabulary.times import DAY_S, LOCAL_US, SECOND_US

Place = Literal["bed", "bedroom", "bathroom", "kitchen", "living_room", "out"]
ZONE_S = LOCAL_US // SECOND_US


class Stay(msgspec.Struct, frozen=True):
    """A stay in a place from ``start_s`` (seconds since 1970, UTC) until the next stay begins."""

    start_s: int
    place: Place


@lru_cache(4096)
def day_plan(seed: int, day: int) -> tuple[Stay, ...]:
    """The stays of local day ``day`` (days since 1970 in Shanghai), from midnight on."""
    rng = np.random.default_rng([seed, day])

    def about(hours: float, spread_min: float) -> int:
        return int(hours * 3600 + rng.normal(0, spread_min * 60))

    stays: list[tuple[int, Place]] = [(0, "bed")]
    visits = int(rng.integers(0, 3))
    for hour in np.sort(rng.uniform(1.0, 5.5, visits)):
        at = int(hour * 3600)
        stays += [(at, "bathroom"), (at + int(rng.uniform(180, 480)), "bed")]
    up = about(6.5, 20)
    plan: list[tuple[int, Place]] = [
        (up, "bathroom"),
        (up + 1200, "kitchen"),
        (up + 3600, "living_room"),
        (about(9.6, 20), "out"),
        (about(10.8, 15), "living_room"),
        (about(11.4, 10), "kitchen"),
        (about(12.4, 10), "living_room"),
        (about(13.0, 10), "bed"),
        (about(14.3, 10), "living_room"),
        (about(15.5, 15), "out" if rng.random() < 0.4 else "bedroom"),
        (about(16.4, 10), "living_room"),
        (about(17.4, 10), "kitchen"),
        (about(18.5, 10), "living_room"),
        (about(20.5, 10), "bathroom"),
        (about(21.0, 10), "living_room"),
        (about(21.9, 15), "bed"),
    ]
    stays += plan
    midnight = day * DAY_S - ZONE_S
    latest = -1
    ordered: list[Stay] = []
    for at, place in stays:
        at = max(at, latest + 60)
        latest = at
        ordered.append(Stay(midnight + at, place))
    return tuple(ordered)


def stays_between(seed: int, from_s: float, to_s: float) -> list[Stay]:
    """The stay at ``from_s`` and those that begin up to ``to_s``."""
    first, last = (int((t + ZONE_S) // DAY_S) for t in (from_s, to_s))
    stays = [stay for day in range(first - 1, last + 1) for stay in day_plan(seed, day)]
    starts = [stay.start_s for stay in stays]
    return stays[max(0, bisect_right(starts, from_s) - 1) : bisect_right(starts, to_s)]
