"""The messages around a shift: the test before it, and the hole that silence leaves. Names stay out of short forms."""

import datetime as dt

from dispatch.channels.notifications import Reason
from dispatch.channels.render import words_of
from dispatch.channels.wording.alert_words import Content, MessageItem

LINK = "https://care.test/a/x"


def content(reason: Reason, rule: str) -> Content:
    item = MessageItem(
        alert_id="1", severity="attention", rule=rule, reason_zh="员B1未应答班前测试", reason_en="B1 is silent",
        resident_zh="", resident_en="", sex="", household="", address_zh="床位小组", address_en="Bed Team", phone="",
        onset=dt.datetime(2026, 11, 2, tzinfo=dt.UTC),
    )  # fmt: skip
    return Content(
        reason=reason, severity="attention", step=0, count=1, homes=1, place_zh="床位小组", place_en="Bed Team",
        items=(item,),
    )  # fmt: skip


def test_the_test_names_shift_and_place_and_how_to_answer() -> None:
    asked = content("duty_test", "duty_test")
    words = words_of(asked)
    assert words.short(asked, "zh", LINK) == (
        f"【守望】班前测试：您 11-02 08:00 在床位小组开始值班，请在开始前 30 分钟应答。\n点此应答 {LINK}"
    )
    assert words.short(asked, "en", LINK).endswith(f"answer 30 minutes before.\nAnswer {LINK}")
    assert "请致电值班台应答" in words.short(asked, "zh", ""), "without a link there is the telephone"
    assert LINK not in words.spoken(asked, "zh")


def test_silence_is_told_without_the_name() -> None:
    hole = content("roster", "silent")
    words = words_of(hole)
    for language, said in (("zh", "有人未应答班前测试"), ("en", "has not answered the test")):
        short, spoken = words.short(hole, language, ""), words.spoken(hole, language)
        assert said in short
        assert said in spoken
        assert "B1" not in short + spoken
    assert "员B1" in words.long(hole, "zh", "")
    assert "无人应答" in words.short(content("roster", "roster"), "zh", "")
