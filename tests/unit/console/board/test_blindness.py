"""The banner of blindness: due from three dark homes or 5 % on and for a whole street; never heard is not seen."""

from hypothesis import given
from hypothesis import strategies as st

from console.board.blindness import LEAST, SHARE, Place, sight_of


def place(street: str = "s1", online: int = 0, offline: int = 0, unknown: int = 0) -> Place:
    """A compound whose homes have a gateway each."""
    return Place(
        area=f"sz.{street}.c1", street=f"sz.{street}", street_zh=street, street_en=street, online=online,
        offline=offline, unknown=unknown, homes=online + offline + unknown, dark=offline + unknown,
    )  # fmt: skip


NUMBERS = st.integers(0, 40)
PLACES = st.lists(st.builds(place, st.sampled_from(["s1", "s2", "s3"]), NUMBERS, NUMBERS, NUMBERS), max_size=8)


def test_two_dark_homes_among_many_are_no_blindness() -> None:
    sight = sight_of([place(online=98, offline=2)])
    assert (sight.dark, sight.blind, sight.sees_all) == (2, False, False)


def test_three_are_and_so_is_one_in_twenty() -> None:
    assert sight_of([place(online=20, offline=3)]).blind
    assert not sight_of([place(online=197, offline=9)]).blind
    assert sight_of([place(online=190, offline=10)]).blind


def test_a_street_as_a_whole_is_told_first() -> None:
    sight = sight_of([place("big", online=100, offline=9), place("small", offline=1)])
    assert sight.blind
    assert [(street.zh, street.homes, street.whole) for street in sight.streets] == [
        ("small", 1, True),
        ("big", 9, False),
    ]


def test_never_heard_is_not_seen() -> None:
    assert sight_of([place(unknown=6)]).blind
    assert not sight_of([place(online=5, unknown=1)]).sees_all


def test_where_there_is_no_home_nothing_is_seen_and_nothing_is_dark() -> None:
    sight = sight_of([])
    assert not sight.blind
    assert not sight.sees_all


@given(PLACES)
def test_the_banner_and_the_empty_board_never_contradict(places: list[Place]) -> None:
    sight = sight_of(places)
    assert sight.gateways == sight.online + sight.offline + sight.unknown
    assert sum(street.homes for street in sight.streets) == sight.dark
    assert not (sight.blind and sight.sees_all)
    if sight.dark >= LEAST and sight.dark >= SHARE * sight.homes:
        assert sight.blind
    if sight.homes and sight.dark == sight.homes:
        assert sight.blind
    if any(p.unknown or p.offline for p in places):
        assert not sight.sees_all
