"""Policies: what is wrong with them in words, which one an alert gets, where a ladder goes next."""

import datetime as dt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.ladders import store
from dispatch.ladders.policy import (
    FamilyTarget,
    OnDutyTarget,
    OrganisationTarget,
    Policy,
    PolicyError,
    ServiceTarget,
    Step,
    begin,
    check,
    check_all,
    choose,
    decode,
    encode,
    holds,
    next_move,
    parse,
    patience,
)
from dispatch.ladders.policy_file import write

BEDS = Step(0, (OnDutyTarget(("home_care_bed_team",)),))
GOOD = Policy(
    code="e",
    severity="emergency",
    name_zh="急",
    name_en="E",
    steps=(BEDS, Step(30, (ServiceTarget("120"),))),
    repeat_after_s=60,
    acknowledged_s=120,
    responding_s=600,
)
NOON = dt.datetime(2026, 11, 2, 4, tzinfo=dt.UTC)


def but(**fields: object) -> Policy:
    return msgspec.structs.replace(GOOD, **fields)


def test_the_policies_that_come_with_the_program_are_good() -> None:
    assert check_all(store.defaults()) == []
    assert all(check(policy) == [] for policy in store.demonstration())
    assert {policy.severity for policy in store.defaults()} == {"emergency", "urgent", "attention", "technical"}


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (
            but(steps=(Step(0, (OrganisationTarget(("district_center",)), FamilyTarget(), ServiceTarget("120"))),)),
            "on duty",
        ),
        (but(steps=(msgspec.structs.replace(BEDS, after_s=5),)), "at once"),
        (but(rounds=3), "until somebody answers"),
        (but(steps=()), "1 to 20 steps"),
        (but(steps=(BEDS, Step(5, ()))), "tells nobody"),
        (but(steps=(BEDS, Step(5, (OnDutyTarget(("police",)),)))), "kinds are of"),
        (but(steps=(BEDS, Step(-1, (ServiceTarget("120"),)))), "after_s"),
        (but(steps=(BEDS, Step(1, (FamilyTarget(0),)))), "count from 1"),
        (but(starts=dt.time(8)), "both starts and ends"),
        (but(starts=dt.time(8), ends=dt.time(8)), "same time"),
        (but(repeat_after_s=0), "repeat_after_s"),
        (but(acknowledged_s=0), "acknowledged_s"),
        (but(responding_s=5), "responding_s"),
        (but(stop_at="on_scene"), "before the door"),
        (but(code=" "), "code"),
    ],
)
def test_what_is_wrong_is_said(bad: Policy, word: str) -> None:
    assert any(word in problem for problem in check(bad))
    assert check(GOOD) == []


def test_a_file_with_a_mistake_says_where() -> None:
    with pytest.raises(PolicyError, match="after_s"):
        parse('[[policy]]\ncode = "x"\nsteps = [{ after_s = "soon", targets = [] }]')
    with pytest.raises(PolicyError, match="no \\[\\[policy\\]\\]"):
        parse("")
    with pytest.raises(PolicyError, match="cannot be read"):
        parse("[[")
    with pytest.raises(PolicyError, match="cannot be read"):
        decode({"code": 1})


def test_every_severity_needs_one_for_everybody() -> None:
    night = but(starts=dt.time(20), ends=dt.time(8))
    assert "emergency: no policy applies everywhere" in "\n".join(check_all([night]))


def test_the_nearest_and_the_one_for_these_hours_is_chosen() -> None:
    night = but(code="n", starts=dt.time(20), ends=dt.time(8))
    street = but(code="s", organisation="street")
    every = [GOOD, night, street]
    midnight = dt.datetime(2026, 11, 2, 16, tzinfo=dt.UTC)

    def code(near: list[str], at: dt.datetime) -> str:
        found = choose(every, "emergency", near, at)
        assert found is not None
        return found.code

    assert code([], NOON) == "e"
    assert code([], midnight) == "n"
    assert code([], midnight + dt.timedelta(hours=8)) == "e", "the end is not in it"
    assert code(["beds", "street"], midnight) == "s"
    assert choose(every, "urgent", [], NOON) is None


@given(st.integers(1, 6), st.integers(0, 3), st.integers(1, 40))
def test_every_step_of_every_round_comes_once(steps: int, rounds: int, moves: int) -> None:
    policy = but(steps=tuple(Step(10 * n, (ServiceTarget("120"),)) for n in range(steps)), rounds=rounds)
    move, seen = begin(policy), []
    while move.delay_s is not None and len(seen) < moves:
        seen.append((move.round, move.step))
        move = next_move(policy, move.step, move.round)
    everything = [(number, step) for number in range(rounds or moves) for step in range(steps)]
    assert seen == everything[:moves]
    assert (move.delay_s is None) == (rounds > 0 and steps * rounds <= moves)


@pytest.mark.parametrize(
    ("stop_at", "state", "rests"),
    [
        ("acknowledged", "raised", False), ("acknowledged", "acknowledged", True), ("acknowledged", "on_scene", True),
        ("responding", "acknowledged", False), ("responding", "responding", True), ("acknowledged", "resolved", False),
    ],
)  # fmt: skip
def test_where_it_rests(stop_at: str, state: str, rests: bool) -> None:
    assert holds(but(stop_at=stop_at), state) is rests


def test_patience() -> None:
    assert patience(GOOD, "acknowledged") == 120
    assert patience(GOOD, "responding") == 600
    assert patience(but(responding_s=0), "responding") is None
    assert patience(GOOD, "on_scene") is None


def test_stored_and_read_it_is_the_same() -> None:
    for policy in (*store.defaults(), *store.demonstration(), but(starts=dt.time(20), ends=dt.time(8))):
        assert decode(msgspec.json.decode(encode(policy))) == policy


def test_policies_are_read_again_from_the_file_that_is_written_of_them() -> None:
    night = msgspec.structs.replace(
        store.defaults()[0], code="night", organisation="center-1", starts=dt.time(22), ends=dt.time(6, 30), version=3,
        name_zh='夜"班\\', responding_s=60.5,
    )  # fmt: skip
    told = [*store.defaults(), night]
    assert parse(write(told)) == [msgspec.structs.replace(one, version=0) for one in told]
