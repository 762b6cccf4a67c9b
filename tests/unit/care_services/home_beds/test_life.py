"""The life of a home care bed: no way into service around assessment, survey, acceptance and contract."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care_network.errors import ChangedMeanwhileError, ProvisioningError
from care_services.home_beds import life
from care_services.home_beds.catalogue import DEADLINES, FIRST_PLAN, PLANS, SURVEY, due_of, models_to_plan
from care_services.home_beds.life import BED_STANDS, ENDS, STAGES, STATE_WORDS, STATES, STEPS, BedStepError, Facts
from care_services.home_beds.terms import Terms, first_check, next_due, read_terms, recheck

FACTS = st.builds(
    Facts,
    grade=st.sampled_from([None, "severe"]), survey_missing=st.integers(0, 1),
    needed_first=st.sampled_from([(), (("扶手", "bar"),)]), planned=st.integers(0, 2), not_accepted=st.integers(0, 1),
    has_contract=st.booleans(), lent=st.integers(0, 1), reason=st.sampled_from(["", "住院"]),
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(list(STEPS)), FACTS), max_size=60))
def test_whatever_people_press_service_begins_only_after_all_that_it_needs(pressed: list[tuple[str, Facts]]) -> None:
    state, history = "applied", [("apply", "", "applied")]
    passed: dict[str, Facts] = {}
    for code, facts in pressed:
        try:
            after = life.after(state, code, facts)
        except (BedStepError, ChangedMeanwhileError):
            continue
        assert state not in ENDS, "an end has no way out"
        passed[code] = facts
        history.append((code, state, after))
        state = after
        if life.has_bed(state):
            assert {"accept", "assess", "survey", "plan", "install", "sign"} <= passed.keys()
            assert passed["assess"].grade is not None
            assert passed["survey"].survey_missing == 0
            installed = passed["install"]
            assert (installed.planned > 0, installed.not_accepted, installed.needed_first) == (True, 0, ())
            assert passed["sign"].has_contract
        if state == "closed":
            assert passed["close"].lent == 0
        assert not (STEPS[code].reason and not facts.reason)
    assert life.fold(history) == state


def test_every_stage_is_reached_and_every_end_too() -> None:
    whole = Facts(grade="mild", planned=1, has_contract=True, reason="因")
    reached, open_states = {"applied"}, ["applied"]
    while open_states:
        state = open_states.pop()
        for step in life.steps_from(state):
            after = life.after(state, step.code, whole)
            if after not in reached:
                reached.add(after)
                open_states.append(after)
    assert reached == set(STATES) == set(STATE_WORDS)
    assert not any(life.steps_from(state) for state in ENDS)
    assert not any(step.undo for step in STEPS.values() if step.after in ENDS), "an end is confirmed, not undone"


def test_a_step_says_what_is_missing_in_both_languages() -> None:
    with pytest.raises(BedStepError) as refused:
        life.after("installing", "install", Facts(planned=2, not_accepted=1, needed_first=(("床栏", "bed rail"),)))
    assert "1 台设备未通过验收" in refused.value.message_zh
    assert "“床栏”须先完成改造" in refused.value.message_zh
    assert "devices that are not accepted: 1" in refused.value.message_en
    with pytest.raises(ChangedMeanwhileError):
        life.after("closed", "sign", Facts(has_contract=True))
    with pytest.raises(BedStepError, match="say why"):
        life.after("in_service", "suspend", Facts())
    with pytest.raises(BedStepError):
        life.fold([("apply", "", "applied"), ("assess", "assessing", "surveying")])


def test_the_data_fits_the_program() -> None:
    now = dt.datetime.now(dt.UTC)
    assert DEADLINES.keys() <= set(STAGES)
    assert set(STAGES) - DEADLINES.keys() == {"in_service"}, "whose deadline is its check"
    assert due_of("applied", now) == now + dt.timedelta(days=DEADLINES["applied"])
    assert due_of("closed", now) is None
    assert {"intact", "mild", "moderate", "severe", "lost"} == PLANS.keys()
    assert any(one.before_service for one in SURVEY.values())
    assert {model for _, model in FIRST_PLAN} <= models_to_plan().keys()
    assert BED_STANDS == ("in_service", "suspended")


def test_terms_are_read_and_days_follow_from_them() -> None:
    today = dt.datetime.now(dt.UTC).date()
    good = Terms("HT-1", str(today), str(today + dt.timedelta(days=365)), "")
    assert read_terms(good, "severe", today) == ("HT-1", today, today + dt.timedelta(days=365), "severe")
    for wrong, field in (
        (None, "number"), (Terms("HT-1", "soon", "later"), "begins"), (Terms("HT-1", good.ends, good.begins), "ends"),
        (Terms("HT-1", "2020-01-01", "2020-12-31"), "ends"), (Terms("HT-1", good.begins, good.ends, "gold"), "plan"),
    ):  # fmt: skip
        with pytest.raises(ProvisioningError) as refused:
            read_terms(wrong, None, today)
        assert refused.value.field == field
    assert first_check(today, "mild") == today + dt.timedelta(days=30)
    assert recheck(today, "severe", "mend") == today + dt.timedelta(days=7)
    due = next_due(today + dt.timedelta(days=9), today)
    assert due is not None
    assert due.date() == today + dt.timedelta(days=1), "the end of the day"
