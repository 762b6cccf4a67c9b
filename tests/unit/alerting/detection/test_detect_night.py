"""The night: gone out and not back, out of bed and not back, and days that are nights."""

import msgspec

from tests.support.sensors import MINUTE, SensorHome, at, raised


def test_gone_out_at_night_and_not_back() -> None:
    home = SensorHome("night_wandering")
    home.ordinary_days(range(7))
    home.bed(7, "02:10", enter=False)
    home.move(7, "02:12 living_room", "02:13 hall")
    home.door(7, "02:14")
    (found,) = home.until(7, "03:00")
    assert raised([found]) == [("open", "night_wandering", "urgent")]
    assert found.sensed_us - found.onset_us == 15 * MINUTE
    assert found.reason_zh == "夜间 02:14 出门，15 分钟未归；近 14 夜出门 0 次"
    home.door(7, "04:00")
    home.move(7, "04:04 living_room")
    assert raised(home.until(7, "04:10"))[-1] == ("clear", "night_wandering", "urgent")


def test_the_door_at_night_and_back_at_once_or_coming_home_is_nothing() -> None:
    home = SensorHome("night_wandering")
    home.move(0, "20:00 living_room")
    home.door(0, "20:10")
    home.door(0, "23:30")  # home again, and to bed in a room without a sensor
    home.move(1, "01:00 living_room")
    home.door(1, "01:05")
    home.door(1, "01:10")
    home.move(1, "01:12 living_room")
    assert home.until(1, "08:00") == []


def test_by_day_the_door_is_nothing() -> None:
    home = SensorHome("night_wandering")
    home.move(0, "10:00 living_room")
    home.door(0, "10:05")
    assert home.until(0, "22:00") == []


def test_who_goes_out_every_night_is_left_alone() -> None:
    home = SensorHome("night_wandering")
    for day in range(6):
        home.move(day, "03:30 living_room")
        home.door(day, "03:40")
        home.move(day, "08:00 living_room")
    opened = [f for f in home.until(6, "00:00") if f.action == "open"]
    assert len(opened) == 3


def test_out_of_bed_at_night_and_then_nothing() -> None:
    home = SensorHome("bed_exit")
    home.ordinary_days(range(7))
    assert home.found == []
    home.bed(7, "03:00", enter=False)
    (found,) = home.until(7, "04:00")
    assert raised([found]) == [("open", "bed_exit", "urgent")]
    assert found.sensed_us - at(7, "03:00") == 20 * MINUTE
    assert found.reason_zh == "夜间 03:00 离床，20 分钟未归，已 20 分钟无任何动静（阈值 20 分钟）"
    home.bed(7, "04:10", enter=True)
    assert raised(home.until(7, "04:15"))[-1] == ("clear", "bed_exit", "urgent")


def test_about_for_long_at_night_waits_for_the_morning() -> None:
    home = SensorHome("bed_exit")
    home.ordinary_days(range(7))
    home.bed(7, "01:30", enter=False)
    for minute in range(0, 150, 10):
        home.move(7, f"{1 + (35 + minute) // 60:02d}:{(35 + minute) % 60:02d} living_room")
    home.bed(7, "04:10", enter=True)
    assert home.until(8, "00:00") == [], "over before the morning: nobody is told"
    home = SensorHome("bed_exit")
    home.ordinary_days(range(7))
    home.bed(7, "01:30", enter=False)
    for minute in range(0, 330, 10):
        home.move(7, f"{1 + (35 + minute) // 60:02d}:{(35 + minute) % 60:02d} living_room")
    assert raised(home.until(7, "07:01")) == [], "who is up at five is up"


def test_a_presence_sensor_that_is_on_needs_both_clocks() -> None:
    home = SensorHome("bed_exit")
    home.ordinary_days(range(7))
    home.tell("radar", "presence_began", at(7, "02:59"))
    home.bed(7, "03:00", enter=False)
    assert home.until(7, "03:55") == []
    (found,) = home.until(7, "04:10")
    assert raised([found]) == [("open", "bed_exit", "urgent")]


def test_lying_down_for_a_moment_is_no_night() -> None:
    home = SensorHome("bed_exit")
    home.bed(0, "23:00", enter=True)
    home.bed(0, "23:20", enter=False)
    assert home.until(1, "08:00") == []


def sleep(home: SensorHome, day: int, *, by_day: bool) -> None:
    """In bed from 22:00 to 6:30, or from 9:30 to 17:00 with three hours of the night."""
    if by_day:
        home.bed(day, "02:00", enter=True)
        home.bed(day, "05:00", enter=False)
        home.bed(day, "09:30", enter=True)
        home.bed(day, "17:00", enter=False)
    else:
        home.bed(day, "00:01", enter=True)
        home.bed(day, "06:30", enter=False)
        home.bed(day, "13:00", enter=True)
        home.bed(day, "14:30", enter=False)


def test_three_days_of_day_sleep_in_somebody_who_slept_at_night() -> None:
    home = SensorHome("day_night")
    for day in range(8):
        sleep(home, day, by_day=False)
    for day in range(8, 11):
        sleep(home, day, by_day=True)
    (found,) = home.until(11, "00:00")
    assert raised([found]) == [("open", "day_night_reversed", "attention")]
    assert found.sensed_us == at(10, "21:00")
    assert "近 3 天白天卧床平均 7.5 小时、夜间 3 小时，此前夜间通常 6.5 小时" in found.reason_zh
    sleep(home, 11, by_day=False)
    assert raised(home.until(12, "00:00"))[-1][0] == "clear"


def test_who_always_sleeps_by_day_is_left_alone_and_so_is_a_day_in_bed() -> None:
    home = SensorHome("day_night")
    for day in range(12):
        sleep(home, day, by_day=True)
    assert home.until(12, "00:00") == []
    home = SensorHome("day_night")
    for day in range(8):
        sleep(home, day, by_day=False)
    home.bed(8, "00:01", enter=True)  # ill in bed, day and night
    assert home.until(11, "00:00") == []


def test_a_removed_bed_is_forgotten() -> None:
    home = SensorHome("day_night", "bed_exit")
    for day in range(8):
        sleep(home, day, by_day=False)
    home.bed(8, "00:01", enter=True)
    home.until(8, "00:05")
    none = msgspec.structs.replace(home.district, sources={})
    home.engine.redistrict(none)
    home.engine.redistrict(home.district)
    assert home.until(14, "00:00") == []


def test_the_second_way_out_of_bed_counts_like_the_first() -> None:
    home = SensorHome("bed_exit")
    home.ordinary_days(range(7))
    home.bed(7, "02:10", enter=False)
    home.move(7, "02:11 bathroom")
    home.bed(7, "02:16", enter=True)
    home.bed(7, "02:40", enter=False)
    home.move(7, "02:41 kitchen")
    assert raised(home.until(7, "03:10")) == [("open", "bed_exit", "urgent")]
