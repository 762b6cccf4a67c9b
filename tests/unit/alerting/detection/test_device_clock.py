"""Clocks of devices: a wrong one is found by when its messages arrive; what comes late is not taken for it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.detection.engine.engine import Engine
from alerting.detection.kit.context import District, Happened, Person, Source
from alerting.detection.kit.device_clock import OFF, RIGHT, DeviceClocks
from alerting.detection.kit.switches import UNHURRIED
from alerting.service.receiving.hearing import Hearing
from alerting.service.receiving.messages import HomeMessage
from firmware_profiles import wire

MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
NOW = 1_800_000_000_000_000
CUFF = ("gw-1", "cuff")


def source(name: str, *gives: str, person: int | None = 0) -> Source:
    return Source(
        gateway="gw-1",
        name=name,
        model="test",
        household_id=7,
        person=person,
        heartbeat_s=1e9,
        label_zh=name,
        label_en=name,
        room="bedroom",
        home=0,
        gives=frozenset(gives),
    )


SOURCES = {
    name: source(name, *gives)
    for name, gives in (("cuff", ("systolic_bp",)), ("pir", ("motion",)), ("radar", ("heart_rate",)))
}
DISTRICT = District(
    [Person(id=1, code="R0001", household_id=7)], {("gw-1", n): s for n, s in SOURCES.items()}, {"gw-1": 7}
)


def news(ages_us: list[int], apart_us: int = 3 * MINUTE, needed: int = 2) -> list[str]:
    clocks = DeviceClocks()
    told = [
        clocks.judge(CUFF, NOW + n * apart_us - age, NOW + n * apart_us, needed).news for n, age in enumerate(ages_us)
    ]
    return [word for word in told if word]


@pytest.mark.parametrize("age_us", [8 * HOUR, HOUR, 20 * MINUTE, 5 * DAY])
def test_messages_that_are_all_late_by_the_same_come_from_a_wrong_clock(age_us: int) -> None:
    assert news([age_us, age_us + 20_000_000, age_us - 10_000_000]) == [OFF]
    assert news([age_us, age_us], needed=3) == []
    assert news([age_us, age_us, age_us], needed=3) == [OFF]
    assert news([age_us, age_us, 0, 0, age_us]) == [OFF, RIGHT]


@pytest.mark.parametrize("age_us", [-8 * HOUR, -4 * MINUTE, 5 * 365 * DAY, NOW])
def test_a_time_that_can_not_be_is_wrong_at_once(age_us: int) -> None:
    assert news([age_us]) == [OFF]


@given(
    outage_h=st.floats(0.5, 200),
    drain_s=st.floats(0, 1800),
    messages=st.integers(2, 200),
    needed=st.sampled_from((2, 3)),
)
def test_the_backlog_of_an_outage_is_no_wrong_clock(
    outage_h: float, drain_s: float, messages: int, needed: int
) -> None:
    """Whatever was kept for ``outage_h`` is sent within ``drain_s``, faster than it was made by far."""
    clocks, outage_us = DeviceClocks(), outage_h * HOUR
    drain_us = min(drain_s * 1e6, outage_us / 4)
    for n in range(messages):
        share = n / (messages - 1)
        own_us, at_us = NOW - outage_us * (1 - share), NOW + drain_us * share
        verdict = clocks.judge(CUFF, int(own_us), int(at_us), needed)
        assert (verdict.news, verdict.behind_us) == ("", 0)


def test_a_meter_that_sends_what_it_has_stored_is_believed() -> None:
    assert news([3 * DAY, 2 * DAY, DAY, 8 * HOUR, 0], apart_us=1_000_000) == []


@given(st.lists(st.integers(-400 * DAY, 60 * 365 * DAY), max_size=30), st.integers(0, 10 * MINUTE))
def test_what_counts_is_never_of_the_future_nor_old_beyond_belief(ages_us: list[int], apart_us: int) -> None:
    clocks = DeviceClocks()
    off = False
    for n, age_us in enumerate(ages_us):
        at_us = NOW + n * apart_us
        verdict = clocks.judge(CUFF, at_us - age_us, at_us)
        counts_us = at_us - age_us + verdict.behind_us
        assert at_us - 31 * DAY <= counts_us <= at_us + MINUTE
        assert verdict.news != (OFF if off else RIGHT), "told once"
        off = {OFF: True, RIGHT: False}.get(verdict.news, off)


def frame(
    seq: int, device: str, channel: str, times: list[int], values: list[float], stream: wire.Stream
) -> HomeMessage:
    base_us = min(times)
    series = wire.make_series(device, channel, base_us, np.array(times), np.array(values, np.float32))
    return HomeMessage("gw-1", wire.Frame(1, "gw-1", 5, 6, stream, seq, base_us, [series]))


class Live:
    """An engine that hears frames as the service does."""

    def __init__(self) -> None:
        self.engine = Engine(DISTRICT, NOW - DAY)
        self.hearing = Hearing(self.engine, lambda: None, lambda _: None)
        self.found: list[tuple[str, str, str]] = []
        self.seq = 0

    def hear(self, device: str, channel: str, own_us: int, value: float, now_us: int, stream: str = "live") -> None:
        self.seq += 1
        found = self.engine.advance(now_us)
        message = frame(self.seq, device, channel, [own_us], [value], stream)  # type: ignore[arg-type]
        found += self.hearing.hear(message, now_us)
        found += self.engine.advance(now_us + 10_000_000)
        self.found += [(f.action, f.rule, f.subject) for f in found]


@pytest.mark.parametrize("behind_us", [8 * HOUR, 5 * 365 * DAY, -8 * HOUR])
def test_a_crisis_of_a_cuff_with_a_wrong_clock_is_told_and_its_clock(behind_us: int) -> None:
    live = Live()
    live.hear("cuff", "systolic_bp", NOW - HOUR // 2, 130, NOW - HOUR // 2)
    for n in range(3):
        live.hear("cuff", "systolic_bp", NOW + n * 3 * MINUTE - behind_us, 212, NOW + n * 3 * MINUTE)
    rules = [rule for _, rule, _ in live.found]
    assert "limit_systolic_bp" in rules
    assert ("open", "clock_off", "device:gw-1/cuff") in live.found
    assert not [s for _, rule, s in live.found if rule == "clock_off" and s.startswith("gateway:")]


def test_a_meter_of_the_future_moves_no_other_devices_readings() -> None:
    live = Live()
    ahead = wire.make_series("cuff", "systolic_bp", NOW, np.array([NOW + 40 * DAY]), np.array([130], np.float32))
    right = wire.make_series("radar", "heart_rate", NOW, np.array([NOW]), np.array([70], np.float32))
    live.hearing.hear(HomeMessage("gw-1", wire.Frame(1, "gw-1", 5, 6, "live", 1, NOW, [ahead, right])), NOW)
    assert live.engine._waiting.all().time_us.tolist() == [NOW, NOW]


def test_the_backlog_of_a_gateway_is_as_old_as_it_says() -> None:
    live = Live()
    for n in range(5):
        live.hear("radar", "heart_rate", NOW - 8 * HOUR + n * MINUTE, 70, NOW + n * MINUTE, "backfill")
    assert not [rule for _, rule, _ in live.found if rule == "clock_off"]


def test_events_of_a_wrong_clock_count_when_they_arrive() -> None:
    clocks, told = DeviceClocks(), []
    for n, kind in enumerate(("motion_began", "motion_ended", "motion_began", "motion_ended")):
        assert kind in UNHURRIED
        at_us = NOW + n * MINUTE
        happened, news = clocks.judge_event(Happened(SOURCES["pir"], kind, at_us - 8 * HOUR, {}), at_us)
        told.append((happened.time_us - at_us, happened.onset_us - at_us, news is not None))
    assert told == [(-8 * HOUR, -8 * HOUR, False)] * 2 + [(0, -8 * HOUR, True), (0, -8 * HOUR, False)]
