"""No sign of life against the own routine: silent on ordinary days, in time when it matters."""

import msgspec
import numpy as np

from alerting.detection.engine.engine import Engine
from alerting.detection.engine.memory import decode_memory
from alerting.detection.kit.context import EVERYWHERE, Happened, Pause, Person
from tests.support.sensors import SensorHome, at, raised

HOUR = 3_600_000_000


def test_ordinary_days_are_quiet_from_the_first_on() -> None:
    home = SensorHome("inactivity")
    home.ordinary_days(range(20))
    assert raised(home.until(20, "00:00")) == []


def test_a_stop_of_all_activity_is_told_within_two_hours_with_its_numbers() -> None:
    home = SensorHome("inactivity")
    home.ordinary_days(range(7))
    home.bed(7, "06:58", enter=False)
    home.move(7, "07:00 bathroom", "07:20 kitchen")
    (found,) = home.until(7, "09:20")
    assert raised([found]) == [("open", "inactivity", "urgent")]
    assert found.sensed_us - at(7, "07:21") == 105 * 60_000_000
    assert "已 105 分钟无任何活动（最后一次在厨房 07:21）" in found.reason_zh
    assert "平时此时段不超过" in found.reason_zh
    assert "last in the kitchen, 07:21" in found.reason_en
    assert found.evidence["window"] == {"since_us": at(7, "07:21"), "until_us": found.sensed_us}
    assert found.evidence["parameters"]["inactivity.floor"] == 105
    home.move(7, "09:40 living_room")
    assert raised(home.until(7, "09:50"))[-1] == ("clear", "inactivity", "urgent")


def test_it_is_told_again_while_it_lasts_as_the_same_alert() -> None:
    home = SensorHome("inactivity")
    home.ordinary_days(range(7))
    found = home.until(7, "12:00")
    found = [f for f in home.until(8, "06:00") if f.rule == "inactivity"]
    assert found
    assert len({f.alert_id for f in found}) == 1


def test_before_the_routine_is_known_only_half_a_day_counts() -> None:
    home = SensorHome("inactivity")
    home.move(0, "08:00 kitchen", "08:30 living_room")
    assert home.until(0, "20:29") == []
    (found,) = home.until(0, "20:40")
    assert "，上限 12 小时" in found.reason_zh


def test_out_is_not_inactive_but_not_back_is_told() -> None:
    home = SensorHome("inactivity")
    home.ordinary_days(range(7))
    home.bed(7, "06:58", enter=False)
    home.move(7, "07:00 bathroom", "07:20 kitchen")
    home.door(7, "07:40")
    assert home.until(7, "21:30") == []
    (found,) = home.until(7, "21:45")
    assert raised([found]) == [("open", "not_back", "attention")]
    assert "07:40 出门后 14 小时未归，近期外出最长 90 分钟" in found.reason_zh
    home.door(7, "22:00")
    home.move(7, "22:03 kitchen")
    assert raised(home.until(7, "22:10"))[-1] == ("clear", "not_back", "attention")


def test_home_again_by_the_door_and_then_nothing() -> None:
    home = SensorHome("inactivity")
    home.ordinary_days(range(7))
    home.bed(7, "06:58", enter=False)
    home.move(7, "07:00 bathroom", "07:20 kitchen")
    home.door(7, "07:40")
    home.door(7, "08:20")
    (found,) = home.until(7, "10:20")
    assert "最后一次是入户门 08:20" in found.reason_zh


def test_the_bed_is_allowed_its_time() -> None:
    home = SensorHome("inactivity")
    home.ordinary_days(range(7))
    assert home.until(7, "12:30") == []
    (found,) = home.until(7, "12:45")
    assert "在床" in found.reason_zh


def test_one_odd_day_does_not_become_the_routine_but_two_do() -> None:
    home = SensorHome("inactivity", tuning={"inactivity.learn_days": 3})
    home.ordinary_days(range(8))
    inactivity = home.engine._detectors["inactivity.Inactivity"]
    before = inactivity.state.longest[0, 0, 15].copy()
    for n, day in enumerate((8, 9)):
        home.bed(day, "07:00", enter=False)
        home.move(day, "13:00 kitchen", "18:00 kitchen")
        home.bed(day, "22:30", enter=True)
        assert inactivity._usual_us(0, 0, 15) > 2 * HOUR if n else inactivity._usual_us(0, 0, 15) < 2 * HOUR
    assert before.max() * 5 < 90


