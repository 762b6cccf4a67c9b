"""The life of a home care bed as a state machine: pure, with what each step asks for.

Application → assessment → home survey → device plan → installation with acceptance → contract → in service, from where
it is suspended and resumed until it is closed. Nothing here reads the clock or a database.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from care_network.access.permissions import Action
from care_network.errors import ChangedMeanwhileError, ProvisioningError

Words = tuple[str, str]
"""Chinese, English."""

STAGES: tuple[str, ...] = (
    "applied", "assessing", "surveying", "planning", "installing", "contracting", "in_service", "suspended",
)  # fmt: skip
"""States that are not an end, in their order."""
ENDS = ("closed", "refused", "withdrawn")
STATES = STAGES + ENDS
BEFORE_SERVICE = STAGES[:6]
BED_STANDS = ("in_service", "suspended")
"""States in which the resident has a home care bed."""

STATE_WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "applied": ("待受理", "applied"),
        "assessing": ("能力评估", "assessment"),
        "surveying": ("入户勘察", "home survey"),
        "planning": ("设备方案", "device plan"),
        "installing": ("安装验收", "installation"),
        "contracting": ("待签约", "contract"),
        "in_service": ("服务中", "in service"),
        "suspended": ("已暂停", "suspended"),
        "closed": ("已终止", "closed"),
        "refused": ("不予建床", "refused"),
        "withdrawn": ("已撤回", "withdrawn"),
    }
)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A step that a person takes."""

    code: str
    before: tuple[str, ...]
    """States in which it can be taken."""
    after: str
    """The state that it leads to; '': the one before, as it was."""
    zh: str
    en: str
    action: Action = Action.MANAGE_BEDS
    reason: bool = False
    """Whether somebody has to say why."""
    undo: bool = True
    """Whether it can be taken back within 30 s; else it is confirmed, and its consequence is named first."""


_STEPS = (
    Step(code="accept", before=("applied",), after="assessing", zh="受理，安排评估", en="Accept, assessment next"),
    Step(
        code="assess", before=("assessing",), after="surveying", zh="评估完成，安排入户勘察",
        en="Assessed, survey next",
    ),
    Step(
        code="survey", before=("surveying",), after="planning", zh="勘察完成，制定设备方案",
        en="Surveyed, device plan next",
    ),
    Step(
        code="plan", before=("planning",), after="installing", zh="方案完成，安排安装",
        en="Planned, installation next",
    ),
    Step(
        code="install", before=("installing",), after="contracting", zh="安装验收完成，准备签约",
        en="Installed and accepted, contract next",
    ),
    Step(
        code="sign", before=("contracting",), after="in_service", zh="签约，开始服务", en="Sign, service begins",
        action=Action.APPROVE_BEDS, undo=False,
    ),
    Step(code="resume", before=("suspended",), after="in_service", zh="恢复服务", en="Resume", undo=False),
    Step(
        code="renew", before=BED_STANDS, after="", zh="续签", en="Renew the contract", action=Action.APPROVE_BEDS,
        undo=False,
    ),
    Step(
        code="suspend", before=("in_service",), after="suspended", zh="暂停服务", en="Suspend", reason=True, undo=False
    ),
    Step(
        code="back_to_survey", before=("planning",), after="surveying", zh="退回勘察", en="Back to the survey",
        reason=True,
    ),
    Step(
        code="back_to_plan", before=("installing",), after="planning", zh="退回方案", en="Back to the plan",
        reason=True,
    ),
    Step(
        code="back_to_install", before=("contracting",), after="installing", zh="退回安装",
        en="Back to the installation", reason=True,
    ),
    Step(code="close", before=BED_STANDS, after="closed", zh="终止", en="Close", reason=True, undo=False),
    Step(
        code="withdraw", before=BEFORE_SERVICE, after="withdrawn", zh="申请人撤回", en="Withdrawn by the applicant",
        reason=True, undo=False,
    ),
    Step(
        code="refuse", before=("applied", "assessing", "surveying"), after="refused", zh="不予建床", en="Refuse",
        action=Action.APPROVE_BEDS, reason=True, undo=False,
    ),
)  # fmt: skip
STEPS: Mapping[str, Step] = MappingProxyType({one.code: one for one in _STEPS})
OTHER_STEPS: Mapping[str, Words] = MappingProxyType(
    {
        "apply": ("提交申请", "Applied"),
        "undo": ("撤销上一步", "Took the last step back"),
        "assign": ("指定承办机构", "Organisation chosen"),
        "survey_items": ("填写勘察清单", "Survey filled in"),
        "add_device": ("加入设备方案", "Added to the device plan"),
        "drop_device": ("移出设备方案", "Taken out of the device plan"),
        "begin_test": ("开始验收测试", "Acceptance test begun"),
        "accept_device": ("设备验收通过", "Device accepted"),
        "check": ("质量检查", "Quality check"),
        "services": ("生成服务计划", "Service plans made"),
        "device_trouble": ("现场报告设备问题", "Trouble with a device reported"),
    }
)
"""Further lines of a bed's history; the state stays, but for ``undo``."""


