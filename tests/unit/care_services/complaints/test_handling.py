"""Nobody answers a complaint about themself, and what does not satisfy goes up."""

import pytest

from care_services.complaints.handling import (
    COMPLAINT_DEADLINE,
    DEFAULT,
    STEPS,
    Party,
    after_unsatisfied,
    first_level,
    refusal,
    sees_author,
)
from care_services.complaints.words import EVENTS, LEVELS, STATES
from care_services.core.employment import Employment
from care_services.core.rules import read_rules

STATION = Employment("station", 7, 70)


@pytest.mark.parametrize(
    ("about", "level"),
    [
        (Party(), "station"),
        (Party(5, "service_provider", "district"), "station"),
        (Party(5, "community_station", "station"), "street"),
        (Party(5, "street_elder_center", "street"), "district"),
        (Party(5, "district_center", "district"), "district"),
    ],
)
def test_a_complaint_about_a_station_begins_above_it(about: Party, level: str) -> None:
    assert first_level(about) == level


def test_who_it_is_about_does_not_answer() -> None:
    assert refusal(STATION, "station", Party(71, "service_provider", "station", 8)) is None
    person = refusal(STATION, "station", Party(71, None, "station", 7))
    assert person is not None
    assert "您本人" in person[0]
    own = refusal(STATION, "station", Party(70, "service_provider", "station", 8))
    assert own is not None
    assert "您所在的机构" in own[0]


def test_a_higher_level_answers_what_has_gone_up() -> None:
    assert refusal(STATION, "street", Party()) is not None
    assert refusal(Employment("district", None, None), "street", Party()) is None


def test_unsatisfied_goes_up_and_at_the_top_begins_anew() -> None:
    assert after_unsatisfied("station") == ("street", "unsatisfied")
    assert after_unsatisfied("street") == ("district", "unsatisfied")
    assert after_unsatisfied("district") == ("district", "unsatisfied_top")
    assert {"unsatisfied", "unsatisfied_top"} <= EVENTS.keys()


def test_who_complained_is_hidden_from_whom_it_is_about() -> None:
    about = Party(70, None, "station", 8)
    colleague, other = Employment("station", 9, 70), Employment("street", 3, 30)
    assert not sees_author(colleague, about, answers=True, recorded=False, told=False)
    assert sees_author(colleague, about, answers=True, recorded=False, told=True), "the complainant allows it"
    assert sees_author(other, about, answers=True, recorded=False, told=False)
    assert not sees_author(other, about, answers=False, recorded=False, told=False)


def test_states_steps_and_deadlines_are_whole() -> None:
    assert STEPS.keys() == STATES.keys()
    rules = read_rules(DEFAULT, COMPLAINT_DEADLINE)
    for severity in ("minor", "major", "grave"):
        for level in LEVELS:
            ruling = rules.decide({"severity": severity, "level": level, "about": "meal"})
            assert ruling.rule is not None
            assert ruling.settled
