"""What is wrong around the engine, or within a detector, takes no other alert with it."""

import itertools
from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import pytest

from alerting.core.finding import Finding
from alerting.detection.detectors import all_detectors
from alerting.detection.engine.engine import Engine
from alerting.detection.engine.memory import decode_memory
from alerting.detection.kit.columns import VitalColumns
from alerting.detection.kit.context import EVERYWHERE, District, Happened, Pause, Person, Source
from alerting.detection.kit.detector import CompleteSteps, Detector
from alerting.service.broker_watch import BrokerWatch
from database.settings import DatabaseSettings
from tests.support.sensors import DAY, FIRST, MINUTE, raised

RADAR = Source(
    gateway="gw-1",
    name="radar",
    model="test",
    household_id=7,
    person=0,
    heartbeat_s=60,
    label_zh="雷达",
    label_en="radar",
    room="bedroom",
    home=0,
    continuous=True,
)
DISTRICT = District([Person(id=1, code="R0001", household_id=7)], {("gw-1", "radar"): RADAR}, {"gw-1": 7})
SECOND = 1_000_000


class Broken(Detector):
    """Fails wherever it is asked."""

    parameters: ClassVar = {}

    def look(self, steps: CompleteSteps) -> Iterable[Finding]:
        self.timers.set(int(steps.bins.end_us[0]), "boom")
        raise RuntimeError("look")

    def event(self, district: District, happened: Happened) -> Iterable[Finding]:
        raise RuntimeError("event")

    def due(self, district: District, key: str, at_us: int) -> Iterable[Finding]:
        raise RuntimeError("due")

    def heard(self, district: District, gateway: str, device: str | None, now_us: int) -> Iterable[Finding]:
        raise RuntimeError("heard")

    def tick(self, district: District, now_us: int) -> Iterable[Finding]:
        yield from ()
        raise RuntimeError("tick")


def fast_heart(engine: Engine, begin_us: int, minutes: int = 6) -> list[Finding]:
    """150 beats, every five seconds; the clock follows."""
    found: list[Finding] = []
    place = engine.seats.lane(RADAR, "heart_rate")
    assert place is not None
    for second in range(0, minutes * 60, 5):
        at_us = begin_us + second * SECOND
        one = np.array([place[0]], np.int32), np.array([place[1]], np.int16)
        engine.readings(VitalColumns(*one, np.array([at_us]), np.array([150 + second % 3], np.float32)))
        found += engine.heard("gw-1", "radar", at_us)
        found += engine.advance(at_us)
    return found


def test_a_detector_that_fails_takes_no_other_s_findings_with_it() -> None:
    engine = Engine(DISTRICT, FIRST, {"a_broken": Broken, **all_detectors(), "z_broken": Broken})
    faults: list[str] = []
    engine.failed = lambda name, error: faults.append(f"{name} {error}")
    found = [*fast_heart(engine, FIRST), *engine.event(Happened(RADAR, "sos_pressed", FIRST, {}))]
    found += engine.advance(FIRST + 20 * MINUTE)
    rules = {rule for _, rule, _ in raised(found)}
    assert {"limit_heart_rate", "sos", "gateway_silent"} <= rules
    wanted = itertools.product(("a_broken", "z_broken"), ("look", "event", "due", "heard", "tick"))
    assert {f"{name} {where}" for name, where in wanted} == set(faults)


def test_unless_it_is_told_otherwise_a_failure_is_seen() -> None:
    engine = Engine(DISTRICT, FIRST, {"broken": Broken})
    with pytest.raises(RuntimeError, match="event"):
        engine.event(Happened(RADAR, "sos_pressed", FIRST, {}))


@pytest.mark.parametrize("jump_us", [90 * SECOND, 3 * 60 * MINUTE, DAY, 400 * DAY])
def test_a_clock_that_was_ahead_and_is_put_right_leaves_nobody_unwatched(jump_us: int) -> None:
    engine = Engine(DISTRICT, FIRST)
    fast_heart(engine, FIRST - 10 * MINUTE, 1)
    engine.advance(FIRST + jump_us)
    found = fast_heart(engine, FIRST + MINUTE)
    assert ("open", "limit_heart_rate", "urgent") in raised(found)
    silent = [f for second in range(0, 1200, 5) for f in engine.advance(FIRST + 7 * MINUTE + second * SECOND)]
    assert {("open", "gateway_silent"), ("note", "gateway_silent")} & {(f.action, f.rule) for f in silent}


