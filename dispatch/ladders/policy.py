"""Define escalation policies as data, choose among them, and compute the next step. Pure: no clock is read here.

A policy is a list of steps, each some seconds after the one before it. The last one is followed by the next round.
A step counts as done when its people are notified; a step whose targets are nobody at that moment costs no time.
"""

import datetime as dt
import tomllib
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec

from care_network.catalogues.ability import GRADES, Grade
from care_network.duty.roster import NEAREST_KINDS
from vocabulary.severity import GRAVE, SEVERITIES, Severity
from vocabulary.synthetic import RECIPIENT
from vocabulary.times import SHANGHAI
from vocabulary.toml import read_toml

Holding = Literal["acknowledged", "responding", "on_scene"]

HELD: tuple[Holding, ...] = ("acknowledged", "responding", "on_scene")
"""The states in which a person has the alert, in the order in which help comes nearer."""


class PolicyError(ValueError):
    """A policy cannot be used; the text lists every problem, with what to do."""


class OnDutyTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="to", tag="on_duty"):
    """People on duty now at the organisations of these kinds that serve the home, nearest first."""

    kinds: tuple[str, ...]
    """Of ``care_network.duty.roster.NEAREST_KINDS``."""
    most: int = 0
    """Largest number of people; 0: all of them."""


class OrganisationTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="to", tag="desk"):
    """The organisations themselves: their telephone or group chat. ``desk`` in the policy file."""

    kinds: tuple[str, ...]


class FamilyTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="to", tag="family"):
    """Contacts with consent, in the resident's order: ``most`` of them from number ``first`` on."""

    first: int = 1
    most: int = 1


class ServiceTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="to", tag="service"):
    """Somebody outside the care network, as '120'; the channels' settings have the number."""

    key: str


StepTarget = OnDutyTarget | OrganisationTarget | FamilyTarget | ServiceTarget


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """People to notify ``after_s`` seconds after the step before (the first: after the alert)."""

    after_s: float
    targets: tuple[StepTarget, ...]


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The steps by which an alert of this severity calls people, and the states that stop them."""

    code: str
    severity: Severity
    name_zh: str
    name_en: str
    steps: tuple[Step, ...]
    repeat_after_s: float
    """Pause between the last step and the next round."""
    acknowledged_s: float
    """Seconds after which an acknowledged alert on which nobody works begins the next round."""
    responding_s: float
    """Seconds after which an alert begins the next round whose responder has not arrived; 0: never."""
    organisation: str | None = None
    """Code of an organisation: only for homes in its area."""
    starts: dt.time | None = None
    ends: dt.time | None = None
    """Only at these hours by Asia/Shanghai's clock; an end not after the start lies on the next day."""
    rounds: int = 0
    """Number of rounds; 0: until somebody answers."""
    stop_at: Holding = "acknowledged"
    """The ladder rests from this state on."""
    grades: tuple[Grade, ...] = ()
    """Only for people with one of these ability grades, approved; empty: the ordinary ladder, for everybody."""
    version: int = 0
    """Number of the stored version; 0: the one that comes with the program."""

    def applies(self, at: dt.datetime) -> bool:
        """Whether ``at`` lies in the policy's hours."""
        if self.starts is None or self.ends is None:
            return True
        clock = at.astimezone(SHANGHAI).time()
        if self.starts < self.ends:
            return self.starts <= clock < self.ends
        return clock >= self.starts or clock < self.ends


def proof_policy(severity: Severity) -> Policy:
    """Make the ladder of synthetic homes: one step, at once, to the loop-back and to nobody else."""
    return Policy(
        code="proof",
        severity=severity,
        name_zh="链路自检",
        name_en="Proof of the path",
        steps=(Step(0.0, (ServiceTarget(RECIPIENT),)),),
        repeat_after_s=60.0,
        acknowledged_s=60.0,
        responding_s=0.0,
        rounds=1,
    )


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    policy: list[Policy] = []


class Move(msgspec.Struct, frozen=True):
    """The next step (from 0), its round, and the seconds until then; None: no further step."""

    step: int
    round: int
    delay_s: float | None


def begin(policy: Policy, round: int = 0) -> Move:
    """The first step of a round."""
    return Move(0, round, policy.steps[0].after_s)


