"""Bulk import: check every row, say in words what is wrong where, then store all of it, or all that is right.

Importing the same table again changes nothing. An empty cell leaves a field as it is (a new record gets the default);
'-' empties it. Everything is one transaction; a dry run does the same and takes it back.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import psycopg
import structlog
from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import audit, require
from care_network.errors import MalformedError, ProvisioningError
from care_network.importing.bulk import RowFields, Saved, save
from care_network.importing.cells import plain
from care_network.importing.columns import SHEETS, Column, Sheet
from care_network.importing.tables import Row, Table
from care_network.records.kinds import Kind, kind_named

log = structlog.get_logger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and of how many."""


class Problem(msgspec.Struct, frozen=True):
    """What is wrong in one row."""

    row: int
    column: str | None
    zh: str
    en: str

    def __str__(self) -> str:
        zh = f"第 {self.row} 行" + (f",“{self.column}”列" if self.column else "")
        en = f"row {self.row}" + (f", column {self.column!r}" if self.column else "")
        return f"{zh}:{self.zh} | {en}: {self.en}"


class Outcome(msgspec.Struct, frozen=True):
    rows: int
    """In the table."""
    saved: dict[str, Saved]
    """By kind: what was, or in a dry run would be, added, changed and left as it is."""
    problems: tuple[Problem, ...]
    stored: bool
    """False: a dry run, or bad rows without ``skip_bad``; nothing was stored."""


def run_import(
    conn: Connection[Any],
    account: Account,
    sheet: Sheet,
    table: Table,
    *,
    at: dt.datetime,
    origin: str = "",
    dry_run: bool = False,
    skip_bad: bool = False,
    progress: Progress = lambda what, done, total: None,
) -> Outcome:
    """Bring the table's records into the care network, within the account's area.

    Bad rows: nothing is stored, or with ``skip_bad`` the good ones are. Raises ProvisioningError where the headings are
    wrong or somebody changes the same records meanwhile, NotPermittedError where the role does not allow it.
    """
    for kind in sheet.kinds:
        require(account, kind.edit)
    columns = _columns(sheet, table.headings)
    problems: list[Problem] = []
    rows = []
    for number, row in enumerate(table.rows, 1):
        values = _values(row, columns, sheet, problems)
        if values is not None:
            rows.append(values)
        if number % 500 == 0 or number == len(table.rows):
            progress("read", number, len(table.rows))
    saved: dict[str, Saved] = {}
    stored = False
    with conn.transaction():
        # One import at a time: two of the same table would each add what the other one adds.
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('shouwang import', 0))")
        for kind in sheet.kinds:
            entries = [RowFields(row.number, _of(kind, sheet, row.values)) for row in rows]
            saved[kind.name], bad = save(
                conn, account, kind, entries, last=kind is sheet.kinds[-1], at=at, origin=origin, progress=progress
            )
            problems += [_problem(number, sheet, kind, error) for number, error in bad.items()]
            rows = [row for row in rows if row.number not in bad]
        stored = not dry_run and (skip_bad or not problems)
        if not stored:
            raise psycopg.Rollback
        counts = {name: msgspec.structs.asdict(one) for name, one in saved.items()}
        audit(
            conn, account, f"import_{sheet.name}", at=at, origin=origin,
            detail={"file": table.name[:100], "sha256": table.digest, "skipped": len(table.rows) - len(rows), **counts},
        )  # fmt: skip
    log.info("import", what=sheet.name, rows=len(table.rows), problems=len(problems), stored=stored)
    return Outcome(len(table.rows), saved, tuple(sorted(problems, key=lambda problem: problem.row)), stored)


