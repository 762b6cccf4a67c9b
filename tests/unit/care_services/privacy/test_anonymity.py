"""Whatever is given out, every group has at least k people and l different values; nothing else is changed."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care_services.privacy.anonymity import SHIFT, Earlier, age_band, banded, pseudonym, release, shifted

PEOPLE = st.lists(
    st.fixed_dictionaries({
        "age": st.sampled_from(["70–74", "75–79", "90+"]), "street": st.sampled_from("甲乙丙"),
        "falls": st.sampled_from(["0", "1", "2–4"]), "grade": st.sampled_from(["3", "4"]),
    }),
    max_size=60,
)  # fmt: skip


@settings(max_examples=60)
@given(PEOPLE, st.integers(5, 12), st.integers(1, 3), st.data())
def test_every_released_group_has_k_people_and_l_values(
    rows: list[dict[str, Any]], k: int, least: int, data: st.DataObject
) -> None:
    for number, row in enumerate(rows):
        row["resident"] = number
    found = release(rows, ("age", "street"), ("falls",), k, least)
    assert found.diversity.get("falls", least) >= least
    # the attack: some take their consent back, and the two files are laid side by side
    left = [row for row in rows if row["resident"] not in data.draw(st.sets(st.integers(0, 59), max_size=8))]
    before = Earlier(("age", "street"), found.members)
    later = release(left, ("age", "street"), ("falls",), k, least, [before])
    for cell, members in later.members.items():
        assert len(members ^ found.members.get(cell, frozenset())) not in range(1, k)
    assert later.withheld <= later.suppressed
    assert (
        release(left, ("age", "street"), ("falls",), k, least, [Earlier(("age", "street"), later.members)]).rows
        == (later.rows)
        or later.withheld
    )
    # another project of the same people, by other columns: every sum of its groups is compared, too
    finer = release(rows, ("street", "grade"), (), k, 1, [before, Earlier(("age", "street"), later.members)])
    for shown in (found, later):
        assert _subtracted(shown.members, 1, finer.members, 0).isdisjoint(range(1, k))
    # a grade is known of nobody by the street alone
    graded = release(rows, ("street", "grade"), (), k, least, both=("grade",))
    for street in {row["street"] for row in graded.rows}:
        assert len({row["grade"] for row in graded.rows if row["street"] == street}) >= least
    for row in rows:
        del row["resident"]
    groups = Counter((row["age"], row["street"]) for row in found.rows)
    assert all(size >= k for size in groups.values())
    for group in groups:
        assert len({row["falls"] for row in found.rows if (row["age"], row["street"]) == group}) >= least
    assert len(found.rows) + found.suppressed == len(rows)
    assert (found.groups, found.smallest) == (len(groups), min(groups.values(), default=0))
    whole_rows = Counter(tuple(sorted(row.items())) for row in rows)
    assert Counter(tuple(sorted(row.items())) for row in found.rows) <= whole_rows
    # what is left out had to be
    whole = Counter((row["age"], row["street"]) for row in rows)
    for group in whole.keys() - groups.keys():
        values = {row["falls"] for row in rows if (row["age"], row["street"]) == group}
        assert whole[group] < k or len(values) < least


def _subtracted(
    one: Mapping[str, frozenset[int]], at: int, other: Mapping[str, frozenset[int]], place: int
) -> set[int]:
    """By how many people the two files differ, for each street that the second one has."""
    sums: list[dict[str, set[int]]] = [{}, {}]
    for found, (members, position) in zip(sums, ((one, at), (other, place)), strict=True):
        for cell, who in members.items():
            found.setdefault(json.loads(cell)[position], set()).update(who)
    return {len(who ^ sums[0].get(street, set())) for street, who in sums[1].items()}


def test_what_counts_as_alike_is_said_by_the_column() -> None:
    """No two moved dates are the same: a group in which everybody fell is alike all the same."""
    rows = [{"resident": n, "day": f"2026-01-{n + 10}"} for n in range(6)]
    assert release(rows, (), ("day",), 5, 2).rows != []
    assert release(rows, (), ("day",), 5, 2, alike={"day": bool}).rows == []


def test_a_k_below_five_is_refused_and_without_quasi_identifiers_all_are_one_group() -> None:
    rows = [{"resident": n, "falls": "0"} for n in range(4)]
    with pytest.raises(ValueError, match="5"):
        release(rows, (), (), 4)
    assert release(rows, (), (), 5).rows == []
    assert len(release([*rows, {"resident": 4, "falls": "1"}], (), ("falls",), 5, 2).rows) == 5


def test_pseudonyms_and_shifts_hang_on_the_projects_key() -> None:
    one, other = b"a" * 32, b"b" * 32
    assert pseudonym(one, 7) == pseudonym(one, 7) != pseudonym(other, 7)
    assert len({pseudonym(one, number) for number in range(500)}) == 500
    day, next_day = dt.date(2026, 3, 1), dt.date(2026, 3, 11)
    moved = [dt.date.fromisoformat(shifted(one, 7, each)) for each in (day, next_day)]
    assert (moved[1] - moved[0]).days == 10  # spans of one person stay
    assert abs((moved[0] - day).days) <= SHIFT
    assert shifted(one, 7, None) == ""
    assert len({shifted(one, number, day) for number in range(100)}) > 50


@pytest.mark.parametrize(
    ("born", "band"), [("1946-12-01", "75–79"), ("1946-11-30", "80–84"), ("1936-11-30", "90+"), ("1920-01-01", "90+")]
)
def test_ages_are_bands(born: str, band: str) -> None:
    assert age_band(dt.date.fromisoformat(born), dt.date(2026, 11, 30)) == band


def test_counts_are_bands() -> None:
    assert [banded(count) for count in (0, 1, 2, 4, 5, 50)] == ["0", "1", "2–4", "2–4", "5+", "5+"]
