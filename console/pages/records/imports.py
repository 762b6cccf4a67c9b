"""Import a table of records: check every line and say what would become of it, then store what was checked."""

import datetime as dt
import uuid
from collections import Counter
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Form, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_network.errors import ProvisioningError
from care_network.importing import tables
from care_network.importing.columns import SHEETS, Sheet, sheet_named
from care_network.importing.importing import VERDICTS, ImportOutcome, run_import
from care_network.records.history.changes import UNDO_S
from care_network.records.network import Network
from care_network.records.places import checked_files
from care_network.records.places.checked_files import CheckedFile
from console.pages.admin.frame import admin_page
from console.shell.errors import message_of, status_of
from console.shell.guard import FORM
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.text import page_router
from vocabulary.text import check_text

router = page_router()
EDIT = needs(Action.PROVISION, Action.MANAGE_STAFF, Action.EDIT_CONTACTS)
"""Which of these it takes depends on the table; the import asks for that of each of its kinds."""
MOST_ROWS = 10_000
"""Lines of a table that a page takes; for more there is the command."""
MOST_TAKEN_BACK = 2000
"""Records of an import that can be taken back as a whole: each is looked at and reversed by itself."""
UNDO = dt.timedelta(seconds=UNDO_S)
MOST_SHOWN = 200
"""Lines that a report shows, the refused ones first."""
LONGEST_NAME = 120


class Sent(msgspec.Struct, frozen=True):
    """A form of the import as it was sent."""

    name: str
    data: bytes | None
    """None where no file was chosen."""
    checked: uuid.UUID | None
    """The file that was checked, to be stored now."""
    skip_bad: bool


async def sent(request: Request) -> Sent:
    """Read the form. A dependency behind the permission: before it a stranger's megabytes are not taken."""
    async with request.form(max_files=1, max_fields=10) as form:
        file, texts = form.get("file"), {name: value for name, value in form.items() if isinstance(value, str)}
        for text in texts.values():
            check_text(text, FORM.size)
        name, data = "", None
        if isinstance(file, UploadFile):
            name = "".join(letter for letter in file.filename or "" if letter.isprintable())[-LONGEST_NAME:]
            data = await run_in_threadpool(file.file.read)  # the guard has bounded it
    try:
        checked = uuid.UUID(texts.get("checked", ""))
    except ValueError:
        checked = None
    return Sent(name, data or None, checked, bool(texts.get("skip_bad")))


class Line(msgspec.Struct, frozen=True):
    """A line of the table with its verdict."""

    number: int
    verdict: str
    """One of VERDICTS, or 'refused'."""
    reasons: list[tuple[str, str, str]]
    """(column, Chinese, English) of each mistake."""
    text: str
    """Its first cells."""


@router.get("/imports", dependencies=[EDIT])
def imports_page(request: Request, account: CurrentAccount) -> Response:
    """The tables that this account may import."""
    return admin_page(request, "imports.html", account, sheets=_sheets(account))


@router.get("/imports/{sheet}", dependencies=[EDIT])
def import_page(request: Request, account: CurrentAccount, sheet: str) -> Response:
    """The columns of a table, with what to write in each, and the file to choose."""
    return _page(request, account, sheet_named(sheet))


@router.get("/imports/{sheet}/template", dependencies=[EDIT])
def template(sheet: str, form: str = "xlsx") -> Response:
    """An empty table with the headings, what to write in each column, and an example."""
    known = sheet_named(sheet)
    data = tables.template(known, form)
    media = "text/csv; charset=utf-8" if form == "csv" else (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    )  # fmt: skip
    headers = {"Content-Disposition": f'attachment; filename="{known.name}.{form}"'}
    return Response(data, media_type=media, headers=headers)


