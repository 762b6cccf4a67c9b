"""Settle an application by rules, at once, or say what is missing; pure."""

import datetime as dt
from collections.abc import Iterable, Mapping

import msgspec

from care_network.errors import ProvisioningError
from care_services.core.money import in_yuan, share
from care_services.core.rules import Facts, RuleSet, Value
from care_services.grants.kinds import PER, Kind

YES, NO = frozenset({"true", "yes", "是"}), frozenset({"false", "no", "否"})
MOST_COST = 1_000_000
"""Yuan of a cost that a form takes."""
DECIDED_IN = dt.timedelta(days=5)
"""A person decides within this time; an example, the district's own rules prevail."""


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of the rules. ``state``: 'approved', 'refused', or 'waiting' for a person."""

    state: str
    rule: str = ""
    missing: tuple[str, ...] = ()
    amount_fen: int | None = None
    per: str | None = None
    zh: str
    en: str


def settle(rules: RuleSet, facts: Facts) -> Settled:
    """Decide by the rules. Waits for a person where a fact is unknown, or no rule applies.

    A rule that approves without an amount waits for a person, too, who says how much.
    """
    ruling = rules.decide(facts)
    zh, en = ruling.reason("zh"), ruling.reason("en")
    if not ruling.settled or ruling.rule is None:
        return Settled(state="waiting", missing=ruling.missing, zh=zh, en=en)
    then = ruling.rule.then
    if then.get("approve") is not True:
        return Settled(state="refused", rule=ruling.rule.code, zh=zh, en=en)
    amount, per = _amount(then, facts), then.get("per")
    if amount is None or not isinstance(per, str):
        return Settled(
            state="waiting", rule=ruling.rule.code, zh=f"{zh}，金额由人工核定", en=f"{en}; a person sets the amount"
        )
    said_zh, said_en = amount_words(amount, per)
    return Settled(
        state="approved", rule=ruling.rule.code, amount_fen=amount, per=per,
        zh=f"{zh}：{said_zh}", en=f"{en}: {said_en}",
    )  # fmt: skip


def _amount(then: Mapping[str, Value], facts: Facts) -> int | None:
    """The amount in fen: fixed, or a share of the cost up to the cap; None where the rule does not say."""
    fixed, percent, cap, cost = (then.get("amount_fen"), then.get("percent"), then.get("cap_fen"), facts.get("cost"))
    amount: int | None = None
    if isinstance(fixed, int):
        amount = fixed
    elif isinstance(percent, int) and isinstance(cost, int):
        amount = share(cost * 100, percent)
    if amount is not None and isinstance(cap, int):
        amount = min(amount, cap)
    return amount if amount and amount > 0 else None


def amount_words(fen: int, per: str) -> tuple[str, str]:
    """An amount as people say it: '每月 200.00 元'."""
    zh, en = PER[per]
    return f"{zh} {in_yuan(fen)} 元", f"{in_yuan(fen)} yuan {en}"


def read_form(kind: Kind, sent: Mapping[str, str]) -> dict[str, Value]:
    """Read the facts of a form; what is left empty stays unknown. Raises ProvisioningError with the field."""
    found: dict[str, Value] = {}
    for name in kind.form:
        text, fact = sent.get(name, "").strip(), kind.subject.facts[name]
        if not text:
            continue
        if fact.kind is bool:
            if text.lower() not in YES | NO:
                raise ProvisioningError(en="choose yes or no", zh="请选择是或否", field=name)
            found[name] = text.lower() in YES
        elif not (text.isascii() and text.isdecimal() and int(text) <= MOST_COST):
            raise ProvisioningError(
                en=f"write whole yuan, at most {MOST_COST}", zh=f"请填写整数元，不超过 {MOST_COST}", field=name
            )
        else:
            found[name] = int(text)
    return found


def month_of(day: dt.date) -> dt.date:
    """The first day of a day's month."""
    return day.replace(day=1)


def next_month(month: dt.date) -> dt.date:
    """The first day of the month after."""
    return (month.replace(day=1) + dt.timedelta(days=32)).replace(day=1)


Pause = tuple[dt.date, dt.date | None]
"""Days for which a grant is not paid: the first one, and the first one after them (None: nobody knows it)."""


def due_of(amount_fen: int, month: dt.date, pays_until: dt.date | None, pauses: Iterable[Pause]) -> int:
    """The part of a monthly grant that is due for a month, in fen: by days, rounded half up.

    ``month``: its first day. Pauses do not overlap. ``paid.py`` asks the same of the database.
    """
    if pays_until is not None and month >= pays_until:
        return 0
    after = next_month(month)
    days = (after - month).days
    paused = sum(
        max(0, (min(until or after, after) - max(first, month)).days) for first, until in pauses if first < after
    )
    return (2 * amount_fen * (days - paused) + days) // (2 * days)


def changed_facts(then: Mapping[str, Value], now: Mapping[str, Value]) -> list[tuple[str, Value | None, Value | None]]:
    """Facts that are otherwise now than when it was decided: (name, then, now); None: unknown.

    Age is left out, which changes by itself; so is ``granted_before``, which the decision itself changes.
    """
    names = [name for name in {**then, **now} if name not in ("age", "granted_before")]
    return [(name, then.get(name), now.get(name)) for name in names if then.get(name) != now.get(name)]
