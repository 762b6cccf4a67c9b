"""Registers of other offices: choose a table, say what its columns are, and all imports."""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import Form, Query, Request, UploadFile
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import NotFoundError, ProvisioningError
from care_network.identity import keys
from care_network.importing import tables
from care_network.importing.tables import Table
from care_network.records.places import checked_files
from care_network.records.places.checked_files import CheckedFile
from care_services.registers import collecting, pulling, sources
from care_services.registers.catalogue import FIELDS, REGISTERS, guessed, register_named
from care_services.registers.collecting import Reading
from care_services.rounds.running import standings
from console.pages.care.frame import care_page
from console.pages.lists import LIMIT, pager_of
from console.shell.errors import message_of, status_of
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of
from vocabulary.times import SHANGHAI

router = page_router()
KEEP = needs(Action.MANAGE_REGISTERS)
MOST_ROWS = 10_000
"""Lines of a table that a page takes; for more there is the command."""
VERDICT_WORDS = {
    "new": ("unknown", "新的老人", "new"), "same": ("good", "一致", "the same"),
    "changed": ("late", "有新信息", "adds something"),
    "conflict": ("bad", "不一致", "conflict"), "candidate": ("late", "待认定", "who is it?"),
    "unreadable": ("bad", "无法读取", "cannot be read"), "gone": ("late", "名册中已无", "no longer in it"),
}  # fmt: skip
"""Mark, Chinese and English of each verdict."""


class Chosen(msgspec.Struct, frozen=True):
    """The form that came with a table, kept with it."""

    register: str
    taken_on: dt.date
    complete: bool


@router.get("/care/registers", dependencies=[KEEP])
def registers_page(
    request: Request, console: Shared, account: CurrentAccount, after: Annotated[int, Query(ge=0, le=2**62)] = 0
) -> Response:
    """All imports, the newest first, and the form for the next one."""
    return _list(request, console, account, after)


def _list(
    request: Request, console: Console, account: Account, after: int = 0, error: ProvisioningError | None = None,
    filled: dict[str, Any] | None = None,
) -> Response:  # fmt: skip
    with console.database() as conn:
        rows = collecting.listing(conn, account, before=after, limit=LIMIT + 1)
        found = sources.listing(conn, account)
        jobs = [one for one in standings(conn, dt.datetime.now(dt.UTC)) if one.job.name == "register_pulls"]
    shown = rows[:LIMIT]
    today = dt.datetime.now(SHANGHAI).date()
    return care_page(
        request, "registers.html", account, status_of(error) if error else 200, rows=shown, registers=REGISTERS,
        sources=found, jobs=jobs, moment=dt.datetime.now(dt.UTC),
        verdicts=VERDICT_WORDS,
        filled={"which": "", "taken_on": today.isoformat(), "complete": False, **(filled or {})},
        pager=pager_of(request, str(shown[-1].id) if len(rows) > LIMIT else None), today=today,
        wrong={error.field or "file": message_of(request, error, account)} if error else {},
        ready=console.settings.identity_key_file is not None,
        options=options_of(request, account, {one.code: (one.zh, one.en) for one in REGISTERS.values()}),
    )  # fmt: skip


@router.post("/care/registers", dependencies=[KEEP])
def choose(
    request: Request, console: Shared, account: CurrentAccount, which: Annotated[str, Form(max_length=40)] = "",
    taken_on: Annotated[str, Form(max_length=20)] = "", complete: Annotated[str, Form(max_length=8)] = "",
    file: UploadFile | None = None,
) -> Response:  # fmt: skip
    """Read a table and keep it until its columns are confirmed; nothing is taken in yet."""
    now = dt.datetime.now(dt.UTC)
    filled = {"which": which, "taken_on": taken_on, "complete": bool(complete)}
    try:
        chosen = Chosen(register_named(which).code, _day(taken_on), bool(complete))
        data = file.file.read() if file is not None else b""
        if not data:
            raise ProvisioningError(en="choose a file", zh="请选择文件", field="file")
        name = "".join(letter for letter in (file.filename if file else "") or "" if letter.isprintable())[-120:]
        read_table(name, data)
        with console.database() as conn:
            kept = CheckedFile(name=name, datum=msgspec.json.encode(chosen).decode(), data=data)
            number = checked_files.keep_file(conn, account, "table", kept, now)
    except ProvisioningError as error:
        return _list(request, console, account, error=error, filled=filled)
    return RedirectResponse(f"/care/registers/files/{number}", 303)


