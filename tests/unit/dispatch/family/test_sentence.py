"""The family's sentence: every state has one, and only the one state is green."""

import datetime as dt
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.family.sentence import AHEAD, OLD, SILENT, Facts, OpenAlert, Sign, moment, sentence, usual_quiet
from dispatch.family.usual import quiet_at
from vocabulary.alert_state import OPEN
from vocabulary.severity import SEVERITIES

NOW = dt.datetime(2026, 11, 2, 8, 35, tzinfo=dt.UTC)
"""16:35 in Shanghai."""
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
FRESH = Facts(now=NOW, read_at=NOW, heard_at=NOW, life=Sign(NOW - 8 * MINUTE, "moving", "living_room"))
FALL = OpenAlert(
    severity="emergency", state="raised", what_zh="疑似跌倒", what_en="possible fall", at=NOW - 6 * MINUTE, told=4
)


def but(**changes: Any) -> Facts:
    return msgspec.structs.replace(FRESH, **changes)


def fall(**changes: Any) -> Facts:
    return but(alerts=(msgspec.structs.replace(FALL, **changes),))


YANG = {"holder_zh": "杨敏", "holder_en": "Yang Min", "since": NOW - 3 * MINUTE}
TABLE = [
    (FRESH, "green", "目前没有异常。8 分钟前在客厅活动。"),
    (fall(), "red", "16:29 疑似跌倒。已通知 4 人，还没有人接警。您也可以打电话或赶过去。"),
    (fall(told=0), "red", "16:29 疑似跌倒。还没有人接警。您也可以打电话或赶过去。"),
    (fall(severity="attention"), "amber", "16:29 疑似跌倒。已通知 4 人，还没有人接警。您也可以打电话或赶过去。"),
    (fall(state="acknowledged", **YANG), "amber", "16:29 疑似跌倒。杨敏 16:32 接警，正在处理。"),
    (fall(state="responding", **YANG), "amber", "16:29 疑似跌倒。杨敏 16:32 出发，正在路上。"),
    (fall(state="on_scene", **YANG), "amber", "16:29 疑似跌倒。杨敏 16:32 到达。"),
    (fall(state="on_scene"), "amber", "16:29 疑似跌倒。值班人员已到达。"),
    (
        but(alerts=(FALL, FALL)), "red",
        "16:29 疑似跌倒。已通知 4 人，还没有人接警。您也可以打电话或赶过去。另有 1 条预警。",
    ),
    (
        fall(at=NOW - 17 * HOUR, state="responding", holder_zh="杨敏", holder_en="Yang Min", since=NOW - 16 * HOUR),
        "amber", "昨天 23:35 疑似跌倒。杨敏 00:35 出发，正在路上。",
    ),
    (fall(at=NOW - 50 * HOUR, told=0), "red", "10月31日 14:35 疑似跌倒。还没有人接警。您也可以打电话或赶过去。"),
    (
        but(hospital_at=NOW - 3 * HOUR), "amber",
        "13:35 登记已送医。家中若有活动，可能是别人。您可以打电话问问值班台。",
    ),
    (but(paused_until=NOW + 15 * HOUR), "grey", "设备维护中，预警暂停至明天 07:35。"),
    (but(has_gateway=False), "grey", "家中还没有安装设备，平台看不到情况。"),
    (but(heard_at=None), "grey", "家中设备还没有传来数据。"),
    (but(heard_at=NOW - 9 * MINUTE), "grey", "与家中设备失去联系 9 分钟，此刻看不到情况。您可以先打电话问问。"),
    (
        but(offline=True, heard_at=NOW - 3 * MINUTE, alerts=(msgspec.structs.replace(FALL, severity="technical"),)),
        "grey",
        "与家中设备失去联系 3 分钟，此刻看不到情况。已提醒值班台，还没有人处理。",
    ),
    (but(detects=False), "grey", "平台此刻没有分析家中数据，看不到情况。您可以先打电话问问。"),
    (but(paused_until=NOW + HOUR), "grey", "设备维护中，预警暂停至 17:35。"),
    (but(paused_until=NOW + HOUR, carer_there=True), "grey", "护理员在家中，部分预警暂停至 17:35。"),
    (but(silent=(("卧室雷达", "radar"),)), "grey", "部分设备没有数据：卧室雷达。8 分钟前在客厅活动。"),
    (
        but(worked_on=(("卧室雷达", "radar"),)), "grey",
        "部分设备维护中，暂不报警：卧室雷达。8 分钟前在客厅活动。",
    ),
    (but(senses=False), "grey", "家中设备在线，但没有能感知活动的设备。"),
    (but(life=None), "amber", "最近一天没有活动记录。您可以打电话问问。"),
    (but(life=Sign(NOW + HOUR, "moving")), "grey", "家中设备的时间不准，活动记录暂不可信。"),
    (
        but(life=Sign(NOW - 4 * HOUR, "moving")), "amber",
        "已 4 小时没有活动记录，平时这个时候不超过 3 小时。您可以打电话问问。",
    ),
    (
        but(life=Sign(NOW - 3 * HOUR, "door"), usual=HOUR), "amber",
        "已 3 小时没有活动记录，平时这个时候不超过 60 分钟。最后一次是家门开关，可能外出。您可以打电话问问。",
    ),
    (but(read_at=NOW - 40 * dt.timedelta(seconds=1)), "grey", "这是 40 秒前的情况：目前没有异常。8 分钟前在客厅活动。"),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "colour", "words"), TABLE)
