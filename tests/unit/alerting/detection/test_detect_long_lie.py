"""After a fall: up again, or lying for long."""

import msgspec
import pytest

from alerting.detection.engine.ledger import on_its_own
from alerting.detection.kit.context import Happened, Pause
from tests.support.sensors import SensorHome, at, raised


def fallen(residents: int = 1, kind: str = "fall_suspected", room: str = "kitchen") -> SensorHome:
    """Motion in a room at 9:58, the pendant's impact at 10:00."""
    home = SensorHome("falls", "long_lie", residents=residents)
    home.move(0, "09:30 living_room", f"09:58 {room}")
    home.until(0, "09:59:45")
    home.found += home.engine.event(fall(home, kind))
    assert home.found[0].rule == "fall"
    return home


def fall(home: SensorHome, kind: str) -> Happened:
    return Happened(home.sources["pendant"], kind, at(0, "10:00"), {"confidence": 0.7})


def test_a_suspected_fall_and_then_another_room_is_up_again() -> None:
    home = fallen()
    home.move(0, "10:01 kitchen", "10:04 living_room")
    found = home.until(0, "12:00")
    assert raised(found) == [("open", "fall", "urgent"), ("clear", "fall", "urgent")]
    assert found[1].reason_zh == "跌倒后 4 分钟客厅有活动，视为已起身"
    assert found[1].alert_id == found[0].alert_id


@pytest.mark.parametrize("signs", [[], ["10:01 kitchen", "10:05 kitchen"], ["10:01 living_room"]])
def test_no_sign_elsewhere_becomes_an_emergency_and_a_long_lie(signs: list[str]) -> None:
    home = fallen()
    home.move(0, *signs)
    found = home.until(0, "18:00")
    assert raised(found)[1:] == [("update", "fall", "emergency"), ("update", "fall", "emergency")]
    assert [f.sensed_us for f in found] == [at(0, "10:00"), at(0, "10:10"), at(0, "11:00")]
    assert "疑似跌倒后 10 分钟其他房间、床和门均无活动" in found[1].reason_zh
    assert "长时间倒地" in found[2].reason_zh


def test_a_confirmed_fall_is_never_cleared_by_activity() -> None:
    home = fallen(kind="fall_confirmed")
    home.move(0, "10:05 living_room")
    assert raised(home.until(0, "12:00"))[-1] == ("note", "fall", "emergency")


def test_who_comes_in_by_the_door_may_be_the_helper() -> None:
    home = fallen()
    home.door(0, "10:05")
    home.move(0, "10:08 living_room")
    assert raised(home.until(0, "12:00"))[1:] == [("note", "fall", "urgent")]


def test_of_two_who_live_together_it_may_be_the_other_one() -> None:
    home = fallen(residents=2)
    home.move(0, "10:05 living_room")
    assert ("clear", "fall", "urgent") not in raised(home.until(0, "12:00"))


def test_a_fall_onto_the_bed_is_taken_back() -> None:
    home = fallen()
    home.bed(0, "10:00:20", enter=True)
    found = home.until(0, "12:00")
    assert raised(found) == [("open", "fall", "urgent"), ("clear", "fall", "urgent")]


def test_recovered_by_the_pendant_ends_it() -> None:
    home = fallen()
    home.found += home.engine.event(fall(home, "fall_recovered"))
    assert raised(home.until(0, "12:00")) == [("open", "fall", "urgent"), ("clear", "fall", "urgent")]


def test_a_home_without_other_sensors_says_nothing_more() -> None:
    home = SensorHome("falls", "long_lie")
    home.until(0, "09:59:50")
    home.found += home.engine.event(fall(home, "fall_suspected"))
    assert raised(home.until(0, "12:00")) == [("open", "fall", "urgent")]


def test_a_lost_pendant_is_forgotten() -> None:
    home = fallen()
    sources = {key: source for key, source in home.district.sources.items() if key[1] != "pendant"}
    pause = Pause("carer", 7, "", at(0, "10:00"), at(0, "11:00"))
    home.engine.redistrict(msgspec.structs.replace(home.district, sources=sources, pauses=[pause]))
    assert raised(home.until(0, "12:00")) == [("open", "fall", "urgent")]


def still(recovers: bool) -> SensorHome:
    """A home of which nine days are known; on the tenth a fall at 10:00 and no sign any more."""
    home = SensorHome("falls", "long_lie", "inactivity")
    home.ordinary_days(range(9))
    home.bed(9, "07:00", enter=False)
    home.move(9, "07:02 bathroom", "09:00 kitchen", "09:40 living_room", "09:58 kitchen")
    home.until(9, "09:59:45")
    home.found.clear()
    home.tell("pendant", "fall_suspected", at(9, "10:00"))
    if recovers:
        home.tell("pendant", "fall_recovered", at(9, "10:01"))
        home.move(9, "10:03 living_room")
    home.until(9, "18:00")
    return home


def test_stillness_after_a_fall_that_lasts_joins_its_alert() -> None:
    home = still(recovers=False)
    assert {f.rule for f in home.found} == {"fall"}
    assert {f.evidence["part"]["rule"] for f in home.found if "part" in f.evidence} == {"inactivity"}
    (alone, *_) = [one for f in home.found if (one := on_its_own(f)) is not None]
    assert (alone.rule, alone.action) == ("inactivity", "open"), "where the fall's alert was closed, it is its own"


def test_stillness_after_a_fall_that_is_over_is_an_alert_of_its_own() -> None:
    home = still(recovers=True)
    opened = dict.fromkeys((f.rule, f.onset_us) for f in home.found if f.action == "open")
    assert [rule for rule, _ in opened] == ["fall", "inactivity"]
