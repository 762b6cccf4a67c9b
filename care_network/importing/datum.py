"""Turn coordinates of Chinese web maps (GCJ-02) into WGS 84. Pure.

GCJ-02, in which maps sold in China are drawn, is WGS 84 with a shift of 100 to 700 m by a published series of sines;
its inverse has no formula and is found by repetition. The series and its constants are those of "eviltransform"
(github.com/googollee/eviltransform, MIT), to which proj's and QGIS' add-ons go back; repeated until the shift of the
answer gives the question within a tenth of a millimetre.
"""

import math
from typing import Literal

Datum = Literal["wgs84", "gcj02"]
SEMI_MAJOR_M = 6_378_245.0
"""Of the Krassovsky ellipsoid, which the series names."""
ECCENTRICITY_2 = 0.00669342162296594323
ROUNDS = 8


def shifted(longitude: float, latitude: float) -> tuple[float, float]:
    """WGS 84 to GCJ-02, in degrees; outside China they are the same."""
    if not (72.004 <= longitude <= 137.8347 and 0.8293 <= latitude <= 55.8271):
        return longitude, latitude
    x, y = longitude - 105.0, latitude - 35.0
    waves = 20 * (math.sin(6 * x * math.pi) + math.sin(2 * x * math.pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + waves
    north += (20 * math.sin(y * math.pi) + 40 * math.sin(y / 3 * math.pi)) * 2 / 3
    north += (160 * math.sin(y / 12 * math.pi) + 320 * math.sin(y / 30 * math.pi)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + waves
    east += (20 * math.sin(x * math.pi) + 40 * math.sin(x / 3 * math.pi)) * 2 / 3
    east += (150 * math.sin(x / 12 * math.pi) + 300 * math.sin(x / 30 * math.pi)) * 2 / 3
    radians = math.radians(latitude)
    magic = 1 - ECCENTRICITY_2 * math.sin(radians) ** 2
    north *= 180 / (SEMI_MAJOR_M * (1 - ECCENTRICITY_2) / (magic * math.sqrt(magic)) * math.pi)
    east *= 180 / (SEMI_MAJOR_M / math.sqrt(magic) * math.cos(radians) * math.pi)
    return longitude + east, latitude + north


def to_wgs84(longitude: float, latitude: float, datum: Datum) -> tuple[float, float]:
    """A place in WGS 84, from one in ``datum``; degrees."""
    if datum == "wgs84":
        return longitude, latitude
    east, north = longitude, latitude
    for _ in range(ROUNDS):
        found = shifted(east, north)
        east, north = east + longitude - found[0], north + latitude - found[1]
    return east, north
