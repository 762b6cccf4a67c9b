"""Sources of registers: what a platform beside offers, how its columns are read, how often it is asked.

A source can be tried on a file before it is saved: each line as it would be read, and nothing is taken in.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from care_network.access.accounts import Account, clean
from care_network.access.permissions import Action, audit, in_area, require
from care_network.errors import (
    ChangedMeanwhileError,
    ExistsError,
    NotFoundError,
    NotPermittedError,
    ProvisioningError,
)
from care_network.importing.tables import Table
from care_services.core.calls import checked_address
from care_services.registers import collecting
from care_services.registers.catalogue import FIELDS, register_named
from care_services.registers.collecting import Reading
from care_services.registers.reading import Said, Unread, read

SET_SOURCE = "set_register_source"
MOST_HOURS = 8760
LATE_TIMES = 3
"""A source that has not answered well for so many of its intervals is late."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A register that a platform beside offers."""

    id: int
    code: str
    register: str
    name_zh: str
    name_en: str
    url: str
    area_path: str
    mapping: dict[str, str]
    etag: str
    since: str
    active: bool
    asked_at: dt.datetime | None
    answer: str
    every_hours: int | None
    """None: by hand alone."""
    next_at: dt.datetime | None
    failures: int
    good_at: dt.datetime | None
    version: int
    by_zh: str | None
    by_en: str | None
    """In whose name it is fetched by itself."""

    def late(self, now: dt.datetime) -> bool:
        """Whether it is fetched by itself, and has not answered well for longer than it should."""
        if not self.active or self.every_hours is None:
            return False
        return self.good_at is None or now - self.good_at > dt.timedelta(hours=LATE_TIMES * self.every_hours)


class SourceFields(msgspec.Struct, frozen=True, kw_only=True):
    """A source as a form or a command writes it. ``mapping``: headings by field; empty: recognised by their names."""

    code: str
    register: str
    name_zh: str
    name_en: str
    url: str
    area: str = ""
    """'': the account's own."""
    mapping: Mapping[str, str] = {}
    every_hours: int | None = None
    active: bool = True


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a trial: as it would be read, or why it cannot be."""

    number: int
    fields: Mapping[str, str] = {}
    identity: str = ""
    """Masked."""
    zh: str = ""
    en: str = ""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A table as a source would read it; nothing was taken in."""

    mapping: Mapping[str, str]
    lines: int
    unreadable: int
    without_number: int
    shown: tuple[Tried, ...]


_SELECT = """
    SELECT s.id, s.code, s.register, s.name_zh, s.name_en, s.url, s.area_path::text AS area_path, s.mapping, s.etag,
           s.since, s.active, s.asked_at, s.answer, s.every_hours, s.next_at, s.failures, s.good_at, s.version,
           a.name_zh AS by_zh, a.name_en AS by_en
    FROM register_source s LEFT JOIN account a ON a.id = s.acts_as WHERE s.area_path <@ %s::text::ltree
"""


def listing(conn: Connection[Any], account: Account) -> list[Source]:
    """Sources of the account's area, by code."""
    require(account, Action.MANAGE_REGISTERS)
    with conn.cursor(row_factory=class_row(Source)) as cursor:
        return cursor.execute(_SELECT + " ORDER BY s.code", (account.area_path,)).fetchall()


def one(conn: Connection[Any], account: Account, code: str) -> Source:
    """A source of the account's area. Raises NotFoundError."""
    require(account, Action.MANAGE_REGISTERS)
    with conn.cursor(row_factory=class_row(Source)) as cursor:
        found = cursor.execute(_SELECT + " AND s.code = %s", (account.area_path, clean(code))).fetchone()
    if found is None:
        raise NotFoundError(en=f"there is no source {code!r} in your area", zh=f"您的管辖区域内没有名册来源 {code}")
    return found


def save(
    conn: Connection[Any], account: Account, fields: SourceFields, version: int, *, at: dt.datetime, origin: str = ""
) -> None:
    """Add a source (``version`` 0) or change it as it was at ``version``; it is fetched in this account's name.

    Raises NotPermittedError, ExistsError, ChangedMeanwhileError, ProvisioningError with the field.
    """
    require(account, Action.MANAGE_REGISTERS)
    values = _checked(account, fields, at)
    with conn.transaction():
        if version:
            before = one(conn, account, fields.code)
            done = conn.execute(
                "UPDATE register_source SET register = %(register)s, name_zh = %(name_zh)s, name_en = %(name_en)s,"
                " url = %(url)s, area_path = %(area)s::text::ltree, mapping = %(mapping)s,"
                " every_hours = %(every_hours)s, active = %(active)s, acts_as = %(by)s, next_at = %(next)s,"
                " failures = 0, version = version + 1,"
                # another place, or other columns: what was known of the place before counts no more
                " etag = CASE WHEN url = %(url)s AND mapping = %(mapping)s THEN etag ELSE '' END,"
                " since = CASE WHEN url = %(url)s AND mapping = %(mapping)s THEN since ELSE '' END"
                " WHERE id = %(id)s AND version = %(version)s",
                {**values, "id": before.id, "version": version},
            ).rowcount
            if not done:
                raise ChangedMeanwhileError(
                    en="somebody else changed this source meanwhile: look again", zh="来源刚被他人修改，请重新查看"
                )
            after = one(conn, account, fields.code)
            conn.execute(
                "INSERT INTO register_source_change (source_id, at, account_id, before, after)"
                " VALUES (%s, %s, %s, %s, %s)",
                (before.id, at, account.id, Jsonb(_told(before)), Jsonb(_told(after))),
            )
        else:
            try:
                with conn.transaction():
                    conn.execute(
                        "INSERT INTO register_source (code, register, name_zh, name_en, url, area_path, mapping,"
                        " active, every_hours, next_at, acts_as, added_at, added_by) VALUES (%(code)s, %(register)s,"
                        " %(name_zh)s, %(name_en)s, %(url)s, %(area)s::text::ltree, %(mapping)s, %(active)s,"
                        " %(every_hours)s, %(next)s, %(by)s, %(at)s, %(by)s)",
                        values,
                    )
            except UniqueViolation as error:
                raise ExistsError(
                    en=f"there is a source {fields.code!r} already", zh=f"已有名册来源 {fields.code}", field="code"
                ) from error
        detail = {"source": values["code"], "url": values["url"], "every_hours": fields.every_hours}
        audit(conn, account, SET_SOURCE, at=at, origin=origin, detail=detail)


