"""Drafts of policies as forms have them: texts in fields, which may be wrong, and the policy that they make. Pure."""

import copy
import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast, get_args

import msgspec

from care_network.catalogues.ability import GRADES
from dispatch.ladders.policy import (
    FamilyTarget,
    Holding,
    OnDutyTarget,
    OrganisationTarget,
    Policy,
    Problem,
    ServiceTarget,
    Step,
    StepTarget,
    problems,
)
from vocabulary.severity import SEVERITIES, Severity

Raw = dict[str, Any]
"""The fields of a form: texts, and ``steps`` with ``after_s`` and ``targets``."""
MOST_STEPS, MOST_TARGETS = 20, 8
_FIELDS = (
    "code", "severity", "name_zh", "name_en", "organisation", "starts", "ends", "repeat_after_s", "rounds", "stop_at",
    "acknowledged_s", "responding_s",
)  # fmt: skip
_GRADE = "grades"
"""The one field of many values: ability grades, each a box of its own."""
_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_STEP = re.compile(r"steps\.(\d{1,2})\.(?:after_s|targets\.(\d{1,2})\.(to|kinds|most|first|key))")


def empty(severity: str = "attention") -> Raw:
    """A draft of a new policy."""
    return {
        **dict.fromkeys(_FIELDS, ""), _GRADE: [], "severity": severity, "repeat_after_s": "120", "rounds": "0",
        "stop_at": "acknowledged", "acknowledged_s": "300", "responding_s": "1800",
        "steps": [{"after_s": "0", "targets": [_target("on_duty")]}],
    }  # fmt: skip


def raw_of(policy: Policy) -> Raw:
    """The fields of a policy."""
    found: Raw = {name: _text(getattr(policy, name)) for name in _FIELDS}
    found[_GRADE] = [*policy.grades]
    found["steps"] = [
        {"after_s": _text(step.after_s), "targets": [_raw_target(target) for target in step.targets]}
        for step in policy.steps
    ]
    return found


def from_form(items: Iterable[tuple[str, str]]) -> Raw:
    """The fields that a form sends; what it does not have is empty, and what it must not have is left out."""
    found: Raw = {**dict.fromkeys(_FIELDS, ""), _GRADE: []}
    steps: dict[int, Raw] = {}
    for name, value in items:
        if name in _FIELDS:
            found[name] = value.strip()[:200]
        elif name == _GRADE and len(found[_GRADE]) < len(GRADES):
            found[_GRADE].append(value[:20])
        elif (match := _STEP.fullmatch(name)) is not None and int(match[1]) < MOST_STEPS:
            step = steps.setdefault(int(match[1]), {"after_s": "", "targets": {}})
            if match[2] is None:
                step["after_s"] = value.strip()[:20]
            elif int(match[2]) < MOST_TARGETS:
                target = step["targets"].setdefault(int(match[2]), _target(""))
                if match[3] == "kinds":
                    target["kinds"].append(value[:40])
                else:
                    target[match[3]] = value.strip()[:40]
    found["steps"] = [
        {"after_s": step["after_s"], "targets": [step["targets"][place] for place in sorted(step["targets"])]}
        for _, step in sorted(steps.items())
    ]
    return found


def edited(raw: Raw, act: str) -> Raw:
    """The draft after a press: 'add_step', 'up.1', 'down.1', 'drop.1', 'add_target.1', 'drop_target.1.0'.

    A press that names no step leaves it as it is.
    """
    name, *places = act.split(".")
    found = copy.deepcopy(raw)
    steps = found["steps"]
    numbers = [int(place) for place in places if place.isdigit() and len(place) < 3]
    step = numbers[0] if numbers and numbers[0] < len(steps) else None
    if name == "add_step" and len(steps) < MOST_STEPS:
        steps.append({"after_s": "60", "targets": [_target("on_duty")]})
    elif step is None:
        return found
    elif name == "drop":
        del steps[step]
    elif name in ("up", "down"):
        other = step + (1 if name == "down" else -1)
        if 0 <= other < len(steps):
            steps[step], steps[other] = steps[other], steps[step]
    elif name == "add_target" and len(steps[step]["targets"]) < MOST_TARGETS:
        steps[step]["targets"].append(_target("on_duty"))
    elif name == "drop_target" and len(numbers) > 1 and numbers[1] < len(steps[step]["targets"]):
        del steps[step]["targets"][numbers[1]]
    return found


