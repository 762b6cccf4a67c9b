"""Courses as data, tests drawn and marked, tries, and the days of certificates."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_network.errors import ProvisioningError
from care_services.library.courses.certificates import grouped, plain_code
from care_services.library.courses.course import Course, built_in, read_course
from care_services.library.courses.testing import WINDOW, draw, expires_on, leave, mark

COURSES = {course.code: course for course in built_in()}
NOW = dt.datetime(2026, 11, 30, 4, tzinfo=dt.UTC)
TEXT = """
code = "small"
zh = "小课"
en = "Small"
about_zh = "略"
about_en = "x"
minutes = 5
pass_percent = 80
draw = 1
tries = 2
[[chapter]]
zh = "一"
en = "One"
text_zh = "字"
text_en = "x"
[[question]]
zh = "问"
en = "Q"
options = [["对", "right"], ["错", "wrong"]]
right = [0]
why_zh = "因"
why_en = "since"
"""


def test_the_courses_that_come_with_the_platform_are_right() -> None:
    assert {"fall_prevention", "using_the_platform", "family_carers", "volunteer_basic", "meal_hygiene"} <= set(COURSES)
    assert COURSES["family_carers"].open_to("family")
    assert COURSES["volunteer_basic"].open_to("family")
    assert not COURSES["meal_hygiene"].open_to("family")
    assert COURSES["first_aid_refresher"].gives == "first_aid"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("draw = 1", "draw = 2", "抽题数多于题库"), ("right = [0]", "right = [0, 1]", "第 1 题"),
        ("right = [0]", "right = [7]", "第 1 题"), ("pass_percent = 80", "pass_percent = 8", "合格线"),
        ('code = "small"', 'code = "小"', "代码"), ("minutes = 5", "minutes = 'x'", "课程文件有误"),
        ("tries = 2", "gives = 'nothing'\ntries = 2", "没有这种人员证书"), ("[[chapter]]", "[[", "课程文件有误"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_what_is_wrong(old: str, new: str, says: str) -> None:
    assert read_course(TEXT).code == "small"
    with pytest.raises(ProvisioningError) as refused:
        read_course(TEXT.replace(old, new))
    assert says in refused.value.message_zh


@given(st.sampled_from(sorted(COURSES)), st.integers(0, 2**48))
def test_a_seed_draws_the_same_test_and_all_right_is_passed(code: str, seed: int) -> None:
    course = COURSES[code]
    drawn = draw(course, seed)
    assert drawn == draw(course, seed)
    assert len({one.question for one in drawn}) == course.draw
    assert all(sorted(one.options) == list(range(len(course.question[one.question].options))) for one in drawn)
    right = {one.question: course.question[one.question].right for one in drawn}
    assert mark(course, drawn, right).passed
    more = {place: [*named, *range(8)] for place, named in right.items()}
    assert mark(course, drawn, more).correct == 0, "naming every option is no answer"
    assert not mark(course, drawn, {}).passed


def test_the_pass_mark_is_never_rounded_down() -> None:
    course: Course = COURSES["meal_hygiene"]
    drawn = draw(course, 1)
    right = {one.question: course.question[one.question].right for one in drawn}
    assert course.pass_percent * len(drawn) == 400
    assert mark(course, drawn, dict(list(right.items())[:4])).passed
    assert not mark(course, drawn, dict(list(right.items())[:3])).passed


def test_tries_come_back_one_by_one() -> None:
    course = COURSES["meal_hygiene"]
    begun = [NOW - dt.timedelta(days=days) for days in (8, 3, 2, 1)]
    assert leave(course, begun[:3], NOW).left == 1
    out = leave(course, begun, NOW)
    assert (out.left, out.again_at) == (0, begun[1] + WINDOW)
    assert leave(course, begun, out.again_at or NOW).left == 1


def test_a_certificate_is_good_for_whole_months() -> None:
    course = COURSES["meal_hygiene"]
    assert course.valid_months == 12
    assert expires_on(course, dt.date(2026, 11, 30)) == dt.date(2027, 11, 29)
    assert expires_on(course, dt.date(2027, 2, 28)) == dt.date(2028, 2, 27)
    assert expires_on(COURSES["volunteer_basic"], dt.date(2024, 2, 29)) == dt.date(2026, 2, 27)
    assert expires_on(COURSES["family_carers"], dt.date(2026, 1, 1)) is None


def test_a_code_is_read_as_people_type_it() -> None:
    code = "0123456789ABCDEF"
    assert grouped(code) == "0123-4567-89AB-CDEF"
    assert plain_code(" o123-4567 89ab-cdef ") == code
    assert plain_code("0123") == plain_code("U" * 16) == ""
