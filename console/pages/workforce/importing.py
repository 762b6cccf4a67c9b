"""Profiles from a table: check every line, then store those without a fault; and the present ones as such a table."""

import csv
import datetime as dt
import io
import uuid
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_network.importing import tables
from care_network.records.places import checked_files
from care_network.records.places.checked_files import CheckedFile
from care_services.workforce import importing
from care_services.workforce.importing import COLUMNS
from console.pages.care.frame import care_page
from console.pages.workforce.people import acting_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router
from vocabulary.errors import BilingualError

router = page_router()
MANAGE = needs(Action.MANAGE_STAFF)
DATUM = "profiles"
MOST_SHOWN, LONGEST_NAME = 200, 120


@router.get("/care/workforce/import", dependencies=[MANAGE])
def import_page(request: Request, account: CurrentAccount) -> Response:
    """The columns of the table, and the file to choose."""
    return _page(request, account)


@router.get("/care/workforce/import/table", dependencies=[MANAGE])
def present(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The profiles of the area as a table, to be filled in and brought back."""
    with console.database() as conn:
        rows = importing.present(acting_of(request, conn, account))
    held = io.StringIO()
    writer = csv.writer(held)
    writer.writerows([importing.headings(), *rows])
    headers = {"Content-Disposition": 'attachment; filename="profiles.csv"'}
    return Response("\ufeff" + held.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


async def _sent(request: Request) -> tuple[str, bytes | None, str]:
    async with request.form(max_files=1, max_fields=4) as form:
        file, checked = form.get("file"), form.get("checked")
        if isinstance(file, UploadFile) and file.filename:
            name = "".join(letter for letter in file.filename if letter.isprintable())[-LONGEST_NAME:]
            return name, await run_in_threadpool(file.file.read), ""
        return "", None, checked if isinstance(checked, str) else ""


@router.post("/care/workforce/import", dependencies=[MANAGE])
def check_or_store(
    request: Request, console: Shared, account: CurrentAccount,
    sent: Annotated[tuple[str, bytes | None, str], Depends(_sent)],
) -> Response:  # fmt: skip
    """Check a table, storing nothing; or store the one that was checked."""
    return _take(request, console, account, *sent)


def _take(request: Request, console: Console, account: Account, name: str, data: bytes | None, asked: str) -> Response:
    now = dt.datetime.now(dt.UTC)
    try:
        with console.database() as conn:
            acting = acting_of(request, conn, account)
            file = CheckedFile(name=name, datum=DATUM, data=data or b"")
            if asked:
                kept = checked_files.kept_file(conn, account, "table", _number(asked), now)
                if kept is None or kept.datum != DATUM:
                    raise ProvisioningError(
                        en="the file that was checked is no longer kept; choose it again",
                        zh="检查过的文件已过期，请重新选择", field="file",
                    )  # fmt: skip
                file = kept
            elif data is None:
                raise ProvisioningError(en="choose a file", zh="请选择文件", field="file")
            lines = importing.check(acting, tables.parse(file.name, file.data))
            stored = importing.store(acting, lines) if asked else None
            number = None
            if asked:
                checked_files.forget_file(conn, account, "table")
            else:
                number = checked_files.keep_file(conn, account, "table", file, now)
    except BilingualError as error:
        return _page(request, account, status_of(error), message=message_of(request, error, account))
    return _page(request, account, lines=lines, stored=stored, checked=number, file=file.name)


def _number(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)


def _page(
    request: Request, account: Account, status: int = 200, *, message: str = "",
    lines: list[importing.Line] | None = None, stored: int | None = None, checked: uuid.UUID | None = None,
    file: str = "",
) -> Response:  # fmt: skip
    order = {"refused": 0, "changed": 1, "unchanged": 2}
    counts = {verdict: sum(line.verdict == verdict for line in lines or ()) for verdict in order}
    shown = sorted(lines or (), key=lambda line: (order[line.verdict], line.number))[:MOST_SHOWN]
    return care_page(
        request, "workforce-import.html", account, status, columns=COLUMNS, message=message, lines=shown, counts=counts,
        stored=stored, checked=checked, file=file, any=lines is not None, most=MOST_SHOWN, here="/care/workforce",
    )  # fmt: skip
