"""People move, gateways and devices are replaced: what was open then explains nothing, and ends, afterwards."""

import msgspec
import pytest

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from alerting.detection.engine.memory import decode_memory
from alerting.detection.kit.context import District, Happened, Person, Source
from tests.support.sensors import DAY, FIRST, MINUTE, raised

HOUR = 60 * MINUTE
KITCHEN = Source(
    gateway="gw-1",
    name="pir",
    model="test",
    household_id=7,
    person=0,
    heartbeat_s=1e9,
    label_zh="人体传感器",
    label_en="motion sensor",
    room="kitchen",
    home=0,
)
AT_HOME = District([Person(id=1, code="R0001", household_id=7)], {("gw-1", "pir"): KITCHEN}, {"gw-1": 7})
TUNING = {"inactivity.unlearned": 4.0}


def with_gateway(name: str, household: int = 7, person: Person = AT_HOME.people[0]) -> District:
    source = msgspec.structs.replace(KITCHEN, gateway=name, household_id=household)
    return District([msgspec.structs.replace(person, tuning=TUNING)], {(name, "pir"): source}, {name: household})


def silent(engine: Engine, now_us: int, minutes: int = 10) -> list[Finding]:
    """Nobody is heard for some minutes."""
    return [f for second in range(0, minutes * 60, 10) for f in engine.advance(now_us + second * 1_000_000)]


def still(engine: Engine, gateway: str, now_us: int) -> list[Finding]:
    """One motion, then the gateway is heard and nothing happens for seven hours."""
    source = engine.district.sources[gateway, "pir"]
    found = [*engine.event(Happened(source, "motion_began", now_us, {}))]
    for minute in range(7 * 60):
        found += engine.heard(gateway, None, now_us + minute * MINUTE)
        found += engine.advance(now_us + minute * MINUTE)
    return found


def replaced() -> District:
    return with_gateway("gw-2")


def moved() -> District:
    """The silent one serves another home now, and this one has another."""
    here, there = with_gateway("gw-2"), with_gateway("gw-1", 8)
    return District(here.people, {**here.sources, **there.sources}, {**here.gateways, **there.gateways})


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("change", [replaced, moved])
def test_a_silent_gateway_that_is_replaced_explains_nothing_afterwards(change: object, restarted: bool) -> None:
    engine = Engine(with_gateway("gw-1"), FIRST)
    assert raised(silent(engine, FIRST)) == [("open", "gateway_silent", "technical")]
    assert callable(change)
    engine.redistrict(change())
    if restarted:
        memory = decode_memory(engine.memory())
        engine = Engine(engine.district, FIRST + 10 * MINUTE)
        engine.recall(memory)
    found = still(engine, "gw-2", FIRST + 11 * MINUTE)
    assert ("open", "inactivity", "urgent") in raised(found)
    ended = [f for f in found if f.rule == "gateway_silent" and f.action == "clear"]
    assert [(f.subject, f.household_id) for f in ended] == [("gateway:gw-1", 7)]
    assert "gw-1" in ended[0].reason_zh
    assert "gw-1" in ended[0].reason_en


def test_a_silent_device_that_is_removed_and_comes_back_blinds_nobody() -> None:
    quick = msgspec.structs.replace(KITCHEN, heartbeat_s=60)
    district = msgspec.structs.replace(with_gateway("gw-1"), sources={("gw-1", "pir"): quick})
    engine = Engine(district, FIRST)
    for minute in range(10):
        engine.heard("gw-1", None, FIRST + minute * MINUTE)
        engine.advance(FIRST + minute * MINUTE)
    engine.redistrict(msgspec.structs.replace(district, sources={}))
    engine.advance(FIRST + 11 * MINUTE)
    engine.redistrict(with_gateway("gw-1"))
    assert ("open", "inactivity", "urgent") in raised(still(engine, "gw-1", FIRST + 12 * MINUTE))


def test_who_moves_takes_the_open_alert_along_and_explains_nothing_in_the_old_home() -> None:
    """R0001 is still in home 7; then lives in home 8, and R0002 in home 7."""
    engine = Engine(with_gateway("gw-1"), FIRST)
    assert ("open", "inactivity", "urgent") in raised(still(engine, "gw-1", FIRST))
    after = FIRST + 8 * HOUR
    one, two = (
        Person(id=1, code="R0001", household_id=8, tuning=TUNING),
        Person(id=2, code="R0002", household_id=7, tuning=TUNING),
    )
    bath = Source(
        gateway="gw-1",
        name="bath",
        model="test",
        household_id=7,
        person=1,
        heartbeat_s=1e9,
        label_zh="浴室",
        label_en="bathroom",
        room="bathroom",
        home=1,
    )
    there = msgspec.structs.replace(KITCHEN, gateway="gw-8", household_id=8)
    engine.redistrict(District([one, two], {("gw-1", "bath"): bath, ("gw-8", "pir"): there}, {"gw-1": 7, "gw-8": 8}))
    found = [*engine.event(Happened(there, "motion_began", after, {})), *engine.advance(after + MINUTE)]
    assert [(f.action, f.rule, f.subject) for f in found if f.rule == "inactivity"] == [
        ("clear", "inactivity", "resident:R0001")
    ]
    engine.event(Happened(bath, "motion_began", after + HOUR, {}))
    found = []
    for minute in range(180):
        now_us = after + HOUR + minute * MINUTE
        found += [*engine.heard("gw-1", None, now_us), *engine.heard("gw-8", None, now_us), *engine.advance(now_us)]
    assert ("open", "bathroom_stay", "urgent") in raised(found)


def test_who_is_gone_while_an_alert_is_open_explains_nothing_to_the_next() -> None:
    engine = Engine(with_gateway("gw-1"), FIRST)
    assert ("open", "inactivity", "urgent") in raised(still(engine, "gw-1", FIRST))
    nowhere = msgspec.structs.replace(with_gateway("gw-1").people[0], household_id=0)
    bath = Source(
        gateway="gw-1",
        name="bath",
        model="test",
        household_id=7,
        person=1,
        heartbeat_s=1e9,
        label_zh="浴室",
        label_en="bathroom",
        room="bathroom",
        home=1,
    )
    engine.redistrict(
        District([nowhere, Person(id=2, code="R0002", household_id=7)], {("gw-1", "bath"): bath}, {"gw-1": 7})
    )
    after, found = FIRST + DAY, []
    engine.event(Happened(bath, "motion_began", after, {}))
    for minute in range(180):
        found += engine.heard("gw-1", None, after + minute * MINUTE)
        found += engine.advance(after + minute * MINUTE)
    assert ("open", "bathroom_stay", "urgent") in raised(found)
