"""Out later than ever, a talk at the door, the first days: told in time, and with what is not known."""

import msgspec
import pytest

from alerting.core.finding import Finding
from tests.support.sensors import MINUTE, SensorHome, at, raised

SECOND = 1_000_000


def out(home: SensorHome, day: int, left: str, back: str) -> None:
    """An outing in place of what would have been seen at home."""
    home.door(day, left)
    home.door(day, back)
    home.move(day, f"{back[:3]}{int(back[3:]) + 2:02d} kitchen", f"{back[:3]}{int(back[3:]) + 4:02d} living_room")


def evening_at(home: SensorHome, days: range, evenings: tuple[int, ...]) -> None:
    """Days whose evening is spent out until 23:40 on ``evenings``."""
    for day in days:
        home.bed(day, "07:00", enter=False)
        for hour in range(8, 19):
            home.move(day, f"{hour:02d}:00 kitchen", f"{hour:02d}:30 living_room")
        if day in evenings:
            out(home, day, "19:00", "23:40")
        else:
            home.move(day, "20:00 kitchen", "21:00 living_room", "22:00 living_room")
        home.bed(day, "23:50" if day in evenings else "22:30", enter=True)


def not_back(home: SensorHome) -> list[Finding]:
    return [f for f in home.found if f.rule == "not_back" and f.action == "open"]


def test_who_is_never_out_in_the_evening_is_missed_at_bedtime() -> None:
    home = SensorHome("inactivity")
    home.ordinary_days(range(9))
    home.bed(9, "07:00", enter=False)
    home.move(9, *(f"{hour:02d}:{minute} kitchen" for hour in range(7, 17) for minute in ("05", "35")))
    home.door(9, "17:00")
    assert home.until(9, "22:30") == []
    (told,) = home.until(9, "23:30")
    assert raised([told]) == [("open", "not_back", "attention")]
    assert "近 14 天此时均在家" in told.reason_zh
    assert told.reason_zh.endswith("；不能确定家中是否有人")
    assert "it is not known whether somebody is at home" in told.reason_en
    home.door(9, "23:50")
    home.move(9, "23:52 kitchen")
    assert raised(home.until(9, "23:55"))[-1] == ("clear", "not_back", "attention")


def test_who_is_out_late_every_week_is_left_alone() -> None:
    home = SensorHome("inactivity")
    evening_at(home, range(15), (4, 11))
    assert not_back(home) == []


def test_the_first_late_evening_is_told_and_a_fortnight_later_again() -> None:
    home = SensorHome("inactivity")
    evening_at(home, range(10), (9,))
    assert len(not_back(home)) == 1
    evening_at(home, range(10, 27), (26,))
    assert len(not_back(home)) == 2


def test_a_collapse_behind_the_door_is_found_though_somebody_may_have_gone_out() -> None:
    home = SensorHome("inactivity")
    home.ordinary_days(range(9))
    home.bed(9, "07:00", enter=False)
    home.move(9, *(f"{hour:02d}:{minute} kitchen" for hour in range(7, 16) for minute in ("05", "35")))
    home.tell("front-door", "door_opened", at(9, "16:00"))
    home.tell("front-door", "door_closed", at(9, "16:00:40"))
    home.tell("pir-hall", "motion_began", at(9, "16:01:10"))
    home.tell("pir-hall", "motion_ended", at(9, "16:01:40"))
    (told,) = home.until(9, "19:00")
    assert raised([told]) == [("open", "inactivity", "urgent")]
    assert told.sensed_us - at(9, "16:01:40") >= 135 * MINUTE, "not before an outing of the usual length is over"
    assert "it is not known whether somebody is at home" in told.reason_en


def test_a_talk_at_the_door_and_then_nothing() -> None:
    home = SensorHome("inactivity")
    home.ordinary_days(range(9))
    home.bed(9, "07:00", enter=False)
    home.move(9, *(f"{hour:02d}:{minute} kitchen" for hour in range(7, 16) for minute in ("05", "35")))
    home.tell("front-door", "door_opened", at(9, "16:00"))
    home.tell("front-door", "door_closed", at(9, "16:01"))
    (told,) = home.until(9, "19:00")
    assert raised([told]) == [("open", "inactivity", "attention")]
    assert "不能确定家中是否有人" in told.reason_zh


@pytest.mark.parametrize(("with_door", "found"), [(True, "16:25"), (False, "23:25")])
def test_before_the_routine_is_known_somebody_about_is_seen_every_few_hours(with_door: bool, found: str) -> None:
    home = SensorHome("inactivity")
    if with_door:
        source = msgspec.structs.replace(home.sources["front-door"], gives=frozenset({"door_open"}))
        sources = {**home.district.sources, ("gw-1", "front-door"): source}
        home.engine.redistrict(msgspec.structs.replace(home.district, sources=sources))
    home.ordinary_days(range(1))
    home.bed(1, "07:00", enter=False)
    home.move(1, "11:24 kitchen")
    hours, minutes = found.split(":")
    assert home.until(1, f"{hours}:{int(minutes) - 2:02d}") == []
    (told,) = home.until(1, f"{hours}:{int(minutes) + 2:02d}")
    assert raised([told]) == [("open", "inactivity", "urgent")]


