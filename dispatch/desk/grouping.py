"""Group open alerts of one kind, place and time, so that a dispatcher can take many of them in; ranked. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from vocabulary.severity import SEVERITIES

LEAST = 5
"""Number of alerts of a kind that make a group."""
WIDE_LEAST = 3
"""The same of homes that cannot be seen."""
TOGETHER_S = 600.0
"""Alerts belong together while none of them is later than this after the one before."""
LOWEST_SHARED = 3
"""Labels of a path (city.district.street): alerts that share no street are no group."""


class OpenAlert(msgspec.Struct, frozen=True, kw_only=True):
    """The properties of an open alert by which it is grouped."""

    id: str
    rule: str
    severity: str
    state: str
    area: str
    """Path of its compound."""
    household: str
    onset_us: int
    wide: bool = False
    """Whether it takes a whole home away from sight: such ones are counted by street, and fewer make a group."""


class AlertGroup(msgspec.Struct, frozen=True, kw_only=True):
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
    """Number of alerts that nobody has taken yet."""
    since_us: int
    wide: bool = False

    def least(self, least: int = LEAST) -> int:
        """Number of alerts from which on it is a group, and not single alerts."""
        return min(least, WIDE_LEAST) if self.wide else least


def group(items: Iterable[OpenAlert], least: int = LEAST, together_s: float = TOGETHER_S) -> list[AlertGroup]:
    """Put every alert into exactly one group: the gravest first, then the one with most waiting, then the oldest.

    A compound with too few is joined with its community, and that with its street: a power cut in one building is one
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
    groups = [one for burst in bursts.values() for one in _by_place(burst, least)]
    return sorted(groups, key=lambda one: (_rank(one.severity), -one.waiting, one.since_us, one.ids))


def _by_place(burst: Sequence[OpenAlert], least: int) -> list[AlertGroup]:
    groups = []
    left = list(burst)
    wide = all(item.wide for item in burst)
    least = min(least, WIDE_LEAST) if wide else least
    depth = LOWEST_SHARED if wide else max(item.area.count(".") + 1 for item in burst)
    for labels in range(depth, LOWEST_SHARED - 1, -1):
        places: dict[str, list[OpenAlert]] = defaultdict(list)
        for item in left:
            if item.area.count(".") + 1 >= labels:
                places[".".join(item.area.split(".")[:labels])].append(item)
        for area, members in places.items():
            if len(members) >= least:
                groups.append(_group(area, members))
                done = {item.id for item in members}
                left = [item for item in left if item.id not in done]
    return groups + [_group(item.area, [item]) for item in left]


def _group(area: str, members: Sequence[OpenAlert]) -> AlertGroup:
    return AlertGroup(
        rule=members[0].rule,
        severity=min((item.severity for item in members), key=_rank),
        area=area,
        ids=tuple(item.id for item in members),
        homes=len({item.household for item in members}),
        waiting=sum(item.state == "raised" for item in members),
        since_us=members[0].onset_us,
        wide=all(item.wide for item in members),
    )


def _rank(severity: str) -> int:
    return [*SEVERITIES, severity].index(severity)