def history(conn: Connection[Any], account: Account, code: str) -> list[dict[str, Any]]:
    """Changes of a source, the newest first: at, who, and what was and is, by field."""
    source = one(conn, account, code)
    rows = conn.execute(
        "SELECT c.at, coalesce(a.name_zh, ''), a.name_en, c.before, c.after FROM register_source_change c"
        " LEFT JOIN account a ON a.id = c.account_id WHERE c.source_id = %s ORDER BY c.id DESC LIMIT 50",
        (source.id,),
    ).fetchall()
    return [
        {"at": at, "who": who, "who_en": en, "changes": [(k, was[k], now[k]) for k in was if was[k] != now.get(k)]}
        for at, who, en, was, now in rows
    ]


def trial(account: Account, table: Table, fields: SourceFields, today: dt.date, most: int = 20) -> Trial:
    """Read a table as the source would, and take nothing in. Raises ProvisioningError with the field."""
    require(account, Action.MANAGE_REGISTERS)
    reading = Reading(
        register=register_named(fields.register).code, area=fields.area or account.area_path or "", taken_on=today,
        mapping=_headings(fields.mapping),
    )  # fmt: skip
    mapping = collecting.checked(table, reading, account, today)
    found = [read(row.number, table.headings.cells, row.cells, mapping, today) for row in table.rows]
    bad_first = sorted(found, key=lambda one: isinstance(one, Said))[:most]
    return Trial(
        mapping=mapping, lines=len(found), unreadable=sum(isinstance(one, Unread) for one in found),
        without_number=sum(isinstance(one, Said) and one.identity is None for one in found),
        shown=tuple(_tried(one) for one in bad_first),
    )  # fmt: skip


def _tried(line: Said | Unread) -> Tried:
    if isinstance(line, Unread):
        return Tried(number=line.number, zh=line.zh, en=line.en)
    masked = "" if line.identity is None else line.identity.masked
    return Tried(number=line.number, fields=line.fields, identity=masked)


def _headings(mapping: Mapping[str, str]) -> dict[str, str]:
    return {field: clean(heading)[:200] for field, heading in mapping.items() if clean(heading)}


def _checked(account: Account, fields: SourceFields, at: dt.datetime) -> dict[str, Any]:
    area = clean(fields.area) or account.area_path or ""
    if not in_area(account, area):
        raise NotPermittedError(en=f"{area} is not in your area", zh=f"{area} 不在您的管辖区域内", field="area")
    code = clean(fields.code)
    if not code.replace("-", "").isalnum() or not code.isascii() or len(code) > 40:
        raise ProvisioningError(
            en="a code has letters, digits and hyphens, 40 at most", zh="编号用字母、数字和连字符，最多 40 位",
            field="code",
        )  # fmt: skip
    names = {name: clean(getattr(fields, name)) for name in ("name_zh", "name_en")}
    for name, text in names.items():
        if not 0 < len(text) <= 80:
            raise ProvisioningError(
                en="give it a name of 80 characters at most", zh="请填写名称（最多 80 字）", field=name
            )
    hours = fields.every_hours
    if hours is not None and not 1 <= hours <= MOST_HOURS:
        raise ProvisioningError(
            en=f"from 1 to {MOST_HOURS} hours; empty: by hand", zh=f"填写 1 至 {MOST_HOURS} 小时，留空为手动",
            field="every_hours",
        )  # fmt: skip
    mapping = _headings(fields.mapping)
    unknown = next((field for field in mapping if field not in FIELDS), None)
    if unknown is not None:
        raise ProvisioningError(en=f"there is no field {unknown!r}", zh=f"没有字段 {unknown}", field="mapping")
    if mapping and "name" not in mapping:
        raise ProvisioningError(en="say which column has the name", zh="请指定姓名所在的列", field="name")
    if mapping and not {"identity", "birth_date", "phone"} & mapping.keys():
        raise ProvisioningError(
            en="say which column has the identity number (or date of birth, or telephone): nobody is found without",
            zh="请指定证件号码所在的列（或出生日期、联系电话），否则无法匹配", field="identity",
        )  # fmt: skip
    if len(set(mapping.values())) < len(mapping):
        raise ProvisioningError(en="two fields are read from one column", zh="两个字段对应了同一列", field="mapping")
    return {
        "code": code, "register": register_named(fields.register).code, **names, "area": area,
        "url": checked_address(clean(fields.url)), "mapping": Jsonb(mapping), "active": fields.active,
        "every_hours": hours, "by": account.id, "at": at, "next": at if hours is not None else None,
    }  # fmt: skip


def _told(source: Source) -> dict[str, Any]:
    """The fields that the history tells of."""
    return {
        "register": source.register, "name_zh": source.name_zh, "name_en": source.name_en, "url": source.url,
        "area": source.area_path, "every_hours": source.every_hours, "active": source.active,
        "mapping": "; ".join(f"{field}={heading}" for field, heading in sorted(source.mapping.items())),
    }  # fmt: skip
