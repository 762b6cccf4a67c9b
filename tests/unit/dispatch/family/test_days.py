"""A day in words, and a week against what is usual."""

import datetime as dt

from dispatch.family.days import AGAINST, Today, outings, strip, up_at, words
from vocabulary.times import SHANGHAI

DAY = dt.date(2026, 11, 2)


def at(hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 11, 2, hour, minute, tzinfo=SHANGHAI)


def test_the_night_is_not_the_morning() -> None:
    assert up_at([at(2), at(6, 40)], [at(5)]) == at(6, 40)
    assert up_at([at(2)], [at(3), at(5)]) == at(5)
    assert up_at([], []) is None


def test_an_outing_is_a_door_with_nobody_inside_after_it() -> None:
    inside = [at(9), at(10, 30), at(14)]
    assert outings([at(9, 5), at(9, 6), at(10, 29), at(13, 59)], inside, at(14, 10)) == (at(9, 5),)
    assert outings([at(14, 5)], inside, at(14, 10)) == ()
    assert outings([at(14, 5)], inside, at(15)) == (at(14, 5),)


def test_the_day_in_words() -> None:
    today = Today(up_at=at(6, 40), out=(at(9, 5),), pressure=(128.0, 76.0), heart_rate=68.0, usual_heart_rate=67.0)
    zh, en = words(today)
    assert zh == ["06:40 起床", "上午外出 1 次", "血压 128/76，正常范围", "心率 68 次/分，与平时差不多"]
    assert en[0] == "up since 06:40"
    assert words(Today(pressure=(162.0, 76.0)))[0] == ["血压 162/76，偏高"]
    assert words(Today()) == ([], [])


def test_a_week_is_held_against_the_three_weeks_before_it() -> None:
    hours = {DAY - dt.timedelta(days=day): 10.0 for day in range(1, 28)}
    hours[DAY - dt.timedelta(days=2)] = 3.0
    hours[DAY - dt.timedelta(days=3)] = 20.0
    del hours[DAY - dt.timedelta(days=4)]
    week = strip("活动", "activity", "小时", "h", hours, DAY, (0.6, 1.5), AGAINST)
    assert week.usual == 10
    assert [cell.against for cell in week.days] == ["usual", "usual", "usual", "unknown", "more", "less", "usual"]
    few = strip("活动", "activity", "小时", "h", dict(list(hours.items())[:8]), DAY, (0.6, 1.5), AGAINST)
    assert few.usual is None
    assert {cell.against for cell in few.days} == {"unknown"}
