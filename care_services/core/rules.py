"""Rules that are data: conditions on facts, and what follows; decided with the reason, or with what is missing. Pure.

A fact that nobody knows is unknown, never false. A rule whose answer hangs on an unknown fact makes the decision
unsettled, and the decision names the fact.
"""

import tomllib
from collections.abc import Mapping
from typing import Any

import msgspec

from care_network.errors import ProvisioningError

Value = bool | int | str
Facts = Mapping[str, Value | None]
"""By name; absent or None: unknown."""
MOST_RULES, MOST_BYTES = 100, 65_536


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that a rule may ask about a person or a request."""

    zh: str
    en: str
    kind: type[bool] | type[int] | type[str]
    choices: Mapping[str, tuple[str, str]] = {}
    """Of a text: the codes that it may have, in words (Chinese, English). Empty: any."""
    ordered: bool = False
    """Of a text with choices: they rise in their order, and ``>=`` compares them."""
    unit_zh: str = ""
    unit_en: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that a rule may give."""

    zh: str
    en: str
    kind: type[bool] | type[int] | type[str]
    low: int = 0
    high: int = 2_000_000_000
    choices: tuple[str, ...] = ()
    required: bool = True


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A matter that rules decide, with the facts they may ask for and what they may give."""

    code: str
    zh: str
    en: str
    facts: Mapping[str, Fact]
    outcomes: Mapping[str, Outcome]
    default: str
    """Rules as TOML, until the district sets its own."""


OPERATORS: Mapping[str, tuple[str, str]] = {
    "=": ("为", "is"), "!=": ("不为", "is not"), ">=": ("不低于", "at least"), "<=": ("不高于", "at most"),
    ">": ("高于", "more than"), "<": ("低于", "less than"), "in": ("为以下之一", "is one of"),
}  # fmt: skip


class Condition(msgspec.Struct, frozen=True):
    """A comparison of one fact; ``value`` is a tuple with the operator ``in``."""

    fact: str
    operator: str
    value: Value | tuple[Value, ...]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Consequences that hold where all conditions do; without conditions, always."""

    code: str
    zh: str
    en: str
    when: tuple[Condition, ...]
    then: Mapping[str, Value]


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """A decision by rules."""

    rule: Rule | None
    """The first rule whose conditions all hold; None where none does."""
    missing: tuple[str, ...] = ()
    """Unknown facts that could change the answer."""
    used: Mapping[str, Value] = {}
    """The facts that the rule asked for, as they were."""
    subject: Subject

    @property
    def settled(self) -> bool:
        """Whether nothing unknown could change the answer."""
        return not self.missing

    def reason(self, language: str) -> str:
        """Say in a sentence which rule decided and by which facts, or what is missing."""
        zh = language == "zh"
        if self.missing:
            names = [self.subject.facts[name].zh if zh else self.subject.facts[name].en for name in self.missing]
            return f"尚缺：{'、'.join(names)}" if zh else f"Still unknown: {', '.join(names)}"
        if self.rule is None:
            return "没有适用的规则" if zh else "No rule applies"
        facts = [_said(self.subject.facts[name], value, zh) for name, value in self.used.items()]
        named = self.rule.zh if zh else self.rule.en
        return f"{named}（{'、'.join(facts)}）" if zh and facts else f"{named} ({', '.join(facts)})" if facts else named


