"""Say records in words for the pages: their addresses, names, columns, marks and lines of history."""

import datetime as dt
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from care_network.access.accounts import Account
from care_network.access.permissions import may_do
from care_network.records.history.changes import Change
from care_network.records.kinds import KINDS, Kind
from care_network.records.listing.fields import FIELDS, KIND_WORDS, say
from care_network.records.listing.related import Named
from care_network.records.store import Stored
from care_network.records.store import key_of as key_of_record

SOON = dt.timedelta(days=60)
"""Before its end a certificate is told of."""
COLUMNS: dict[str, tuple[str, ...]] = {
    "area": ("level",),
    "organisation": ("kind", "phone", "active"),
    "household": ("phone", "floor", "has_lift"),
    "resident": ("sex", "birth_date", "household", "ability_grade", "lives_alone"),
    "gateway": ("household",),
    "device": ("model", "room", "resident"),
    "contact": ("resident", "relation", "phone", "call_order", "consent_at", "has_key"),
    "staff": ("organisation", "kind", "phone", "skills", "active"),
    "certificate": ("staff", "kind", "number", "expires_on"),
    "shift": ("organisation", "starts", "ends"),
    "roster": ("staff", "organisation", "shift", "weekdays", "valid_from", "valid_until"),
    "exception": ("staff", "kind", "starts_at", "ends_at", "organisation"),
}
"""Fields of a kind that its list shows beside the name and the area."""
UNIQUE = ("area", "organisation")
"""Kinds whose names say which one is meant."""
_OPERATIONS = {"add": ("新增", "added"), "change": ("修改", "changed"), "remove": ("删除", "removed")}


class Line(msgspec.Struct, frozen=True):
    """A change in words, for the macro ``history`` of ``_list.html``."""

    at: dt.datetime
    who: str
    what: str
    changes: list[tuple[str, str | None, str | None]]


