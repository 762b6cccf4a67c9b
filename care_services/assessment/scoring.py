"""From answers to a grade: sums by domain, preliminary grade, and what makes it worse, each with its reason.

GB/T 42195-2022, evaluation results. Pure: nothing is guessed; an answer or a fact that is not there is unknown, and
as long as it could change the grade the grade is unknown, too.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from care_network.catalogues.ability import GRADES, Grade
from care_services.assessment.standard import COMA_ITEM, Standard, standard

Diagnosis = Literal["none", "dementia", "mental"]
DIAGNOSES: Mapping[str, tuple[str, str]] = {
    "none": ("没有这类确诊", "no such diagnosis"),
    "dementia": ("确诊痴呆（ICD-10 F00–F03）", "dementia, diagnosed (ICD-10 F00–F03)"),
    "mental": ("确诊其他精神和行为障碍（F04–F99）", "another mental or behavioural disorder, diagnosed (F04–F99)"),
}
ORDER: tuple[Grade, ...] = ("intact", "mild", "moderate", "severe", "lost")
"""Grades from the best to the worst."""


class Adjustment(msgspec.Struct, frozen=True):
    """A reason for which the grade is another than that by the total."""

    code: Literal["coma", "dementia", "mental", "risk"]
    zh: str
    en: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a grade follows from; not in ``answers`` or ``events``, or None: unknown."""

    answers: Mapping[str, int] = {}
    """Points by item."""
    diagnosis: Diagnosis | None = None
    events: Mapping[str, int] = {}
    """Care-risk events of the last 30 days, by sort."""
    coma: bool | None = None
    """Whether level 0 of consciousness is a coma and not a stupor; None: unknown. It counts at that level alone."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of an assessment as far as it is known."""

    sums: dict[str, int]
    """Points so far by domain."""
    open_items: tuple[str, ...]
    """Items without an answer."""
    open_facts: tuple[str, ...]
    """'coma' (at level 0 of consciousness), 'diagnosis', or sorts of events, that nobody has answered."""
    total: int | None
    """None: an item is open."""
    preliminary: Grade | None
    """By the total alone."""
    adjustments: tuple[Adjustment, ...]
    grade: Grade | None
    """None: what is open could change it."""
    complete: bool
    """Whether it can be signed: everything is answered, or a coma decides at once."""

    @property
    def so_far(self) -> int:
        """Points of the items that have an answer."""
        return sum(self.sums.values())


def by_total(total: int, rules: Standard | None = None) -> Grade:
    """The preliminary grade of a total. Raises ValueError for one outside 0 to 90."""
    rules = rules or standard()
    if not 0 <= total <= rules.maximum:
        raise ValueError(total)
    return next(grade for grade, least in rules.grades if total >= least)


def one_worse(grade: Grade) -> Grade:
    """The next worse grade; the worst stays."""
    return ORDER[min(ORDER.index(grade) + 1, len(ORDER) - 1)]


def score(facts: Facts) -> Score:
    """Score an assessment. Raises ValueError for an answer that its item does not have."""
    rules = standard()
    items = rules.items
    for code, points in facts.answers.items():
        if code not in items or not 0 <= points <= items[code].maximum:
            raise ValueError(f"{code}: {points}")
    sums = {one.code: sum(facts.answers.get(item.code, 0) for item in one.items) for one in rules.domains}
    open_items = tuple(code for code in items if code not in facts.answers)
    total = None if open_items else sum(sums.values())
    preliminary = None if total is None else by_total(total)
    at_zero = facts.answers.get(COMA_ITEM) == 0
    coma = at_zero and facts.coma is True
    adjustments = (_coma(),) if coma else _adjustments(facts, rules)
    open_coma = ("coma",) if at_zero and facts.coma is None else ()
    open_facts = () if coma else (*open_coma, *_open_facts(facts, rules))
    grade: Grade | None = None
    if coma:
        grade = "lost"
    elif preliminary is not None and open_coma and (one_worse(preliminary) if adjustments else preliminary) != "lost":
        grade = None  # it may be a coma
    elif preliminary is not None and adjustments:
        grade = one_worse(preliminary)  # one worse whatever number of reasons
    elif preliminary is not None and (not open_facts or preliminary == "lost"):
        grade = preliminary
    return Score(
        sums=sums, open_items=open_items, open_facts=open_facts, total=total, preliminary=preliminary,
        adjustments=adjustments, grade=grade, complete=coma or not (open_items or open_facts),
    )  # fmt: skip


def _coma() -> Adjustment:
    return Adjustment("coma", "昏迷：直接评为能力完全丧失", "coma: fully dependent at once")


def _adjustments(facts: Facts, rules: Standard) -> tuple[Adjustment, ...]:
    found = []
    if facts.diagnosis == "dementia":
        found.append(Adjustment("dementia", "确诊痴呆（F00–F03）：能力等级下调一级",
                                "dementia, diagnosed (F00–F03): one grade worse"))  # fmt: skip
    if facts.diagnosis == "mental":
        zh, en = "确诊其他精神和行为障碍（F04–F99）", "another mental or behavioural disorder, diagnosed (F04–F99)"
        found.append(Adjustment("mental", f"{zh}：能力等级下调一级", f"{en}: one grade worse"))
    events = {one: facts.events[one.code] for one in rules.risks if facts.events.get(one.code)}
    count = sum(events.values())
    if count >= rules.risk_events:
        zh = "、".join(f"{one.zh} {n} 次" for one, n in events.items())
        en = ", ".join(f"{one.en} {n}" for one, n in events.items())
        found.append(
            Adjustment("risk", f"近 {rules.risk_days} 天照护风险事件 {count} 次（{zh}）：能力等级下调一级",
                       f"{count} care-risk events in {rules.risk_days} days ({en}): one grade worse")
        )  # fmt: skip
    return tuple(found)


def _open_facts(facts: Facts, rules: Standard) -> tuple[str, ...]:
    unknown = () if facts.diagnosis is not None else ("diagnosis",)
    return (*unknown, *(one.code for one in rules.risks if facts.events.get(one.code) is None))


def grade_words(grade: str | None) -> tuple[str, str]:
    """A grade in Chinese and English; of None: that it is not known."""
    return GRADES.get(grade or "", ("尚不能确定", "not known yet"))
