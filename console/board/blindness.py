"""Judge where the platform sees nothing: homes of which no gateway is online, by street.

A gateway that was never heard, or whose state nobody knows, sees nothing either.
"""

from collections.abc import Iterable

import msgspec

from care_network.search.pinyin import by_name

LEAST = 3
"""So many dark homes are told at least; fewer stand on the board one by one, unless they are a whole street."""
SHARE = 0.05


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The gateways of one compound."""

    area: str
    """Path of the compound."""
    street: str
    """Path of its street."""
    street_zh: str
    street_en: str
    online: int
    offline: int
    unknown: int
    """Gateways that were never heard."""
    homes: int
    """With a gateway."""
    dark: int
    """Of which no gateway is online."""


class Dark(msgspec.Struct, frozen=True):
    """The dark homes of one street; ``whole``: all that it has."""

    zh: str
    en: str
    homes: int
    whole: bool


class Sight(msgspec.Struct, frozen=True):
    """The sight of some places."""

    online: int
    offline: int
    unknown: int
    homes: int
    dark: int
    streets: tuple[Dark, ...]
    """With dark homes, those that are dark as a whole first, then the most homes."""
    blind: bool
    """Whether the banner is due."""

    @property
    def gateways(self) -> int:
        return self.online + self.offline + self.unknown

    @property
    def sees_all(self) -> bool:
        """Whether every home is seen; False where there is none to see."""
        return self.homes > 0 and self.dark == 0 and self.online == self.gateways


def sight_of(places: Iterable[Place]) -> Sight:
    """Add places up. The banner is due from LEAST dark homes or SHARE of all on, whichever is more, and for a street of
    which no home is seen."""
    places = list(places)
    by_street: dict[str, list[Place]] = {}
    for place in places:
        by_street.setdefault(place.street, []).append(place)
    streets = []
    for of_street in by_street.values():
        dark, homes = sum(place.dark for place in of_street), sum(place.homes for place in of_street)
        if dark:
            streets.append(Dark(of_street[0].street_zh, of_street[0].street_en, dark, whole=dark == homes))
    streets.sort(key=lambda street: (not street.whole, -street.homes, by_name(street.zh)))
    homes, dark = sum(place.homes for place in places), sum(place.dark for place in places)
    blind = dark >= max(LEAST, SHARE * homes) or any(street.whole for street in streets)
    return Sight(
        online=sum(place.online for place in places),
        offline=sum(place.offline for place in places),
        unknown=sum(place.unknown for place in places),
        homes=homes,
        dark=dark,
        streets=tuple(streets),
        blind=blind,
    )