@router.post("/imports/{sheet}", dependencies=[EDIT])
def check_or_store(
    request: Request, console: Shared, account: CurrentAccount, sheet: str, form: Annotated[Sent, Depends(sent)]
) -> Response:
    """Check a table, storing nothing; or store the one that was checked."""
    known, now = sheet_named(sheet), dt.datetime.now(dt.UTC)
    try:
        with console.database() as conn:
            file = CheckedFile(name=form.name, datum=known.name, data=form.data or b"")
            if form.checked is not None:
                kept = checked_files.kept_file(conn, account, "table", form.checked, now)
                if kept is None or kept.datum != known.name:
                    raise ProvisioningError(
                        en="the file that was checked is no longer kept; choose it again",
                        zh="检查过的文件已过期，请重新选择",
                    )
                file = kept
            elif form.data is None:
                raise ProvisioningError(en="choose a file", zh="请选择文件", field="file")
            table = tables.parse(file.name, file.data)
            if len(table.rows) > MOST_ROWS:
                raise ProvisioningError(
                    en=f"more than {MOST_ROWS} lines: divide the table, or use 'shouwang network import'",
                    zh=f"超过 {MOST_ROWS} 行，请分批，或使用命令 shouwang network import",
                )
            outcome = run_import(
                conn, account, known, table, at=now, origin=origin_of(request), dry_run=form.checked is None,
                skip_bad=form.skip_bad,
            )  # fmt: skip
            if outcome.stored:
                checked_files.forget_file(conn, account, "table")
                number = None
            else:
                number = form.checked or checked_files.keep_file(conn, account, "table", file, now)
    except ProvisioningError as error:
        return _page(request, account, known, status_of(error), message=message_of(request, error, account))
    lines = _lines(table, outcome)
    counts = Counter(line.verdict for line in lines)
    lines.sort(key=lambda line: (line.verdict != "refused", line.verdict == "unchanged", line.number))
    return _page(
        request, account, known, outcome=outcome, checked=number, lines=lines[:MOST_SHOWN], counts=counts,
        file=file.name, most=MOST_SHOWN, undo=_undo_of(outcome), until=dt.datetime.now(dt.UTC) + UNDO,
    )  # fmt: skip


@router.post("/imports/{sheet}/undo", dependencies=[EDIT])
def undo(
    request: Request, console: Shared, account: CurrentAccount, sheet: str, change: Annotated[int, Form()]
) -> Response:
    """Take a whole import back within its time; what somebody changed since stays, and is named."""
    known = sheet_named(sheet)
    try:
        with console.database() as conn:
            network = Network(conn, account, at=dt.datetime.now(dt.UTC), origin=origin_of(request))
            undone = network.undo_all(change)
    except ProvisioningError as error:
        return _page(request, account, known, status_of(error), message=message_of(request, error, account))
    return _page(request, account, known, undone=undone, most=MOST_SHOWN)


def _lines(table: tables.Table, outcome: ImportOutcome) -> list[Line]:
    reasons: dict[int, list[tuple[str, str, str]]] = {}
    for problem in outcome.problems:
        reasons.setdefault(problem.row, []).append((problem.column or "", problem.zh, problem.en))
    return [
        Line(
            row.number, "refused" if row.number in reasons else outcome.verdicts.get(row.number, "unchanged"),
            reasons.get(row.number, []), " · ".join(cell for cell in row.cells if cell)[:80],
        )
        for row in table.rows
    ]  # fmt: skip


def _undo_of(outcome: ImportOutcome) -> int | None:
    """The change by which the import can be taken back; None: nothing changed, or too much at once."""
    records = sum(one.added + one.changed for one in outcome.saved.values())
    return outcome.change if outcome.stored and records <= MOST_TAKEN_BACK else None


def _sheets(account: Account) -> list[Sheet]:
    return [sheet for sheet in SHEETS.values() if all(may_do(account, kind.edit) for kind in sheet.kinds)]


def _page(request: Request, account: Account, sheet: Sheet, status: int = 200, **context: Any) -> Response:
    empty: dict[str, Any] = {
        "undone": None, "undo": None, "most_back": MOST_TAKEN_BACK, "outcome": None, "message": "",
        "verdicts": (*VERDICTS, "refused"),
    }  # fmt: skip
    return admin_page(request, "import.html", account, status, sheet=sheet, **(empty | context))
