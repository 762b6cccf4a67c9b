"""Not up as usual."""

import pytest

from tests.support.sensors import SensorHome, at, raised


def learned() -> SensorHome:
    """Up between 7:00 and 7:10 on ordinary days."""
    home = SensorHome("morning")
    home.ordinary_days(range(7))
    assert home.found == []
    return home


def test_still_in_bed_past_the_usual_latest_time() -> None:
    home = learned()
    (found,) = home.until(7, "10:00")
    assert raised([found]) == [("open", "missed_morning", "attention")]
    assert at(7, "08:30") < found.sensed_us < at(7, "08:45")
    assert "尚未照常起床，仍在床，平时最晚 07:09" in found.reason_zh
    assert "still in bed; usually by 07:09" in found.reason_en
    home.bed(7, "10:05", enter=False)
    home.move(7, "10:10 bathroom", "10:20 kitchen", "10:40 living_room")
    assert raised(home.until(7, "10:50"))[-1] == ("clear", "missed_morning", "attention")


def test_nothing_at_all_since_the_evening_is_urgent() -> None:
    home = SensorHome("morning")
    for day in range(7):
        home.move(day, "07:00 kitchen", "07:20 kitchen", "07:50 living_room", "21:00 living_room")
    (found,) = home.until(7, "10:00")
    assert found.severity == "urgent"
    assert "最后一次活动 21:01" in found.reason_zh


def test_a_trip_to_the_toilet_at_five_is_not_getting_up() -> None:
    home = learned()
    home.bed(7, "05:00", enter=False)
    home.move(7, "05:01 bathroom")
    home.bed(7, "05:08", enter=True)
    assert [f.rule for f in home.until(7, "10:00")] == ["missed_morning"]


@pytest.mark.parametrize("days", [0, 3])
def test_nothing_is_said_before_enough_mornings_are_known(days: int) -> None:
    home = SensorHome("morning")
    home.ordinary_days(range(days))
    assert home.until(days, "16:00") == []


def test_who_went_out_early_is_up() -> None:
    home = learned()
    home.bed(7, "05:30", enter=False)
    home.move(7, "05:32 bathroom")
    home.door(7, "05:45")
    assert home.until(7, "12:00") == []


def test_a_morning_on_the_sofa_is_up() -> None:
    home = learned()
    home.bed(7, "07:00", enter=False)
    home.tell("radar", "presence_began", at(7, "07:05"))
    assert home.until(7, "12:00") == []


def test_who_gets_up_just_when_it_would_be_told_is_up() -> None:
    home = learned()
    home.bed(7, "08:25", enter=False)
    home.move(7, "08:26 bathroom", "08:38 kitchen")
    assert home.until(7, "12:00") == []


def test_a_late_trip_to_the_toilet_is_not_getting_up() -> None:
    home = learned()
    home.bed(7, "08:25", enter=False)
    home.move(7, "08:26 bathroom")
    home.bed(7, "08:31", enter=True)
    (told,) = home.until(7, "10:00")
    assert raised([told]) == [("open", "missed_morning", "attention")]
