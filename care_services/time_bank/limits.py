"""The rules of the books that are data: how many minutes a visit is worth, caps, how long minutes last. Pure."""

import datetime as dt
from collections.abc import Mapping

import msgspec

from care_services.core.rules import Fact, Outcome, RuleSet, Subject, Value
from care_services.time_bank.kinds import GROUPS, KINDS, TRANSACTIONS
from care_services.time_bank.ledger import months_before

_DEFAULT = """\
[[rule]]
code = "alarm"
zh = "邻里应急按 150% 计入，鼓励就近响应"
en = "Answering an alarm counts 150 %: whoever is near shall go"
when = [["purpose", "=", "earn"], ["help", "=", "alarm"]]
then = { percent = 150, day_cap = 480, month_cap = 4800 }

[[rule]]
code = "call"
zh = "电话问候每天最多计 60 分钟"
en = "Telephone calls count 60 minutes a day at most"
when = [["purpose", "=", "earn"], ["help", "=", "call"]]
then = { percent = 100, day_cap = 60, month_cap = 1200 }

[[rule]]
code = "staff"
zh = "社工在岗时间已有报酬，志愿服务每月最多计 10 小时"
en = "Social workers are paid for their working hours: 10 hours a month at most"
when = [["purpose", "=", "earn"], ["group", "=", "social_worker"]]
then = { percent = 100, day_cap = 240, month_cap = 600 }

[[rule]]
code = "earn"
zh = "服务一分钟存一分钟，每天最多 8 小时、每月最多 80 小时"
en = "A minute for a minute, 8 hours a day and 80 hours a month at most"
when = [["purpose", "=", "earn"]]
then = { percent = 100, day_cap = 480, month_cap = 4800 }

[[rule]]
code = "expire"
zh = "存入满 36 个月未使用即失效"
en = "Minutes expire 36 months after they were earned"
when = [["purpose", "=", "expire"]]
then = { months = 36 }

[[rule]]
code = "transfer"
zh = "转让每月最多 10 小时"
en = "10 hours a month at most are transferred"
when = [["purpose", "=", "transfer"]]
then = { month_cap = 600 }

[[rule]]
code = "gift"
zh = "赠送亲属每月最多 20 小时"
en = "20 hours a month at most are given to relatives"
when = [["purpose", "=", "gift"]]
then = { month_cap = 1200 }

[[rule]]
code = "redeem"
zh = "兑换服务每月最多 40 小时"
en = "40 hours a month at most are spent"
when = [["purpose", "=", "redeem"]]
then = { month_cap = 2400 }
"""

SUBJECT = Subject(
    code="time_bank",
    zh="时间银行",
    en="Time bank",
    facts={
        "purpose": Fact(zh="用途", en="purpose", kind=str, choices=TRANSACTIONS),
        "help": Fact(zh="互助类型", en="kind of help", kind=str,
                     choices={code: (kind.zh, kind.en) for code, kind in KINDS.items()}),
        "group": Fact(zh="志愿者类别", en="group of the volunteer", kind=str, choices=GROUPS),
    },
    outcomes={
        "percent": Outcome(zh="计入比例（%）", en="per cent counted", kind=int, high=300, required=False),
        "day_cap": Outcome(zh="每日上限（分钟）", en="minutes a day at most", kind=int, high=1440, required=False),
        "month_cap": Outcome(zh="每月上限（分钟）", en="minutes a month at most", kind=int, high=44640, required=False),
        "months": Outcome(zh="有效月数", en="months until they expire", kind=int, low=1, high=600, required=False),
        "year_ends": Outcome(zh="存入年份之后第几年的 12 月 31 日失效",
                             en="they expire at the end of 31 December of the N-th year after", kind=int, low=1,
                             high=50, required=False),
    },
    default=_DEFAULT,
)  # fmt: skip
"""Rules of the time bank that the district may set."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds that the rules give for one purpose. None: unlimited."""

    rule: str = ""
    zh: str = ""
    en: str = ""
    percent: int = 100
    day_cap: int | None = None
    month_cap: int | None = None
    months: int | None = None
    year_ends: int | None = None
    """Years after that of the earning at whose end, 31 December in Shanghai, minutes expire. With ``months``, too:
    whichever comes first."""

    def old_before(self, today: dt.date) -> dt.date | None:
        """The day before which minutes were earned that have expired by ``today``; None: none ever do."""
        days: list[dt.date] = []
        if self.months is not None:
            day = months_before(today, self.months)
            while months_before(day, -self.months) < today:  # of a month that has no such day
                day += dt.timedelta(days=1)
            days.append(day)
        if self.year_ends is not None:
            days.append(dt.date(max(today.year - self.year_ends, 1), 1, 1))
        return max(days, default=None)

    def good_until(self, earned_on: dt.date) -> dt.date | None:
        """The last day on which minutes of a day are good; None: they do not expire."""
        days = [] if self.months is None else [months_before(earned_on, -self.months)]
        if self.year_ends is not None:
            days.append(dt.date(earned_on.year + self.year_ends, 12, 31))
        return min(days, default=None)

    def credit(self, minutes: int, of_day: int, of_month: int) -> int:
        """Minutes that are credited for ``minutes`` of help, after so many of the same rule on that day and month."""
        credited = minutes * self.percent // 100
        for cap, so_far in ((self.day_cap, of_day), (self.month_cap, of_month)):
            if cap is not None:
                credited = min(credited, max(0, cap - so_far))
        return credited


def limits_of(rules: RuleSet, purpose: str, **facts: Value | None) -> Limits:
    """Find the bounds for a purpose; without a rule about it there are none."""
    ruling = rules.decide({"purpose": purpose, **facts})
    if ruling.rule is None:
        return Limits()
    then: Mapping[str, Value] = ruling.rule.then
    numbers = {name: int(value) for name, value in then.items()}
    return Limits(
        rule=ruling.rule.code, zh=ruling.rule.zh, en=ruling.rule.en, percent=numbers.get("percent", 100),
        day_cap=numbers.get("day_cap"), month_cap=numbers.get("month_cap"), months=numbers.get("months"),
        year_ends=numbers.get("year_ends"),
    )  # fmt: skip
