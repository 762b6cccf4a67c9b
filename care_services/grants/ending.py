"""How the last month of a grant counts, by kind of grant and by why it stops: one rule for every way to an end. Pure.

The rules are data (subject ``grant_ending`` of the book of rules). Every stop of a grant asks here: the closing and the
suspension of a bed, and the registers where somebody died or moved away.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Literal

import msgspec

from care_services.core.rules import Fact, Outcome, RuleSet, Subject
from care_services.grants.kinds import KINDS, RULES
from care_services.grants.settling import next_month

Why = Literal["suspended", "closed", "died", "moved", "other"]
WHY_WORDS: Mapping[str, tuple[str, str]] = {
    "suspended": ("床位暂停", "the bed is suspended"), "closed": ("床位终止", "the bed is closed"),
    "died": ("去世", "the resident died"), "moved": ("迁出", "the resident moved away"),
    "other": ("其他原因离开", "the resident left for another reason"),
}  # fmt: skip
SUBJECT = Subject(
    code="grant_ending", zh="补贴末月计发", en="The last month of a grant",
    facts={
        "grant": Fact(
            zh="补贴种类", en="kind of grant", kind=str, choices={one.code: (one.zh, one.en) for one in KINDS.values()}
        ),
        "why": Fact(zh="停发原因", en="why it stops", kind=str, choices=WHY_WORDS),
    },
    outcomes={
        "last_month": Outcome(zh="末月计发方式（按天/整月）", en="the last month, by days or whole", kind=str,
                              choices=("days", "month")),
        "more_months": Outcome(zh="整月计发时，之后再发月数", en="months beyond it, where it is paid whole", kind=int,
                               high=12, required=False),
    },
    default=(RULES / "ending.toml").read_text("utf-8"),
)  # fmt: skip


class Last(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a grant."""

    from_on: dt.date
    """The first day that is not paid."""
    pays_until: dt.date
    """The first month for which nothing is paid."""
    by_days: bool
    zh: str = ""
    en: str = ""


def last_of(rules: RuleSet, grant: str, why: Why, on: dt.date) -> Last:
    """The end of a grant that stops on a day. Where no rule applies, nothing is taken: the month is paid whole."""
    rule = rules.decide({"grant": grant, "why": why}).rule
    said = {} if rule is None else {"zh": rule.zh, "en": rule.en}
    until = next_month(on)
    if rule is not None and rule.then.get("last_month") == "days":
        return Last(from_on=on, pays_until=until, by_days=True, **said)
    more = 0 if rule is None else int(rule.then.get("more_months", 0))
    for _ in range(more):
        until = next_month(until)
    return Last(from_on=until, pays_until=until, by_days=False, **said)
