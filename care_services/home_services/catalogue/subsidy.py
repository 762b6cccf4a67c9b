"""The share of a service's cost that the public pays: by rules that are data, from facts about the resident."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg import Connection

from care_services.core import money, rule_book
from care_services.core.facts import COMMON
from care_services.core.facts import facts_of as facts_of
from care_services.core.rules import Fact, Outcome, RuleSet, Ruling, Subject, Value

_DEFAULT = """
[[rule]]
code = "extreme_poverty"
zh = "特困供养老人"
en = "supported in extreme poverty"
when = [["extreme_poverty", "=", true]]
then = { percent = 100, cap_fen = 20000 }

[[rule]]
code = "low_income_impaired"
zh = "低保低收入的失能老人"
en = "low income and severely impaired"
when = [["low_income", "=", true], ["ability_grade", ">=", "severe"]]
then = { percent = 90, cap_fen = 15000 }

[[rule]]
code = "low_income"
zh = "低保低收入老人"
en = "low income"
when = [["low_income", "=", true], ["age", ">=", 60]]
then = { percent = 70, cap_fen = 10000 }

[[rule]]
code = "special_family"
zh = "计划生育特殊家庭老人"
en = "family that lost its only child"
when = [["special_family", "=", true]]
then = { percent = 70, cap_fen = 10000 }

[[rule]]
code = "bed"
zh = "家庭养老床位服务对象"
en = "home care bed"
when = [["home_care_bed", "=", true], ["age", ">=", 60]]
then = { percent = 50, cap_fen = 8000 }

[[rule]]
code = "age_80"
zh = "80 岁及以上老人"
en = "80 years and older"
when = [["age", ">=", 80]]
then = { percent = 30, cap_fen = 5000 }
"""

SUBJECT = Subject(
    code="service_subsidy",
    zh="上门服务补贴",
    en="Subsidy of services at home",
    facts={
        **COMMON,
        "service": Fact(zh="服务项目", en="service", kind=str),
        "work": Fact(zh="服务类别", en="kind of work", kind=str),
    },
    outcomes={
        "percent": Outcome(zh="补贴比例（%）", en="percent that is paid", kind=int, low=0, high=100),
        "cap_fen": Outcome(zh="每次上限（分）", en="most for a visit, fen", kind=int),
    },
    default=_DEFAULT,
)


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """An amount parted in two, fen. ``rule``: the code of the rule; None: none applies.

    ``open``: facts are missing that could change it; until they are known it is parted by what is known.
    """

    amount_fen: int
    subsidy_fen: int
    rule: str | None
    open: bool

    @property
    def own_fen(self) -> int:
        return self.amount_fen - self.subsidy_fen


def part(amount_fen: int, ruling: Ruling) -> Share:
    """Part an amount by a ruling: a percentage, up to a cap. Pure."""
    if ruling.rule is None:
        return Share(amount_fen=amount_fen, subsidy_fen=0, rule=None, open=not ruling.settled)
    percent, cap = int(ruling.rule.then["percent"]), int(ruling.rule.then["cap_fen"])
    paid = min(amount_fen, cap, money.share(amount_fen, percent))
    return Share(amount_fen=amount_fen, subsidy_fen=paid, rule=ruling.rule.code, open=not ruling.settled)


def rules(conn: Connection[Any], on: dt.date) -> RuleSet:
    """The rules that hold on a day."""
    return rule_book.current(conn, SUBJECT, on)


def decide(rule_set: RuleSet, facts: Mapping[str, Value], service: str, work: str) -> Ruling:
    """Decide for a resident and a service. Pure."""
    return rule_set.decide({**facts, "service": service, "work": work})


def share_of(
    conn: Connection[Any], resident_id: int, service: str, work: str, amount_fen: int, on: dt.date
) -> Share:  # fmt: skip
    """Part an amount for one resident, as of a day."""
    facts = facts_of(conn, [resident_id], on).get(resident_id, {})
    return part(amount_fen, decide(rules(conn, on), facts, service, work))
