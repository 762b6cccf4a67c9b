"""A sensible walking order of doors, and its parts for several people. Pure."""

import itertools
import math
from collections.abc import Callable, Sequence

import msgspec

EARTH_M = 6_371_000
DETOUR = 1.3
"""Metres on foot to metres as the crow flies: lanes and stairs of a town."""
ROUNDS = 30
"""Passes of 2-opt at most: a tour of 60 doors needs five."""


class Place(msgspec.Struct, frozen=True):
    """A point on the ground, in degrees (CGCS2000)."""

    longitude: float
    latitude: float


class Door(msgspec.Struct, frozen=True):
    """A home to go to. ``place``: None where nobody knows it; it then comes last, by its address."""

    key: int
    place: Place | None
    address: str = ""


def metres(one: Place, other: Place) -> float:
    """The distance of two near points as the crow flies (equirectangular: within 0.1 % over 20 km)."""
    east = math.radians(other.longitude - one.longitude) * math.cos(math.radians((one.latitude + other.latitude) / 2))
    return EARTH_M * math.hypot(east, math.radians(other.latitude - one.latitude))


def length(start: Place | None, doors: Sequence[Door]) -> float:
    """Metres of an open tour from ``start`` through the doors whose place is known."""
    points = [place for place in (start, *(door.place for door in doors)) if place is not None]
    return sum(metres(one, other) for one, other in itertools.pairwise(points))


def tour(start: Place | None, doors: Sequence[Door]) -> tuple[Door, ...]:
    """An order of the doors from ``start``: nearest neighbour, then 2-opt; it does not come back.

    The same doors give the same order, however they were listed.
    """
    known = sorted((door for door in doors if door.place is not None), key=lambda door: door.key)
    unknown = sorted((door for door in doors if door.place is None), key=lambda door: (door.address, door.key))
    if not known:
        return tuple(unknown)
    here = start or _west(known)
    left, order = list(known), []
    while left:
        nearest = min(left, key=lambda door: (_between(here, door.place), door.key))
        left.remove(nearest)
        order.append(nearest)
        here = nearest.place or here
    return (*_two_opt(start, order), *unknown)


def _west(doors: Sequence[Door]) -> Place:
    places = [door.place for door in doors if door.place is not None]
    return min(places, key=lambda place: (place.longitude, place.latitude))


def _between(one: Place, other: Place | None) -> float:
    return math.inf if other is None else metres(one, other)


def _two_opt(start: Place | None, order: list[Door]) -> list[Door]:
    """Turn stretches round as long as that shortens the way; the last door is free."""
    points: list[Place | None] = [start, *(door.place for door in order)]

    def gap(a: int, b: int) -> float:
        one, other = points[a], points[b] if b < len(points) else None
        return 0.0 if one is None or other is None else metres(one, other)

    for _ in range(ROUNDS):
        better = False
        for i in range(1, len(points) - 1):
            for j in range(i + 1, len(points)):
                if gap(i - 1, j) + gap(i, j + 1) < gap(i - 1, i) + gap(j, j + 1) - 1e-6:
                    points[i : j + 1] = points[i : j + 1][::-1]
                    order[i - 1 : j] = order[i - 1 : j][::-1]
                    better = True
        if not better:
            break
    return order


def parted(
    start: Place | None, doors: Sequence[Door], people: int, meals: Callable[[Door], int]
) -> tuple[tuple[Door, ...], ...]:
    """Part the doors among so many people: neighbouring stretches of one tour with about as many meals each.

    Every part is put in order from ``start`` again. ``meals``: how many go to a door. Raises ValueError for nobody.
    """
    if people < 1:
        raise ValueError("a round needs somebody who goes")
    whole = tour(start, doors)
    total = sum(meals(door) for door in whole)
    parts: list[list[Door]] = [[] for _ in range(people)]
    before = 0
    for door in whole:
        middle = before + meals(door) / 2
        parts[min(people - 1, int(middle * people / total)) if total else 0].append(door)
        before += meals(door)
    return tuple(tour(start, part) for part in parts if part)
