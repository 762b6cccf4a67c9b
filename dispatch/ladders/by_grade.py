"""Choose a ladder by the ability grade that a person approved, and never one that calls somebody later. Pure.

A grade that nobody knows is never "able": it takes the ordinary ladder, and the alert's page says so. The proof is made
by trying: every combination of who is there and who is not (a step whose people are nobody costs no time), over both
ladders.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, Literal

import msgspec

from care_network.ability.standing import Standing
from care_network.catalogues.ability import GRADES, Grade
from dispatch.ladders.policy import FamilyTarget, OnDutyTarget, OrganisationTarget, Policy, ServiceTarget, choose
from dispatch.ladders.words import target_words
from vocabulary.severity import GRAVE

Ground = Literal["grade", "kept", "home", "unknown", "undecided", "other", "later"]
Words = tuple[str, str]
ORDER: tuple[str, ...] = tuple(GRADES)
"""Grades from the best to the worst."""
MOST_CASES = 20_000
"""Combinations of who is there that are tried; of more nothing is proved, and the ordinary ladder is taken."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """The ladder of an alert and why it is this one. ``ground`` None: no ladder by grade is set up there."""

    policy: Policy
    ground: Ground | None = None
    grade: Grade | None = None
    """The grade that decided, or would have."""
    until: dt.date | None = None
    assessment: int | None = None

    def noted(self) -> str | None:
        """The choice without the ladder itself, as JSON for the alert's row."""
        if self.ground is None:
            return None
        return msgspec.json.encode(
            Choice(ground=self.ground, grade=self.grade, until=self.until, assessment=self.assessment)
        ).decode()


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Why an alert climbs its ladder, as it was when the ladder was chosen."""

    ground: Ground
    grade: Grade | None = None
    until: dt.date | None = None
    assessment: int | None = None


def choose_for(
    policies: Sequence[Policy], severity: str, organisations: Sequence[str], at: dt.datetime,
    standings: Sequence[Standing],
) -> Chosen | None:  # fmt: skip
    """Choose the ladder of an alert about one person, or about a home with these residents.

    The worst grade counts. One ladder by grade is taken where the grade is valid and only this person is meant, or
    where it is proved to call nobody later than the ordinary one; an emergency or an urgent alert asks for the proof
    in any case. None: there is no ordinary ladder (the caller falls back to the program's own).
    """
    ordinary = choose(policies, severity, organisations, at)
    if ordinary is None:
        return None
    if not any(policy.grades and policy.severity == severity for policy in policies):
        return Chosen(policy=ordinary)
    known = sorted(
        (one for one in standings if one.grade is not None), key=lambda one: -ORDER.index(one.grade or "intact")
    )
    later: Standing | None = None
    for one in known:
        graded = choose(policies, severity, organisations, at, one.grade)
        if graded is None:
            continue
        valid, alone = one.valid(at), len(standings) == 1
        if (valid and alone and severity not in GRAVE) or not_later(graded, ordinary):
            ground: Ground = "kept" if not valid else "grade" if alone else "home"
            return Chosen(policy=graded, ground=ground, grade=one.grade, until=one.until, assessment=one.assessment)
        later = later or one
    if later is not None:
        ground = "later" if later.valid(at) else "unknown"
        return Chosen(policy=ordinary, ground=ground, grade=later.grade, until=later.until, assessment=later.assessment)
    if known:
        return Chosen(policy=ordinary, ground="other", grade=known[0].grade, until=known[0].until)
    recorded = [one.recorded for one in standings if one.recorded is not None]
    if recorded and len(recorded) == len(standings):
        return Chosen(policy=ordinary, ground="undecided", grade=max(recorded, key=ORDER.index))
    return Chosen(policy=ordinary, ground="unknown")


def words(choice: Choice) -> Words:
    """Say in a sentence why an alert climbs its ladder."""
    zh, en = GRADES.get(choice.grade or "", ("未知", "unknown"))
    until = f"{choice.until:%Y-%m-%d}" if choice.until else ""
    match choice.ground:
        case "grade":
            return (
                f"按能力等级“{zh}”呼叫（评估有效至 {until}）",
                f"by the ability grade: {en} (its assessment is valid until {until})",
            )
        case "home":
            return (
                f"按同住老人的能力等级“{zh}”呼叫（评估有效至 {until}）",
                f"by the ability grade of somebody in this home: {en} (valid until {until})",
            )
        case "kept":
            return (
                f"能力等级“{zh}”已过有效期或已有新评估，尚未重新审批；此策略不会比普通策略更晚通知任何人，故继续使用",
                f"the grade {en} is out of date or contradicted by a newer assessment, and nobody has decided yet; this"
                " ladder calls nobody later than the ordinary one, so it goes on",
            )
        case "later":
            return (
                f"等级“{zh}”的呼叫策略可能比普通策略更晚通知某些人，故用普通策略；请修改该策略",
                f"the ladder of the grade {en} could call somebody later than the ordinary one, so the ordinary one is"
                " taken; mend that policy",
            )
        case "other":
            return (
                f"等级“{zh}”没有单独的呼叫策略，用普通策略",
                f"no ladder of its own for the grade {en}: the ordinary one",
            )
        case "undecided":
            return (
                f"等级“{zh}”的呼叫策略尚未批准，用普通策略",
                f"nobody has approved a ladder for the grade {en}: the ordinary one",
            )
        case "unknown":
            return (
                "能力等级未知或已过有效期，用普通策略（未知不等于能力完好）",
                "the ability grade is unknown or out of date: the ordinary ladder (unknown does not mean able)",
            )


def read(value: Any) -> Choice | None:
    """Read the choice of an alert's row; None: there was nothing to choose, or a newer program wrote it."""
    try:
        return None if value is None else msgspec.convert(value, Choice, strict=False)
    except msgspec.ValidationError:
        return None


@lru_cache(maxsize=256)
def not_later(graded: Policy, ordinary: Policy) -> bool:
    """Whether it is proved that ``graded`` tells everybody whom ``ordinary`` tells, and nobody of them later.

    In the first round and, by the pauses, in those that follow; and that it leaves an alert that somebody has no longer
    without progress.
    """
    return latest(graded, ordinary) is None


@lru_cache(maxsize=256)
def latest(graded: Policy, ordinary: Policy) -> Words | None:
    """The first thing by which ``graded`` is later than ``ordinary``, in words; None: by none."""
    if graded.acknowledged_s > ordinary.acknowledged_s:
        return "接警后无进展，重新呼叫更晚", "called again later where somebody took it and nothing happens"
    if _limit(graded.responding_s) > _limit(ordinary.responding_s):
        return "前往后未到达，重新呼叫更晚", "called again later where a responder does not arrive"
    if _limit(graded.rounds) < _limit(ordinary.rounds):
        return "呼叫轮数更少", "fewer rounds"
    if ordinary.stop_at == "responding" and graded.stop_at == "acknowledged":
        return "更早停止呼叫", "it rests earlier"
    atoms = _atoms(graded, ordinary)
    count = 1
    for _, states in atoms:
        count *= states
    if count > MOST_CASES:
        return "两套策略过于复杂，无法逐一核对", "the two are too intricate to be compared case by case"
    for case in product(*(range(states) for _, states in atoms)):
        there = {atom: state for (atom, _), state in zip(atoms, case, strict=True)}
        (mine, again), (theirs, their_again) = _course(graded, there), _course(ordinary, there)
        if again > their_again:
            return "下一轮开始更晚", "the next round begins later"
        for at, target in theirs:
            if not _told(target, at, mine, there):
                zh, en = target_words(target)
                return f"有时更晚通知或不通知：{zh}", f"sometimes later, or not at all: {en}"
    return None


def ordinary_of(policy: Policy, policies: Iterable[Policy]) -> list[Policy]:
    """The ordinary ladders that people of a ladder by grade would climb without it: of its own place, else of all."""
    same = [one for one in policies if one.severity == policy.severity and not one.grades]
    return [one for one in same if one.organisation == policy.organisation] or [
        one for one in same if one.organisation is None
    ]


def not_taken(policy: Policy, policies: Iterable[Policy]) -> Words | None:
    """Why a ladder by grade would not be taken somewhere, in words; None: nothing speaks against it."""
    if not policy.grades or policy.severity not in GRAVE:
        return None
    return next((why for one in ordinary_of(policy, policies) if (why := latest(policy, one)) is not None), None)


_Atom = tuple[str, str]
_Target = OnDutyTarget | OrganisationTarget | FamilyTarget | ServiceTarget


def _limit(value: float) -> float:
    """A number of which 0 stands for no limit."""
    return value or float("inf")


def _atoms(*policies: Policy) -> list[tuple[_Atom, int]]:
    """Everything whose presence changes a course: (what, number of states): kinds of people, desks, the family."""
    kinds: set[str] = set()
    desks: set[str] = set()
    family = 0
    for target in (target for policy in policies for step in policy.steps for target in step.targets):
        match target:
            case OnDutyTarget():
                kinds |= {*target.kinds}
            case OrganisationTarget():
                desks |= {*target.kinds}
            case FamilyTarget():
                family = max(family, target.first + target.most - 1)
            case ServiceTarget():
                pass  # always there
    found: list[tuple[_Atom, int]] = [(("on_duty", kind), 2) for kind in sorted(kinds)]
    found += [(("desk", kind), 2) for kind in sorted(desks)]
    return [*found, (("family", ""), family + 1)] if family else found


def _there(target: _Target, there: Mapping[_Atom, int]) -> bool:
    match target:
        case OnDutyTarget():
            return any(there["on_duty", kind] for kind in target.kinds)
        case OrganisationTarget():
            return any(there["desk", kind] for kind in target.kinds)
        case FamilyTarget():
            return there["family", ""] >= target.first
        case ServiceTarget():
            return True


def _course(policy: Policy, there: Mapping[_Atom, int]) -> tuple[list[tuple[float, _Target]], float]:
    """(seconds, target) of a first round, as the sweeper climbs it: a step of nobody costs no time beyond the wait for
    it; and the seconds until the next round begins."""
    told: list[tuple[float, _Target]] = []
    at, passed = 0.0, False
    for step in policy.steps:
        if not passed:
            at += step.after_s
        targets = [target for target in step.targets if _there(target, there)]
        passed = not targets
        told += [(at, target) for target in targets]
    return told, at + policy.repeat_after_s + policy.steps[0].after_s


def _told(target: _Target, at: float, course: Sequence[tuple[float, _Target]], there: Mapping[_Atom, int]) -> bool:
    """Whether a course has told everybody of a target by then."""
    by_then = [other for when, other in course if when <= at]
    match target:
        case ServiceTarget():
            return target in by_then
        case FamilyTarget():
            told = {
                number for other in by_then if isinstance(other, FamilyTarget)
                for number in range(other.first, other.first + other.most)
            }  # fmt: skip
            last = min(target.first + target.most - 1, there["family", ""])
            return told >= {*range(target.first, last + 1)}
        case OrganisationTarget():
            desks = {kind for other in by_then if isinstance(other, OrganisationTarget) for kind in other.kinds}
            return all(kind in desks for kind in target.kinds if there["desk", kind])
        case OnDutyTarget():
            people = [other for other in by_then if isinstance(other, OnDutyTarget)]
            return all(
                any(_covers(other, target, kind) for other in people) for kind in target.kinds if there["on_duty", kind]
            )


def _covers(other: OnDutyTarget, target: OnDutyTarget, kind: str) -> bool:
    """Whether ``other`` tells all people of a kind whom ``target`` tells: all of them, or as many of no more kinds."""
    if kind not in other.kinds:
        return False
    return not other.most or bool(target.most and other.most >= target.most and {*other.kinds} <= {*target.kinds})
