"""The clock of the service level: milestones, targets, percentiles by organisation and shift."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.tuning.catalogue import catalogue, check
from care_network.errors import ProvisioningError
from dispatch.sla import clock as sla
from dispatch.sla.clock import MILESTONES, TARGETS_S, HistoryEntry, Shift, Story
from dispatch.sla.targets import InForce, targets

RAISED = dt.datetime(2026, 11, 2, 4, tzinfo=dt.UTC)  # noon in Shanghai


def at(seconds: float) -> dt.datetime:
    return RAISED + dt.timedelta(seconds=seconds)


def story(*steps: tuple[float, str], severity: str = "emergency", organisation: str = "o", shift: str = "s") -> Story:
    return Story(
        alert_id="a",
        severity=severity,
        raised_at=RAISED,
        history=tuple(HistoryEntry(at(s), action) for s, action in steps),
        organisation=organisation,
        shift=shift,
    )


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
    rung = Story(
        alert_id="a",
        severity="emergency",
        raised_at=RAISED,
        history=(HistoryEntry(at(20), "call", "no_answer"), HistoryEntry(at(50), "call", "answered")),
    )
    assert sla.measure(rung, "contacted", at(60)).elapsed_s == 50


def test_no_target_and_a_clock_that_runs_ahead() -> None:
    assert sla.measure(story(severity="technical"), "on_scene", at(1e7)).verdict == "not_needed"
    assert sla.measure(story((-3, "acknowledge")), "acknowledged", at(1)).elapsed_s == 0


def test_breaches_are_what_nobody_reached_in_time() -> None:
    assert [one.milestone for one in sla.find_breaches(story((30, "acknowledge")), at(1000))] == [
        "contacted",
        "on_scene",
    ]
    assert sla.find_breaches(story((30, "acknowledge"), (100, "arrive")), at(1000)) == []


def test_targets_in_force_at_a_time() -> None:
    ack, share = "sla.emergency.acknowledged", "sla.share"
    force = InForce([(at(20), ack, None), (at(0), ack, 90), (at(10), share, 99), (at(10), "sla.gone.x", 1)])
    assert force.at(at(-1)).seconds == TARGETS_S
    assert force.at(at(-1)).share == sla.SHARE_WANTED
    assert [force.at(at(s)).seconds["emergency"]["acknowledged"] for s in (0, 19, 20)] == [90, 90, 60]
    assert force.at(at(10)).share == 0.99
    assert targets({ack: 1e9}).seconds == TARGETS_S, "beyond what may be set: an older program's"
    assert targets({"sla.attention.on_scene": 7200}).seconds["attention"]["on_scene"] == 7200
    own = Story(
        alert_id="a",
        severity="emergency",
        raised_at=RAISED,
        history=(HistoryEntry(at(80), "acknowledge"),),
        targets={"acknowledged": 90},
    )
    assert [sla.measure(own, milestone, at(1e6)).verdict for milestone in MILESTONES] == ["met", *["not_needed"] * 3]


def test_alerts_of_two_targets_are_two_lines() -> None:
    told = [
        Story(
            alert_id="a",
            severity="emergency",
            raised_at=RAISED,
            history=(HistoryEntry(at(80), "acknowledge"),),
            targets={"acknowledged": s},
        )
        for s in (60, 90)
    ]
    assert [(line.target_s, line.met, line.late) for line in sla.report(told, at(100))] == [(60, 0, 1), (90, 1, 0)]


@pytest.mark.parametrize(
    ("name", "value", "others", "words"),
    [
        ("sla.emergency.acknowledged", 2, {}, "between 15 and 300 s"),
        ("sla.emergency.acknowledged", 240, {}, "resident contacted (120 s) would be due before acknowledged (240 s)"),
        ("sla.emergency.acknowledged", 240, {"sla.emergency.contacted": 300}, ""),
        ("sla.attention.on_scene", 2 * 3600, {}, "on scene (7200 s) would be due before resident contacted (14400 s)"),
        ("sla.attention.on_scene", 5 * 3600, {}, ""),
        ("sla.share", 95, {}, ""),
    ],
)
def test_targets_have_limits_and_an_order(name: str, value: float, others: dict[str, float], words: str) -> None:
    assert catalogue()[name].district_only
    if not words:
        check(name, value, others)
        return
    with pytest.raises(ProvisioningError) as refused:
        check(name, value, others)
    assert words in refused.value.message_en
    assert refused.value.message_zh


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
    before = {one.milestone for one in sla.find_breaches(told, at(now_s))}
    assert before <= {one.milestone for one in sla.find_breaches(told, at(now_s + more_s))}