def next_move(policy: Policy, step: int, round: int) -> Move:
    """The move after a step is done."""
    if step + 1 < len(policy.steps):
        return Move(step + 1, round, policy.steps[step + 1].after_s)
    if policy.rounds and round + 1 >= policy.rounds:
        return Move(0, round + 1, None)
    return Move(0, round + 1, policy.repeat_after_s + policy.steps[0].after_s)


def holds(policy: Policy, state: str) -> bool:
    """Whether the ladder rests in this state of the alert, because somebody has it."""
    return state in HELD and HELD.index(state) >= HELD.index(policy.stop_at)


def patience(policy: Policy, state: str) -> float | None:
    """Seconds that an alert may rest in a state that :func:`holds` before it is called out again; None: no limit."""
    limit = {"acknowledged": policy.acknowledged_s, "responding": policy.responding_s}.get(state, 0.0)
    return limit or None


def choose(
    policies: Iterable[Policy], severity: str, organisations: Sequence[str], at: dt.datetime, grade: str | None = None
) -> Policy | None:
    """Choose the policy of an alert: of the nearest organisation that has one, else the general one; of two, the one
    for these hours.

    ``organisations``: codes of those that serve the home, nearest first. ``grade``: among the ladders of that grade
    alone; None: among the ordinary ones.
    """
    rank: dict[str | None, int] = {code: place for place, code in enumerate(organisations)}
    rank[None] = len(organisations)
    fitting = [
        p for p in policies
        if p.severity == severity and p.organisation in rank and p.applies(at)
        and (grade in p.grades if grade is not None else not p.grades)
    ]  # fmt: skip
    return min(fitting, key=lambda p: (rank[p.organisation], p.starts is None, p.code), default=None)


def parse(text: str) -> list[Policy]:
    """Read the policies of a TOML file (``[[policy]]``). Raises PolicyError with every problem in it."""
    try:
        policies = msgspec.convert(read_toml(text), type=_File).policy
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PolicyError(f"the policies cannot be read: {error}") from error
    codes = [policy.code for policy in policies]
    problems = [f"{code}: the code is there twice" for code in sorted({c for c in codes if codes.count(c) > 1})]
    problems += [problem for policy in policies for problem in check(policy)]
    if not policies:
        problems = ["there is no [[policy]]"]
    if problems:
        raise PolicyError("\n".join(problems))
    return policies


class Problem(msgspec.Struct, frozen=True):
    """A reason why a policy is refused. ``field``: where it stands, as 'steps.0.after_s'."""

    field: str
    zh: str
    en: str


def check(policy: Policy) -> list[str]:
    """List the problems of a policy, in words."""
    return [f"{policy.code or '(no code)'}: {problem.en}" for problem in problems(policy)]


def problems(policy: Policy) -> list[Problem]:
    """List the problems of a policy, each with its field."""
    grave = policy.severity in GRAVE
    wrong: list[Problem] = []

    def must(good: bool, field: str, zh: str, en: str) -> None:
        if not good:
            wrong.append(Problem(field, zh, en))

    must(bool(policy.code.strip()), "code", "请填写编号（字母、数字、连字符）", "give it a code")
    must(0 < len(policy.steps) <= 20, "steps", "应有 1 至 20 级", "a ladder has 1 to 20 steps")
    must(
        10 <= policy.repeat_after_s <= 86_400, "repeat_after_s", "应在 10 秒至一天之间",
        "repeat_after_s lies between 10 s and a day",
    )  # fmt: skip
    must(
        policy.rounds >= 0, "rounds", "填 0（直到有人应答）或轮数",
        "rounds is 0 (until somebody answers) or a number of rounds",
    )  # fmt: skip
    must(
        10 <= policy.acknowledged_s <= 7 * 86_400, "acknowledged_s", "应在 10 秒至一周之间",
        "acknowledged_s lies between 10 s and a week",
    )  # fmt: skip
    must(
        policy.responding_s == 0 or policy.responding_s >= 60, "responding_s", "填 0（不限）或至少 60 秒",
        "responding_s is 0 (never) or at least 60 s",
    )  # fmt: skip
    must(
        (policy.starts is None) == (policy.ends is None), "starts", "开始和结束时间须同时填写或都不填",
        "give both starts and ends, or neither",
    )  # fmt: skip
    must(
        policy.starts is None or policy.starts != policy.ends, "ends", "开始与结束相同：请都不填",
        "starts and ends are the same time: leave both out",
    )  # fmt: skip
    must(
        len({*policy.grades}) == len(policy.grades) and all(grade in GRADES for grade in policy.grades), "grades",
        "请从能力等级中选择，每个一次", f"grades are of {', '.join(GRADES)}, each once",
    )  # fmt: skip
    for number, step in enumerate(policy.steps):
        _check_step(step, number, must)
    must(
        any(isinstance(target, OnDutyTarget) for step in policy.steps for target in step.targets),
        "steps",
        "至少有一级要呼叫在班人员：值班电话、家属和 120 都没有应答的职责",
        'it ends without a person who is on duty: add a step with to = "on_duty"; desks, family and 120 are no one'
        " whose duty it is to answer",
    )
    if grave and policy.steps:
        word = "紧急" if policy.severity == "emergency" else "加急"
        must(
            policy.rounds == 0, "rounds", f"{word}预警须反复呼叫直到有人应答：填 0",
            f"an {policy.severity} alert is repeated until somebody answers: rounds = 0",
        )  # fmt: skip
        must(
            policy.stop_at == "acknowledged" or policy.stop_at == "responding", "stop_at", "停止呼叫应在到达之前",
            "stop_at comes before the door",
        )  # fmt: skip
        must(
            policy.steps[0].after_s == 0, "steps.0.after_s", f"{word}预警须立即呼叫：第 1 级填 0 秒",
            f"an {policy.severity} alert calls somebody at once: steps[0].after_s = 0",
        )  # fmt: skip
    return wrong


