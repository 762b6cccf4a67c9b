"""0/1 sensors that hang: told as such, never a sign of life, and nothing is learned meanwhile."""

import pytest

from alerting.detection.kit.routine.stuck import Elsewhere, is_stuck
from tests.support.sensors import SensorHome, at, raised

HOUR, MINUTE = 3_600_000_000, 60_000_000
ALL = ("inactivity", "morning", "bathroom", "bed_exit", "sleep", "day_night", "stuck_switch")


def medical(home: SensorHome) -> list[str]:
    return [f.rule for f in home.found if f.severity != "technical" and f.action == "open"]


def about(home: SensorHome, day: int, hours: range, third: str = "living_room") -> None:
    """Feed a busy resident: a sign every six minutes, in three or four rooms."""
    rooms = ("kitchen", "bathroom", third, "kitchen", "hall")
    for number in range(len(hours) * 10):
        home.move(day, f"{hours[number // 10]:02d}:{number % 10 * 6:02d} {rooms[number % 5]}")


def test_a_motion_sensor_that_hangs_is_told_and_hides_nobody() -> None:
    home = SensorHome(*ALL)
    home.ordinary_days(range(9))
    home.bed(9, "07:00", enter=False)
    home.tell("pir-living", "motion_began", at(9, "07:05"))
    about(home, 9, range(8, 12), "kitchen")
    (told,) = [f for f in home.until(9, "11:59") if f.rule == "stuck_motion"]
    assert told.severity == "technical"
    assert told.onset_us == at(9, "07:05")
    assert told.subject == "device:gw-1/pir-living"
    assert "客厅人体传感器" in told.reason_zh
    assert "living room" in told.reason_en.lower()
    assert medical(home) == []
    stop = [f for f in home.until(9, "14:30") if f.rule == "inactivity"]
    assert len(stop) == 1, "as if the sensor were not there"
    home.tell("pir-living", "motion_ended", at(9, "15:00"))
    assert raised(home.until(9, "15:05"), "stuck_motion")[-1] == ("clear", "stuck_motion", "technical")
    assert raised(home.found, "inactivity")[-1][0] == "open", "its end is no sign of life"


def test_repetitions_of_a_sensor_that_hangs_are_no_sign_of_life() -> None:
    home = SensorHome(*ALL)
    home.ordinary_days(range(9))
    home.bed(9, "07:00", enter=False)
    home.tell("pir-living", "motion_began", at(9, "07:05"))
    about(home, 9, range(8, 12), "kitchen")
    for minute in range(0, 180, 10):
        home.tell("pir-living", "motion_began", at(9, "12:00") + minute * MINUTE)
    assert "inactivity" in medical(home)


def test_a_bed_mat_that_hangs_hides_no_collapse_and_nothing_is_learned_of_it() -> None:
    home = SensorHome(*ALL)
    home.ordinary_days(range(9))
    asleep = home.engine._detectors["sleep.Sleep"].state
    known = int(asleep.days.known[0, 0])
    about(home, 9, range(7, 10))  # the mat still says that she lies there
    assert [f.rule for f in home.until(9, "10:05") if f.severity == "technical"] == ["stuck_in_bed"]
    about(home, 9, range(10, 12))
    assert medical(home) == []
    assert "inactivity" in [f.rule for f in home.until(9, "14:30")]
    assert int(asleep.days.known[0, 0]) == known
    assert home.engine._detectors["morning.Morning"].state.up[0].tolist().count(0) >= 4


def test_a_night_under_a_mat_that_hangs_is_no_stillness() -> None:
    home = SensorHome(*ALL)
    home.ordinary_days(range(9))
    about(home, 9, range(7, 22))
    home.move(9, "22:25 living_room")
    home.move(10, "02:11 bathroom", "07:01 bathroom")
    assert medical(home) == []


