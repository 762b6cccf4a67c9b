"""Proofs that somebody is at a home: by place, and by the code of the home. Pure; clock and data are passed in."""

import datetime as dt
import hashlib
import hmac
import math
from typing import Literal

import msgspec

from care_network.matching.geography import EARTH_M

How = Literal["place", "code", "device", "station"]
HOW: dict[str, tuple[str, str]] = {
    "place": ("定位", "by place"), "code": ("入户码", "by the home's code"), "device": ("家中设备", "by a device"),
    "station": ("站点补登", "entered by the station"),
}  # fmt: skip
NEAR_M = 150.0
"""A telephone within so many metres of a home is there: blocks of a compound, and what a telephone errs by indoors."""
MOST_ERROR_M = 200.0
"""A place that is less exact than this proves nothing."""
STEP = dt.timedelta(minutes=5)
"""A code on a panel changes so often; that of the step before counts, too."""
DIGITS = 6
WRONG_CODES = 5
"""After so many wrong codes the code of this visit is closed: six digits are quickly guessed otherwise."""


class Place(msgspec.Struct, frozen=True):
    """Where a telephone says it is: degrees CGCS2000, and the radius that it gives, metres."""

    longitude: float
    latitude: float
    accuracy_m: float


class Nearness(msgspec.Struct, frozen=True):
    """Whether a place proves that somebody is at a home. ``metres`` None: the home's place is not known."""

    near: bool
    metres: int | None
    zh: str = ""
    en: str = ""


def metres_between(longitude: float, latitude: float, other_longitude: float, other_latitude: float) -> float:
    """The great-circle distance of two places in degrees, metres (haversine)."""
    north, norths = math.radians(latitude), math.radians(other_latitude)
    half_east = math.radians(other_longitude - longitude) / 2
    a = math.sin((norths - north) / 2) ** 2 + math.cos(north) * math.cos(norths) * math.sin(half_east) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(min(a, 1.0)))


def nearness(
    place: Place, home_longitude: float | None, home_latitude: float | None, near_m: float = NEAR_M
) -> Nearness:  # fmt: skip
    """Judge a place against a home's; what is not near says what to do."""
    if home_longitude is None or home_latitude is None:
        return Nearness(False, None, "该住户没有登记位置，请用入户码或家中设备签到",
                        "the place of this home is not known: use the home's code or a device")  # fmt: skip
    if not (0 <= place.accuracy_m <= MOST_ERROR_M):
        return Nearness(False, None, "定位不够准确，请到室外重试，或用入户码签到",
                        "the telephone's place is not exact enough: try outdoors, or use the home's code")  # fmt: skip
    metres = round(metres_between(place.longitude, place.latitude, home_longitude, home_latitude))
    if metres > near_m + place.accuracy_m:
        return Nearness(False, metres, f"距住户 {metres} 米，请到达后再签到，或用入户码签到",
                        f"you are {metres} m from the home: check in there, or use the home's code")  # fmt: skip
    return Nearness(True, metres)


def paper_code(secret: bytes, edition: int) -> str:
    """The code on the paper that hangs in a home: it holds until a new paper is printed."""
    return _digits(secret, f"paper:{edition}")


def panel_code(secret: bytes, at: dt.datetime) -> str:
    """The code that the panel of a home shows at a moment; another one every five minutes (after RFC 6238)."""
    return _digits(secret, f"panel:{int(at.timestamp() // STEP.total_seconds())}")


def code_holds(secret: bytes, edition: int, given: str, at: dt.datetime) -> bool:
    """Whether a code is that of the paper, or the panel's of now or of the step before."""
    typed = "".join(letter for letter in given if letter.isdecimal())
    good = (paper_code(secret, edition), panel_code(secret, at), panel_code(secret, at - STEP))
    held = [hmac.compare_digest(typed.encode(), one.encode()) for one in good]  # all of them, in the same time
    return any(held)


def _digits(secret: bytes, about: str) -> str:
    digest = hmac.new(secret, about.encode(), hashlib.sha256).digest()
    at = digest[-1] & 15
    return str((int.from_bytes(digest[at : at + 4]) & 0x7FFFFFFF) % 10**DIGITS).zfill(DIGITS)