NO_REASON: Words = ("请填写原因", "say why")


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that the rules about steps ask for."""

    grade: str | None = None
    """The ability grade in force; None: not assessed."""
    survey_missing: int = 0
    """Items of the list that nobody has answered."""
    needed_first: tuple[Words, ...] = ()
    """Items that are needed before service begins, and not done."""
    planned: int = 0
    """Devices of the plan."""
    not_accepted: int = 0
    """Of them, those that are not accepted yet."""
    has_contract: bool = False
    """Whether the step brings a contract that holds."""
    lent: int = 0
    """Pieces of equipment that were lent for the bed and are not returned."""
    reason: str = ""


class BedStepError(ProvisioningError):
    """The step cannot be taken yet: something is missing; the texts say what to do."""


def word_of(step: str) -> Words:
    """A step of a bed's history in Chinese and English; its code where it is not known."""
    if step in STEPS:
        return STEPS[step].zh, STEPS[step].en
    return OTHER_STEPS.get(step, (step, step))


def steps_from(state: str) -> tuple[Step, ...]:
    """The steps that lead on from a state, in the order of the buttons."""
    return tuple(one for one in _STEPS if state in one.before)


def after(state: str, code: str, facts: Facts) -> str:
    """The state after a step. Raises ChangedMeanwhileError in a wrong state, BedStepError where one waits for more."""
    step = STEPS.get(code)
    if step is None:
        raise BedStepError(en="there is no such step", zh="没有这种操作")
    if state not in step.before:
        zh, en = STATE_WORDS[state]
        raise ChangedMeanwhileError(
            en=f"this cannot be done now: the bed is {en}; look at it again",
            zh=f"床位现为“{zh}”，不能进行此操作，请重新查看",
        )
    wrong = problems(code, facts)
    if wrong:
        raise BedStepError(en="; ".join(en for _, en in wrong), zh="；".join(zh for zh, _ in wrong))
    return step.after or state


def problems(code: str, facts: Facts) -> Sequence[Words]:
    """Name all that stands in the way of a step; empty where nothing does."""
    found: list[Words] = []
    if STEPS[code].reason and not facts.reason.strip():
        found.append(NO_REASON)
    match code:
        case "assess" if facts.grade is None:
            found.append(("尚无有效的能力等级，请先完成能力评估", "there is no ability grade in force; assess first"))
        case "survey" if facts.survey_missing:
            left = facts.survey_missing
            found.append((f"勘察清单还有 {left} 项未填", f"items of the survey that are not answered: {left}"))
        case "plan" if not facts.planned:
            found.append(("方案中还没有设备", "the plan has no device yet"))
        case "install":
            if not facts.planned:
                found.append(("方案中还没有设备", "the plan has no device yet"))
            if facts.not_accepted:
                found.append(
                    (
                        f"还有 {facts.not_accepted} 台设备未通过验收",
                        f"devices that are not accepted: {facts.not_accepted}",
                    )
                )
            found.extend(
                (f"“{zh}”须先完成改造，或由家属签字不做", f"“{en}” has to be done first, or refused by the family")
                for zh, en in facts.needed_first
            )
        case "sign" | "renew" if not facts.has_contract:
            found.append(("请填写合同编号和起止日期", "give the contract's number and its dates"))
        case "close" if facts.lent:
            found.append((
                f"还有 {facts.lent} 件辅具未归还，请先登记归还或遗失",
                f"equipment that is not returned: {facts.lent}; enter its return, or that it is lost",
            ))  # fmt: skip
    return found


def has_bed(state: str) -> bool:
    """Whether the resident has a home care bed in this state."""
    return state in BED_STANDS


def fold(steps: Sequence[tuple[str, str, str]]) -> str:
    """The state that a history of (step, from, to) leads to; '' for an empty one.

    Raises BedStepError where a line does not go on from the one before: a line is missing or was changed.
    """
    state = ""
    for code, before, to in steps:
        if before != state:
            raise BedStepError(en=f"the history breaks at {code}", zh=f"办理记录在“{word_of(code)[0]}”处中断")
        state = to
    return state
