"""What messages say: enough to go there, and no more than that where others may read it."""

import datetime as dt
from typing import Any

import msgspec
import pytest

from dispatch.channels.wording import alert_words
from dispatch.channels.wording.alert_words import Content, MessageItem
from dispatch.core.headline import outside
from tests.support.rules import about

ITEM = MessageItem(
    alert_id="11111111-2222-5333-8444-555555555555",
    severity="emergency",
    rule="fall",
    kind=("疑似跌倒", "possible fall"),
    reason_zh="确认跌倒，血氧 82 %",
    reason_en="Fall confirmed, SpO2 82 %",
    resident_zh="陈秀英",
    resident_en="Chen Xiuying",
    sex="female",
    household="H0001",
    address_zh="海景路 1 号 2 栋 301",
    address_en="Flat 301, 1 Haijing Road",
    phone="0755-1",
    onset=dt.datetime(2026, 11, 24, 2, 3, 4, tzinfo=dt.UTC),
    longitude=114.25,
    latitude=22.555,
)
LINK = "https://c.example/a/token"


def content(**changes: Any) -> Content:
    base = Content(
        reason="escalation",
        severity="emergency",
        step=1,
        count=1,
        homes=1,
        place_zh="鹏湾花园",
        place_en="Pengwan Garden",
        items=(ITEM,),
    )
    return msgspec.structs.replace(base, **changes)


def test_short() -> None:
    assert alert_words.short(content(), "zh", LINK) == (
        "【守望】紧急：疑似跌倒，陈女士，海景路 1 号 2 栋 301\n"
        "导航 https://uri.amap.com/marker?position=114.250000,22.555000&coordinate=wgs84\n点此接警 " + LINK
    )
    assert alert_words.short(content(), "en", LINK) == (
        "[Shouwang] EMERGENCY: possible fall, Ms Chen, Flat 301, 1 Haijing Road\n"
        "Map https://uri.amap.com/marker?position=114.250000,22.555000&coordinate=wgs84\nAcknowledge " + LINK
    )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_passes_through_other_hands_has_no_measured_value_and_no_given_name(
    language: alert_words.Language,
) -> None:
    for many in (content(), content(count=80, homes=80), content(to_family=True)):
        for text in (
            alert_words.short(many, language, LINK),
            alert_words.spoken(many, language),
            alert_words.title(many, language),
        ):
            assert "82" not in text
            assert "秀英" not in text
            assert "Xiuying" not in text
            assert "0755" not in text


def test_the_family_is_told_without_the_address() -> None:
    text = alert_words.short(content(to_family=True), "zh", LINK)
    assert "陈女士" in text
    assert "301" not in text
    assert "amap" not in text
    assert LINK in text


def test_many_homes_are_counted() -> None:
    many = content(
        severity="technical",
        count=81,
        homes=80,
        items=(msgspec.structs.replace(ITEM, kind=("家庭网关离线", "home gateway offline")),) * 5,
    )
    assert alert_words.short(many, "zh", LINK) == f"【守望】设备：家庭网关离线 81 条，鹏湾花园 80 户\n点此接警 {LINK}"
    assert "另有 76 条" in alert_words.long(many, "zh", LINK)
    assert "80 homes" in alert_words.spoken(many, "en")


def test_long_tells_all() -> None:
    text = alert_words.long(content(reason="breach"), "zh", LINK)
    for fact in ("超时未处理", "陈秀英", "血氧 82 %", "海景路", "0755-1", "11-24 10:03:04", "amap", LINK):
        assert fact in text


@pytest.mark.parametrize(
    ("resident", "sex", "zh", "en"),
    [("欧阳建国", "male", "欧阳先生", "Mr Chen"), ("陈秀英", "", "陈老人", "Chen"), ("", "", "整户", "whole home")],
)
def test_names(resident: str, sex: str, zh: str, en: str) -> None:
    item = msgspec.structs.replace(ITEM, resident_zh=resident, resident_en="Chen X" if resident else "", sex=sex)
    assert alert_words.polite_name(item, "zh") == zh
    assert alert_words.polite_name(item, "en") == en


def test_an_alert_that_has_no_name_for_outside_is_told_by_its_severity() -> None:
    assert alert_words.kind_of(ITEM, "urgent") == ("疑似跌倒", "possible fall")
    assert alert_words.kind_of(msgspec.structs.replace(ITEM, kind=("", "")), "urgent") == ("加急预警", "alert")


def test_no_place_no_map() -> None:
    assert alert_words.marker(None, 22.5) == ""
    assert "amap" not in alert_words.short(content(items=(msgspec.structs.replace(ITEM, longitude=None),)), "zh", LINK)


def test_the_family_hears_who_was_told_and_that_nobody_has_taken_it() -> None:
    """Never that the team knows while nobody does."""
    for form in (
        alert_words.short(content(to_family=True, told=4), "zh", LINK),
        alert_words.spoken(content(to_family=True, told=4), "zh"),
        alert_words.long(content(to_family=True, told=4), "zh", LINK),
    ):
        assert "已通知 4 人，还没有人接警" in form
        assert "接警，或致电" not in form, "the family is not asked to take it"
    taken = content(to_family=True, told=4, taken_zh="杨敏", taken_en="Yang Min")
    assert "杨敏已接警" in alert_words.short(taken, "zh", LINK)
    assert "Yang Min has it" in alert_words.short(taken, "en", LINK)
    assert "点此告诉我们您已知道" in alert_words.short(taken, "zh", LINK)
    assert "nobody has taken it yet" in alert_words.short(content(to_family=True), "en", LINK)
    assert "没有人接警" not in alert_words.short(content(to_family=True, reason="over"), "zh", LINK)


def test_a_kind_that_begins_with_its_severity_is_not_doubled() -> None:
    sos = content(items=(msgspec.structs.replace(ITEM, kind=("紧急呼救", "emergency call")),))
    assert alert_words.title(sos, "zh") == "【守望】紧急呼救"
    assert alert_words.title(sos, "en") == "[Shouwang] emergency call"
    assert alert_words.title(msgspec.structs.replace(sos, severity="urgent"), "zh") == "【守望】加急：紧急呼救"


def test_a_confirmed_fall_is_not_called_a_possible_one() -> None:
    assert outside("fall", "emergency", about("fall")) == ("跌倒", "fall")
    assert outside("fall", "urgent", about("fall")) == ("疑似跌倒", "possible fall")
    assert outside("sos", "emergency", about("sos"))[0] == "按了呼叫按钮"
    assert outside("news2", "urgent", about("news2"))[0] == "生命体征异常"
    assert outside("inactivity", "urgent", about("inactivity")) == ("", "")