@router.post("/care/registers/sources/{code}/pull", dependencies=[KEEP])
def pull(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """Fetch what is new from a platform beside."""
    try:
        ring = keys.load(console.settings.identity_key_file)
        with console.database() as conn:
            found = pulling.pull(conn, account, ring, code, at=dt.datetime.now(dt.UTC), origin=origin_of(request))
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _list(request, console, account, error=error)
    return RedirectResponse(
        "/care/registers" if found.import_id is None else f"/care/registers/imports/{found.import_id}", 303
    )


@router.get("/care/registers/files/{number}", dependencies=[KEEP])
def columns_page(request: Request, console: Shared, account: CurrentAccount, number: uuid.UUID) -> Response:
    """Each field with the column it is read from, as the headings tell, to be confirmed."""
    return _columns(request, console, account, number)


def _columns(
    request: Request, console: Console, account: Account, number: uuid.UUID, error: ProvisioningError | None = None,
    mapping: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    with console.database() as conn:
        name, chosen, table = _kept(conn, account, number)
    return care_page(
        request, "register-columns.html", account, status_of(error) if error else 200, number=number, file=name,
        chosen=chosen, register=REGISTERS[chosen.register], fields=FIELDS, headings=table.headings.cells,
        mapping=guessed(table.headings.cells) if mapping is None else mapping, lines=len(table.rows),
        columns=[("", "—"), *((heading, heading) for heading in table.headings.cells if heading)],
        wrong={error.field or "name": message_of(request, error, account)} if error else {},
    )  # fmt: skip


@router.post("/care/registers/files/{number}", dependencies=[KEEP])
async def take_in(request: Request, console: Shared, account: CurrentAccount, number: uuid.UUID) -> Response:
    """Take the table in: every line gets a verdict; our records stay as they are."""
    async with request.form(max_files=0, max_fields=40) as form:
        mapping = {field: str(form[field])[:200] for field in FIELDS if form.get(field)}
    return await run_in_threadpool(_take_in, request, console, account, number, mapping)


def _take_in(
    request: Request, console: Console, account: Account, number: uuid.UUID, mapping: dict[str, str]
) -> Response:
    now = dt.datetime.now(dt.UTC)
    try:
        ring = keys.load(console.settings.identity_key_file)
        with console.database() as conn:
            _, chosen, table = _kept(conn, account, number)
            reading = Reading(
                register=chosen.register, area=account.area_path or "", taken_on=chosen.taken_on, mapping=mapping,
                complete=chosen.complete,
            )  # fmt: skip
            taken = collecting.take_in(conn, account, ring, table, reading, at=now, origin=origin_of(request))
            checked_files.forget_file(conn, account, "table")
    except ProvisioningError as error:
        return _columns(request, console, account, number, error, mapping)
    return RedirectResponse(f"/care/registers/imports/{taken.id}{'?again=1' if taken.again else ''}", 303)


def options_of(request: Request, account: Account, words: Mapping[str, tuple[str, str]]) -> list[tuple[str, str]]:
    """Words by code, in the reader's language, for a select."""
    language = language_of(request, account)
    return [(code, pick(language, *both)) for code, both in words.items()]


def _kept(conn: Any, account: Account, number: uuid.UUID) -> tuple[str, Chosen, Table]:
    kept = checked_files.kept_file(conn, account, "table", number, dt.datetime.now(dt.UTC))
    try:
        chosen = None if kept is None else msgspec.json.decode(kept.datum, type=Chosen)
    except msgspec.DecodeError:
        chosen = None
    if kept is None or chosen is None:
        raise ProvisioningError(
            en="the table is no longer kept; choose it again", zh="文件已过期，请重新选择", field="file"
        )
    return kept.name, chosen, read_table(kept.name, kept.data)


def read_table(name: str, data: bytes) -> Table:
    """The table of a file that was sent. Raises ProvisioningError where it cannot be read, or has too many lines."""
    table = collecting.headed(tables.parse(name, data))
    if len(table.rows) > MOST_ROWS:
        raise ProvisioningError(
            en=f"more than {MOST_ROWS} lines: divide the table, or use 'shouwang care registers import'",
            zh=f"超过 {MOST_ROWS} 行，请分批，或使用命令 shouwang care registers import", field="file",
        )  # fmt: skip
    return table


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ProvisioningError(
            en="write the day as 2026-11-29", zh="日期写法如 2026-11-29", field="taken_on"
        ) from None
