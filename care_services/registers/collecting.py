"""Take a register in: read, match, write down what differs. Our records change by people's decisions alone.

See :mod:`care_services.registers.deciding` for those.
"""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, in_area, require
from care_network.errors import NotFoundError, NotPermittedError, ProvisioningError
from care_network.identity.keys import digest
from care_network.importing.tables import Table
from care_network.medical.keyring import KeyRing
from care_services.registers import store
from care_services.registers.catalogue import FIELDS, guessed, register_named
from care_services.registers.matching import Verdict, judge, missing
from care_services.registers.reading import Said, Unread, letters, read
from care_services.registers.store import Import, Sealed
from vocabulary.times import SHANGHAI

IMPORT = "import_register"
MOST_LINES = 50_000
MOST_TITLES = 5
"""Rows above the headings."""
MISREAD, LEAST_LINES = 0.9, 5
"""A table of so many lines of which such a part cannot be read is not taken in."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The way in which a table is read."""

    register: str
    area: str
    taken_on: dt.date
    """The day of which the register tells."""
    mapping: Mapping[str, str] = {}
    """Headings by field; empty: as the headings are known by name."""
    complete: bool = False
    """It names everybody of the area: whom it names no more, is no longer in it."""
    source: int | None = None


class Taken(msgspec.Struct, frozen=True):
    """The import, and whether it was there before: the very same file, read in the same way."""

    id: int
    again: bool


def take_in(
    conn: Connection[Any],
    account: Account,
    ring: KeyRing,
    table: Table,
    reading: Reading,
    *,
    at: dt.datetime,
    origin: str = "",
) -> Taken:
    """Take a register in. Raises NotPermittedError, ProvisioningError with what is wrong about the table as a whole."""
    require(account, Action.MANAGE_REGISTERS)
    register, table = register_named(reading.register), headed(table)
    mapping = checked(table, reading, account, at.astimezone(SHANGHAI).date())
    fingerprint = _fingerprint(table, reading, mapping)
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 260))", (f"{register.code} {reading.area}",))
        there = store.same_import(conn, register.code, reading.area, fingerprint)
        if there is not None:
            detail = {"register": register.code, "import": there, "again": True}
            audit(conn, account, IMPORT, at=at, origin=origin, detail=detail)
            return Taken(there, again=True)
        said = _read(table, mapping, at.astimezone(SHANGHAI).date())
        _refuse_misread(said)
        digests = _digests(ring, said)
        known = store.known(conn, reading.area, reading.taken_on)
        matched = {
            one.number: ours.id
            for one in said if isinstance(one, Said) and (ours := known.by_digest(digests.get(one.number))) is not None
        }  # fmt: skip
        before = store.before(conn, register.code, matched.values())
        newest = store.newest_day(conn, register.code, reading.area)
        older = newest is not None and reading.taken_on < newest
        verdicts = [judge(register, one, digests.get(one.number), known, before, older=older) for one in said]
        if reading.complete and not older:
            first = max((row.number for row in table.rows), default=1) + 1
            last = store.last_complete(conn, register.code, reading.area)
            verdicts += missing(register, last, matched.values(), known, first)
        counts = dict(Counter(one.verdict for one in verdicts))
        number = store.insert_import(conn, {
            "register": register.code, "area": reading.area, "source": reading.source, "name": table.name[-120:],
            "sha256": table.digest, "fingerprint": fingerprint, "taken_on": reading.taken_on,
            "complete": reading.complete, "mapping": dict(mapping), "lines": len(table.rows), "counts": counts,
            "account": account.id, "at": at,
        })  # fmt: skip
        store.insert_lines(conn, ring, number, _with_cells(table, said, digests, verdicts), at)
        detail = {"register": register.code, "import": number, "lines": len(table.rows), "counts": counts}
        audit(conn, account, IMPORT, at=at, origin=origin, detail=detail)
    return Taken(number, again=False)


def checked(table: Table, reading: Reading, account: Account, today: dt.date) -> dict[str, str]:
    """The mapping of the columns, where the table can be read in this way. Raises ProvisioningError with the field."""
    if account.area_path is None or not in_area(account, reading.area):
        raise NotPermittedError(
            en=f"{reading.area} is not in your area", zh=f"{reading.area} 不在您的管辖区域内", field="area"
        )
    if reading.taken_on > today:
        raise ProvisioningError(en="the register's day lies in the future", zh="名册日期不能在将来", field="taken_on")
    if len(table.rows) > MOST_LINES:
        raise ProvisioningError(
            en=f"more than {MOST_LINES} lines: divide the table", zh=f"超过 {MOST_LINES} 行，请分批", field="file"
        )
    headings = set(table.headings.cells)
    twice = {heading for heading in headings if heading and table.headings.cells.count(heading) > 1}
    mapping = {field: heading for field, heading in reading.mapping.items() if heading} or guessed(table.headings.cells)
    for field, heading in mapping.items():
        if field not in FIELDS:
            raise ProvisioningError(en=f"there is no field {field!r}", zh=f"没有字段 {field}", field="mapping")
        if heading not in headings:
            raise ProvisioningError(
                en=f"the table has no column {heading!r}", zh=f"表中没有“{heading}”这一列", field=field
            )
        if heading in twice:
            columns = [letters(place) for place, one in enumerate(table.headings.cells) if one == heading]
            raise ProvisioningError(
                en=f"columns {' and '.join(columns)} have the same heading {heading!r}: give one another name",
                zh=f"{'、'.join(columns)} 列的标题都是“{heading}”，请改成不同的标题", field=field,
            )  # fmt: skip
    double = next((one for one in mapping.values() if list(mapping.values()).count(one) > 1), None)
    if double is not None:
        raise ProvisioningError(
            en=f"two fields are read from the one column {double!r}", zh=f"两个字段都对应“{double}”列，请分别选择",
            field="mapping",
        )  # fmt: skip
    if "name" not in mapping:
        raise ProvisioningError(en="say which column has the name", zh="请指定姓名所在的列", field="name")
    if not {"identity", "birth_date", "phone"} & mapping.keys():
        raise ProvisioningError(
            en="say which column has the identity number (or date of birth, or telephone): nobody is found without",
            zh="请指定证件号码所在的列（或出生日期、联系电话），否则无法匹配", field="identity",
        )  # fmt: skip
    return mapping


