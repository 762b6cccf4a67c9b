"""Too long in the bathroom, by the own routine and an upper limit."""

from tests.support.sensors import SensorHome, at, raised

MINUTE = 60_000_000


def learned() -> SensorHome:
    """Ordinary days: at most 16 minutes in the bathroom."""
    home = SensorHome("bathroom")
    home.ordinary_days(range(7))
    assert home.found == []
    home.bed(7, "07:00", enter=False)
    return home


def test_a_stay_without_movement_is_urgent_with_its_numbers() -> None:
    home = learned()
    home.move(7, "07:05 bathroom")
    (found,) = home.until(7, "07:40")
    assert raised([found]) == [("open", "bathroom_stay", "urgent")]
    assert found.sensed_us - at(7, "07:05") == 30 * MINUTE
    assert found.reason_zh == "卫生间停留 30 分钟，平时不超过 16 分钟，已 29 分钟无动静"
    assert found.reason_en == "In the bathroom for 30 min; usually not more than 16 min; no movement for 29 min"
    home.move(7, "07:50 kitchen")
    assert raised(home.until(7, "07:55"))[-1] == ("clear", "bathroom_stay", "urgent")


def test_who_still_moves_has_more_time_and_stillness_makes_it_urgent() -> None:
    home = learned()
    for minute in range(5, 50, 5):
        home.move(7, f"07:{minute:02d} bathroom")
    found = home.until(7, "08:10")
    assert raised(found) == [("open", "bathroom_stay", "attention"), ("update", "bathroom_stay", "urgent")]
    assert [f.sensed_us - at(7, "07:05") for f in found] == [40 * MINUTE, 56 * MINUTE]
    assert len({f.alert_id for f in found}) == 1


def test_before_the_routine_is_known_the_upper_limit_counts() -> None:
    home = SensorHome("bathroom")
    home.move(0, "07:05 bathroom")
    assert home.until(0, "08:30") == []
    (found,) = home.until(0, "08:40")
    assert "上限 90 分钟" in found.reason_zh


def test_a_long_bath_is_learned_up_to_the_limit() -> None:
    home = SensorHome("bathroom")
    for day in range(8):
        home.tell("presence-bathroom", "presence_began", at(day, "09:00"))
        home.tell("presence-bathroom", "presence_ended", at(day, "09:50") if day < 7 else at(day, "10:30"))
        home.move(day, "09:52 kitchen" if day < 7 else "10:32 kitchen")
    opened = [f for f in home.until(8, "00:00") if f.action == "open"]
    assert [f.sensed_us for f in opened] == [at(7, "10:00")], "an hour, whatever the own usual says"


def test_a_home_that_does_not_see_the_next_room_goes_by_its_own_usual() -> None:
    home = SensorHome("bathroom")
    for day in range(7):
        home.move(day, "09:00 bathroom", "10:20 kitchen", "12:00 bathroom", "12:10 kitchen")
    assert home.until(7, "00:00") == []
    home.move(7, "09:00 bathroom")
    (found,) = home.until(7, "12:00")
    assert found.sensed_us > at(7, "10:50")


def test_leaving_the_home_ends_the_stay() -> None:
    home = learned()
    home.move(7, "07:05 bathroom")
    home.door(7, "07:15")
    assert home.until(7, "12:00") == []