def test_a_cat_leaves_its_owner_in_bed() -> None:
    home = SensorHome("inactivity", "stuck_switch")
    home.ordinary_days(range(9))
    for hour in range(7, 18):  # she does not get up
        home.move(9, f"{hour:02d}:10 kitchen", f"{hour:02d}:25 living_room", f"{hour:02d}:50 kitchen")
    (told,) = home.until(9, "18:00")
    assert raised([told]) == [("open", "inactivity", "urgent")]
    assert "在床已连续 14 小时" in told.reason_zh
    assert "宠物" in told.reason_zh
    assert "in bed for 14 h without a break" in told.reason_en.lower()
    home.bed(9, "18:30", enter=False)
    assert raised(home.until(9, "18:40"))[-1] == ("clear", "inactivity", "urgent")


def test_a_busy_cat_of_many_nights_makes_no_mat_stuck() -> None:
    home = SensorHome("stuck_switch")
    rooms = ("kitchen", "living_room", "hall")
    for day in range(6):
        home.bed(day, "00:05", enter=True)
        for number in range(5 + 2 * day):
            home.move(day, f"{1 + number // 7:02d}:{number % 7 * 8:02d} {rooms[number % 3]}")
        home.bed(day, "07:00", enter=False)
    assert home.until(6, "00:00") == []


def test_of_two_one_lies_while_the_other_is_about() -> None:
    home = SensorHome("inactivity", "stuck_switch", residents=2)
    home.ordinary_days(range(9))
    about(home, 9, range(7, 20))
    assert home.until(9, "19:59") == []


def test_a_door_that_stays_open_overnight() -> None:
    home = SensorHome("stuck_switch")
    home.ordinary_days(range(3))
    home.bed(3, "07:00", enter=False)
    home.tell("front-door", "door_opened", at(3, "09:00"))
    about(home, 3, range(9, 20))
    assert home.until(3, "20:00") == []
    home.move(4, "21:10 kitchen")
    (told,) = home.until(4, "21:15")
    assert raised([told]) == [("open", "stuck_door_open", "technical")]
    home.tell("front-door", "door_closed", at(4, "22:00"))
    assert raised(home.until(4, "22:05"))[-1] == ("clear", "stuck_door_open", "technical")


def test_a_sensor_that_says_nothing_while_its_neighbours_do() -> None:
    home = SensorHome("stuck_switch")
    home.ordinary_days(range(10))
    home.bed(10, "07:00", enter=False)
    for day in range(10, 16):
        about(home, day, range(8, 20))
    told = [f for f in home.until(16, "00:00") if f.rule == "stuck_in_bed"]
    assert raised(told) == [("open", "stuck_in_bed", "technical")]
    assert "无任何信号" in told[0].reason_zh


def test_an_empty_home_misses_no_sensor() -> None:
    home = SensorHome("stuck_switch")
    home.ordinary_days(range(10))
    assert home.until(20, "00:00") == []


@pytest.mark.parametrize(
    ("sense", "minutes", "rooms", "stuck"),
    [
        ("motion", 130, 1, True),
        ("motion", 110, 3, False),
        ("presence", 130, 3, True),
        ("presence", 130, 2, False),
        ("bed", 130, 3, True),
        ("bed", 130, 2, False),
        ("bed", 50, 3, False),
    ],
)
def test_how_long_and_in_how_many_rooms(sense: str, minutes: int, rooms: int, stuck: bool) -> None:
    signs = [Elsewhere(at * MINUTE, f"room-{at % rooms}", "pir") for at in range(1, minutes, 4)]
    signs.append(Elsewhere(minutes * MINUTE, "room-0", "pir"))
    assert is_stuck(sense, "bedroom", 0, signs, several=False) == stuck
    assert not is_stuck(sense, "bedroom", 0, signs, several=True)
    assert not is_stuck(sense, "room-0", 0, [signs[-1]], several=False), "its own signs are none of elsewhere"


def test_a_carer_who_came_in_by_the_door_makes_no_mat_stuck() -> None:
    home = SensorHome(*ALL)
    home.ordinary_days(range(9))
    home.door(9, "08:00")
    about(home, 9, range(8, 11))
    home.door(9, "10:59")
    assert [f for f in home.until(9, "11:30") if f.severity == "technical"] == []