def read(raw: Raw) -> tuple[Policy | None, list[Problem]]:
    """Make the policy of a draft. None where a field cannot be read; the problems name every wrong field."""
    wrong: list[Problem] = []

    def number(field: str, text: str, kind: type[int] | type[float] = float) -> float:
        try:
            value = kind(text or "0")
            if abs(value) < 1e9:
                return value
        except ValueError:
            pass
        wrong.append(Problem(field, "请填写数字", "write a number"))
        return 0

    def clock(field: str) -> dt.time | None:
        try:
            return dt.time.fromisoformat(raw[field]) if raw[field] else None
        except ValueError:
            wrong.append(Problem(field, "时间请写成 20:00", "write a time as 20:00"))
            return None

    if not _CODE.fullmatch(raw["code"]):
        zh, en = (
            "编号用小写字母、数字和连字符，最多 40 位",
            "a code has lower-case letters, digits and hyphens, 40 at most",
        )
        wrong.append(Problem("code", zh, en))
    wrong += [Problem(field, "请填写名称", "give it a name") for field in ("name_zh", "name_en") if not raw[field]]
    if raw["severity"] not in SEVERITIES:
        wrong.append(Problem("severity", "请选择级别", "choose a severity"))
    if raw["stop_at"] not in get_args(Holding):
        wrong.append(Problem("stop_at", "请选择状态", "choose a state"))
    steps = []
    for place, step in enumerate(raw["steps"]):
        targets = [_read_target(target, f"steps.{place}.targets.{at}", number, wrong)
                   for at, target in enumerate(step["targets"])]  # fmt: skip
        steps.append(
            Step(number(f"steps.{place}.after_s", step["after_s"]), tuple(one for one in targets if one is not None))
        )
    starts, ends = clock("starts"), clock("ends")
    again, taken, going = (number(name, raw[name]) for name in ("repeat_after_s", "acknowledged_s", "responding_s"))
    rounds = int(number("rounds", raw["rounds"], int))
    if wrong:
        return None, wrong
    policy = Policy(
        code=raw["code"], severity=cast("Severity", raw["severity"]), name_zh=raw["name_zh"], name_en=raw["name_en"],
        steps=tuple(steps), organisation=raw["organisation"] or None, starts=starts, ends=ends, rounds=rounds,
        stop_at=cast("Holding", raw["stop_at"]), grades=tuple(raw.get(_GRADE, ())),
        repeat_after_s=again, acknowledged_s=taken, responding_s=going,
    )  # fmt: skip
    return policy, problems(policy)


def _read_target(target: Mapping[str, Any], field: str, number: Any, wrong: list[Problem]) -> StepTarget | None:
    match target["to"]:
        case "on_duty":
            return OnDutyTarget(tuple(target["kinds"]), int(number(f"{field}.most", target["most"], int)))
        case "desk":
            return OrganisationTarget(tuple(target["kinds"]))
        case "family":
            first, most = (int(number(f"{field}.{name}", target[name] or "1", int)) for name in ("first", "most"))
            return FamilyTarget(first, most)
        case "service":
            return ServiceTarget(target["key"])
    wrong.append(Problem(f"{field}.to", "请选择对象", "choose whom"))
    return None


def _target(to: str) -> Raw:
    return {"to": to, "kinds": [], "most": "", "first": "", "key": ""}


def _raw_target(target: StepTarget) -> Raw:
    fields = msgspec.to_builtins(target)
    return {
        **_target(fields["to"]),
        **{k: list(v) if isinstance(v, list | tuple) else _text(v) for k, v in fields.items()},
    }


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.time):
        return f"{value:%H:%M}"
    return f"{value:g}" if isinstance(value, float) else str(value)