def listing(conn: Connection[Any], account: Account, *, before: int = 0, limit: int = 50) -> list[Import]:
    """Imports of the account's area, the newest first."""
    require(account, Action.MANAGE_REGISTERS)
    return store.imports(conn, account.area_path or "", before=before, limit=limit)


def one(conn: Connection[Any], account: Account, number: int) -> Import:
    """An import of the account's area. Raises NotFoundError."""
    require(account, Action.MANAGE_REGISTERS)
    found = store.one_import(conn, account.area_path or "", number)
    if found is None:
        raise NotFoundError(en=f"there is no import {number} in your area", zh=f"您的管辖区域内没有导入 {number}")
    return found


def lines(
    conn: Connection[Any],
    account: Account,
    number: int,
    *,
    at: dt.datetime,
    verdict: str = "",
    only_open: bool = False,
    after: int = 0,
    limit: int = 50,
    origin: str = "",
) -> list[store.Line]:
    """Lines of an import of the account's area. The look is in the audit, with whom it shows."""
    one(conn, account, number)
    found = store.lines(conn, number, verdict=verdict, only_open=only_open, after=after, limit=limit)
    detail = {"import": number, "verdict": verdict, "count": len(found)}
    audit(conn, account, "view_register", at=at, origin=origin, detail=detail)
    return found


def _fingerprint(table: Table, reading: Reading, mapping: Mapping[str, str]) -> str:
    read_as = [
        table.digest,
        str(reading.taken_on),
        str(reading.complete),
        *(f"{k}={v}" for k, v in sorted(mapping.items())),
    ]
    return hashlib.sha256("\n".join(read_as).encode()).hexdigest()


def headed(table: Table) -> Table:
    """The table with its headings at their place: offices write a title above them. Titles are left out."""
    if "name" in guessed(table.headings.cells):
        return table
    for place, row in enumerate(table.rows[:MOST_TITLES]):
        found = guessed(row.cells)
        if "name" in found and {"identity", "birth_date", "phone"} & found.keys():
            return msgspec.structs.replace(table, headings=row, rows=table.rows[place + 1 :])
    return table


def _refuse_misread(said: list[Said | Unread]) -> None:
    """Refuse a table of which nearly no line can be read: the columns are exchanged, or it is another table."""
    bad = [one for one in said if isinstance(one, Unread)]
    if len(said) < LEAST_LINES or len(bad) < MISREAD * len(said):
        return
    shown_zh = "；".join(f"第 {one.number} 行 {one.zh}" for one in bad[:3])
    shown_en = "; ".join(f"line {one.number}: {one.en}" for one in bad[:3])
    field = Counter(one.field for one in bad).most_common(1)[0][0]
    raise ProvisioningError(
        en=f"nothing was taken in: {len(bad)} of {len(said)} lines cannot be read. Are the columns right? {shown_en}",
        zh=f"未导入：{len(said)} 行中有 {len(bad)} 行无法读取，请检查列是否对应。{shown_zh}", field=field or "mapping",
    )  # fmt: skip


def _read(table: Table, mapping: Mapping[str, str], today: dt.date) -> list[Said | Unread]:
    found: list[Said | Unread] = []
    first: dict[str, int] = {}
    alike: dict[tuple[str, str, str], int] = {}
    for row in table.rows:
        said = read(row.number, table.headings.cells, row.cells, mapping, today)
        if isinstance(said, Said) and said.identity is not None:
            line = first.setdefault(f"{said.identity.document} {said.identity.number}", row.number)
            if line != row.number:
                said = Unread(
                    row.number, f"与第 {line} 行的证件号码相同：请在来源处核对，保留正确的一行",
                    f"the same identity number as line {line}: compare at the source, and keep the line that is right",
                    "identity",
                )  # fmt: skip
        elif isinstance(said, Said):
            words = (said.fields.get("name", ""), said.fields.get("birth_date", ""), said.fields.get("phone", ""))
            line = alike.setdefault(words, row.number)
            if line != row.number:
                said = Unread(
                    row.number,
                    f"与第 {line} 行的姓名、出生日期、电话都相同，且没有证件号码：是同一人吗？请补填证件号码",
                    f"the same name, date of birth and telephone as line {line}, and no identity number: is it the same"
                    " person? Give the number", "identity",
                )  # fmt: skip
        found.append(said)
    return found


def _digests(ring: KeyRing, said: list[Said | Unread]) -> dict[int, bytes]:
    return {
        one.number: digest(ring, one.identity) for one in said if isinstance(one, Said) and one.identity is not None
    }


def _with_cells(
    table: Table, said: list[Said | Unread], digests: Mapping[int, bytes], verdicts: list[Verdict]
) -> list[tuple[Verdict, Said | None, bytes | None, Sealed]]:
    cells = {row.number: row.cells for row in table.rows}
    read_ = {one.number: one for one in said if isinstance(one, Said)}
    found = []
    for verdict in verdicts:
        one = read_.get(verdict.number)
        number = one.identity.number if one is not None and one.identity is not None else ""
        found.append((verdict, one, digests.get(verdict.number), Sealed(cells.get(verdict.number, ()), number)))
    return found