class RuleSet(msgspec.Struct, frozen=True):
    """The rules of a subject in their order: the first that applies decides."""

    subject: Subject
    rules: tuple[Rule, ...]

    def decide(self, facts: Facts) -> Ruling:
        """Find the first rule that applies.

        A rule before it that could apply, were an unknown fact known, and that gives something else, makes the ruling
        unsettled; so is the ruling that nothing applies where an unknown fact could make one apply. A condition that
        fails on a known fact rules its rule out, whatever else is unknown.
        """
        could: list[tuple[Rule, list[str]]] = []
        for rule in self.rules:
            unknown = [one.fact for one in rule.when if facts.get(one.fact) is None]
            known = [one for one in rule.when if facts.get(one.fact) is not None]
            if not all(self._holds(one, facts) for one in known):
                continue
            if unknown:
                could.append((rule, unknown))
                continue
            used = {one.fact: value for one in rule.when if (value := facts.get(one.fact)) is not None}
            differing = [names for other, names in could if other.then != rule.then]
            return Ruling(rule=rule, missing=_once(differing), used=used, subject=self.subject)
        return Ruling(rule=None, missing=_once([names for _, names in could]), subject=self.subject)

    def _holds(self, one: Condition, facts: Facts) -> bool:
        value: Any = facts[one.fact]
        wanted: Any = one.value
        if one.operator == "in":
            return value in wanted
        if one.operator in ("=", "!="):
            return bool((value == wanted) == (one.operator == "="))
        fact = self.subject.facts[one.fact]
        if fact.ordered:
            order = list(fact.choices)
            value, wanted = order.index(value), order.index(wanted)
        return bool({">=": value >= wanted, "<=": value <= wanted, ">": value > wanted, "<": value < wanted}[
            one.operator
        ])  # fmt: skip


