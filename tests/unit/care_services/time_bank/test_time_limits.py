"""Rules that are data decide what a visit is worth and how long minutes last."""

from care_services.core.rules import read_rules
from care_services.time_bank.limits import SUBJECT, Limits, limits_of

RULES = read_rules(SUBJECT.default, SUBJECT)


def test_the_default_rules_are_read_and_the_first_that_applies_decides() -> None:
    assert limits_of(RULES, "earn", help="alarm", group="senior").percent == 150
    assert limits_of(RULES, "earn", help="call", group="senior").day_cap == 60
    assert limits_of(RULES, "earn", help="walk", group="social_worker").month_cap == 600
    assert limits_of(RULES, "earn", help="walk", group="senior").rule == "earn"
    assert limits_of(RULES, "expire").months == 36
    assert limits_of(RULES, "donate") == Limits()


def test_caps_of_day_and_month_hold_whatever_comes_first() -> None:
    limits = Limits(percent=150, day_cap=120, month_cap=1000)
    assert limits.credit(60, 0, 0) == 90
    assert limits.credit(60, 100, 500) == 20
    assert limits.credit(60, 0, 990) == 10
    assert limits.credit(60, 200, 500) == 0, "a rule that became stricter takes nothing away"
