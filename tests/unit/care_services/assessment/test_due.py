"""The next date by the rules as delivered."""

import datetime as dt

import pytest

from care_services.assessment.due import SUBJECT, decide, months_later
from care_services.core.rules import read_rules

RULES = read_rules(SUBJECT.default, SUBJECT)
DAY = dt.date(2026, 8, 31)


@pytest.mark.parametrize(
    ("grade", "reason", "day"),
    [("severe", "routine", dt.date(2027, 8, 31)), ("severe", "doubt", dt.date(2027, 2, 28)),
     ("lost", "immediate", dt.date(2027, 2, 28)), ("moderate", "immediate", dt.date(2027, 8, 31))],
)  # fmt: skip
def test_the_next_date_follows_grade_and_reason(grade: str, reason: str, day: dt.date) -> None:
    assert decide(RULES, grade, reason, DAY)[0] == day  # type: ignore[arg-type]


def test_where_the_district_left_a_case_out_it_is_a_year() -> None:
    assert decide(read_rules("", SUBJECT), "mild", "first", DAY)[0] == months_later(DAY, 12) == dt.date(2027, 8, 31)
