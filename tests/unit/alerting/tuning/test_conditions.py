"""Presets by condition: sound values with a source, in the right place among a person's parameters."""

import itertools
import math

import numpy as np
import pytest

from alerting.detection.engine.engine import Engine
from alerting.detection.kit.columns import VitalColumns, lane_of
from alerting.detection.kit.context import District, Person
from alerting.replay.residents import ResidentEntry, ResidentsFile, district_of
from alerting.tuning.catalogue import catalogue, check, holds_at, layers_of, tuned
from alerting.tuning.conditions import conditions, in_force, preset_values
from care_network.errors import ProvisioningError
from care_network.records.parameter_rows import DISTRICT, Place, Setting
from tests.support.sensors import FIRST

HOME, PERSON = Place("home", household_id=7), Place("resident", resident_id=1)
ALL = {f"condition.{name}" for name in (
    "copd", "atrial_fibrillation", "beta_blocker", "pacemaker", "heart_failure", "diabetes", "dementia", "fall_risk",
    "palliative",
)}  # fmt: skip


def test_there_is_one_for_each_condition_of_issues_14_and_17() -> None:
    assert set(conditions()) == ALL


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_preset_changes_known_parameters_within_their_limits_and_names_its_source(name: str) -> None:
    one = conditions()[name]
    check(name, 1, {})
    assert all((one.zh, one.en, one.note_zh, one.note_en, one.source_zh, one.source_en))
    assert one.values
    assert set(one.open) <= set(one.values), "what is to be set by the physician is one of its values"
    assert bool(one.open) == bool(one.own_zh) == bool(one.own_en), "an open value says why it is what it is"
    for given, value in one.values.items():
        parameter = catalogue()[given]
        assert parameter.low <= value <= parameter.high
        assert not parameter.district_only
        assert math.isfinite(value)


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(sorted(ALL), 2)))
def test_any_two_go_together(one: str, other: str) -> None:
    check(other, 1, preset_values({one: 1}))
    person = tuned(Person(id=1, code="R1", household_id=7), {one: 1, other: 1})
    assert all(low is None or high is None or low < high for low, high in person.limits.values())


def test_a_pacemakers_low_limit_wins_over_a_beta_blockers() -> None:
    both = tuned(Person(id=1, code="R1", household_id=7), {"condition.beta_blocker": 1, "condition.pacemaker": 1})
    assert both.limits["heart_rate"] == (50, 120)


def test_a_preset_lies_between_the_home_and_the_resident() -> None:
    settings = [Setting(HOME, "inactivity.away", 20), Setting(PERSON, "condition.dementia", 1)]
    assert layers_of(settings).values(None, 7, 1)["inactivity.away"] == 6
    own = [*settings, Setting(PERSON, "inactivity.away", 10)]
    assert layers_of(own).values(None, 7, 1)["inactivity.away"] == 10
    withdrawn = layers_of(settings[:1]).values(None, 7, 1)
    assert withdrawn == {"inactivity.away": 20}, "nothing of it is left"


def test_a_condition_is_one_residents_and_on_or_off() -> None:
    parameter = catalogue()["condition.copd"]
    assert [holds_at(parameter, scope) for scope in ("district", "grade", "home", "resident")] == [*[False] * 3, True]
    assert layers_of([Setting(DISTRICT, "condition.copd", 1), Setting(HOME, "condition.copd", 1)]).district == {}
    assert in_force({"condition.copd": 0}) == {}
    with pytest.raises(ProvisioningError):
        check("condition.copd", 0.5, {})


def test_a_preset_that_contradicts_an_own_limit_is_refused() -> None:
    with pytest.raises(ProvisioningError, match="not below the high limit"):
        check("condition.pacemaker", 1, {"limit.heart_rate.high": 48})


def test_copd_means_scale_2_and_a_prescribed_scale_2_stays() -> None:
    person = Person(id=1, code="R1", household_id=7)
    assert tuned(person, {"condition.copd": 1}).spo2_scale == 2
    prescribed = Person(id=1, code="R1", household_id=7, spo2_scale=2)
    assert tuned(prescribed, {"condition.diabetes": 1}).spo2_scale == 2
    assert "condition.copd" not in tuned(person, {"condition.copd": 1}).tuning


def test_the_home_of_a_couple_is_watched_by_the_condition_of_either() -> None:
    layers = layers_of([Setting(PERSON, "condition.dementia", 1)])
    assert layers.values(None, 7, None, [1, 2])["night_wandering.minutes"] == 5
    assert layers.values(None, 7, None, [2]) == {}


def test_a_replay_knows_them() -> None:
    file = ResidentsFile([ResidentEntry(code="R1", tuning={"condition.copd": 1})])
    (person,) = district_of(file, {}).people
    assert (person.spo2_scale, person.limits["spo2"]) == (2, (85, None))


def spo2_alerts(person: Person, value: float) -> set[str]:
    """Rules that speak of half an hour at this oxygen saturation."""
    engine = Engine(District([person], {}, {}), FIRST)
    time_us = FIRST + np.arange(0, 1800, 5, dtype=np.int64) * 1_000_000
    n = len(time_us)
    rows, columns = np.zeros(n, np.int32), np.full(n, lane_of("spo2"), np.int16)
    engine.readings(VitalColumns(rows, columns, time_us, np.full(n, value, np.float32)))
    return {finding.rule for finding in engine.advance(FIRST + 2_000 * 1_000_000) if finding.severity != "technical"}


def test_oxygen_within_the_prescribed_target_is_quiet_and_below_it_is_told() -> None:
    usual = Person(id=1, code="R1", household_id=7)
    copd = tuned(usual, {"condition.copd": 1})
    assert spo2_alerts(usual, 89)
    assert not spo2_alerts(copd, 89)
    assert spo2_alerts(copd, 82)
