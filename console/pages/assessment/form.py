"""Between the assessment's form and its fields; what two people wrote, side by side."""

from collections.abc import Callable, Mapping
from typing import cast

import msgspec

from care_network.errors import ProvisioningError
from care_services.assessment.scoring import DIAGNOSES, Diagnosis
from care_services.assessment.standard import COMA, COMA_ITEM, standard
from care_services.assessment.store import Fields

Say = Callable[[str | None, str | None], str]
LONGEST = 2000
COMA_VALUE = "coma"
"""In the form: the second answer of 0 points to the item of consciousness."""
_COMA_FIELD = f"answer.{COMA_ITEM}"


class Difference(msgspec.Struct, frozen=True):
    """A field in which two versions of a draft differ. ``mine`` and ``theirs``: words; values as the form has them."""

    name: str
    label: str
    mine: str
    theirs: str
    mine_value: str
    theirs_value: str


def read(sent: Mapping[str, str]) -> Fields:
    """Read the form; an empty field is unknown. Raises ProvisioningError with the field."""
    fallen = sent.get(_COMA_FIELD, "").strip()
    plain = {**sent, _COMA_FIELD: "0"} if fallen == COMA_VALUE else sent
    answers = {code: _number(plain, f"answer.{code}") for code in standard().items}
    events = {one.code: _number(sent, f"event.{one.code}") for one in standard().risks}
    diagnosis = sent.get("diagnosis", "")
    if diagnosis and diagnosis not in DIAGNOSES:
        raise ProvisioningError(en="choose a diagnosis, or that there is none", zh="请选择是否确诊", field="diagnosis")
    return Fields(
        answers={code: points for code, points in answers.items() if points is not None},
        coma={COMA_VALUE: True, "0": False}.get(fallen),
        diagnosis=cast("Diagnosis", diagnosis) if diagnosis else None,
        events={code: count for code, count in events.items() if count is not None},
        informant=sent.get("informant", "").strip()[:LONGEST],
        note=sent.get("note", "").replace("\r\n", "\n").strip()[:LONGEST],
    )


def _number(sent: Mapping[str, str], name: str) -> int | None:
    text = sent.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 3):
        raise ProvisioningError(en="a whole number", zh="请填写整数", field=name)
    return int(text)


def values(fields: Fields) -> dict[str, str]:
    """The fields as the form sends them."""
    return {
        **{f"answer.{code}": str(fields.answers.get(code, "")) for code in standard().items},
        **({_COMA_FIELD: _coma(fields)} if fields.answers.get(COMA_ITEM) == 0 else {}),
        "diagnosis": fields.diagnosis or "",
        **{f"event.{one.code}": str(fields.events.get(one.code, "")) for one in standard().risks},
        "informant": fields.informant,
        "note": fields.note,
    }


def differences(mine: Fields, theirs: Fields, say: Say) -> list[Difference]:
    """The fields in which two versions differ, in the form's order."""
    one, other = values(mine), values(theirs)
    return [
        Difference(name, _label(name, say), _words(name, one[name], say), _words(name, other[name], say), one[name],
                   other[name])
        for name in one
        if one[name] != other[name]
    ]  # fmt: skip


def _coma(fields: Fields) -> str:
    """The answer of 0 points; empty where nobody has told stupor and coma apart: it is asked again."""
    return "" if fields.coma is None else COMA_VALUE if fields.coma else "0"


def _label(name: str, say: Say) -> str:
    kind, _, code = name.partition(".")
    if kind == "answer":
        item = standard().items[code]
        return say(item.zh, item.en)
    if kind == "event":
        return next(say(one.zh, one.en) for one in standard().risks if one.code == code)
    return {
        "diagnosis": say("确诊情况", "Diagnosis"),
        "informant": say("情况提供者", "Told by"),
        "note": say("备注", "Note"),
    }[kind]


def _words(name: str, value: str, say: Say) -> str:
    kind, _, code = name.partition(".")
    if value == "":
        return say("未填", "not filled in")
    if kind == "answer" and value == COMA_VALUE:
        return f"0 · {say(COMA.zh, COMA.en)}"
    if kind == "answer":
        level = standard().items[code].level(int(value))
        return f"{value} · {say(level.zh, level.en)}"
    return say(*DIAGNOSES[value]) if kind == "diagnosis" else value
