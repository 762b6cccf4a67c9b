"""How the last month of a grant counts: one rule, whatever way it ends."""

import datetime as dt

import pytest

from care_services.core.rules import read_rules
from care_services.grants.ending import SUBJECT, WHY_WORDS, Why, last_of

ON = dt.date(2026, 11, 2)
DEFAULT = read_rules(SUBJECT.default, SUBJECT)


@pytest.mark.parametrize("why", WHY_WORDS)
def test_a_bed_is_paid_by_days_and_a_person_by_months(why: Why) -> None:
    bed, person = last_of(DEFAULT, "bed_operation", why, ON), last_of(DEFAULT, "old_age_allowance", why, ON)
    assert (bed.from_on, bed.pays_until, bed.by_days) == (ON, dt.date(2026, 12, 1), True)
    assert (person.from_on, person.pays_until, person.by_days) == (dt.date(2026, 12, 1), dt.date(2026, 12, 1), False)
    assert all((bed.zh, bed.en, person.zh, person.en))


def test_the_district_decides_and_without_a_rule_nothing_is_taken() -> None:
    own = read_rules(
        '[[rule]]\ncode = "a"\nzh = "去世多发一月"\nen = "a month more"\nwhen = [["why", "=", "died"]]\n'
        'then = { last_month = "month", more_months = 1 }\n', SUBJECT,
    )  # fmt: skip
    assert last_of(own, "bed_operation", "died", ON).pays_until == dt.date(2027, 1, 1)
    assert last_of(own, "bed_operation", "closed", ON).from_on == dt.date(2026, 12, 1)
