"""Doors in a sensible walking order: every door once, no crossing that 2-opt would undo, the same each time."""

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from care_services.meals.routing import Door, Place, length, metres, parted, tour

START = Place(114.24, 22.56)
places = st.builds(Place, st.floats(114.2, 114.3), st.floats(22.5, 22.6))
doors_of = st.lists(st.one_of(places, st.none()), max_size=12).map(
    lambda listed: [Door(n, place, f"路{n}号") for n, place in enumerate(listed)]
)


def test_a_degree_of_latitude_is_111_km() -> None:
    assert round(metres(Place(114, 22), Place(114, 23)) / 1000, 1) == 111.2


@given(doors_of, st.randoms())
@settings(max_examples=25)
def test_each_door_is_there_once_however_they_were_listed(doors: list[Door], chance: random.Random) -> None:
    order = tour(START, doors)
    assert sorted(door.key for door in order) == [door.key for door in doors]
    known = [door.place is not None for door in order]
    assert known == sorted(known, reverse=True), "doors whose place nobody knows come last"
    mixed = list(doors)
    chance.shuffle(mixed)
    assert tour(START, mixed) == order


def test_it_is_close_to_the_best_order() -> None:
    chance = random.Random(3)
    for _ in range(5):
        doors = [Door(n, Place(114.2 + chance.random() / 10, 22.5 + chance.random() / 10)) for n in range(6)]
        best = min(length(START, order) for order in itertools.permutations(doors))
        assert length(START, tour(START, doors)) <= best * 1.25


def test_a_street_is_walked_from_one_end_to_the_other() -> None:
    street = [Door(n, Place(114.24 + n / 1000, 22.56)) for n in range(1, 9)]
    assert [door.key for door in tour(START, street[::-1])] == [1, 2, 3, 4, 5, 6, 7, 8]


@given(doors_of, st.integers(1, 4))
@settings(max_examples=25)
def test_parts_hold_all_doors_and_about_as_many_meals_each(doors: list[Door], people: int) -> None:
    parts = parted(START, doors, people, lambda door: 1)
    assert sorted(door.key for part in parts for door in part) == [door.key for door in doors]
    assert len(parts) <= people
    if parts:
        assert max(map(len, parts)) - min(map(len, parts)) <= 1 or len(doors) < people
