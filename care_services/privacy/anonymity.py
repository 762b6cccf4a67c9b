"""Make people indistinguishable: bands, pseudonyms, shifted dates, and groups of at least k. Pure.

k-anonymity (Sweeney 2002): of the columns by which somebody could be known (quasi-identifiers), every combination
that is given out is shared by at least k people; GB/T 37964-2019 (个人信息去标识化指南) names it.
l-diversity (Machanavajjhala 2007): such a group has at least l different values of each sensitive column, so that who
is known to be in it is not known to have one. Smaller or more alike groups are left out (suppressed), not changed.

Distinct l-diversity does not help against a group in which one value is by far the most frequent, nor against whoever
knows that one value is impossible for somebody: the page of a project says so.
"""

import datetime as dt
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

LEAST_K = 5
BAND = 5
"""Years of a band of ages."""
OLDEST = 90
"""From here on all are one band: the very old are few."""
SHIFT = 182
"""Days by which a person's dates are moved at most, earlier or later; all of a person by the same."""


WHO = "resident"
"""The key of a row that says whose it is; it is never given out."""
Members = Mapping[str, frozenset[int]]
"""People who were given out, by the cell of their group."""
LEAST_L = 2
"""Where anything sensitive is given out: a group that is all alike tells of everybody in it."""


class Earlier(msgspec.Struct, frozen=True):
    """An earlier export: by which quasi-identifiers its groups were made, in the order of the cells, and who was in."""

    quasi: tuple[str, ...]
    members: Members


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a check: what may be given out, and what was left out."""

    rows: list[dict[str, Any]]
    suppressed: int
    groups: int
    smallest: int
    """People in the smallest group that is given out; 0: nothing is."""
    withheld: int = 0
    """Of the suppressed: those whose group differs from an earlier export by fewer than k people."""
    diversity: dict[str, int] = {}
    """By sensitive column: the fewest different values in a group that is given out."""
    members: dict[str, frozenset[int]] = {}


def cell(row: Mapping[str, Any], quasi: Sequence[str]) -> str:
    """The name of a row's group: its quasi-identifiers as JSON."""
    return msgspec.json.encode([row[name] for name in quasi]).decode()


def release(
    rows: Sequence[Mapping[str, Any]], quasi: Sequence[str], sensitive: Sequence[str], k: int, least: int = 1,
    earlier: Sequence[Earlier] = (), both: Sequence[str] = (), alike: Mapping[str, Callable[[Any], Any]] | None = None,
) -> Released:  # fmt: skip
    """Keep the groups of at least ``k`` people with ``least`` different values of each sensitive column.

    One row is one person, named under WHO. Without a quasi-identifier all are one group. ``both``: quasi-identifiers
    that are sensitive themselves (a grade of disability): among all who share the others there are ``least`` values,
    too. ``alike``: what of a column's value counts as the same (of a moved date, whether there is one). ``earlier``:
    exports in others' hands: whoever lays the new file beside an earlier one and adds up groups by what both have must
    not find a group with 1 to k - 1 people more or fewer: their difference would tell of these few. Such groups are
    withheld. Raises ValueError for a k below LEAST_K.
    """
    if k < LEAST_K:
        raise ValueError(f"k is at least {LEAST_K}")
    same = alike or {}

    def values(group: Sequence[Mapping[str, Any]], column: str) -> int:
        return len({same[column](row[column]) if column in same else row[column] for row in group})

    groups = _grouped(rows, quasi)
    large = {
        name: group
        for name, group in groups.items()
        if len(group) >= k and all(values(group, column) >= least for column in sensitive)
    }
    if both:
        others = [name for name in quasi if name not in both]
        wide = _grouped([row for group in large.values() for row in group], others)
        large = {
            name: group for name, group in large.items()
            if all(values(wide[cell(group[0], others)], column) >= least for column in both)
        }  # fmt: skip
    kept = _not_subtracted(large, quasi, k, earlier)
    people = {name: frozenset(row[WHO] for row in group) for name, group in kept.items()}
    given = [{key: value for key, value in row.items() if key != WHO} for group in kept.values() for row in group]
    return Released(
        rows=given, suppressed=len(rows) - len(given), groups=len(kept),
        smallest=min(map(len, kept.values()), default=0),
        withheld=sum(map(len, large.values())) - len(given),
        diversity={column: min(values(group, column) for group in kept.values()) for column in sensitive}
        if kept else {},
        members=people,
    )  # fmt: skip


def _grouped(rows: Sequence[Mapping[str, Any]], quasi: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(cell(row, quasi), []).append(row)
    return groups


def _not_subtracted(
    large: Mapping[str, list[Mapping[str, Any]]], quasi: Sequence[str], k: int, earlier: Sequence[Earlier]
) -> dict[str, list[Mapping[str, Any]]]:
    """Drop groups until no sum of them differs from the same sum of an earlier export by 1 to k - 1 people."""
    kept, again = dict(large), True
    while again:
        again = False
        for before in earlier:
            common = [name for name in quasi if name in before.quasi]
            ours = {name: cell(group[0], common) for name, group in kept.items()}
            now: dict[str, set[int]] = {}
            for name, place in ours.items():
                now.setdefault(place, set()).update(row[WHO] for row in kept[name])
            then = _summed(before, common)
            few = {place for place, who in now.items() if 0 < len(who ^ then.get(place, frozenset())) < k}
            if few:
                kept, again = {name: group for name, group in kept.items() if ours[name] not in few}, True
    return kept


def _summed(before: Earlier, common: Sequence[str]) -> dict[str, frozenset[int]]:
    """The people of an earlier export by the quasi-identifiers that the new one has, too."""
    found: dict[str, set[int]] = {}
    for name, who in before.members.items():
        row = dict(zip(before.quasi, msgspec.json.decode(name), strict=True))
        found.setdefault(cell(row, common), set()).update(who)
    return {place: frozenset(who) for place, who in found.items()}


def pseudonym(secret: bytes, resident_id: int) -> str:
    """A name that is the same within an export, and leads to nobody without the key."""
    return hmac.digest(secret, b"name %d" % resident_id, "sha256").hex()[:20]


def shifted(secret: bytes, resident_id: int, day: dt.date | None) -> str:
    """A date moved by the person's own number of days, which only the key tells; empty: there is none."""
    if day is None:
        return ""
    number = int.from_bytes(hmac.digest(secret, b"days %d" % resident_id, "sha256")[:8])
    return (day + dt.timedelta(days=number % (2 * SHIFT + 1) - SHIFT)).isoformat()


def age_band(birth_date: dt.date, today: dt.date) -> str:
    """The band of an age, such as 80–84."""
    age = today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))
    if age >= OLDEST:
        return f"{OLDEST}+"
    low = max(age, 0) // BAND * BAND
    return f"{low}–{low + BAND - 1}"


def banded(count: int) -> str:
    """A count in four bands."""
    return "0" if count <= 0 else "1" if count == 1 else "2–4" if count < 5 else "5+"
