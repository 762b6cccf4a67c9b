"""A line of the audit as the pages show it: who, what, whose data, from where, in the reader's language."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec

from care_network.access.auditing.kinds import KINDS, choice_of
from care_network.access.auditing.search import AuditEntry
from care_network.access.auditing.words import action_words, detail_words, step_words
from console.pages.admin.sections import GROUPS
from console.shell.i18n import Language, pick
from dispatch.alerts.outcomes import OUTCOMES

_PAGES: Mapping[str, tuple[str, str]] = {
    "/alerts": ("预警", "Alerts"), "/queue": ("值班台", "Desk"), "/board": ("值班台", "Desk"),
    "/mine": ("我的任务", "My tasks"), "/map": ("地图", "Map"), "/orders": ("工单", "Work orders"),
    "/handovers": ("交接班", "Hand-over"), "/sla": ("服务时效", "Service levels"),
    "/decisions": ("统计分析", "Figures"), "/station": ("街道与社区站", "Station"),
    "/protection": ("守护全景", "Protection picture"), "/search": ("搜索", "Search"),
    "/account": ("我的账号", "Own account"), "/family": ("家属页面", "Family pages"),
    "/home": ("长者终端", "The elder's panel"), "/pauses": ("暂停预警", "Pauses"),
    "/outbox": ("演示消息", "Outbox"), "/admin": ("管理", "Administration"), "/api/alerts": ("值班台", "Desk"),
    "/api/live": ("值班台", "Desk"), "/api": ("后台数据", "Data for a page"), "/parameter": ("预警阈值", "Thresholds"),
    **{one.address: (one.zh, one.en) for group in GROUPS for one in group.sections},
}  # fmt: skip
"""Pages by the beginning of their address; the longest one counts."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One line in words."""

    at: dt.datetime
    who: str
    login: str
    """Empty: no account, but the system or a person behind a link."""
    what: str
    action: str
    resident: str
    """Name; empty: nobody's data."""
    code: str
    alert: str
    """Id of the alert of whose history it is a step; empty: it is none."""
    about: str
    """The name of that alert."""
    details: list[tuple[str, str]]
    origin: str


def said(line: AuditEntry, language: Language) -> Said:
    """Put a line into words."""
    name = pick(language, line.name_zh or "", line.name_en or "")
    words = step_words(line.action) if line.log == "alert_event" else action_words(line.action)
    return Said(
        at=line.at, who=name or pick(language, "系统", "the system"), login=line.login or "",
        what=pick(language, *words), action=line.action,
        resident=pick(language, line.resident_zh or "", line.resident_en or ""), code=line.resident or "",
        alert=line.alert or "",
        about=pick(language, line.rule_zh or "预警", line.rule_en or "alert") if line.alert else "",
        details=detail_words(_plain(line.detail, language), language), origin=_origin(line.origin, language),
    )  # fmt: skip


def page_words(path: str, language: Language) -> str:
    """Name a page by its address, with the key of the record that it shows. Pure."""
    if path == "/":
        return pick(language, "值班台", "Desk")
    fitting = [begin for begin in _PAGES if path == begin or path.startswith(begin + "/")]
    if not fitting:
        return path
    begin = max(fitting, key=len)
    _, at, key = path.partition("/at/")
    return pick(language, *_PAGES[begin]) + (f" {key.partition('/')[0]}" if at else "")


def choice_words(text: str, language: Language) -> str:
    """Name what the field "What was done" of the search chose. Pure."""
    choice = choice_of(text)
    if choice.kind is not None:
        return pick(language, *KINDS[choice.kind])
    return pick(language, *(step_words(choice.step) if choice.step is not None else action_words(text)))


def _plain(detail: dict[str, Any], language: Language) -> dict[str, Any]:
    """Codes that only pages and outcomes know as words."""
    plain = dict(detail)
    if isinstance(plain.get("page"), str):
        plain["page"] = page_words(plain["page"], language)
    if isinstance(plain.get("action"), str):
        plain["action"] = choice_words(plain["action"], language)
    outcome = OUTCOMES.get(str(plain.get("outcome", "")))
    if outcome is not None:
        plain["outcome"] = pick(language, outcome.zh, outcome.en)
    return plain


_PROGRAMS: Mapping[str, tuple[str, str]] = {
    "cli": ("命令行", "command line"), "alerting": ("检测服务", "detection"),
    "panel": ("长者终端", "the elder's panel"), "simulated": ("模拟数据", "simulated"),
    "escalation": ("呼叫服务", "escalation"), "notify": ("通知服务", "delivery"), "orders": ("工单服务", "work orders"),
    "rounds": ("自动巡查", "the rounds"),
}  # fmt: skip


def _origin(origin: str, language: Language) -> str:
    return pick(language, *_PROGRAMS[origin]) if origin in _PROGRAMS else origin
