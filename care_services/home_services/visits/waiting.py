"""How long a visit may be late before the station is told: by rules that are data."""

from care_services.core.facts import COMMON
from care_services.core.rules import Fact, Outcome, RuleSet, Ruling, Subject

USUAL = 30
"""Minutes where no rule applies."""
_DEFAULT = """
[[rule]]
code = "frail_alone"
zh = "独居的中重度失能老人"
en = "lives alone and is impaired"
when = [["lives_alone", "=", true], ["ability_grade", ">=", "moderate"]]
then = { after_minutes = 15 }

[[rule]]
code = "alone"
zh = "独居老人"
en = "lives alone"
when = [["lives_alone", "=", true]]
then = { after_minutes = 20 }

[[rule]]
code = "others"
zh = "其他老人"
en = "others"
when = []
then = { after_minutes = 30 }
"""

SUBJECT = Subject(
    code="visit_missed",
    zh="上门超时提醒",
    en="When a late visit is told to the station",
    facts={
        **COMMON,
        "service": Fact(zh="服务项目", en="service", kind=str),
        "work": Fact(zh="服务类别", en="kind of work", kind=str),
    },
    outcomes={
        "after_minutes": Outcome(
            zh="计划时间后（分钟）", en="minutes after the planned time", kind=int, low=1, high=240
        )
    },
    default=_DEFAULT,
)


def minutes_of(ruling: Ruling, rules: RuleSet) -> int:
    """The minutes of a ruling; where unknown facts could change it, the shortest of all rules: nobody is forgotten
    because a record is incomplete. Pure."""
    if not ruling.settled:
        return min(int(rule.then["after_minutes"]) for rule in rules.rules)
    return USUAL if ruling.rule is None else int(ruling.rule.then["after_minutes"])
