"""Whom another value concerns: those for whom no nearer one is set, and nobody else."""

from hypothesis import given
from hypothesis import strategies as st

from alerting.tuning import effect
from alerting.tuning.catalogue import Layers, catalogue
from alerting.tuning.groups import ABOUT, GROUPS, group_of
from care_network.records.parameter_rows import DISTRICT, Place

NAME = "inactivity.floor"
PEOPLE = [(number, ("mild", "severe", None)[number % 3], number // 2) for number in range(12)]
values = st.dictionaries(st.just(NAME), st.integers(45, 480).map(float))
layers = st.builds(
    Layers,
    district=values,
    grades=st.dictionaries(st.sampled_from(("mild", "severe")), values),
    homes=st.dictionaries(st.integers(0, 5), values),
    residents=st.dictionaries(st.integers(0, 11), values),
)
places = st.one_of(
    st.just(DISTRICT),
    st.sampled_from(("mild", "severe")).map(lambda grade: Place("grade", grade=grade)),
    st.integers(0, 5).map(lambda home: Place("home", household_id=home)),
    st.integers(0, 11).map(lambda number: Place("resident", resident_id=number)),
)


@given(layers, places, st.none() | st.integers(45, 480).map(float))
def test_it_concerns_those_alone_below_the_place_without_a_nearer_value(
    before: Layers, place: Place, value: float | None
) -> None:
    then = effect.with_value(before, place, NAME, value)
    changed = set(effect.changing(before, then, PEOPLE, NAME))
    for number, grade, home in PEOPLE:
        there = {"district": True, "grade": grade == place.grade, "home": home == place.household_id,
                 "resident": number == place.resident_id}[place.scope]  # fmt: skip
        new, source = effect.resolve(then, grade, home, number, NAME)
        if not there:
            assert number not in changed
        elif value is not None and source == place.scope:
            assert new == value
        assert (number in changed) == (new != effect.resolve(before, grade, home, number, NAME)[0])
    assert effect.changing(then, effect.with_value(then, place, NAME, value), PEOPLE, NAME) == []


def test_every_group_says_what_it_watches() -> None:
    assert set(ABOUT) == set(GROUPS)
    assert {group_of(name) for name in catalogue()} - {"condition"} <= set(ABOUT)
    assert effect.resolve(Layers({}, {}, {}, {}), None, None, None, NAME) == (catalogue()[NAME].default, "default")
