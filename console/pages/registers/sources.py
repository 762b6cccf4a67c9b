"""Sources of registers: the edit page of one, and the trial of its columns on a file."""

import datetime as dt
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.errors import NotFoundError, ProvisioningError
from care_services.registers import sources
from care_services.registers.catalogue import FIELDS, REGISTERS
from care_services.registers.sources import SourceFields
from console.pages.care.frame import care_page
from console.pages.registers.registers import KEEP, options_of, read_table
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from vocabulary.times import SHANGHAI

router = page_router()
CHANGED_WORDS = {
    "register": ("名册", "register"), "name_zh": ("中文名称", "name, Chinese"),
    "name_en": ("英文名称", "name, English"),
    "url": ("地址", "address"), "area": ("区域", "area"), "every_hours": ("间隔（小时）", "interval (hours)"),
    "active": ("启用", "in use"), "mapping": ("列对应", "columns"),
}  # fmt: skip


@router.get("/care/registers/sources/{code}", dependencies=[KEEP])
def source_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """A source: address, columns, how often it is asked; 'new' is the form of another one."""
    return _page(request, console, account, code)


def _page(
    request: Request, console: Console, account: Account, code: str, error: ProvisioningError | None = None,
    filled: dict[str, str] | None = None, **more: Any,
) -> Response:  # fmt: skip
    kept, changes = None, []
    if code != "new":
        with console.database() as conn:
            kept, changes = sources.one(conn, account, code), sources.history(conn, account, code)
    values: dict[str, Any] = {"register": "population", "area": account.area_path or "", "active": "yes"}
    if kept is not None:
        values = {name: getattr(kept, name) for name in ("code", "register", "name_zh", "name_en", "url")}
        values |= {"area": kept.area_path, "every_hours": kept.every_hours or "", "active": "yes" * kept.active}
        values |= {f"column.{field}": heading for field, heading in kept.mapping.items()}
    empty: dict[str, Any] = {"trial": None, "file": ""}
    return care_page(
        request, "register-source.html", account, status_of(error) if error else 200, kept=kept, code=code,
        changes=changes, fields=FIELDS, filled=values if filled is None else filled, changed_words=CHANGED_WORDS,
        register_options=options_of(request, account, {one.code: (one.zh, one.en) for one in REGISTERS.values()}),
        moment=dt.datetime.now(dt.UTC),
        wrong={error.field or "code": message_of(request, error, account)} if error else {}, **(empty | more),
    )  # fmt: skip


@router.post("/care/registers/sources/{code}", dependencies=[KEEP])
async def save(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """Save the source, or (with the button of the trial) read a file as it would, and take nothing in."""
    async with request.form(max_files=1, max_fields=40) as form:
        return await run_in_threadpool(_save, request, console, account, code, form)


def _save(request: Request, console: Console, account: Account, code: str, form: FormData) -> Response:
    filled = {name: str(value)[:600] for name, value in form.items() if isinstance(value, str)}
    now = dt.datetime.now(dt.UTC)
    try:
        fields = _fields(filled, code)
        if "try" in filled:
            sent = form.get("file")
            data = sent.file.read() if isinstance(sent, UploadFile) else b""
            if not data or not isinstance(sent, UploadFile):
                raise ProvisioningError(en="choose a file", zh="请选择文件", field="file")
            name = "".join(one for one in sent.filename or "" if one.isprintable())[-120:]
            trial = sources.trial(account, read_table(name, data), fields, now.astimezone(SHANGHAI).date())
            return _page(request, console, account, code, filled=filled, trial=trial, file=name)
        version = int(filled["version"]) if filled.get("version", "").isdecimal() else 0
        with console.database() as conn:
            sources.save(conn, account, fields, 0 if code == "new" else version, at=now, origin=origin_of(request))
    except NotFoundError as error:
        if error.field is None:
            raise
        return _page(request, console, account, code, error, filled)
    except ProvisioningError as error:
        return _page(request, console, account, code, error, filled)
    return RedirectResponse(f"/care/registers/sources/{fields.code}", 303)


def _fields(filled: dict[str, str], code: str) -> SourceFields:
    hours = filled.get("every_hours", "").strip()
    if hours and not (hours.isdecimal() and len(hours) < 6):
        raise ProvisioningError(en="whole hours; empty: by hand", zh="请填写整数小时，留空为手动", field="every_hours")
    texts = {name: filled.get(name, "") for name in ("register", "name_zh", "name_en", "url", "area")}
    mapping = {
        name.removeprefix("column."): heading for name, heading in filled.items() if name.startswith("column.")
    }  # fmt: skip
    return SourceFields(
        code=filled.get("code", "").strip() if code == "new" else code, **texts, mapping=mapping,
        every_hours=int(hours) if hours else None, active=bool(filled.get("active")),
    )  # fmt: skip
