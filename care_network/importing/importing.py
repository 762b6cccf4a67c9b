"""Import a table: check every row, report each problem in words, then store all rows, or all good ones.

Importing the same table again changes nothing. An empty cell leaves a field as it is (a new record gets the default);
'-' empties it. The import is one transaction; a dry run rolls it back.
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
from care_network.importing.bulk import RowFields, SaveCounts, save
from care_network.importing.cells import plain
from care_network.importing.columns import SHEETS, Column, Sheet
from care_network.importing.tables import Table, TableRow
from care_network.records.history.changes import act_as, newest_here
from care_network.records.kinds import Kind, kind_named

log = structlog.get_logger(__name__)

VERDICTS = ("added", "changed", "unchanged")
Progress = Callable[[str, int, int], None]
"""Called with the name of the step, the number of rows done, and their total."""


class Problem(msgspec.Struct, frozen=True):
    """A mistake in one row, in Chinese and English."""

    row: int
    column: str | None
    zh: str
    en: str

    def __str__(self) -> str:
        zh = f"第 {self.row} 行" + (f"，“{self.column}”列" if self.column else "")
        en = f"row {self.row}" + (f", column {self.column!r}" if self.column else "")
        return f"{zh}：{self.zh} | {en}: {self.en}"


class ImportOutcome(msgspec.Struct, frozen=True):
    rows: int
    """In the table."""
    saved: dict[str, SaveCounts]
    """By kind: records added, changed and left as they are; in a dry run, those that would be."""
    problems: tuple[Problem, ...]
    stored: bool
    """False: a dry run, or bad rows without ``skip_bad``; nothing was stored."""
    verdicts: dict[int, str] = {}
    """One of VERDICTS for each good row, by its number; of several records of a row the one that says most."""
    change: int | None = None
    """The number of the last change that was made, by which all of them can be taken back; None: nothing changed."""


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
) -> ImportOutcome:
    """Import the table's records, within the account's area.

    With bad rows nothing is stored, or with ``skip_bad`` only the good ones. Raises ProvisioningError where the
    headings are wrong or somebody changes the same records meanwhile, NotPermittedError where the role may not.
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
    saved: dict[str, SaveCounts] = {}
    verdicts: dict[int, str] = {}
    stored, change = False, None
    with conn.transaction():
        # One import at a time: two of the same table would each add what the other one adds.
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('shouwang import', 0))")
        act_as(conn, account, origin)
        for kind in sheet.kinds:
            entries = [RowFields(row.number, _of(kind, sheet, row.values)) for row in rows]
            done = save(
                conn, account, kind, entries, last=kind is sheet.kinds[-1], at=at, origin=origin, progress=progress
            )
            saved[kind.name] = done.counts
            problems += [_problem(number, sheet, kind, error) for number, error in done.bad.items()]
            rows = [row for row in rows if row.number not in done.bad]
            for number, verdict in done.verdicts.items():
                verdicts[number] = min(verdict, verdicts.get(number, "unchanged"), key=VERDICTS.index)
        stored = not dry_run and (skip_bad or not problems)
        if not stored:
            raise psycopg.Rollback
        change = newest_here(conn)
        counts = {name: msgspec.structs.asdict(one) for name, one in saved.items()}
        audit(
            conn, account, f"import_{sheet.name}", at=at, origin=origin,
            detail={"file": table.name[:100], "sha256": table.digest, "skipped": len(table.rows) - len(rows), **counts},
        )  # fmt: skip
    log.info("import", what=sheet.name, rows=len(table.rows), problems=len(problems), stored=stored)
    refused = {problem.row for problem in problems}
    return ImportOutcome(
        len(table.rows), saved, tuple(sorted(problems, key=lambda problem: problem.row)), stored,
        {number: verdict for number, verdict in verdicts.items() if number not in refused},
        change,
    )  # fmt: skip


def read_fields(kind_name: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Read a record's fields from typed text, as an import reads its cells; '-' empties a field.

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
                zh=f"{field}：“{typed}”无法识别，{column.reader.zh}",
                field=field,
            ) from error
    return _of(kind, sheet, values)


class _Values(msgspec.Struct, frozen=True):
    number: int
    values: dict[str, Any]
    """By column; those whose cells are not empty."""


_EMPTY = object()
"""The value of a cell with '-'."""


def _columns(sheet: Sheet, headings: TableRow) -> list[Column | None]:
    """Find the column of each heading; None for an empty one. Raises ProvisioningError for an unknown heading."""
    known: dict[str, Column] = {}
    for offered in sheet.columns:
        known |= {_word(name): offered for name in (offered.name, offered.zh, offered.heading)}
    found: list[Column | None] = []
    for heading in headings.cells:
        column = known.get(_word(heading))
        if column is None and heading:
            raise ProvisioningError(
                en=f"there is no column {heading!r} in {sheet.name}; known: {', '.join(c.name for c in sheet.columns)}",
                zh=f"“{sheet.zh}”没有“{heading}”列；可用：{'、'.join(c.zh for c in sheet.columns)}",
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
                    zh=f"缺少“{key_column.zh}”列，可用 shouwang network template {sheet.name} 生成模板",
                )
    return found


def _word(text: str) -> str:
    return plain(text).rstrip("*").strip().lower()


def _values(row: TableRow, columns: Sequence[Column | None], sheet: Sheet, problems: list[Problem]) -> _Values | None:
    """Read a row's values by column; None, with problems added, where a cell cannot be read."""
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
    return Problem(number, column.zh, f"“{shown}”无法识别，{column.reader.zh}", f"{shown!r}: {column.reader.en}")


def _of(kind: Kind, sheet: Sheet, values: dict[str, Any]) -> dict[str, Any]:
    """Pick the fields of one kind out of a row's values."""
    defaults = {field.name: field for field in msgspec.structs.fields(kind.record)}
    found = {}
    for column in sheet.columns:
        for name, field in column.fields:
            if name == kind.name and column.name in values:
                value = values[column.name]
                # A field without a default becomes None, which the record's check reports.
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
    zh = f"必填，{column.reader.zh}" if error.missing else f"内容不符合要求，{column.reader.zh}"
    en = f"needed: {column.reader.en}" if error.missing else f"{column.reader.en} ({error.message_en})"
    return Problem(number, column.zh, zh, en)
