"""A line of the audit as the pages show it: who, what, whose data, from where, in the reader's language."""

import datetime as dt

import msgspec

from care_network.access.audit_log import AuditEntry
from care_network.access.audit_words import action_words, detail_words
from console.shell.i18n import Language, pick


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One line in words."""

    id: int
    at: dt.datetime
    who: str
    login: str
    what: str
    action: str
    resident: str
    """Name and code; empty: nobody's data."""
    code: str
    details: list[tuple[str, str]]
    origin: str


def said(line: AuditEntry, language: Language) -> Said:
    """Put a line into words."""
    who = pick(language, line.name_zh, line.name_en) if line.login else pick(language, "系统或链接", "system or link")
    resident = f"{pick(language, line.resident_zh, line.resident_en)} {line.resident}" if line.resident else ""
    origin = pick(language, "命令行", "command line") if line.origin == "cli" else line.origin
    return Said(
        id=line.id, at=line.at, who=who, login=line.login or "", what=pick(language, *action_words(line.action)),
        action=line.action, resident=resident, code=line.resident or "",
        details=detail_words(line.detail, language), origin=origin,
    )  # fmt: skip