def test_a_carer_who_is_there_silences_it() -> None:
    home = SensorHome("inactivity")
    home.ordinary_days(range(7))
    pause = Pause("carer", 7, "", at(7, "08:00"), at(7, "11:00"))
    home.engine.redistrict(msgspec.structs.replace(home.district, pauses=[pause]))
    home.bed(7, "06:58", enter=False)
    home.move(7, "07:20 kitchen")
    assert home.until(7, "10:50") == []
    assert raised(home.until(7, "12:00"))[0] == ("open", "inactivity", "urgent"), "told again when the carer has gone"


def test_what_nobody_could_hear_is_told_only_if_it_lasts() -> None:
    cut_off = Pause("cut_off", EVERYWHERE, "", at(7, "08:00"), at(7, "13:00"))
    for moves, told in (("07:20 kitchen", True), ("12:50 kitchen", False)):
        home = SensorHome("inactivity")
        home.ordinary_days(range(7))
        home.engine.pause([cut_off])
        home.bed(7, "06:58", enter=False)
        home.move(7, "07:20 kitchen")
        assert home.until(7, "12:40") == []
        home.move(7, moves)
        assert bool(raised(home.until(7, "13:05"))) == told


def test_a_pause_that_ends_early_holds_nothing_back() -> None:
    home = SensorHome("inactivity")
    home.ordinary_days(range(7))
    pause = Pause("carer", 7, "", at(7, "08:00"), at(7, "18:00"))
    home.engine.pause([pause])
    home.bed(7, "06:58", enter=False)
    home.move(7, "07:20 kitchen")
    assert home.until(7, "11:00") == []
    home.engine.pause([msgspec.structs.replace(pause, until_us=at(7, "11:00"))])
    assert raised(home.until(7, "11:05"))[0] == ("open", "inactivity", "urgent")


def test_a_silent_sensor_explains_it_but_not_half_a_day() -> None:
    home = SensorHome("inactivity", "silence")
    home.ordinary_days(range(7))
    sources = {
        key: msgspec.structs.replace(source, heartbeat_s=600.0 if key[1] == "pir-living" else 1e9)
        for key, source in home.district.sources.items()
    }
    home.engine.redistrict(msgspec.structs.replace(home.district, sources=sources))
    home.bed(7, "06:58", enter=False)
    home.move(7, "07:20 kitchen")
    found = []
    for minute in range(7 * 60 + 21, 21 * 60):
        home.engine.heard("gw-1", "bed", at(7, "00:00") + minute * 60_000_000)
        found += home.until(7, f"{minute // 60:02d}:{minute % 60:02d}")[len(found) :]
    opened = dict.fromkeys(f.rule for f in found if f.action == "open")
    assert list(opened) == ["gateway_silent", "device_silent", "inactivity_long"]
    assert at(7, "19:21") <= found[-1].sensed_us <= at(7, "20:21")
    home.move(7, "21:30 living_room")
    assert ("clear", "inactivity_long", "urgent") in raised(home.until(7, "21:40"))


def test_a_home_that_lost_its_sensors_or_got_a_second_resident_is_forgotten() -> None:
    home = SensorHome("inactivity")
    home.ordinary_days(range(7))
    none = {key: msgspec.structs.replace(source, home=None) for key, source in home.district.sources.items()}
    home.engine.redistrict(msgspec.structs.replace(home.district, sources=none))
    assert home.until(10, "00:00") == []


def test_the_same_whatever_the_batches_and_across_a_restart() -> None:
    def run(hours: int, restart: bool) -> list[object]:
        recorded = SensorHome("none")
        events: list[Happened] = []
        recorded.tell = lambda device, kind, t: events.append(Happened(recorded.sources[device], kind, t, {}))  # type: ignore[method-assign]
        recorded.ordinary_days(range(7))
        home = SensorHome("inactivity", "bathroom", "morning", "bed_exit", "day_night", "night_wandering", "long_lie")
        rng = np.random.default_rng(hours)
        for begin in range(at(0, "00:00"), at(9, "00:00"), hours * HOUR):
            batch = [e for e in events if begin <= e.time_us < begin + hours * HOUR]
            for i in rng.permutation(len(batch)).tolist():
                home.engine.event(batch[i])
            home.found += home.engine.advance(begin + hours * HOUR)
            if restart:
                memory = decode_memory(home.engine.memory())
                detectors = {name: type(d) for name, d in home.engine._detectors.items()}
                home.engine = Engine(home.district, begin + hours * HOUR, detectors)
                assert home.engine.recall(memory) == []
        home.until(9, "00:00")
        return list(home.found)

    whole = run(24, restart=False)
    assert {"inactivity", "missed_morning"} <= {f.rule for f in whole}  # type: ignore[attr-defined]
    assert run(1, restart=False) == whole
    assert run(12, restart=True) == whole


