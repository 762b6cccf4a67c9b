"""What people may set, within which limits, and whose value wins."""

import math

import pytest

from alerting.detection.kit.context import Person
from alerting.tuning.catalogue import catalogue, check, layers_of, tuned
from care_network.errors import NotFoundError, ProvisioningError
from care_network.records.parameter_rows import DISTRICT, Place, Setting

HOME, GRADE, PERSON = Place("home", household_id=7), Place("grade", grade="severe"), Place("resident", resident_id=1)


def test_every_default_lies_within_its_limits_and_has_words() -> None:
    for name, parameter in catalogue().items():
        assert parameter.low <= parameter.default <= parameter.high or math.isinf(parameter.default), name
        assert parameter.low < parameter.high
        assert parameter.zh
        assert parameter.en


def test_who_wins() -> None:
    name = "inactivity.floor"
    settings = [Setting(place, name, value) for place, value in ((HOME, 100), (DISTRICT, 60), (GRADE, 80))]
    layers = layers_of(settings)
    assert layers.values("severe", 7, 1) == {name: 100}
    assert layers.values("severe", 8, 1) == {name: 80}
    assert layers.values("mild", 8, 2) == {name: 60}
    assert layers.values(None, 7, None) == {name: 100}, "a household of several: what is set for the home"
    assert layers_of([*settings, Setting(PERSON, name, 120)]).values("severe", 7, 1) == {name: 120}
    assert layers_of([]).values("severe", 7, 1) == {}


def test_what_is_set_in_different_places_adds_up() -> None:
    layers = layers_of([Setting(HOME, "climate.hot", 30), Setting(PERSON, "limit.spo2.low", 85)])
    person = tuned(Person(id=1, code="R1", household_id=7), layers.values(None, 7, 1))
    assert person.tuning == {"climate.hot": 30}
    assert person.limits == {"spo2": (85, None)}


def test_what_an_older_program_stored_does_not_count() -> None:
    strange = [Setting(DISTRICT, "no.such", 1), Setting(DISTRICT, "inactivity.floor", 1e9)]
    assert layers_of(strange).values(None, None, None) == {}


def test_layers_that_contradict_each_other_leave_the_rules_own_limits() -> None:
    person = tuned(Person(id=1, code="R1", household_id=7), {"limit.heart_rate.low": 120, "limit.heart_rate.high": 100})
    assert person.limits == {}


@pytest.mark.parametrize("value", [44, 481, math.nan, math.inf])
def test_beyond_the_limits_says_the_range_in_both_languages(value: float) -> None:
    with pytest.raises(ProvisioningError) as refused:
        check("inactivity.floor", value, {})
    assert "between 45 and 480 min" in refused.value.message_en
    assert "应在 45 至 480 min 之间" in refused.value.message_zh


def test_a_low_limit_stays_below_the_high_one() -> None:
    check("limit.heart_rate.low", 99, {"limit.heart_rate.high": 100})
    with pytest.raises(ProvisioningError, match="not below the high limit 100"):
        check("limit.heart_rate.low", 100, {"limit.heart_rate.high": 100})
    with pytest.raises(ProvisioningError, match="low limit 40 is not below"):
        check("limit.heart_rate.high", 30, {})


def test_a_name_that_is_none() -> None:
    with pytest.raises(NotFoundError, match=r"did you mean inactivity\.floor"):
        check("inactivity.flor", 60, {})