def test_each_line_of_the_table(facts: Facts, colour: str, words: str) -> None:
    said = sentence(facts)
    assert (said.colour, said.zh) == (colour, words)
    assert said.en
    assert not re.search("[\u4e00-\u9fff]", said.en)


ago = st.integers(-7200, 400_000).map(lambda seconds: NOW - dt.timedelta(seconds=seconds))
alerts = st.builds(
    OpenAlert,
    severity=st.sampled_from(SEVERITIES),
    state=st.sampled_from(OPEN),
    what_zh=st.just("跌倒"),
    what_en=st.just("fall"),
    at=ago,
    told=st.integers(0, 9),
    holder_zh=st.sampled_from(["", "杨敏"]),
    holder_en=st.sampled_from(["", "Yang Min"]),
    since=st.none() | ago,
)
everything = st.builds(
    Facts,
    now=st.just(NOW),
    read_at=st.integers(0, 120).map(lambda seconds: NOW - dt.timedelta(seconds=seconds)),
    alerts=st.lists(alerts, max_size=3).map(tuple),
    has_gateway=st.booleans(),
    offline=st.booleans(),
    heard_at=st.none() | ago,
    paused_until=st.none() | ago,
    carer_there=st.booleans(),
    silent=st.lists(st.just(("卧室雷达", "bedroom radar")), max_size=2).map(tuple),
    worked_on=st.lists(st.just(("卧室雷达", "bedroom radar")), max_size=1).map(tuple),
    senses=st.booleans(),
    life=st.none()
    | st.builds(Sign, ago, st.sampled_from(["measuring", "moving", "door"]), st.sampled_from(["", "hall"])),
    detects=st.booleans(),
    hospital_at=st.none() | ago,
    usual=st.none() | st.integers(1, 12).map(lambda hours: dt.timedelta(hours=hours)),
)


@given(everything)
def test_green_is_said_where_nothing_is_open_and_everything_is_fresh_and_nowhere_else(facts: Facts) -> None:
    said = sentence(facts)
    fresh = (
        not facts.alerts
        and facts.hospital_at is None
        and facts.detects
        and facts.has_gateway
        and not facts.offline
        and facts.heard_at is not None
        and NOW - facts.heard_at <= SILENT
        and NOW - facts.read_at <= OLD
        and (facts.paused_until is None or facts.paused_until <= NOW)
        and not facts.silent
        and not facts.worked_on
        and facts.senses
        and facts.life is not None
        and facts.life.at <= NOW + AHEAD
        and NOW - facts.life.at <= usual_quiet(facts)
    )
    assert (said.colour == "green") == fresh == (said.state == "fresh")


@given(everything)
def test_what_is_said_is_true(facts: Facts) -> None:
    said = sentence(facts)
    people = [alert for alert in facts.alerts if alert.severity != "technical"]
    grave = [alert for alert in people if alert.severity in ("emergency", "urgent") and alert.state == "raised"]
    assert (said.colour == "red") == bool(grave)
    assert "知悉" not in said.zh
    if grave:
        assert "还没有人接警" in said.zh
        assert "nobody" in said.en.lower()
    assert said.zh
    assert said.en
    assert said.age_s is None or said.age_s >= 0
    assert not re.search("[\u4e00-\u9fff][,;:!?(]", said.zh)


@pytest.mark.parametrize(
    ("now", "at", "words"),
    [
        ("2026-11-02T15:59:30Z", "2026-11-02T15:58:00Z", ("23:58", "23:58")),
        ("2026-11-02T16:00:30Z", "2026-11-02T15:58:00Z", ("昨天 23:58", "yesterday 23:58")),
        ("2026-11-02T15:59:30Z", "2026-11-02T16:30:00Z", ("明天 00:30", "tomorrow 00:30")),
        ("2026-11-02T16:00:30Z", "2026-11-02T16:30:00Z", ("00:30", "00:30")),
        ("2026-11-02T16:00:30Z", "2026-11-01T15:59:59Z", ("11月1日 23:59", "1 Nov 23:59")),
        ("2026-12-31T16:00:30Z", "2026-12-31T15:59:30Z", ("昨天 23:59", "yesterday 23:59")),
    ],
)
def test_a_moment_names_its_day_where_that_is_not_today_in_shanghai(now: str, at: str, words: tuple[str, str]) -> None:
    assert moment(dt.datetime.fromisoformat(at), dt.datetime.fromisoformat(now)) == words


def test_usual_quiet_comes_from_the_days_before() -> None:
    hours = {NOW.replace(minute=0) - dt.timedelta(days=day, hours=4) for day in range(1, 6)}
    assert quiet_at(NOW, hours) == dt.timedelta(hours=4, minutes=35)  # 3 h 35 since the last such hour, and one
    assert quiet_at(NOW, set(list(hours)[:2])) is None
    assert quiet_at(NOW, {NOW.replace(minute=0) - dt.timedelta(days=day) for day in range(1, 6)}) == 2 * HOUR