@pytest.mark.parametrize("homes_too", [False, True])
def test_a_clock_that_was_ahead_and_is_put_right_while_alerting_was_down_leaves_nobody_unwatched(
    homes_too: bool,
) -> None:
    before, ahead_us = Engine(DISTRICT, FIRST), FIRST + 600 * MINUTE
    fast_heart(before, ahead_us if homes_too else FIRST, 1)
    before.advance(ahead_us + 2 * MINUTE)
    engine = Engine(DISTRICT, FIRST + 5 * MINUTE)
    engine.recall(decode_memory(before.memory()))
    found = fast_heart(engine, FIRST + 5 * MINUTE)
    assert ("open", "limit_heart_rate", "urgent") in raised(found)


def test_a_clock_that_jumped_ahead_and_is_put_right_holds_nothing_back_until_the_wrong_date() -> None:
    link = BrokerWatch(DatabaseSettings(), "alerting-0", 30, None)
    link.up()
    assert link.stood_still(FIRST, FIRST + 365 * DAY)
    assert not link.stood_still(FIRST + 365 * DAY, FIRST + MINUTE)
    assert link.outage == Pause("cut_off", EVERYWHERE, "", FIRST, FIRST + 11 * MINUTE)
    assert not link.stood_still(FIRST + 12 * MINUTE, FIRST + 10 * MINUTE)  # it is over sooner than that
    assert link.outage == Pause("cut_off", EVERYWHERE, "", FIRST, FIRST + 11 * MINUTE)
    link.down()
    before = link.outage
    assert not link.stood_still(FIRST + 12 * MINUTE, FIRST + 10 * MINUTE)
    assert link.outage == before, "the broker is away: that has no end yet"


def test_a_clock_that_was_behind_and_is_put_right_leaves_nobody_unwatched() -> None:
    engine = Engine(DISTRICT, FIRST - DAY)
    for second in range(0, 60, 5):
        engine.heard("gw-1", "radar", FIRST - DAY + second * SECOND)
        engine.advance(FIRST - DAY + second * SECOND)
    assert ("open", "limit_heart_rate", "urgent") in raised(fast_heart(engine, FIRST))


def test_a_machine_that_slept_calls_nobody_silent_until_they_had_time_to_speak() -> None:
    link = BrokerWatch(DatabaseSettings(), "alerting-0", 30, None)
    link.up()
    engine = Engine(DISTRICT, FIRST)
    fast_heart(engine, FIRST, 1)
    woken_us = FIRST + DAY
    assert not link.stood_still(FIRST, FIRST + 5 * SECOND)
    assert link.outage is None
    assert link.stood_still(FIRST + MINUTE, woken_us)
    engine.cut_off()
    assert link.outage == Pause("cut_off", EVERYWHERE, "", FIRST + MINUTE, woken_us + 10 * MINUTE)
    engine.pause([link.outage])
    assert engine.advance(woken_us) == []
    silent = [f for second in range(0, 600, 5) for f in engine.advance(woken_us + second * SECOND)]
    assert [(f.rule, f.onset_us >= woken_us) for f in silent] == [("gateway_silent", True)]


@pytest.mark.parametrize("at_us", [0, FIRST + 400 * DAY, 2**62])
def test_an_event_with_an_absurd_time_is_told_and_changes_nothing_for_those_that_follow(at_us: int) -> None:
    engine = Engine(DISTRICT, FIRST)
    found = fast_heart(engine, FIRST)
    assert ("open", "limit_heart_rate", "urgent") in raised(found)
    for kind in ("fall_suspected", "device_fault", "sos_pressed"):
        assert engine.event(Happened(RADAR, kind, at_us, {}))
    engine.advance(FIRST + 7 * MINUTE)
    later = FIRST + 3 * 60 * MINUTE
    engine.advance(later)
    for kind, rule in (("fall_suspected", "fall"), ("device_fault", "device_fault")):
        told = engine.event(Happened(RADAR, kind, later, {}))
        assert [(f.action, f.rule, f.onset_us) for f in told] == [("open", rule, later)]
    again = [f for f in fast_heart(engine, FIRST + 6 * MINUTE, 1) if f.rule == "limit_heart_rate"]
    assert raised(again) == []
