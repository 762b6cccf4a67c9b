"""Try rules of the time bank before they hold: whose minutes would expire on their first day, and in the year after."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection

from care_services.core.rules import RuleSet
from care_services.time_bank.kinds import Words, hours
from care_services.time_bank.limits import Limits, limits_of


class Kept(msgspec.Struct, frozen=True, gc=False):
    """Minutes that are left in an account, of one day."""

    account: int
    earned_on: dt.date
    minutes: int


class Expiring(msgspec.Struct, frozen=True, kw_only=True):
    """Minutes that expire by rules: on the first day that the new ones hold, and in the twelve months after it."""

    at_once: int
    accounts: int
    """From whose they go at once."""
    in_a_year: int


def expiring_by(rule: Limits, lots: Sequence[Kept], first: dt.date) -> Expiring:
    """Count what a rule takes of the lots that are there now. Pure."""
    ends = [(one, rule.good_until(one.earned_on)) for one in lots]
    old = [one for one, day in ends if day is not None and day < first]
    return Expiring(
        at_once=sum(one.minutes for one in old),
        accounts=len({one.account for one in old}),
        in_a_year=sum(
            one.minutes for one, day in ends if day is not None and first <= day < first + dt.timedelta(days=365)
        ),
    )


def try_rules(conn: Connection[Any], now: RuleSet, new: RuleSet, first: dt.date) -> list[Words]:
    """Say what new rules would do to the minutes that are there now, beside what today's would."""
    lots = [Kept(*row) for row in conn.execute("SELECT account_id, earned_on, minutes FROM time_lot WHERE minutes > 0")]
    before, after = (expiring_by(limits_of(each, "expire"), lots, first) for each in (now, new))
    more = max(0, after.at_once - before.at_once)
    return [
        (
            f"生效当天（{first}）失效 {hours(after.at_once)} 小时，涉及 {after.accounts} 个账户；按现行规则为"
            f" {hours(before.at_once)} 小时、{before.accounts} 个账户",
            f"on the first day, {first}, {hours(after.at_once)} hours of {after.accounts} accounts expire; by today's"
            f" rules {hours(before.at_once)} hours of {before.accounts}",
        ),
        (
            f"其后一年内失效 {hours(after.in_a_year)} 小时；按现行规则为 {hours(before.in_a_year)} 小时",
            f"in the year after it {hours(after.in_a_year)} hours expire; by today's rules {hours(before.in_a_year)}",
        ),
        *(
            [(f"其中 {hours(more)} 小时因规则变化当天失效，请先通知持有人",
              f"{hours(more)} hours are lost at once by the change alone: tell their holders first")] if more else []
        ),
        ("计入比例和上限只对此后确认的服务生效", "per cents and caps hold for help that is confirmed from then on"),
    ]  # fmt: skip
