"""The tree by its paths: what lies below an area, and which organisations serve a place."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from care_network.access.accounts import Account
from care_network.access.permissions import in_area
from care_network.duty.roster import Person, Post, Roster, Weekly, on_duty

labels = st.sampled_from(["a", "b", "ab", "a_b", "c1"])
paths = st.lists(labels, min_size=1, max_size=5).map(".".join)
AT = dt.datetime(2026, 11, 2, 4, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def above(path: str) -> set[str]:
    """The path and all above it, label by label."""
    parts = path.split(".")
    return {".".join(parts[:count]) for count in range(1, len(parts) + 1)}


@given(paths, paths)
def test_an_account_reaches_what_its_area_is_above_of(mine: str, other: str) -> None:
    account = Account(1, "a", "", "", "admin", mine, "zh")
    assert in_area(account, other) == (mine in above(other))
    assert in_area(account, mine)
    assert not in_area(Account(1, "a", "", "", "family", None, "zh"), other)


@given(st.lists(paths, max_size=8), paths)
def test_those_serve_a_place_whose_area_is_above_it_nearest_first(areas: list[str], place: str) -> None:
    posts = {n: Post(n, f"o{n}", "community_station", area, "", "", "") for n, area in enumerate(areas)}
    people = {n: Person(n, f"S{n}", "", "", "carer", "1", None, (), (), ()) for n in posts}
    always = tuple(
        Weekly(n, n, "x", dt.time(0), dt.time(0), tuple(range(1, 8)), dt.date(2026, 1, 1), None) for n in posts
    )
    found = on_duty(Roster(AT - DAY, AT + DAY, people, posts, always), AT, place=place)
    assert {one.post.path for one in found} == set(areas) & above(place)
    depths = [one.post.path.count(".") for one in found]
    assert depths == sorted(depths, reverse=True)
