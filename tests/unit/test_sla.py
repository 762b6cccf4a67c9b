"""The clock of the service level: milestones, targets, percentiles by organisation and shift."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting import sla
from alerting.sla import MILESTONES, TARGETS_S, Shift, Step, Story

RAISED = dt.datetime(2026, 11, 2, 4, tzinfo=dt.UTC)  # noon in Shanghai


def at(seconds: float) -> dt.datetime:
    return RAISED + dt.timedelta(seconds=seconds)


def story(*steps: tuple[float, str], severity: str = "emergency", organisation: str = "o", shift: str = "s") -> Story:
    return Story("a", severity, RAISED, tuple(Step(at(s), action) for s, action in steps), organisation, shift)


def verdicts(told: Story, now_s: float) -> list[str]:
    return [sla.measure(told, milestone, at(now_s)).verdict for milestone in MILESTONES]


@pytest.mark.parametrize(
    ("steps", "now_s", "wanted"),
    [
        ((), 10, ["pending", "pending", "pending", "pending"]),
        ((), 61, ["missed", "pending", "pending", "pending"]),
        (((60, "acknowledge"),), 119, ["met", "pending", "pending", "pending"]),
        (((60.5, "respond"),), 119, ["late", "pending", "pending", "pending"]),
        (((30, "acknowledge"), (900, "arrive")), 901, ["met", "late", "met", "pending"]),
        (((30, "acknowledge"), (90, "resolve")), 9999, ["met", "not_needed", "not_needed", "met"]),
        (((40, "cancel"),), 9999, ["not_needed", "not_needed", "not_needed", "met"]),
        (((300, "clear"),), 9999, ["missed", "missed", "not_needed", "met"]),
        (((5, "note"), (6, "escalate")), 61, ["missed", "pending", "pending", "pending"]),
    ],
)
def test_milestones(steps: tuple[tuple[float, str], ...], now_s: float, wanted: list[str]) -> None:
    assert verdicts(story(*steps), now_s) == wanted


def test_a_call_that_was_answered_is_contact() -> None:
    rung = Story("a", "emergency", RAISED, (Step(at(20), "call", "no_answer"), Step(at(50), "call", "answered")))
    assert sla.measure(rung, "contacted", at(60)).elapsed_s == 50


def test_no_target_and_a_clock_that_runs_ahead() -> None:
    assert sla.measure(story(severity="technical"), "on_scene", at(1e7)).verdict == "not_needed"
    assert sla.measure(story((-3, "acknowledge")), "acknowledged", at(1)).elapsed_s == 0


def test_breaches_are_what_nobody_reached_in_time() -> None:
    assert [one.milestone for one in sla.breached(story((30, "acknowledge")), at(1000))] == ["contacted", "on_scene"]
    assert sla.breached(story((30, "acknowledge"), (100, "arrive")), at(1000)) == []


SHIFTS = (
    Shift("early", dt.time(7), dt.time(15)),
    Shift("late", dt.time(15), dt.time(23)),
    Shift("night", dt.time(23), dt.time(7)),
)


@pytest.mark.parametrize(
    ("hour", "code"), [(7, "early"), (14.99, "early"), (15, "late"), (23, "night"), (0, "night"), (6.99, "night")]
)
def test_the_shift_by_shanghais_clock(hour: float, code: str) -> None:
    midnight = dt.datetime(2026, 11, 1, 16, tzinfo=dt.UTC)
    assert sla.shift_at(SHIFTS, midnight + dt.timedelta(hours=hour)) == code


def test_of_two_shifts_the_one_that_began_last() -> None:
    day = Shift("day", dt.time(8, 30), dt.time(17, 30))
    assert sla.shift_at((*SHIFTS, day), RAISED) == "day"
    assert sla.shift_at((), RAISED) == ""
    assert sla.shift_at((Shift("all", dt.time(0), dt.time(0)),), RAISED) == "all"


def test_the_report() -> None:
    told = [story((10.0 * n, "acknowledge"), (500, "resolve")) for n in range(1, 11)]
    told.append(story(shift="n"))
    lines = sla.report(told, at(100))
    ack = next(line for line in lines if line.milestone == "acknowledged" and line.shift == "s")
    assert (ack.alerts, ack.met, ack.late, ack.missed, ack.pending) == (10, 6, 4, 0, 0)
    assert (ack.met_share, ack.p50_s, ack.p90_s) == (0.6, 55.0, 91.0)
    missed = next(line for line in lines if line.milestone == "acknowledged" and line.shift == "n")
    assert (missed.missed, missed.met_share, missed.p50_s) == (1, 0.0, None)
    together = sla.report(told, at(100), by_shift=False)
    assert next(line for line in together if line.milestone == "acknowledged").alerts == 11
    assert sla.report([], at(0)) == []


steps = st.lists(
    st.tuples(
        st.floats(0, 1e5), st.sampled_from(["acknowledge", "respond", "arrive", "resolve", "clear", "cancel", "note"])
    ),
    max_size=6,
)


@given(st.lists(st.tuples(st.sampled_from(sorted(TARGETS_S)), steps), max_size=20), st.floats(0, 2e5))
def test_every_alert_is_in_one_column(many: list[tuple[str, list[tuple[float, str]]]], now_s: float) -> None:
    told = [story(*taken, severity=severity) for severity, taken in many]
    for line in sla.report(told, at(now_s)):
        assert line.met + line.late + line.missed + line.pending <= line.alerts
        same = [one for one in told if one.severity == line.severity]
        assert line.alerts == len(same)
        if line.p50_s is not None:
            assert line.p50_s <= line.p90_s <= line.p99_s  # type: ignore[operator]


@given(steps, st.floats(0, 2e5), st.floats(0, 1e5))
def test_a_breach_stays_until_it_is_reached(taken: list[tuple[float, str]], now_s: float, more_s: float) -> None:
    told = story(*[one for one in taken if one[0] <= now_s])
    before = {one.milestone for one in sla.breached(told, at(now_s))}
    assert before <= {one.milestone for one in sla.breached(told, at(now_s + more_s))}
