"""Make people indistinguishable: bands, pseudonyms, shifted dates, and groups of at least k. Pure.

k-anonymity (Sweeney 2002): of the columns by which somebody could be known (quasi-identifiers), every combination
that is given out is shared by at least k people; GB/T 37964-2019 (个人信息去标识化指南) names it.
l-diversity (Machanavajjhala 2007): such a group has at least l different values of each sensitive column, so that who
is known to be in it is not known to have one. Smaller or more alike groups are left out (suppressed), not changed.
"""

import datetime as dt
import hmac
from collections.abc import Mapping, Sequence
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
    earlier: Sequence[Members] = (),
) -> Released:  # fmt: skip
    """Keep the groups of at least ``k`` people with ``least`` different values of each sensitive column.

    One row is one person, named under WHO. Without a quasi-identifier all are one group. ``earlier``: what the same
    recipient has. A group of which an export had 1 to k - 1 people more or fewer is withheld, since the difference of
    the two files would tell of them; one whose people are the same or changed by k is given out. Raises ValueError
    for a k below LEAST_K.
    """
    if k < LEAST_K:
        raise ValueError(f"k is at least {LEAST_K}")
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(cell(row, quasi), []).append(row)
    large = {
        name: group
        for name, group in groups.items()
        if len(group) >= k and all(len({row[column] for row in group}) >= least for column in sensitive)
    }
    people = {name: frozenset(row[WHO] for row in group) for name, group in large.items()}
    kept = {
        name: group
        for name, group in large.items()
        if all(not 0 < len(people[name] ^ before.get(name, frozenset())) < k for before in earlier)
    }
    given = [{key: value for key, value in row.items() if key != WHO} for group in kept.values() for row in group]
    return Released(
        rows=given, suppressed=len(rows) - len(given), groups=len(kept),
        smallest=min(map(len, kept.values()), default=0),
        withheld=sum(map(len, large.values())) - len(given),
        diversity={
            column: min(len({row[column] for row in group}) for group in kept.values()) for column in sensitive
        } if kept else {},
        members={name: people[name] for name in kept},
    )  # fmt: skip


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
