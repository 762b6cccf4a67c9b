"""Distances on the ground, and how long a walk is."""

import math
from typing import cast

import numpy as np
from numpy.typing import NDArray

EARTH_M = 6_371_008.8
"""Mean radius of the earth, metres (IUGG)."""
DETOUR, WALK_KM_H = 1.35, 4.5


def distance_m(
    longitude: float, latitude: float, longitudes: NDArray[np.float64], latitudes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute great-circle distances from a place to others, degrees in, metres out; NaN for an unknown place.

    The haversine formula (Sinnott, "Virtues of the haversine", Sky and Telescope 68, 1984): exact enough for short
    distances, where the law of cosines loses its digits.
    """
    north, norths = np.radians(latitude), np.radians(latitudes)
    half_east = (np.radians(longitudes) - np.radians(longitude)) / 2
    a = np.sin((norths - north) / 2) ** 2 + np.cos(north) * np.cos(norths) * np.sin(half_east) ** 2
    return cast("NDArray[np.float64]", 2 * EARTH_M * np.arcsin(np.sqrt(np.minimum(a, 1.0))))


def walk(
    longitude: float | None, latitude: float | None, to_longitude: float | None, to_latitude: float | None
) -> tuple[int, int] | None:
    """Estimate a walk: (metres as the crow flies, minutes); None where a place is not known.

    Streets are taken to be 1.35 times as long as the straight line, and a walker to make 4.5 km/h: an estimate, which
    is to be called one.
    """
    if longitude is None or latitude is None or to_longitude is None or to_latitude is None:
        return None
    metres = float(distance_m(longitude, latitude, np.array([to_longitude]), np.array([to_latitude]))[0])
    return round(metres), max(1, math.ceil(metres * DETOUR / (WALK_KM_H * 1000 / 60)))
