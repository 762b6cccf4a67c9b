"""Subsidies of meals by rules as data, and how a price splits between the public purse and the resident. Pure."""

import msgspec

from care_services.core.facts import COMMON
from care_services.core.money import share
from care_services.core.rules import Facts, Outcome, RuleSet, Subject

DEFAULT = """\
# An example, to be replaced by what the district decides. The first rule that applies decides.
[[rule]]
code = "supported"
zh = "特困供养：全额，每餐不超过 20 元"
en = "Supported in extreme poverty: in full, 20 yuan a meal at most"
when = [["extreme_poverty", "=", true]]
then = { percent = 100, cap_fen = 2000, a_day = 2, a_month = 62 }

[[rule]]
code = "low-income"
zh = "低保或低收入：每餐补 80%，不超过 12 元"
en = "Low income: 80 % of a meal, 12 yuan at most"
when = [["low_income", "=", true]]
then = { percent = 80, cap_fen = 1200, a_day = 2, a_month = 62 }

[[rule]]
code = "severe"
zh = "重度及以上失能：每餐补一半，不超过 8 元"
en = "Severely or totally dependent: half of a meal, 8 yuan at most"
when = [["ability_grade", ">=", "severe"]]
then = { percent = 50, cap_fen = 800, a_day = 2, a_month = 62 }

[[rule]]
code = "eighty"
zh = "年满 80 岁：每天一餐补 30%，不超过 5 元"
en = "Aged 80 and over: one meal a day by 30 %, 5 yuan at most"
when = [["age", ">=", 80]]
then = { percent = 30, cap_fen = 500, a_day = 1, a_month = 31 }

[[rule]]
code = "sixty"
zh = "年满 60 岁：每天一餐补 10%，不超过 2 元"
en = "Aged 60 and over: one meal a day by 10 %, 2 yuan at most"
when = [["age", ">=", 60]]
then = { percent = 10, cap_fen = 200, a_day = 1, a_month = 22 }
"""

MEAL_SUBSIDY = Subject(
    code="meal_subsidy",
    zh="助餐补贴",
    en="Subsidies of meals",
    facts=COMMON,
    outcomes={
        "percent": Outcome(zh="补贴比例（%）", en="percent of the price", kind=int, high=100),
        "cap_fen": Outcome(zh="每餐最高", en="at most a meal", kind=int),
        "a_day": Outcome(zh="每天最多几餐", en="meals a day at most", kind=int, high=3),
        "a_month": Outcome(zh="每月最多几餐", en="meals a month at most", kind=int, high=93),
    },
    default=DEFAULT,
)


class Used(msgspec.Struct, frozen=True):
    """Subsidised meals of a resident that count already: of the meal's day, and of its month."""

    day: int = 0
    month: int = 0


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """How a price is paid, in fen, and why. ``own`` and ``subsidy`` are the whole price."""

    price: int
    subsidy: int
    rule: str | None
    """The code of the rule that gives the subsidy; None: none does."""
    reason_zh: str
    reason_en: str
    missing: tuple[str, ...] = ()
    """Facts that nobody knows and that could change it: what is certain is given, and somebody should ask."""

    @property
    def own(self) -> int:
        """The resident's own part."""
        return self.price - self.subsidy


def split(price: int, rules: RuleSet, facts: Facts, used: Used) -> Split:
    """Split the price of one more meal of somebody. ``used``: what they have had of it already."""
    ruling = rules.decide(facts)
    if ruling.rule is None:
        return Split(price=price, subsidy=0, rule=None, reason_zh=ruling.reason("zh"), reason_en=ruling.reason("en"),
                     missing=ruling.missing)  # fmt: skip
    then = ruling.rule.then
    zh, en = ruling.rule.zh, ruling.rule.en
    amount = min(share(price, int(then["percent"])), int(then["cap_fen"]), price)
    if used.day >= int(then["a_day"]):
        amount, zh, en = 0, f"当天已补 {used.day} 餐，达到上限", f"{used.day} meals of that day have it: no more a day"
    elif used.month >= int(then["a_month"]):
        amount, zh, en = 0, f"当月已补 {used.month} 餐，达到上限", f"{used.month} meals of that month have it: no more"
    if ruling.missing:
        zh, en = f"{zh}；{ruling.reason('zh')}", f"{en}. {ruling.reason('en')}"
    rule = ruling.rule.code if amount else None
    return Split(price=price, subsidy=amount, rule=rule, reason_zh=zh, reason_en=en, missing=ruling.missing)