def _once(names: list[list[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for listed in names for name in listed))


def read_rules(text: str, subject: Subject) -> RuleSet:
    """Read rules from TOML: tables ``[[rule]]`` with code, zh, en, when and then.

    ``when`` is a list of [fact, operator, value]; ``then`` a table of the subject's outcomes. Raises ProvisioningError,
    which names the rule and what is wrong with it.
    """
    if len(text.encode()) > MOST_BYTES:
        raise _wrong("the rules are longer than 64 KiB", "规则超过 64 KiB")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(f"this is not TOML: {error}", f"不是有效的 TOML：{error}") from error
    listed = document.pop("rule", [])
    if document or not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise _wrong("write one [[rule]] for each rule, and nothing else", "每条规则写一个 [[rule]]，不要写其他内容")
    if len(listed) > MOST_RULES:
        raise _wrong(f"at most {MOST_RULES} rules", f"最多 {MOST_RULES} 条规则")
    rules = tuple(_rule(one, number, subject) for number, one in enumerate(listed, start=1))
    codes = [rule.code for rule in rules]
    for code in codes:
        if codes.count(code) > 1:
            raise _wrong(f"two rules have the code {code!r}", f"规则代码“{code}”重复")
    return RuleSet(subject, rules)


def _rule(raw: dict[str, Any], number: int, subject: Subject) -> Rule:
    place = f"{raw.get('code') or number}"
    for name in ("code", "zh", "en"):
        if not isinstance(raw.get(name), str) or not raw[name].strip():
            raise _wrong(f"rule {place}: {name} is missing", f"规则 {place}：缺少 {name}")
    if extra := set(raw) - {"code", "zh", "en", "when", "then"}:
        raise _wrong(f"rule {place}: unknown field {min(extra)}", f"规则 {place}：未知字段 {min(extra)}")
    when, then = raw.get("when", []), raw.get("then", {})
    if not isinstance(when, list) or not isinstance(then, dict):
        raise _wrong(f"rule {place}: when is a list, then a table", f"规则 {place}：when 应为列表，then 应为表")
    conditions = tuple(_condition(one, place, subject) for one in when)
    return Rule(code=raw["code"], zh=raw["zh"], en=raw["en"], when=conditions, then=_outcome(then, place, subject))


def _condition(raw: Any, place: str, subject: Subject) -> Condition:
    if not isinstance(raw, list) or len(raw) != 3 or not isinstance(raw[0], str):
        raise _wrong(
            f"rule {place}: a condition is [fact, operator, value]", f"规则 {place}：条件要写成三项：事实、运算、值"
        )
    name, operator, value = raw
    fact = subject.facts.get(name)
    if fact is None:
        known_zh = "、".join(f"{one.zh}（{code}）" for code, one in subject.facts.items())
        known_en = ", ".join(f"{one.en} ({code})" for code, one in subject.facts.items())
        raise _wrong(f"rule {place}: {name!r} is no fact; there are: {known_en}",
                     f"规则 {place}：没有“{name}”这项事实；可用：{known_zh}")  # fmt: skip
    comparable = fact.kind is int or fact.ordered
    if operator not in OPERATORS or (operator not in ("=", "!=", "in") and not comparable):
        raise _wrong(f"rule {place}: {fact.en} ({name}) cannot be compared by {operator!r}",
                     f"规则 {place}：“{fact.zh}”（{name}）不能用“{operator}”比较")  # fmt: skip
    values = value if operator == "in" else [value]
    if not isinstance(values, list) or not values or not all(_fits(one, fact) for one in values):
        allowed = "、".join(fact.choices)
        raise _wrong(
            f"rule {place}: {value!r} is no value of {fact.en} ({name})"
            + (f"; write {', '.join(fact.choices)}" if allowed else ""),
            f"规则 {place}：“{fact.zh}”（{name}）不能取值 {value!r}" + (f"；可写：{allowed}" if allowed else ""),
        )
    return Condition(name, operator, tuple(values) if operator == "in" else value)


def _fits(value: Any, fact: Fact) -> bool:
    return type(value) is fact.kind and (not fact.choices or value in fact.choices)


def _outcome(raw: dict[str, Any], place: str, subject: Subject) -> dict[str, Value]:
    for name, value in raw.items():
        outcome = subject.outcomes.get(name)
        good = outcome is not None and type(value) is outcome.kind
        if good and outcome is not None and outcome.kind is int:
            good = outcome.low <= value <= outcome.high
        elif good and outcome is not None and outcome.choices:
            good = value in outcome.choices
        if not good:
            raise _wrong(
                f"rule {place}: then.{name} = {value!r} is not allowed; there are: "
                + ", ".join(f"{one.en} ({code})" for code, one in subject.outcomes.items()),
                f"规则 {place}：不允许 then.{name} = {value!r}；可用："
                + "、".join(f"{one.zh}（{code}）" for code, one in subject.outcomes.items()),
            )
    for name, outcome in subject.outcomes.items():
        if outcome.required and name not in raw:
            raise _wrong(
                f"rule {place}: then.{name} ({outcome.en}) is missing",
                f"规则 {place}：缺少 then.{name}（{outcome.zh}）",
            )
    return raw


def _wrong(en: str, zh: str) -> ProvisioningError:
    return ProvisioningError(en=en, zh=zh, field="text")


def value_words(fact: Fact, value: Value, language: str) -> str:
    """Say the value of a fact: 'yes', '82 years', 'moderately impaired'."""
    zh = language == "zh"
    if isinstance(value, bool):
        return ("是" if value else "否") if zh else ("yes" if value else "no")
    if isinstance(value, str):
        words = fact.choices.get(value)
        return value if words is None else words[0] if zh else words[1]
    unit = fact.unit_zh if zh else fact.unit_en
    return f"{value}{unit}" if zh else f"{value} {unit}".strip()


def _said(fact: Fact, value: Value, zh: bool) -> str:
    if value is True:
        return fact.zh if zh else fact.en
    words = value_words(fact, value, "zh" if zh else "en")
    return f"{fact.zh}：{words}" if zh else f"{fact.en}: {words}"


def condition_words(one: Condition, subject: Subject, language: str) -> str:
    """Say a condition in words."""
    fact, zh = subject.facts[one.fact], language == "zh"
    values = one.value if isinstance(one.value, tuple) else (one.value,)
    said = ("、" if zh else ", ").join(value_words(fact, value, language) for value in values)
    operator = OPERATORS[one.operator][0 if zh else 1]
    return f"{fact.zh}{operator}{said}" if zh else f"{fact.en} {operator} {said}"