@pytest.mark.parametrize("clock", ["04:40", "05:20", "06:30", "08:10"])
def test_who_leaves_the_bed_and_is_not_seen_again_is_found_within_the_hour(clock: str) -> None:
    home = SensorHome("bed_exit")
    home.ordinary_days(range(9))
    home.bed(9, clock, enter=False)
    (told,) = [f for f in home.until(9, f"{int(clock[:2]) + 1:02d}{clock[2:]}") if f.action == "open"]
    assert raised([told]) == [("open", "bed_exit", "urgent")]
    assert told.reason_zh.startswith("夜间" if clock < "05" else "清晨")


def test_who_gets_up_early_and_goes_out_or_sits_unseen_as_usual_is_left_alone() -> None:
    home = SensorHome("bed_exit")
    for day in range(12):
        home.bed(day, "05:20", enter=False)
        if day % 2:
            home.door(day, "05:30")
        else:
            home.move(day, "05:22 bathroom", "06:40 kitchen")  # sits where nobody sees her
        home.move(day, "08:00 kitchen", "21:00 living_room")
        home.bed(day, "22:00", enter=True)
    early = [f for f in home.found if f.sensed_us > at(6, "00:00")]
    assert early == []


def test_who_is_out_each_evening_is_missed_an_hour_after_the_latest_return() -> None:
    home = SensorHome("inactivity")
    evening_at(home, range(9), tuple(range(9)))  # back at 23:40, to bed at 23:50
    assert not_back(home) == []
    home.bed(9, "07:00", enter=False)
    for hour in range(8, 19):
        home.move(9, f"{hour:02d}:00 kitchen", f"{hour:02d}:30 living_room")
    home.door(9, "19:00")
    assert home.until(10, "00:30") == []
    assert raised(home.until(10, "01:30")) == [("open", "not_back", "attention")]


def test_who_reads_unseen_after_breakfast_is_up() -> None:
    home = SensorHome("bed_exit")
    home.ordinary_days(range(9))
    home.bed(9, "06:30", enter=False)
    home.move(9, "06:31 bathroom", "06:45 kitchen", "07:45 living_room")
    assert home.until(9, "12:00") == []


def test_who_falls_on_the_way_to_the_kitchen_is_found_within_the_hour() -> None:
    home = SensorHome("bed_exit")
    home.ordinary_days(range(9))
    home.bed(9, "06:30", enter=False)
    home.move(9, "06:31 bathroom", "06:36 kitchen")
    (told,) = home.until(9, "07:30")
    assert raised([told]) == [("open", "bed_exit", "urgent")]


@pytest.mark.parametrize(("lies_down", "found"), [("12:40", "18:42"), ("21:40", "")])
def test_who_lies_down_by_day_and_stays_is_found_the_same_day(lies_down: str, found: str) -> None:
    home = SensorHome("inactivity")
    home.ordinary_days(range(9))
    home.bed(9, "07:00", enter=False)
    home.move(9, *(f"{hour:02d}:{minute} kitchen" for hour in range(7, int(lies_down[:2])) for minute in ("05", "35")))
    home.move(9, f"{lies_down[:3]}20 living_room")
    home.bed(9, lies_down, enter=True)
    assert home.until(9, "18:38") == []
    told = home.until(10, "08:00")
    assert raised(told)[:1] == ([("open", "inactivity", "urgent")] if found else [])
    if found:
        assert told[0].sensed_us < at(9, found)
        assert "在床已连续 6 小时" in told[0].reason_zh


def nights_without_the_mat(home: SensorHome, days: range) -> None:
    """Ordinary days with a nap; the bed's sensor says nothing."""
    for day in days:
        for hour in range(7, 22):
            if hour != 13:
                home.move(day, *(f"{hour:02d}:{minute} {room}" for minute, room in (("05", "kitchen"), ("35", "hall"))))
            else:
                home.move(day, "13:01 bedroom", "13:55 bedroom")
        home.move(day, "22:30 bedroom")
        home.move(day + 1, "02:20 bedroom", "02:22 bathroom", "02:26 bedroom", "06:58 bedroom")


def test_a_dead_mat_does_not_make_every_night_a_stillness() -> None:
    home = SensorHome("inactivity")
    bed = msgspec.structs.replace(home.sources["bed"], gives=frozenset({"in_bed"}))
    home.sources["bed"] = bed
    home.engine.redistrict(msgspec.structs.replace(home.district, sources={**home.district.sources, bed.id: bed}))
    home.ordinary_days(range(9))
    home.bed(9, "07:00", enter=False)
    nights_without_the_mat(home, range(9, 12))
    before = [f for f in home.found if f.action == "open"]
    assert len({f.onset_us for f in before}) <= 1, "the first night could be a fall beside the bed"
    assert all(f.sensed_us < at(10, "02:20") for f in before)
    home.move(12, "07:10 kitchen", "07:40 kitchen", "08:05 kitchen")
    found = [f for f in home.until(12, "10:30") if f not in before and f.action == "open"]
    assert raised(found)[:1] == [("open", "inactivity", "urgent")], "by day, in the kitchen, all is as ever"
