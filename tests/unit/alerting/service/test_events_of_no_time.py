"""Events of a gateway that does not know the time: told with the platform's, and still the same alert everywhere."""

import pytest

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from alerting.detection.engine.memory import decode_memory
from alerting.detection.kit.context import District, Happened, Person, Source
from alerting.detection.kit.intake import dated
from alerting.service.district import build_notice
from care_network.records.registry import EMPTY
from tests.support.sensors import DAY, FIRST, MINUTE

PENDANT = Source(
    gateway="gw-1",
    name="pendant",
    model="test",
    household_id=7,
    person=0,
    heartbeat_s=60,
    label_zh="吊坠",
    label_en="pendant",
    room="worn",
    home=0,
)
DISTRICT = District([Person(id=1, code="R0001", household_id=7)], {("gw-1", "pendant"): PENDANT}, {"gw-1": 7})
SECOND = 1_000_000
ABSURD = (5 * SECOND, FIRST + 300 * DAY, 2**62)


def heard(engine: Engine, kind: str, own_us: int, now_us: int, **values: int | str) -> list[Finding]:
    found = engine.advance(now_us)
    return [*found, *engine.event(dated(Happened(PENDANT, kind, own_us, dict(values)), now_us))]


@pytest.mark.parametrize("own_us", ABSURD)
def test_a_fall_is_one_alert_from_the_suspicion_to_the_end_in_whatever_process(own_us: int) -> None:
    told = []
    for late_us in (0, 3 * SECOND):  # two processes, or one of them again
        engine, found = Engine(DISTRICT, FIRST), []
        for number, kind in enumerate(("fall_suspected", "fall_confirmed", "fall_recovered")):
            found += heard(engine, kind, own_us, FIRST + late_us + number * MINUTE)
        assert [f.action for f in found if f.rule == "fall"] == ["open", "open", "update", "clear"]
        assert {(f.onset_us, f.sensed_us >= FIRST + late_us) for f in found} == {(own_us, True)}
        told.append({f.alert_id for f in found})
    assert told[0] == told[1]
    assert len(told[0]) == 1


@pytest.mark.parametrize("own_us", ABSURD)
def test_lying_there_afterwards_belongs_to_it_too(own_us: int) -> None:
    engine = Engine(DISTRICT, FIRST)
    heard(engine, "motion_began", FIRST, FIRST)
    found = heard(engine, "fall_suspected", own_us, FIRST + MINUTE)
    engine_again = Engine(DISTRICT, FIRST + 2 * MINUTE)
    engine_again.recall(decode_memory(engine.memory()))
    found += engine_again.advance(FIRST + 15 * MINUTE)
    lying = [f for f in found if f.evidence.get("kind") == "long_lie"]
    assert [f.action for f in lying] == ["update"]
    assert {f.alert_id for f in found if f.rule == "fall"} == {lying[0].alert_id}
    assert "10" in lying[0].reason_zh


@pytest.mark.parametrize("own_us", ABSURD)
def test_a_call_that_is_told_twice_is_one_and_the_next_is_another(own_us: int) -> None:
    engine = Engine(DISTRICT, FIRST)
    first = heard(engine, "sos_pressed", own_us, FIRST)
    again = heard(engine, "sos_pressed", own_us, FIRST + 5 * MINUTE)  # the broker repeats it
    assert {f.alert_id for f in again if f.rule == "sos"} == {f.alert_id for f in first}
    later = heard(engine, "sos_pressed", own_us + 8 * SECOND, FIRST + 3 * 60 * MINUTE)  # after the gateway began anew
    assert [f.action for f in later if f.rule == "sos"] == ["open"]
    assert {f.alert_id for f in later if f.rule == "sos"}.isdisjoint(f.alert_id for f in first)


def test_the_long_press_takes_back_what_the_same_clock_dated() -> None:
    engine = Engine(DISTRICT, FIRST)
    pressed = heard(engine, "sos_pressed", 5 * SECOND, FIRST)
    cancelled = heard(engine, "sos_cancelled", 11 * SECOND, FIRST + MINUTE)
    assert [(f.action, f.alert_id) for f in cancelled if f.rule == "sos"] == [("cancel", pressed[0].alert_id)]


@pytest.mark.parametrize("own_us", ABSURD)
def test_people_see_a_time_that_can_be(own_us: int) -> None:
    engine = Engine(DISTRICT, FIRST)
    opened = heard(engine, "sos_pressed", own_us, FIRST)[-1]
    notice = build_notice(EMPTY, opened, FIRST, FIRST, "raised", 1)
    assert (notice.onset_us, notice.sensed_us, notice.id) == (FIRST, FIRST, str(opened.alert_id))
    assert opened.evidence["window"] == {"since_us": FIRST, "until_us": FIRST}


def test_a_time_that_can_be_stays_what_it_is() -> None:
    for at_us in (FIRST - 399 * DAY, FIRST, FIRST + DAY - 1):
        happened = Happened(PENDANT, "fall_suspected", at_us, {})
        assert dated(happened, FIRST) is happened
    moved = dated(Happened(PENDANT, "motion_began", FIRST + 2 * MINUTE, {}), FIRST)
    assert (moved.time_us, moved.onset_us) == (FIRST, FIRST + 2 * MINUTE)