def read_fields(kind_name: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """A record's fields from what somebody typed, read as an import reads its cells; '-' empties a field.

    Raises ProvisioningError naming the field.
    """
    kind = kind_named(kind_name)
    sheet = next(sheet for sheet in SHEETS.values() if kind in sheet.kinds)
    values = {}
    for field, typed in texts.items():
        column = sheet.column_of(kind, field)
        if column is None:
            known = ", ".join(kind.record.__struct_fields__)
            raise ProvisioningError(
                en=f"a {kind.name} has no field {field!r}; known: {known}",
                zh=f"{kind.zh}没有字段 {field}；可用：{known}",
                field=field,
            )
        try:
            values[column.name] = _EMPTY if typed == "-" else column.reader.read(typed)
        except ValueError as error:
            raise ProvisioningError(
                en=f"{field}: {typed!r}: {column.reader.en}",
                zh=f"{field}:“{typed}”无法识别,{column.reader.zh}",
                field=field,
            ) from error
    return _of(kind, sheet, values)


class _Values(msgspec.Struct, frozen=True):
    number: int
    values: dict[str, Any]
    """By column; those whose cells are not empty."""


_EMPTY = object()
"""What '-' stands for."""


def _columns(sheet: Sheet, headings: Row) -> list[Column | None]:
    """The column of each heading; None for an empty one. Raises ProvisioningError for what it does not know."""
    known: dict[str, Column] = {}
    for offered in sheet.columns:
        known |= {_word(name): offered for name in (offered.name, offered.zh, offered.heading)}
    found: list[Column | None] = []
    for heading in headings.cells:
        column = known.get(_word(heading))
        if column is None and heading:
            raise ProvisioningError(
                en=f"there is no column {heading!r} in {sheet.name}; known: {', '.join(c.name for c in sheet.columns)}",
                zh=f"“{sheet.zh}”没有“{heading}”列;可用:{'、'.join(c.zh for c in sheet.columns)}",
            )
        if column is not None and column in found:
            raise ProvisioningError(en=f"the column {heading!r} is there twice", zh=f"“{heading}”列重复")
        found.append(column)
    for kind in sheet.kinds:
        for name in kind.key:
            key_column = sheet.column_of(kind, name)
            if key_column is not None and key_column not in found:
                raise ProvisioningError(
                    en=f"the column {key_column.name!r} is missing; 'shouwang network template {sheet.name}' has it",
                    zh=f"缺少“{key_column.zh}”列,可用 shouwang network template {sheet.name} 生成模板",
                )
    return found


def _word(text: str) -> str:
    return plain(text).rstrip("*").strip().lower()


def _values(row: Row, columns: Sequence[Column | None], sheet: Sheet, problems: list[Problem]) -> _Values | None:
    """The row's values by column; None, and problems, where a cell can not be read."""
    before = len(problems)
    values: dict[str, Any] = {}
    for position, cell in enumerate(row.cells):
        column = columns[position] if position < len(columns) else None
        if not cell:
            continue
        if column is None:
            problems.append(
                Problem(row.number, None, f"“{cell[:20]}”上方没有列标题", f"{cell[:20]!r} stands below no heading")
            )
        elif cell == "-":
            values[column.name] = _EMPTY
        else:
            try:
                values[column.name] = column.reader.read(cell)
            except ValueError:
                problems.append(_unreadable(row.number, column, cell))
    return _Values(row.number, values) if len(problems) == before else None


def _unreadable(number: int, column: Column, cell: str) -> Problem:
    shown = cell if len(cell) <= 40 else f"{cell[:40]}…"
    return Problem(number, column.zh, f"“{shown}”无法识别,{column.reader.zh}", f"{shown!r}: {column.reader.en}")


def _of(kind: Kind, sheet: Sheet, values: dict[str, Any]) -> dict[str, Any]:
    """The fields of one kind among a row's values."""
    defaults = {field.name: field for field in msgspec.structs.fields(kind.record)}
    found = {}
    for column in sheet.columns:
        for name, field in column.fields:
            if name == kind.name and column.name in values:
                value = values[column.name]
                # A field that has no default stays missing, and is told so.
                if value is not _EMPTY:
                    found[field] = value
                elif defaults[field].default is not msgspec.NODEFAULT:
                    found[field] = defaults[field].default
                else:
                    found[field] = None
    return found


def _problem(number: int, sheet: Sheet, kind: Kind, error: ProvisioningError) -> Problem:
    column = sheet.column_of(kind, error.field)
    if column is None:
        return Problem(number, None, error.message_zh, error.message_en)
    if not isinstance(error, MalformedError):
        return Problem(number, column.zh, error.message_zh, error.message_en)
    # A pattern or a range means little to people: say what to write.
    zh = f"必填,{column.reader.zh}" if error.missing else f"内容不符合要求,{column.reader.zh}"
    en = f"needed: {column.reader.en}" if error.missing else f"{column.reader.en} ({error.message_en})"
    return Problem(number, column.zh, zh, en)
