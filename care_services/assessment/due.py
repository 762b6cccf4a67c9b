"""The date of the next assessment: rules by grade and reason that the district sets.

GB/T 42195-2022 asks for a regular re-assessment and leaves its interval to those who are in charge; the default is
once a year, and half a year for whoever got a severe grade by an immediate or a doubted assessment.
"""

import calendar
import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.catalogues.ability import Grade
from care_services.assessment.reasons import REASONS, Reason
from care_services.core import rule_book
from care_services.core.facts import COMMON
from care_services.core.rules import Fact, Outcome, RuleSet, Subject

_DEFAULT = """
[[rule]]
code = "after_change"
zh = "状况变化或有疑问后评为重度及以上：半年"
en = "severe or worse after a change or on doubt: half a year"
when = [["ability_grade", ">=", "severe"], ["reason", "in", ["immediate", "doubt"]]]
then = { months = 6 }

[[rule]]
code = "yearly"
zh = "常规评估：每年一次"
en = "routine: once a year"
then = { months = 12 }
"""

SUBJECT = Subject(
    code="assessment_due",
    zh="下次能力评估的时间",
    en="Time of the next ability assessment",
    facts={**COMMON, "reason": Fact(zh="评估原因", en="reason of the assessment", kind=str, choices=REASONS)},
    outcomes={"months": Outcome(zh="几个月后", en="months until then", kind=int, low=1, high=36)},
    default=_DEFAULT,
)
FALLBACK_MONTHS = 12
"""Where the district's rules leave a case out."""


def next_due(conn: Connection[Any], grade: Grade, reason: Reason, on: dt.date) -> tuple[dt.date, str, str]:
    """The day of the next assessment after one of this day, with the rule that says so in Chinese and English."""
    return decide(rule_book.current(conn, SUBJECT, on), grade, reason, on)


def decide(rules: RuleSet, grade: Grade, reason: str, on: dt.date) -> tuple[dt.date, str, str]:
    """The same by rules that are at hand. Pure."""
    ruling = rules.decide({"ability_grade": grade, "reason": reason})
    if ruling.rule is None:
        return months_later(on, FALLBACK_MONTHS), "每年一次", "once a year"
    return months_later(on, int(ruling.rule.then["months"])), ruling.rule.zh, ruling.rule.en


def months_later(day: dt.date, months: int) -> dt.date:
    """The same day so many months later, or the last day of a shorter month. Pure."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