def test_state_is_a_kilobyte_a_person() -> None:
    state = SensorHome("inactivity").engine._detectors["inactivity.Inactivity"].state
    arrays = [getattr(state, name) for name in ("longest", "day", "first_day", "absences")]
    assert sum(array.nbytes for array in arrays) <= 1024


def test_a_floor_that_is_lowered_counts_for_the_stillness_that_lasts_and_tells_no_open_alert_again() -> None:
    home = SensorHome("inactivity")
    home.ordinary_days(range(7))
    home.bed(7, "06:58", enter=False)
    home.move(7, "07:00 bathroom", "07:20 kitchen")
    assert home.until(7, "08:10") == []
    for floor in (60.0, 50.0):
        people = [msgspec.structs.replace(p, tuning={"inactivity.floor": floor}) for p in home.district.people]
        home.engine.redistrict(msgspec.structs.replace(home.district, people=people))
        assert [(f.rule, f.sensed_us) for f in home.until(7, "08:25")] == [("inactivity", at(7, "08:21"))]


def test_a_floor_that_is_lowered_while_alerting_is_down_counts_all_the_same() -> None:
    home = SensorHome("inactivity")
    home.ordinary_days(range(7))
    home.bed(7, "06:58", enter=False)
    home.move(7, "07:00 bathroom", "07:20 kitchen")
    assert home.until(7, "08:10") == []
    memory = decode_memory(home.engine.memory())
    people = [msgspec.structs.replace(p, tuning={"inactivity.floor": 60.0}) for p in home.district.people]
    people.append(Person(id=2, code="R0002", household_id=7))
    only = {name: type(detector) for name, detector in home.engine._detectors.items()}
    home.engine = Engine(msgspec.structs.replace(home.district, people=people), at(7, "08:15"), only)
    assert home.engine.recall(memory) == []
    assert [(f.rule, f.sensed_us) for f in home.until(7, "08:25")] == [("inactivity", at(7, "08:21"))]


def test_a_turn_in_bed_is_no_break() -> None:
    home = SensorHome("inactivity")
    home.ordinary_days(range(9))
    home.bed(9, "01:30", enter=False)
    home.bed(9, "01:31", enter=True)
    home.move(9, "11:00 kitchen")  # a cat
    (found,) = [f for f in home.until(9, "13:00") if f.rule == "inactivity"]
    assert found.reason_en.lower().startswith("in bed for 14 h without a break (since 22:3")


def test_the_door_alone_takes_no_stillness_back_and_is_no_night_out() -> None:
    home = SensorHome("inactivity", "night_wandering")
    home.ordinary_days(range(9))
    home.bed(9, "07:00", enter=False)
    for hour in range(7, 20):
        home.move(9, f"{hour:02d}:05 kitchen", f"{hour:02d}:35 living_room")
    home.move(9, "20:00 living_room")
    home.door(9, "23:40")  # whoever found her goes out with her
    told = raised(home.until(10, "06:00"))
    assert told[0] == ("open", "inactivity", "urgent")
    assert not [one for one in told if one[0] == "clear" or one[1] in ("night_wandering", "not_back")]
    home.move(10, "10:00 kitchen", "10:02 living_room", "10:05 kitchen")
    assert raised(home.until(10, "10:10"))[-1] == ("clear", "inactivity", "urgent")


def test_the_second_night_in_the_radars_sight_beside_a_mute_mat_is_no_stillness() -> None:
    home = SensorHome("inactivity")
    home.ordinary_days(range(9))
    home.bed(9, "07:00", enter=False)
    for day in (9, 10):
        for hour in range(8, 22):
            home.move(day, f"{hour:02d}:05 kitchen", f"{hour:02d}:35 living_room")
        home.tell("radar", "presence_began", at(day, "22:05"))
        home.tell("radar", "presence_ended", at(day + 1, "07:30"))
        home.move(day + 1, "07:31 bathroom", "07:45 kitchen")
    assert [f for f in home.until(11, "07:50") if f.sensed_us > at(10, "12:00")] == []
