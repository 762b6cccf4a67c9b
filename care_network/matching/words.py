"""The reasons of matching in Chinese and English: why a person suits, and why nobody does."""

import datetime as dt
from collections.abc import Mapping, Sequence

from care_network.catalogues.services import SERVICES, Service
from care_network.catalogues.workforce import LANGUAGES, SKILLS
from care_network.duty.roster import Person
from care_network.matching.crew import skill_bits
from vocabulary.times import SHANGHAI

_REMOVED: Mapping[str, tuple[str, str]] = {
    "vetting": ("{n} 名志愿者审查或培训失效", "{n} volunteers whose check or training does not count"),
    "off_duty": ("{n} 人未当班", "{n} not on duty"),
    "elsewhere": ("{n} 人负责其他片区", "{n} on duty for other places"),
    "role": ("{n} 人岗位不符（{service}）", "{n} in a role that does not do {service}"),
    "licence": ("{n} 人执业证书缺失或过期", "{n} without a valid licence"),
    "no_phone": ("{n} 人没有电话或账号", "{n} without telephone or login"),
    "skill": ("{n} 人缺少技能（{skills}）", "{n} without the skill ({skills})"),
    "certificate": ("{n} 人相关证书过期", "{n} whose certificate for it has lapsed"),
    "duty_ends": ("{n} 人即将下班", "{n} whose duty ends too soon"),
    "too_far": ("{n} 人距离过远", "{n} too far away"),
    "busy": ("{n} 人有其他任务", "{n} busy with other orders"),
    "asked": ("{n} 人已询问过（拒绝或未答复）", "{n} asked already (declined or silent)"),
}


def why_removed(constraint: str, people: int, service: str) -> tuple[str, str]:
    """Describe a constraint that excluded people."""
    wanted = SERVICES[service]
    skills_zh = "、".join(SKILLS[code].zh for code in sorted(wanted.needs))
    skills_en = ", ".join(SKILLS[code].en for code in sorted(wanted.needs))
    if wanted.one_of:
        zh = " 或 ".join(SKILLS[code].zh for code in sorted(wanted.one_of))
        en = " or ".join(SKILLS[code].en for code in sorted(wanted.one_of))
        skills_zh, skills_en = "、".join(filter(None, (skills_zh, zh))), ", ".join(filter(None, (skills_en, en)))
    template_zh, template_en = _REMOVED[constraint]
    return (
        template_zh.format(n=people, service=wanted.zh, skills=skills_zh),
        template_en.format(n=people, service=wanted.en, skills=skills_en),
    )


def reasons(
    *,
    person: Person,
    service: Service,
    skills: int,
    metres: float | None,
    shared: bool,
    load: int,
    visits: int,
    languages: Sequence[str],
    until: float,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Describe why a person suits: distance, skills, orders in hand, earlier visits, language, end of duty."""
    pairs = [_distance(metres, shared)]
    counting = [
        code for code in sorted(service.needs | service.one_of | service.likes) if int(skill_bits((code,))) & skills
    ]
    if counting:
        pairs.append((
            "、".join(SKILLS[code].zh for code in counting),
            "can do " + ", ".join(SKILLS[code].en for code in counting),
        ))  # fmt: skip
    pairs.append((f"在办 {load} 单", f"{load} orders in hand" if load != 1 else "1 order in hand") if load
                 else ("空闲", "free"))  # fmt: skip
    if visits:
        pairs.append((f"曾上门 {visits} 次", f"{visits} earlier visits" if visits != 1 else "1 earlier visit"))
    common = [code for code in languages if code in person.languages and code in LANGUAGES]
    if common:
        pairs.append((
            "、".join(LANGUAGES[code].zh for code in common),
            "speaks " + ", ".join(LANGUAGES[code].en for code in common),
        ))  # fmt: skip
    clock = dt.datetime.fromtimestamp(until, SHANGHAI)
    pairs.append((f"值班至 {clock:%H:%M}", f"on duty until {clock:%H:%M}"))
    zh, en = zip(*pairs, strict=True)
    return tuple(zh), tuple(en)


def _distance(metres: float | None, shared: bool) -> tuple[str, str]:
    if metres is None:
        return "距离未知", "distance not known"
    zh, en = (
        (f"{metres / 1000:.1f} 公里", f"{metres / 1000:.1f} km")
        if metres >= 1000
        else (f"{round(metres, -1):.0f} 米", f"{round(metres, -1):.0f} m")
    )
    return (
        (f"现在位置距此 {zh}", f"{en} away by present location")
        if shared
        else (f"所属机构距此 {zh}", f"{en} away by their organisation")
    )