class Speaker:
    """Says records in one language."""

    def __init__(self, language: str, account: Account, today: dt.date) -> None:
        self._language, self._account, self.today = language, account, today
        self.named: Named = {}
        """The names of what the records refer to; without one its key is shown."""

    def pick(self, zh: str, en: str) -> str:
        """The reader's wording; the other one where it is missing."""
        return (zh if self._language == "zh" else en) or zh or en

    def kind(self, name: str) -> str:
        """The name of many of a kind."""
        return self.pick(*KIND_WORDS[name])

    def label(self, kind: str, name: str) -> str:
        """The name of a field; of 'name', which is two fields in two languages, the reader's."""
        if f"{name}_zh" in FIELDS[kind]:
            return self.pick(FIELDS[kind][f"{name}_zh"].zh, FIELDS[kind][f"{name}_en"].en)
        field = FIELDS[kind][name]
        return self.pick(_named_thing(field.zh) if field.form in KINDS else field.zh, field.en)

    def value(self, kind: str, record: Any, name: str) -> str | None:
        """The value of a field in words; None: unknown."""
        if f"{name}_zh" in FIELDS[kind]:
            return self.pick(getattr(record, f"{name}_zh"), getattr(record, f"{name}_en"))
        value = getattr(record, name)
        if isinstance(value, str) and (FIELDS[kind][name].form, value) in self.named:
            return self.called(FIELDS[kind][name].form, value)
        return say(self._language, kind, name, value)

    def whole(self, kind: str, name: str) -> bool:
        """Whether a value of the field is one word: a number or a date, which no line should break."""
        return name in FIELDS[kind] and FIELDS[kind][name].form in ("tel", "date", "moment", "time")

    def called(self, kind: str, key: str) -> str:
        """The name of a record that another one refers to, with its key where names are not unique."""
        both = self.named.get((kind, key))
        if both is None:
            return key
        return self.pick(*both) if kind in UNIQUE else f"{self.pick(*both)} {key}"

    def fields(self, kind: str, record: Any) -> list[tuple[str, str, str | None, str]]:
        """(name, label, value, address of what it refers to) of every field, as a page shows them."""
        shown = []
        for name, field in FIELDS[kind].items():
            key = getattr(record, name)
            to = address(field.form, key) if field.form in KINDS and field.form != "shift" and key else ""
            shown.append((name, self.label(kind, name), self.value(kind, record, name), to))
        return shown

    def name(self, kind: str, record: Any) -> str:
        """The name of a record as people say it."""
        if hasattr(record, "name_zh"):
            return self.pick(record.name_zh, record.name_en)
        if hasattr(record, "address_zh"):
            return self.pick(record.address_zh, record.address_en)
        if kind == "certificate":
            return self.value(kind, record, "kind") or ""
        if kind == "device":
            return f"{self.value(kind, record, 'model')} · {self.value(kind, record, 'room') or record.name}"
        parts = [self.value(kind, record, name) or "" for name in KINDS[kind].key]
        return " · ".join(parts)

    def heads(self, kind: str, of: str = "") -> list[str]:
        """The headings of a kind's columns; ``of``: as :meth:`columns`."""
        return [self.label(kind, name) for name in self.columns(kind, of)]

    def columns(self, kind: str, of: str = "") -> list[str]:
        """The columns of a kind's list; beside a record of the kind ``of`` without the one that names it."""
        return [name for name in COLUMNS[kind] if not of or name not in FIELDS[kind] or FIELDS[kind][name].form != of]

    def new_address(self, other: str, kind: Kind, stored: Stored) -> str:
        """The form of a new record of another kind that belongs to this one."""
        field = next((name for name, one in FIELDS[other].items() if one.form == kind.name), None)
        given = urlencode({field: key_of_record(kind, stored)}) if field else ""
        return f"/records/{other}/new?{given}" if given else f"/records/{other}/new"

    def may_change(self, kind: str) -> bool:
        """Whether the reader may change records of a kind."""
        return may_do(self._account, KINDS[kind].edit)

    def end(self, day: dt.date | None) -> tuple[str, str]:
        """The mark of a certificate by its last day: its state and the words."""
        if day is None:
            return "good", self.pick("长期有效", "does not expire")
        if day < self.today:
            return "bad", self.pick(f"{day} 已过期", f"expired {day}")
        if day <= self.today + SOON:
            return "late", self.pick(f"{day} 到期", f"ends {day}")
        return "good", self.pick(f"有效至 {day}", f"until {day}")

    def lines(self, found: list[Change]) -> list[Line]:
        """The changes in words, the newest first."""
        return [
            Line(one.at, self._who(one), self.pick(*_OPERATIONS[one.operation]), self._changes(one)) for one in found
        ]

    def _who(self, change: Change) -> str:
        if change.login is not None:
            name = self.pick(change.name_zh or "", change.name_en or "")
            return self.pick(f"{name}（{change.login}）", f"{name} ({change.login})")
        return self.pick("平台", "the platform")

    def _changes(self, change: Change) -> list[tuple[str, str | None, str | None]]:
        kind = change.kind.name
        if change.operation != "change" or change.before is None or change.after is None:
            return []
        told = []
        for field, was in change.before.items():
            if field not in FIELDS[kind]:
                continue  # the version
            words = [
                say(self._language, kind, field, _read(field, kind, value)) for value in (was, change.after.get(field))
            ]
            told.append((self.label(kind, field), words[0], words[1]))
        return told


def _named_thing(zh: str) -> str:
    """Say what a field refers to: a table has its code or path (户编号), a page its name (住户)."""
    thing = zh.removesuffix("编号").removesuffix("路径")
    return "住户" if thing == "户" else thing


def _read(field: str, kind: str, value: Any) -> Any:
    """A value of the history's JSON as the record has it."""
    if isinstance(value, str) and FIELDS[kind][field].form == "time":
        return dt.time.fromisoformat(value)
    return value


def address(kind: str, key: str | tuple[Any, ...]) -> str:
    """The page of a record; the parts of its key are joined by '~'."""
    parts = key.split("/") if isinstance(key, str) else [str(part) for part in key]
    return f"/records/{kind}/at/{quote('~'.join(parts), safe='~')}"


def address_of(kind: Kind, stored: Stored) -> str:
    """The page of a stored record."""
    return address(kind.name, kind.key_of(msgspec.structs.asdict(stored.record)))


def key_of(code: str) -> tuple[str, ...]:
    """Read the key out of an address."""
    return tuple(code.split("~"))
