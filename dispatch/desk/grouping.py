"""Many alerts at once, as a dispatcher can take them in: of one kind, in one place, at one time; ranked. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from vocabulary.severity import SEVERITIES

LEAST = 5
"""So many of a kind make a group."""
TOGETHER_S = 600.0
"""Alerts belong together while none of them is later than this after the one before."""
LOWEST_SHARED = 3
"""Labels of a path (city.district.street): alerts that share no street are no group."""


class OpenAlert(msgspec.Struct, frozen=True):
    """An open alert, as far as grouping goes."""

    id: str
    rule: str
    severity: str
    state: str
    area: str
    """Path of its compound."""
    household: str
    onset_us: int


class AlertGroup(msgspec.Struct, frozen=True):
    """Alerts of one kind in one place; a single one is a group of its own."""

    rule: str
    severity: str
    """The gravest."""
    area: str
    """The smallest area that holds all of them."""
    ids: tuple[str, ...]
    """The oldest first."""
    homes: int
    waiting: int
    """How many nobody has taken yet."""
    since_us: int


def group(items: Iterable[OpenAlert], least: int = LEAST, together_s: float = TOGETHER_S) -> list[AlertGroup]:
    """Every alert in exactly one group; the gravest first, then the one with most that nobody has, then the oldest.

    Where a compound has too few, its community is looked at, and then its street: a power cut in one building is one
    group, an earthquake one a compound, and three falls in three streets are three alerts.
    """
    bursts: dict[tuple[str, int], list[OpenAlert]] = {}
    last: dict[str, tuple[int, int]] = {}
    for item in sorted(items, key=lambda one: (one.onset_us, one.id)):
        number, before = last.get(item.rule, (0, item.onset_us))
        if item.onset_us - before > together_s * 1e6:
            number += 1
        last[item.rule] = (number, item.onset_us)
        bursts.setdefault((item.rule, number), []).append(item)
    groups = [made for burst in bursts.values() for made in _by_place(burst, least)]
    return sorted(groups, key=lambda one: (_rank(one.severity), -one.waiting, one.since_us, one.ids))


def _by_place(burst: Sequence[OpenAlert], least: int) -> list[AlertGroup]:
    found = []
    left = list(burst)
    depth = max(item.area.count(".") + 1 for item in burst)
    for labels in range(depth, LOWEST_SHARED - 1, -1):
        places: dict[str, list[OpenAlert]] = defaultdict(list)
        for item in left:
            if item.area.count(".") + 1 >= labels:
                places[".".join(item.area.split(".")[:labels])].append(item)
        for area, members in places.items():
            if len(members) >= least:
                found.append(_group(area, members))
                taken = {item.id for item in members}
                left = [item for item in left if item.id not in taken]
    return found + [_group(item.area, [item]) for item in left]


def _group(area: str, members: Sequence[OpenAlert]) -> AlertGroup:
    return AlertGroup(
        members[0].rule,
        min((item.severity for item in members), key=_rank),
        area,
        tuple(item.id for item in members),
        len({item.household for item in members}),
        sum(item.state == "raised" for item in members),
        members[0].onset_us,
    )


def _rank(severity: str) -> int:
    return [*SEVERITIES, severity].index(severity)