def _check_step(step: Step, index: int, must: Callable[[bool, str, str, str], None]) -> None:
    at, number = f"steps.{index}", index + 1
    must(
        0 <= step.after_s <= 86_400, f"{at}.after_s", "应在 0 秒至一天之间",
        f"step {number}: after_s lies between 0 s and a day",
    )  # fmt: skip
    must(bool(step.targets), f"{at}.targets", "这一级没有通知任何人，请添加对象",
         f"step {number} tells nobody: give it a target")  # fmt: skip
    for place, target in enumerate(step.targets):
        field = f"{at}.targets.{place}"
        if isinstance(target, OnDutyTarget | OrganisationTarget):
            unknown = [kind for kind in target.kinds if kind not in NEAREST_KINDS]
            known = ", ".join(NEAREST_KINDS)
            must(
                bool(target.kinds) and not unknown, f"{field}.kinds", "请至少选择一种机构",
                f"step {number}: kinds are of {known}, not {unknown}",
            )  # fmt: skip
        if isinstance(target, OnDutyTarget):
            must(target.most >= 0, f"{field}.most", "填 0（全部）或人数",
                 f"step {number}: most is 0 (all) or a number of people")  # fmt: skip
        if isinstance(target, FamilyTarget):
            must(
                target.first >= 1 and target.most >= 1, f"{field}.first", "从 1 数起",
                f"step {number}: first and most count from 1",
            )  # fmt: skip
        if isinstance(target, ServiceTarget):
            must(
                bool(target.key),
                f"{field}.key",
                "请填写服务名，如 120",
                f"step {number}: a service has a key, as '120'",
            )


def check_all(policies: Sequence[Policy]) -> list[str]:
    """List the problems of all policies together: every severity needs one that applies everywhere and at any hour."""
    wrong = [problem for policy in policies for problem in check(policy)]
    everywhere = {p.severity for p in policies if p.organisation is None and p.starts is None and not p.grades}
    wrong += [
        f"{severity}: no policy applies everywhere and at any hour; add one without organisation, hours and grades"
        for severity in SEVERITIES
        if severity not in everywhere
    ]
    return wrong


def encode(policy: Policy) -> str:
    """Encode a policy as JSON, for the database. An ordinary one reads as it ever did, for programs of before."""
    fields = msgspec.to_builtins(policy)
    if not policy.grades:
        del fields["grades"]
    return msgspec.json.encode(fields).decode()


def decode(value: object) -> Policy:
    """Decode a policy as the database returns it. Raises PolicyError."""
    try:
        return msgspec.convert(value, Policy)
    except msgspec.ValidationError as error:
        raise PolicyError(f"the stored policy cannot be read: {error}") from error
