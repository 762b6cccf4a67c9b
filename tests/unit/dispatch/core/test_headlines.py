"""The short line of the queue: what it is, and where."""

import pytest

from alerting.detection.detectors import all_rules
from dispatch.core.headline import MOST, headline, place, problems, title
from tests.support.rules import about


def test_the_table_of_headlines_is_sound() -> None:
    assert problems() == []


@pytest.mark.parametrize("severity", ["emergency", "urgent", "attention", "technical"])
def test_every_rule_has_a_short_headline_in_both_languages(severity: str) -> None:
    for rule in all_rules():
        zh, en = headline(rule, severity, {**about(rule), "total": 9})
        assert zh, rule
        assert en, rule
        assert sum("\u4e00" <= letter <= "\u9fff" for letter in zh) <= MOST, zh
        assert "{" not in zh + en


def test_a_fall_says_whether_the_person_got_up() -> None:
    assert title("fall", "emergency", about("fall")) == ("跌倒", "fall")
    assert title("fall", "urgent", about("fall")) == ("疑似跌倒", "possible fall")
    assert headline("fall", "emergency", {})[0] == "跌倒，倒地后未起身"
    assert headline("fall", "urgent", {})[0] == "疑似跌倒，观察起身中"


def test_where_values_are_missing_the_title_does() -> None:
    assert headline("news2", "urgent", {"total": 9})[0] == "体征异常 NEWS2 9 分"
    assert headline("news2", "urgent", about("news2")) == ("NEWS2 评分升高", "Raised NEWS2 score")
    assert headline("of_a_plugin", "attention", {}) == ("关注预警", "Attention alert")


def test_the_compound_stands_there_once() -> None:
    names = ("海晴苑", "Haiqing Court")
    assert place(names, ("沙盐路11号海晴苑2栋502", "502/2, Haiqing Court, 11 Shayan Road")) == (
        "海晴苑 2栋502",
        "Haiqing Court 502/2",
    )
    assert place(names, ("沙盐路11号3栋1001", "Home 7")) == ("海晴苑 3栋1001", "Haiqing Court")
    assert place(("", ""), ("沙盐路11号", "11 Shayan Road")) == ("沙盐路11号", "11 Shayan Road")
