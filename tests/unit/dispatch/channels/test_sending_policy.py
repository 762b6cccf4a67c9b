"""The rules of sending: quiet hours, channels, pauses, rates, grouping, the breaker. Pure, with the clock given."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.channels import policy
from dispatch.channels.breaker import FAILURES, FIRST_S, MOST_S, Breaker
from dispatch.channels.policy import PendingNotification, QuietHours

NOW = dt.datetime(2026, 11, 24, 2, tzinfo=dt.UTC)  # ten in the morning in Shanghai
NIGHT = QuietHours(dt.time(22), dt.time(7))
SHANGHAI = ZoneInfo("Asia/Shanghai")
moments = st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2028, 1, 1), timezones=st.just(dt.UTC))
clocks = st.times().map(lambda time: time.replace(microsecond=0))
SEVERITIES = st.sampled_from(["emergency", "urgent", "attention", "technical"])


def shanghai(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-11-24T21:59:59", "2026-11-24T21:59:59"),
        ("2026-11-24T22:00:00", "2026-11-25T07:00:00"),
        ("2026-11-25T03:00:00", "2026-11-25T07:00:00"),
        ("2026-11-25T07:00:00", "2026-11-25T07:00:00"),
    ],
)
def test_quiet_hours_over_midnight(at: str, until: str) -> None:
    assert policy.hold_until(NIGHT, "attention", shanghai(at)) == shanghai(until)
    assert policy.hold_until(NIGHT, "emergency", shanghai(at)) == shanghai(at)


@given(clocks, clocks, moments, SEVERITIES)
def test_quiet_hours_hold_no_emergency_and_nothing_for_long(
    starts: dt.time, ends: dt.time, now: dt.datetime, severity: str
) -> None:
    until = policy.hold_until(QuietHours(starts, ends), severity, now)
    assert now <= until <= now + dt.timedelta(days=1)
    if severity == "emergency":
        assert until == now
    assert policy.hold_until(QuietHours(starts, ends), severity, until) == until  # and then it goes


def test_the_order_of_channels() -> None:
    addresses = {"sms": "1", "voice": "1"}
    assert policy.route(["voice", "email"], ["sms", "voice"], addresses) == ("voice",)
    assert policy.route([], ["console", "sms", "voice"], addresses) == ("sms", "voice")
    assert policy.route(["email"], ["sms"], addresses) == ("sms",)
    assert policy.route(["sms", "sms"], [], addresses) == ("sms",)
    assert policy.route([], ["email"], addresses) == ()


@given(SEVERITIES, st.integers(1, 40), st.uuids().map(str), st.none() | st.floats(0, 9000))
def test_pauses_grow_and_end(severity: str, attempt: int, key: str, asked: float | None) -> None:
    pause = policy.pause_s(severity, attempt, key, asked)
    assert pause == policy.pause_s(severity, attempt, key, asked)
    assert (asked or 0) <= pause <= max(1.2 * policy.BACKOFF_MOST_S, asked or 0)
    if severity == "emergency" and not asked and attempt == 1:
        assert pause <= 1.2


def test_an_emergency_is_not_patient_while_there_is_another_channel() -> None:
    assert policy.attempts_allowed("emergency", 5, another=True) == 2
    assert policy.attempts_allowed("emergency", 5, another=False) == 5
    assert policy.attempts_allowed("technical", 5, another=True) == 5


@given(st.lists(st.integers(0, 900), max_size=40), st.integers(1, 20))
def test_the_rate_is_kept(ages: list[int], messages: int) -> None:
    sent = [NOW - dt.timedelta(seconds=age) for age in ages]
    at = policy.may_send_at(sent, NOW, "technical", messages, 600)
    assert at >= NOW
    assert len([one for one in sent if one > at - dt.timedelta(seconds=600)]) < messages
    assert policy.may_send_at(sent, NOW, "emergency", messages, 600) == NOW


def waiting(
    number: int, severity: str = "technical", rule: str = "gateway_silent", area: str = "a.c1", *, due_s: float = 0,
    key: str = "S1", page: str = "", reason: str = "escalation",
) -> PendingNotification:  # fmt: skip
    due = NOW + dt.timedelta(seconds=due_s)
    return PendingNotification(
        id=number,
        recipient=("staff", key),
        reason=reason,
        severity=severity,
        rule=rule,
        area=area,
        due_at=due,
        page=page,
    )


def ids(groups: list[policy.MessageGroup]) -> list[list[int]]:
    return [[member.id for member in group.members] for group in groups]


def test_eighty_homes_are_one_message() -> None:
    homes = [waiting(n, due_s=n) for n in range(80)]  # the first is due, the others go along
    assert ids(policy.group(homes, NOW)) == [list(range(80))]
    assert policy.group([waiting(1, due_s=1)], NOW) == []


def test_what_differs_stays_apart() -> None:
    found = policy.group(
        [waiting(1), waiting(2, area="a.c2"), waiting(3, rule="device_silent"), waiting(4, key="S2"),
         waiting(5, "urgent"), waiting(6, reason="breach")],
        NOW,
    )  # fmt: skip
    assert ids(found) == [[5], [1], [2], [3], [4], [6]]


def test_emergencies_go_alone_and_at_once_and_in_a_storm_together() -> None:
    few = [waiting(n, "emergency", "sos", due_s=60) for n in range(policy.STORM - 1)]
    assert ids(policy.group(few, NOW)) == [[n] for n in range(policy.STORM - 1)]
    many = [waiting(n, "emergency", "sos", due_s=60) for n in range(policy.STORM)]
    assert ids(policy.group(many, NOW)) == [list(range(policy.STORM))]


def test_who_gets_too_much_gets_one_for_all() -> None:
    mixed = [waiting(1), waiting(2, area="a.c2"), waiting(3, "emergency", "sos"), waiting(4, page="order 1")]
    assert ids(policy.group(mixed, NOW, {("staff", "S1")})) == [[3], [1, 2], [4]]


@given(
    st.lists(
        st.tuples(SEVERITIES, st.sampled_from(["sos", "fall"]), st.sampled_from(["c1", "c2"]),
                  st.sampled_from(["S1", "S2"]), st.integers(-5, 5), st.sampled_from(["", "p"])),
        max_size=40,
    ),
    st.booleans(),
)  # fmt: skip
def test_grouping_loses_and_repeats_nothing(rows: list[tuple[str, str, str, str, int, str]], full: bool) -> None:
    everything = [
        waiting(number, severity, rule, area, due_s=due, key=key, page=page)
        for number, (severity, rule, area, key, due, page) in enumerate(rows)
    ]
    groups = policy.group(everything, NOW, {("staff", "S1")} if full else ())
    told = [member.id for group in groups for member in group.members]
    assert len(told) == len(set(told))
    for one in everything:
        if one.severity == "emergency" or one.due_at <= NOW:
            assert one.id in told
    for group in groups:
        assert len({member.recipient for member in group.members}) == 1
        assert len({member.severity == "emergency" for member in group.members}) == 1


def test_the_breaker_opens_tries_and_closes() -> None:
    breaker = Breaker()
    for _ in range(FAILURES - 1):
        assert not breaker.record_failure(0)
    breaker.record_success()
    for _ in range(FAILURES - 1):
        assert not breaker.record_failure(0)
    assert breaker.opens_at(0) is None
    assert breaker.record_failure(0)
    assert breaker.is_open
    assert breaker.opens_at(1) == FIRST_S
    assert breaker.opens_at(FIRST_S) is None
    breaker.begin_attempt(FIRST_S)
    assert breaker.opens_at(FIRST_S) is not None  # one at a time
    assert breaker.record_failure(FIRST_S)
    assert breaker.opens_at(FIRST_S) == 3 * FIRST_S
    now = 3 * FIRST_S
    for _ in range(10):
        until = breaker.opens_at(now)
        now = until if until is not None else now
        assert until is None or until - now <= MOST_S
        breaker.begin_attempt(now)
        breaker.record_failure(now)
    until = breaker.opens_at(now)
    assert until is not None
    breaker.begin_attempt(until)
    breaker.record_success()
    assert not breaker.is_open
    assert breaker.opens_at(until) is None
