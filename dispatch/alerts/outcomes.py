"""Codes for how an alert ended: outcome, and particulars (cause, injury, hospital, actions). Pure.

A dispatcher chooses the outcome in one touch; particulars are optional, and those that follow from the outcome are
filled in. A provider has to document them of each call (26 TAC § 279.79: the incident and its resolution), and
statistics count false alarms and falls by them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from vocabulary.errors import BilingualError

Verdict = Literal["true", "false", "test"]


class Outcome(msgspec.Struct, frozen=True):
    """An end of an alert, with the particulars that follow from it."""

    code: str
    zh: str
    en: str
    verdict: Verdict = "true"
    hospital: str = "unknown"
    """Code of HOSPITAL that follows from it."""
    action: str | None = None
    """Code of ACTIONS that follows from it."""


class Code(msgspec.Struct, frozen=True):
    """A code's label."""

    zh: str
    en: str


OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {
        outcome.code: outcome
        for outcome in (
            Outcome("helped", "属实，已现场帮助", "true alarm, helped on the spot", "true", "no", "visit"),
            Outcome("hospital", "属实，已送医", "true alarm, taken to hospital", "true", "yes", "ambulance"),
            Outcome("reassured", "属实，已电话处理", "true alarm, settled by phone", "true", "no", "phone"),
            Outcome("false_resident", "误报，老人误触", "false alarm, by the resident", "false", "no"),
            Outcome("false_device", "误报，设备原因", "false alarm, by the device", "false", "no"),
            Outcome("repaired", "设备已修复", "device repaired", "true", "no", "repair"),
            Outcome("replaced", "设备已更换", "device replaced", "true", "no", "repair"),
            Outcome("self_healed", "设备已自行恢复", "device came back by itself", "true", "no", "none"),
            Outcome("test", "测试", "test", "test", "no"),
        )
    }
)


OF_DEVICES = ("repaired", "replaced", "self_healed", "false_device", "test")
"""Ends of technical alerts, in the order in which they are offered."""
OF_PEOPLE = tuple(code for code in OUTCOMES if code not in ("repaired", "replaced", "self_healed"))
"""Ends of every other alert."""


def outcomes_for(severity: str) -> tuple[Outcome, ...]:
    """The outcomes to choose from for an alert of this severity, in order."""
    return tuple(OUTCOMES[code] for code in (OF_DEVICES if severity == "technical" else OF_PEOPLE))


def _codes(**labels: str) -> Mapping[str, Code]:
    return MappingProxyType({code: Code(*label.split("|")) for code, label in labels.items()})


CAUSES = _codes(
    unknown="不明|unknown", fall="跌倒|fall", illness="突发疾病|sudden illness",
    chronic="慢性病加重|chronic illness worse",
    pain="疼痛|pain", breathing="呼吸困难|breathlessness", wandering="走失|wandering", fire="火情|fire", gas="燃气|gas",
    water="漏水|water", lonely="求陪伴|company wanted", help_needed="日常求助|everyday help wanted",
    mistake="误触|pressed by mistake", behaviour="日常活动|everyday activity", sensor="传感器异常|sensor",
    battery="电量低|battery", network="网络中断|network", drill="演练测试|test or drill",
)  # fmt: skip
INJURIES = _codes(
    unknown="不明|unknown", none="无|none", minor="轻伤（擦伤、淤青）|minor（graze, bruise）", head="头部受伤|head",
    fracture="疑似骨折|suspected fracture", severe="重伤|severe", death="死亡|death",
)  # fmt: skip
HOSPITAL = _codes(
    unknown="不明|unknown", no="未送医|no", refused="老人拒绝送医|refused by the resident",
    yes="已送医|taken to hospital",
    admitted="已住院|admitted",
)  # fmt: skip
ACTIONS = _codes(
    phone="电话安抚|telephone", visit="上门查看|visit", lifted="搀扶起身|lifted", first_aid="现场急救|first aid",
    ambulance="呼叫120|ambulance called", family="通知家属|family told", police="联系警方|police called",
    fire_brigade="联系消防|fire brigade called", repair="设备维修|device repaired", advice="健康指导|advice",
    none="无需处置|none needed",
)  # fmt: skip
INJURED = frozenset({"minor", "head", "fracture", "severe", "death"})
_LISTS: Mapping[str, Mapping[str, Code]] = {"cause": CAUSES, "injury": INJURIES, "hospital": HOSPITAL}


class OutcomeError(BilingualError, ValueError):
    """The codes do not exist or contradict each other; the texts are for the person who chose them."""


class Particulars(msgspec.Struct, frozen=True):
    """Findings and actions on the scene; parts left out are 'unknown' or follow from the outcome."""

    cause: str = "unknown"
    injury: str = "unknown"
    hospital: str = "unknown"
    actions: tuple[str, ...] = ()


def complete(outcome: str | None, particulars: Particulars | None = None) -> tuple[Outcome, Particulars]:
    """Look the outcome up, and fill in the particulars that follow from it. Raises OutcomeError."""
    chosen = OUTCOMES.get(outcome or "")
    if chosen is None:
        raise OutcomeError(zh="请选择处置结果", en=f"choose an outcome: {', '.join(OUTCOMES)}")
    given = particulars or Particulars()
    for field, codes in _LISTS.items():
        if getattr(given, field) not in codes:
            raise OutcomeError(
                zh=f"{field} 填写有误：{getattr(given, field)}", en=f"{field} is one of {', '.join(codes)}"
            )
    unknown = [action for action in given.actions if action not in ACTIONS]
    if unknown:
        raise OutcomeError(zh=f"处置措施有误：{'、'.join(unknown)}", en=f"actions are of {', '.join(ACTIONS)}")
    if chosen.verdict != "true" and (given.injury in INJURED or given.hospital in ("yes", "admitted")):
        raise OutcomeError(
            zh="误报或测试不能有受伤或送医，请更正处置结果",
            en="a false alarm or a test has no injury and no hospital: correct the outcome",
        )
    if chosen.hospital == "yes" and given.hospital in ("no", "refused"):
        raise OutcomeError(
            zh="处置结果为已送医，与送医情况不符", en="the outcome says hospital, and the finding says not"
        )
    if chosen.hospital == "no" and given.hospital in ("yes", "admitted"):
        raise OutcomeError(zh="已送医时，请选择“属实，已送医”", en="taken to hospital: choose that outcome")
    actions = dict.fromkeys(given.actions)
    if chosen.action is not None:
        actions[chosen.action] = None
    injury = "none" if chosen.verdict != "true" and given.injury == "unknown" else given.injury
    hospital = chosen.hospital if given.hospital == "unknown" else given.hospital
    return chosen, Particulars(given.cause, injury, hospital, tuple(actions))
