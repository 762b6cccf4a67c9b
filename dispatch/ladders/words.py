"""Policies in words, line by line, and two of them side by side. Pure."""

from collections.abc import Iterable

import msgspec

from care_network.catalogues.ability import GRADES
from care_network.duty.roster import KIND_WORDS
from dispatch.ladders.policy import FamilyTarget, OnDutyTarget, OrganisationTarget, Policy, ServiceTarget, Step
from vocabulary.alert_state import STATE_WORDS
from vocabulary.severity import SEVERITY_WORDS

Words = tuple[str, str]
"""In Chinese and in English."""


class Line(msgspec.Struct, frozen=True):
    """One thing that a policy says, under a label."""

    label: Words
    text: Words


class Pair(msgspec.Struct, frozen=True):
    """The same line of two policies; None: it is not there."""

    label: Words
    old: Words | None
    new: Words | None

    @property
    def changed(self) -> bool:
        return self.old != self.new


def lines(policy: Policy, names: dict[str, Words] | None = None) -> list[Line]:
    """Say all of a policy. ``names``: of organisations, by code."""
    everywhere = ("全区", "everywhere")
    where = (
        everywhere
        if policy.organisation is None
        else (names or {}).get(policy.organisation, (policy.organisation,) * 2)
    )
    hours = ("任何时间", "at any hour")
    if policy.starts is not None and policy.ends is not None:
        hours = (f"{policy.starts:%H:%M} 至 {policy.ends:%H:%M}", f"{policy.starts:%H:%M} to {policy.ends:%H:%M}")
    again = span(policy.repeat_after_s)
    rounds = (
        ("直到有人应答", "until somebody answers")
        if not policy.rounds
        else (f"共 {policy.rounds} 轮", f"{policy.rounds} in all")
    )
    found = [
        Line(("名称", "Name"), (policy.name_zh, policy.name_en)),
        Line(("级别", "Severity"), SEVERITY_WORDS[policy.severity]),
        Line(("适用范围", "Where"), where),
        Line(("适用时间", "When"), hours),
    ]
    if policy.grades:
        said = [GRADES[grade] for grade in policy.grades if grade in GRADES]
        found.append(
            Line(
                ("适用老人", "For whom"),
                (
                    f"能力等级为{'、'.join(one[0] for one in said)}，且已批准按等级呼叫的老人",
                    f"residents whose ability grade is {' or '.join(one[1] for one in said)}, approved for each",
                ),
            )
        )
    found += [Line((f"第 {number} 级", f"Step {number}"), step_words(step, first=number == 1))
              for number, step in enumerate(policy.steps, 1)]  # fmt: skip
    stop = STATE_WORDS[policy.stop_at]
    on_the_way = span(policy.responding_s) if policy.responding_s else ("不限", "no limit")
    return [
        *found,
        Line(("下一轮", "Next round"), (f"{again[0]}后，{rounds[0]}", f"after {again[1]}, {rounds[1]}")),
        Line(("停止呼叫", "Rests from"), stop),
        Line(("接警后无进展", "Taken, no progress"), span(policy.acknowledged_s)),
        Line(("前往后未到达", "On the way, not there"), on_the_way),
    ]


def step_words(step: Step, *, first: bool) -> Words:
    """Say a step: when, and whom it tells."""
    zh, en = span(step.after_s)
    when = ("立即", "at once") if not step.after_s else (f"{zh}后", f"{'' if first else 'another '}{en} later")
    told = [target_words(target) for target in step.targets]
    return f"{when[0]}：{'；'.join(one[0] for one in told)}", f"{when[1]}: {'; '.join(one[1] for one in told)}"


def target_words(target: OnDutyTarget | OrganisationTarget | FamilyTarget | ServiceTarget) -> Words:
    """Say whom a target tells."""
    match target:
        case OnDutyTarget():
            zh, en = _kinds(target.kinds)
            most = (f"，最多 {target.most} 人", f", {target.most} at most") if target.most else ("", "")
            return f"在班人员（{zh}{most[0]}）", f"people on duty ({en}{most[1]})"
        case OrganisationTarget():
            zh, en = _kinds(target.kinds)
            return f"值班电话（{zh}）", f"the desk's telephone ({en})"
        case FamilyTarget():
            last = target.first + target.most - 1
            which = f"{target.first}" if last == target.first else f"{target.first}–{last}"
            return f"家属第 {which} 位", f"family, number {which}"
        case ServiceTarget():
            return target.key, target.key


def pairs(old: Policy | None, new: Policy | None, names: dict[str, Words] | None = None) -> list[Pair]:
    """Put two policies side by side, in the order of the new one, steps by their number."""
    before = {line.label: line.text for line in (lines(old, names) if old else [])}
    then = {line.label: line.text for line in (lines(new, names) if new else [])}
    return [Pair(label, before.get(label), then.get(label)) for label in _in_order(before, then)]


def span(seconds: float) -> Words:
    """A length of time in words: seconds below two minutes, minutes below two hours, else hours."""
    if seconds < 120:
        return f"{seconds:g} 秒", f"{seconds:g} s"
    if seconds < 7200:
        return f"{round(seconds / 60, 1):g} 分钟", f"{round(seconds / 60, 1):g} min"
    return f"{round(seconds / 3600, 1):g} 小时", f"{round(seconds / 3600, 1):g} h"


def _kinds(kinds: Iterable[str]) -> Words:
    words = [KIND_WORDS.get(kind, (kind, kind)) for kind in kinds]
    return "、".join(one[0] for one in words), ", ".join(one[1] for one in words)


def _in_order(before: Iterable[Words], then: Iterable[Words]) -> list[Words]:
    """Labels of both: steps that only one has stand behind the last common step."""
    merged, old = list(then), list(before)
    for number, label in enumerate(old):
        if label not in merged:
            merged.insert(merged.index(old[number - 1]) + 1 if number else 0, label)
    return merged
