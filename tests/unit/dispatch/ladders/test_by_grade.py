"""A ladder by ability grade calls nobody later than the ordinary one; an unknown grade is no grade."""

import datetime as dt

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care_network.ability.standing import Standing
from dispatch.ladders import store
from dispatch.ladders.by_grade import Choice, Ground, choose_for, latest, not_later, not_taken, words
from dispatch.ladders.drafts import from_form, raw_of, read
from dispatch.ladders.policy import FamilyTarget, OnDutyTarget, OrganisationTarget, Policy, ServiceTarget, Step, parse
from dispatch.ladders.policy_file import write
from dispatch.ladders.words import lines

NOON = dt.datetime(2026, 11, 2, 4, tzinfo=dt.UTC)
TODAY = NOON.date()
KINDS = ("home_care_bed_team", "street_elder_center")
URGENT = next(one for one in store.defaults() if one.code == "urgent")
SEVERE = next(one for one in store.defaults() if one.code == "urgent_severe")
ATTENTION = next(one for one in store.defaults() if one.code == "attention")
GENTLE = msgspec.structs.replace(ATTENTION, code="gentle", grades=("intact",), acknowledged_s=7200.0)


def person(grade: str | None, *, until: dt.date = TODAY, act: str = "approved", number: int = 1) -> Standing:
    return Standing(
        resident_id=number, recorded=grade, grade=grade, until=until if grade else None, act=act if grade else None,  # type: ignore[arg-type]
        assessment=7 if grade else None,
    )  # fmt: skip


def test_those_that_come_with_the_program_are_never_later() -> None:
    for policies in (store.defaults(), store.demonstration()):
        by_code = {one.code: one for one in policies}
        for code in ("emergency", "urgent"):
            assert latest(by_code[f"{code}_severe"], by_code[code]) is None
    assert not_taken(msgspec.structs.replace(SEVERE, responding_s=0.0), store.defaults()) is not None


@pytest.mark.parametrize(
    ("severity", "people", "code", "ground"),
    [
        ("urgent", [person("severe")], "urgent_severe", "grade"),
        ("urgent", [person("severe", until=NOON.date() - dt.timedelta(days=1))], "urgent_severe", "kept"),
        ("urgent", [person("severe", act="superseded")], "urgent_severe", "kept"),
        ("urgent", [person("mild")], "urgent", "other"),
        ("urgent", [person(None)], "urgent", "unknown"),
        ("urgent", [], "urgent", "unknown"),
        ("urgent", [person(None), person("lost", number=2)], "urgent_severe", "home"),
        ("attention", [person("intact")], "gentle", "grade"),
        ("attention", [person("intact", until=NOON.date() - dt.timedelta(days=1))], "attention", "unknown"),
        ("attention", [person("intact"), person(None, number=2)], "attention", "later"),
        ("technical", [person("severe")], "technical", None),
    ],
)
def test_which_ladder_a_grade_gets(severity: str, people: list[Standing], code: str, ground: Ground | None) -> None:
    found = choose_for([*store.defaults(), GENTLE], severity, [], NOON, people)
    assert found is not None
    assert (found.policy.code, found.ground) == (code, ground)
    if ground is not None:
        assert all(words(Choice(ground=ground, grade="severe", until=NOON.date())))


def test_a_grave_ladder_that_could_be_later_is_not_taken() -> None:
    steps = (SEVERE.steps[0], msgspec.structs.replace(SEVERE.steps[1], after_s=300.0))
    later = msgspec.structs.replace(SEVERE, steps=steps)
    found = choose_for([URGENT, later], "urgent", [], NOON, [person("lost")])
    assert found is not None
    assert (found.policy.code, found.ground) == ("urgent", "later")


def test_grades_go_through_the_form_and_the_file() -> None:
    assert parse(write([SEVERE])) == [SEVERE]
    assert "grades" not in write([URGENT])
    raw = raw_of(SEVERE)
    sent = [(name, value) for name, value in raw.items() if isinstance(value, str)]
    again = from_form([*sent, *(("grades", grade) for grade in raw["grades"])])
    assert again["grades"] == ["severe", "lost"]
    assert read({**raw, "grades": ["able"]})[1][0].field == "grades"
    policy, wrong = read(raw)
    assert (policy, wrong) == (msgspec.structs.replace(SEVERE, version=0), [])
    assert any("重度失能、完全失能" in line.text[0] for line in lines(SEVERE))


_targets = st.one_of(
    st.builds(
        OnDutyTarget,
        st.lists(st.sampled_from(KINDS), min_size=1, max_size=2, unique=True).map(lambda found: tuple(sorted(found))),
        st.integers(0, 2),
    ),
    st.builds(OrganisationTarget, st.just((KINDS[1],))),
    st.builds(FamilyTarget, st.integers(1, 2), st.integers(1, 2)),
    st.just(ServiceTarget("120")),
)
_steps = st.lists(
    st.builds(Step, st.sampled_from([0.0, 30.0]), st.lists(_targets, min_size=1, max_size=3).map(tuple)),
    min_size=1, max_size=3,
).map(tuple)  # fmt: skip


def _times(policy: Policy, people: dict[str, int], family: int, *, desk: bool) -> dict[str, float]:
    """When each is called first, counted out person by person as the sweeper does it. The nearest come first."""
    found: dict[str, float] = {}
    at, passed = 0.0, False
    for step in policy.steps:
        at += 0.0 if passed else step.after_s
        told: list[str] = []
        for target in step.targets:
            match target:
                case OnDutyTarget(kinds=kinds, most=most):
                    near = [f"{kind}-{one}" for kind in KINDS if kind in kinds for one in range(people[kind])]
                    told += near[: most or None]
                case OrganisationTarget():
                    told += ["desk"] if desk else []
                case FamilyTarget(first=first, most=most):
                    told += [f"family-{one}" for one in range(first, first + most) if one <= family]
                case ServiceTarget(key=key):
                    told.append(key)
        passed = not told
        for one in told:
            found.setdefault(one, at)
    return {**found, "again": at + policy.repeat_after_s}


@settings(max_examples=40)
@given(_steps, _steps, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_what_is_proved_holds_for_every_single_person(
    mine: tuple[Step, ...], theirs: tuple[Step, ...], beds: int, street: int, family: int, desk: bool
) -> None:
    people = dict(zip(KINDS, (beds, street), strict=True))
    joined = (Step(0.0, tuple(dict.fromkeys(target for step in (*theirs, *mine) for target in step.targets))),)
    for steps in (mine, joined, (*theirs[:1], *mine)):
        graded = msgspec.structs.replace(SEVERE, steps=steps)
        ordinary = msgspec.structs.replace(URGENT, steps=theirs)
        if not not_later(graded, ordinary):
            continue
        ours = _times(graded, people, family, desk=desk)
        for who, at in _times(ordinary, people, family, desk=desk).items():
            assert ours.get(who, float("inf")) <= at, who
