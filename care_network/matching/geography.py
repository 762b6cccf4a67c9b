"""Distances on the ground."""

from typing import cast

import numpy as np
from numpy.typing import NDArray

EARTH_M = 6_371_008.8
"""Mean radius of the earth, metres (IUGG)."""


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
