"""The picture of an assessment's course, and two versions of a form side by side."""

import datetime as dt
import xml.etree.ElementTree as ET

from care_services.assessment.scoring import score
from care_services.assessment.standard import standard
from care_services.assessment.store import Assessment, Fields, Signature
from console.pages.assessment import form, trend

AT = dt.datetime(2026, 8, 31, 4, tzinfo=dt.UTC)
DAY = AT.date()


def in_force(at: dt.datetime, less: int) -> Assessment:
    answers = {code: item.maximum for code, item in standard().items.items()} | {"eating": 4 - less}
    fields = Fields(answers=answers, diagnosis="none", events={one.code: 0 for one in standard().risks})
    found = score(fields.facts)
    return Assessment(
        id=1, resident_id=1, resident="R1", name_zh="陈", name_en="Chen", reason="routine", doubts_id=None,
        corrects_id=None, state="in_force", version=3, fields=fields, begun_at=at, changed_at=at, changed_by=None,
        changed_zh="", changed_en="", first=Signature(at, None, "甲", "A"), second=Signature(at, None, "乙", "B"),
        objection="", sums=found.sums, total=found.total, preliminary=found.preliminary, grade=found.grade,
        adjustments=(), evidence=[], due_on=DAY, due_why="", current=True,
    )  # fmt: skip


def test_the_course_is_drawn_with_each_total_and_domain() -> None:
    drawn = trend.svg([in_force(AT - dt.timedelta(days=400), 0), in_force(AT, 3)], "zh")
    tree = ET.fromstring(drawn)  # noqa: S314 - our own
    texts = [one.text for one in tree.iter() if one.text]
    assert {"90", "87", "能力完好", "完全失能", "29 / 32", "28 / 28"} <= set(texts)
    assert "2026-08-31 87" in drawn, "in words for whoever hears the page"
    assert "<svg" in trend.svg([in_force(AT, 2)], "en"), "one alone has a place, too"
    assert trend.svg([], "zh") == ""


def test_two_versions_of_a_form_are_compared_field_by_field() -> None:
    mine = form.read({"answer.eating": "2", "diagnosis": "none", "event.fall": "1", "note": " 夜间\r\n起身 "})
    assert (mine.answers, mine.events, mine.note) == ({"eating": 2}, {"fall": 1}, "夜间\n起身")
    theirs = Fields(answers={"eating": 4}, diagnosis="none")
    found = form.differences(mine, theirs, lambda zh, _: zh or "")
    assert [(one.label, one.mine, one.theirs) for one in found] == [
        ("进食", "2 · 需要帮助，以自己完成为主", "4 · 独立完成"), ("跌倒", "1", "未填"), ("备注", "夜间\n起身", "未填"),
    ]  # fmt: skip
