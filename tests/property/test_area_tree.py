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
    account = Account(id=1, login="a", name_zh="", name_en="", role="admin", area_path=mine, language="zh")
    assert in_area(account, other) == (mine in above(other))
    assert in_area(account, mine)
    assert not in_area(
        Account(id=1, login="a", name_zh="", name_en="", role="family", area_path=None, language="zh"), other
    )


@given(st.lists(paths, max_size=8), paths)
def test_those_serve_a_place_whose_area_is_above_it_nearest_first(areas: list[str], place: str) -> None:
    posts = {
        n: Post(id=n, code=f"o{n}", kind="community_station", path=area, name_zh="", name_en="", phone="")
        for n, area in enumerate(areas)
    }
    people = {
        n: Person(
            id=n,
            code=f"S{n}",
            name_zh="",
            name_en="",
            role="carer",
            phone="1",
            account_id=None,
            skills=(),
            certificates=(),
            languages=(),
        )
        for n in posts
    }
    always = tuple(
        Weekly(
            staff_id=n,
            organisation_id=n,
            shift="x",
            starts=dt.time(0),
            ends=dt.time(0),
            weekdays=tuple(range(1, 8)),
            valid_from=dt.date(2026, 1, 1),
            valid_until=None,
        )
        for n in posts
    )
    found = on_duty(Roster(since=AT - DAY, until=AT + DAY, people=people, posts=posts, weekly=always), AT, place=place)
    assert {one.post.path for one in found} == set(areas) & above(place)
    depths = [one.post.path.count(".") for one in found]
    assert depths == sorted(depths, reverse=True)
