"""What devices say that cannot be: values no body gives, clocks that are off, a battery that runs down."""

import msgspec
import numpy as np
import pytest

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from alerting.detection.kit.columns import VitalColumns, lane_of
from alerting.detection.kit.context import District, Pause, Person, Source
from tests.support.sensors import FIRST, MINUTE, raised

GIVES = frozenset({"heart_rate", "respiration_rate"})
RADAR = Source(
    gateway="gw-1",
    name="radar",
    model="test",
    household_id=7,
    person=0,
    heartbeat_s=1e9,
    label_zh="雷达",
    label_en="radar",
    room="bedroom",
    home=0,
    gives=GIVES,
)
WATCH = Source(
    gateway="gw-1",
    name="watch",
    model="test",
    household_id=7,
    person=0,
    heartbeat_s=1e9,
    label_zh="手表",
    label_en="watch",
    room="worn",
    home=0,
    gives=frozenset({"heart_rate"}),
)
DISTRICT = District([Person(id=1, code="R0001", household_id=7)], {("gw-1", "radar"): RADAR}, {"gw-1": 7})
Reading = tuple[str, float, float]  # channel, minute, value


def run(readings: list[Reading], *, step: int = 60, district: District = DISTRICT) -> list[Finding]:
    """The clock moves every ``step`` minutes, an hour and a half longer than the readings."""
    engine, found = Engine(district, FIRST), []
    minutes = np.array([minute for _, minute, _ in readings])
    for now in range(0, int(minutes.max()) + 91, step):
        here = [readings[i] for i in np.flatnonzero((minutes >= now) & (minutes < now + step))]
        time_us = np.array([FIRST + int(minute * MINUTE) for _, minute, _ in here], np.int64)
        column = np.array([lane_of(code) for code, _, _ in here], np.int16)
        value = np.array([value for _, _, value in here], np.float32)
        engine.readings(VitalColumns(np.zeros(len(here), np.int32), column, time_us, value))
        found += engine.heard("gw-1", "radar", FIRST + (now + step) * MINUTE)
        found += engine.advance(FIRST + (now + step) * MINUTE + 10_000_000)
    return found


@pytest.mark.parametrize("step", [1, 60])
def test_values_that_no_body_gives_are_technical_and_nothing_else(step: int) -> None:
    readings: list[Reading] = [("heart_rate", minute, 0.0 if minute % 5 else 70.0) for minute in range(30)]
    found = run([*readings, *[("heart_rate", minute, 71.0 + minute % 3) for minute in range(30, 120)]], step=step)
    assert raised(found) == [
        ("open", "implausible_heart_rate", "technical"),
        ("clear", "implausible_heart_rate", "technical"),
    ]
    assert "心率 0 次/分，超出可能的范围 15 至 260" in found[0].reason_zh


def test_one_odd_value_of_a_sensor_is_nothing_and_of_scales_is_told() -> None:
    assert run([("heart_rate", 0, 400.0), ("heart_rate", 1, 70.0)]) == []
    assert raised(run([("weight", 0, 900.0)]))[0] == ("open", "implausible_weight", "technical")


STUCK: list[Reading] = [("heart_rate", minute / 2, 88.0) for minute in range(80)]
IMPOSSIBLE: list[Reading] = [("heart_rate", minute, 400.0) for minute in range(4)]
ERRATIC: list[Reading] = [("heart_rate", minute / 4, 60.0 + 60 * (minute % 2)) for minute in range(300)]


@pytest.mark.parametrize("readings", [STUCK, IMPOSSIBLE, ERRATIC])
def test_the_device_that_gives_the_channel_is_named_and_its_maintenance_rests_the_alert(
    readings: list[Reading],
) -> None:
    first = run(readings)[0]
    assert first.evidence["device"] == "gw-1/radar"
    assert "疑雷达" in first.reason_zh
    assert "the radar" in first.reason_en
    pause = Pause("maintenance", 7, "gw-1/radar", FIRST, FIRST + 72 * 60 * MINUTE)
    assert run(readings, district=msgspec.structs.replace(DISTRICT, pauses=[pause])) == []
    other = msgspec.structs.replace(pause, device="gw-1/scales")
    assert run(readings, district=msgspec.structs.replace(DISTRICT, pauses=[other]))


def test_several_devices_that_may_have_given_it_are_all_named() -> None:
    two = District(DISTRICT.people, {**DISTRICT.sources, ("gw-1", "watch"): WATCH}, DISTRICT.gateways)
    first = run(STUCK, district=two)[0]
    assert first.evidence["devices"] == ["gw-1/radar", "gw-1/watch"]
    assert "device" not in first.evidence
    assert "疑雷达或手表卡住" in first.reason_zh
    assert "the radar or the watch may be stuck" in first.reason_en
    pause = Pause("maintenance", 7, "gw-1/watch", FIRST, FIRST + 72 * 60 * MINUTE)
    assert run(STUCK, district=msgspec.structs.replace(two, pauses=[pause])) == []


def test_what_is_used_by_hand_is_not_stuck() -> None:
    cuff = msgspec.structs.replace(WATCH, name="cuff", gives=frozenset({"heart_rate", "systolic_bp"}))
    two = District(DISTRICT.people, {**DISTRICT.sources, ("gw-1", "cuff"): cuff}, DISTRICT.gateways)
    assert run(STUCK, district=two)[0].evidence["device"] == "gw-1/radar"
    assert run(IMPOSSIBLE, district=two)[0].evidence["devices"] == ["gw-1/cuff", "gw-1/radar"]


def test_a_clock_ahead_is_told_at_once_and_one_behind_when_it_lasts() -> None:
    engine = Engine(DISTRICT, FIRST)
    ahead = engine.clock("gw-1", FIRST + 90_000_000, FIRST)
    assert raised(ahead) == [("open", "clock_off", "technical")]
    assert "快 90 秒" in ahead[0].reason_zh
    assert ahead[0].evidence["device"] == "gw-1"
    assert engine.clock("gw-1", FIRST + 95_000_000, FIRST + 1_000_000) == []
    assert raised(engine.clock("gw-1", FIRST + 2_000_000, FIRST + 2_000_000)) == [("clear", "clock_off", "technical")]
    engine = Engine(DISTRICT, FIRST)
    backlog = [engine.clock("gw-1", FIRST, FIRST + minute * MINUTE) for minute in (5, 10)]
    assert backlog == [[], []]
    behind = engine.clock("gw-1", FIRST + 12 * MINUTE, FIRST + 16 * MINUTE)
    assert raised(behind) == [("open", "clock_off", "technical")]


def test_the_gateway_s_own_word_on_its_clock_and_a_battery() -> None:
    engine = Engine(DISTRICT, FIRST)
    times = FIRST + np.arange(3) * MINUTE
    engine.switched(RADAR, "clock_offset", times, np.array([5, -8000, 3]))
    engine.switched(RADAR, "battery", times, np.array([12, 9, 10]))
    found = [f for f in engine.advance(FIRST + 5 * MINUTE) if f.rule not in ("gateway_silent", "device_silent")]
    assert raised(found) == [
        ("open", "clock_off", "technical"),
        ("open", "battery_low", "technical"),
        ("clear", "clock_off", "technical"),
    ]
    assert "慢 8 秒" in found[0].reason_zh
    assert found[1].reason_zh.endswith("9%")
