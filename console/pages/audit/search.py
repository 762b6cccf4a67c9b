"""The audit: search by resident, account, action, time and origin; page by key; export. Each look is a line of it."""

import csv
import datetime as dt
import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import psycopg
import xlsxwriter
from fastapi import APIRouter, Request
from starlette.responses import Response

from care_network.access.accounts import Account
from care_network.access.audit_log import Sought, search
from care_network.access.audit_words import WORDS, action_words
from care_network.access.permissions import Action, audit
from care_network.errors import ProvisioningError
from console.pages.admin.frame import admin_page
from console.pages.audit.wholeness import wholeness
from console.pages.audit.words import Said, said
from console.pages.lists import LIMIT, Pager, pager_of
from console.shell.errors import message_of, status_of
from console.shell.i18n import Language, pick
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.views import language_of
from vocabulary.times import SHANGHAI

router = APIRouter()
LOOK = needs(Action.VIEW_AUDIT)
MOST_EXPORTED = 20_000
"""Lines of a file; more than these are asked for by a shorter time."""
BATCH = 2000
HEADS = (
    ("时间", "Time"), ("账号", "Account"), ("姓名", "Name"), ("操作", "What"), ("老人", "Resident"), ("来源", "From"),
    ("详情", "Detail"),
)  # fmt: skip


@router.get("/audit", dependencies=[LOOK])
def audit_page(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    login: str = "",
    resident: str = "",
    action: str = "",
    origin: str = "",
    since: str = "",
    until: str = "",
    after: str = "",
) -> Response:
    """A page of the newest lines that are sought; ``after``: the id above the page."""
    language = language_of(request, account)
    filled = _filled(login, resident, action, origin, since, until)
    error: ProvisioningError | None = None
    found = []
    with console.database() as conn:
        try:
            found = search(conn, account, _sought(filled, after), LIMIT + 1)
        except ProvisioningError as wrong:
            error = wrong
        _looked(conn, request, account, "view_audit", filled, len(found))
        state = wholeness(conn, dt.datetime.now(dt.UTC))
    rows = found[:LIMIT]
    return admin_page(
        request, "audit.html", account, status_of(error) if error else 200,
        history=[said(line, language) for line in rows], filled=filled, state=state,
        pager=_pager(request, rows[-1].id if len(found) > LIMIT else None), actions=_actions(language),
        message=message_of(request, error, account) if error else "", running=console.audit_check_runs,
        query=_query(filled),
    )  # fmt: skip


@router.get("/audit/export", dependencies=[LOOK])
def export(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    login: str = "",
    resident: str = "",
    action: str = "",
    origin: str = "",
    since: str = "",
    until: str = "",
    format: str = "csv",
) -> Response:
    """The lines that are sought as a file, MOST_EXPORTED at most; how many is in the audit."""
    language = language_of(request, account)
    filled = _filled(login, resident, action, origin, since, until)
    with console.database() as conn:
        lines = [said(line, language) for line in _all(conn, account, filled)]
        kind = "xlsx" if format == "xlsx" else "csv"
        _looked(conn, request, account, "export_audit", {**filled, "format": kind}, len(lines))
    content = _xlsx(lines, language) if kind == "xlsx" else _csv(lines, language)
    types = {"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "csv": "text/csv"}
    name = f"audit-{dt.datetime.now(SHANGHAI):%Y-%m-%d}.{kind}"
    return Response(content, media_type=types[kind], headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _all(conn: psycopg.Connection[Any], account: Account, filled: dict[str, str]) -> Iterator[Any]:
    before, left = "", MOST_EXPORTED
    while left > 0:
        found = search(conn, account, _sought(filled, before), min(BATCH, left))
        yield from found
        if len(found) < min(BATCH, left):
            return
        before, left = str(found[-1].id), left - len(found)


def _filled(*values: str) -> dict[str, str]:
    names = ("login", "resident", "action", "origin", "since", "until")
    return {name: value.strip()[:128] for name, value in zip(names, values, strict=True)}


def _sought(filled: dict[str, str], before: str) -> Sought:
    """Read what the form asks for. Raises ProvisioningError for a day that is none."""
    until = _day(filled["until"], "until")
    return Sought(
        since=_day(filled["since"], "since"), until=until and until + dt.timedelta(days=1),
        login=filled["login"].lower() or None, resident=filled["resident"] or None,
        action=filled["action"] or None, origin=filled["origin"] or None,
        before=int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None,
    )  # fmt: skip


def _day(text: str, field: str) -> dt.datetime | None:
    if not text:
        return None
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = dt.date.min
    if not 2000 <= day.year < 2100:
        raise ProvisioningError(
            en="write a day as 2026-11-30, of this century", zh="日期请写成 2026-11-30", field=field
        )
    return dt.datetime.combine(day, dt.time(), SHANGHAI)


def _looked(
    conn: psycopg.Connection[Any], request: Request, account: Account, action: str, filled: dict[str, str], lines: int
) -> None:
    """Record the look: what was sought, and how many lines it gave."""
    detail = {name: value for name, value in filled.items() if value and name != "login"}
    if filled["login"]:
        detail["by"] = filled["login"]  # 'login' names the account to which something was done
    now = dt.datetime.now(dt.UTC)
    audit(conn, account, action, at=now, origin=origin_of(request), detail={**detail, "lines": lines})


def _actions(language: Language) -> list[tuple[str, str]]:
    named = [(code, pick(language, *action_words(code))) for code in WORDS]
    return sorted(named, key=lambda pair: pair[1])


def _query(filled: dict[str, str]) -> str:
    return urlencode({name: value for name, value in filled.items() if value})


def _pager(request: Request, last: int | None) -> Pager:
    return pager_of(request, None if last is None else str(last))


def _row(line: Said, language: Language) -> list[str]:
    colon = pick(language, "：", ": ")
    detail = "; ".join(f"{name}{colon}{value}" for name, value in line.details)
    at = line.at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    return [at, line.login, line.who, line.what, line.resident, line.origin, detail]


def _csv(lines: list[Said], language: Language) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([pick(language, *head) for head in HEADS])
    for line in lines:
        # a spreadsheet takes a cell that begins so for a formula
        writer.writerow([f"'{cell}" if cell[:1] in tuple("=+-@\t\r") else cell for cell in _row(line, language)])
    return ("\ufeff" + file.getvalue()).encode()  # spreadsheets know UTF-8 by the mark


def _xlsx(lines: list[Said], language: Language) -> bytes:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet(pick(language, "审计记录", "Audit"))
    bold = book.add_format({"bold": True})
    for column, (head, width) in enumerate(zip(HEADS, (20, 14, 14, 28, 20, 18, 60), strict=True)):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, pick(language, *head), bold)
    for number, line in enumerate(lines, 1):
        for column, cell in enumerate(_row(line, language)):
            sheet.write_string(number, column, cell[:32_000])
    sheet.freeze_panes(1, 0)
    book.close()
    return file.getvalue()
