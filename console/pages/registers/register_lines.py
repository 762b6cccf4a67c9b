"""One import of a register: its lines by verdict, and the decisions on one line."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import audit
from care_network.errors import NotFoundError, ProvisioningError
from care_network.identity import keys, vault
from care_network.medical.keyring import KeyRing
from care_services.core.facts import TRAITS
from care_services.registers import collecting, deciding, store
from care_services.registers.catalogue import FIELDS, REGISTERS
from care_services.registers.deciding import CHOICES, NewHome
from care_services.registers.leaving import REASON_WORDS
from care_services.registers.matching import VERDICTS
from console.pages.care.frame import care_page
from console.pages.lists import LIMIT, pager_of
from console.pages.registers.registers import KEEP, VERDICT_WORDS
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
Reason = Annotated[str, Form(max_length=400)]
Version = Annotated[int, Form(ge=0)]
FIELD_WORDS = {
    **{code: (field.zh, field.en) for code, field in FIELDS.items()},
    "trait": ("在册情况", "in the register"), "left": ("是否离开", "gone or here"),
}  # fmt: skip
VALUE_WORDS = {
    "yes": ("是", "yes"), "no": ("否", "no"), "female": ("女", "female"), "male": ("男", "male"),
    "here": ("在住", "here"),
    **REASON_WORDS,
}  # fmt: skip
KIND_WORDS = {
    "addition": ("unknown", "本平台没有", "we do not know it"), "update": ("late", "名册更新", "the register changed"),
    "conflict": ("bad", "不一致", "conflict"),
}  # fmt: skip
CHOICE_WORDS = {
    "ours": ("保留本平台", "keep ours"), "theirs": ("采用名册", "take the register's"), "later": ("稍后再定", "later"),
}  # fmt: skip
SETTLED_WORDS = {
    "nothing": ("无需处理", "nothing to do"), "decided": ("已处理", "decided"),
    "added": ("已建档", "became a resident"), "ended": ("已结束", "ended"), "aside": ("已搁置", "set aside"),
}  # fmt: skip
WORDS = {
    "verdicts": VERDICT_WORDS, "value_words": VALUE_WORDS, "kinds": KIND_WORDS,
    "choices": CHOICE_WORDS, "settled": SETTLED_WORDS, "registers": REGISTERS,
}  # fmt: skip


@router.get("/care/registers/imports/{number}", dependencies=[KEEP])
def import_page(
    request: Request, console: Shared, account: CurrentAccount, number: int, show: str = "", again: str = "",
    done: str = "", after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Response:  # fmt: skip
    """An import: lines by verdict, those with something to do first to choose."""
    return _import(request, console, account, number, show, after, again=bool(again), done=bool(done))


def _import(
    request: Request, console: Console, account: Account, number: int, show: str = "", after: int = 0,
    error: ProvisioningError | None = None, **more: Any,
) -> Response:  # fmt: skip
    now, only_open = dt.datetime.now(dt.UTC), show == "open"
    verdict = show if show in VERDICTS else ""
    with console.database() as conn:
        head = collecting.one(conn, account, number)
        rows = collecting.lines(
            conn, account, number, at=now, verdict=verdict, only_open=only_open, after=after, limit=LIMIT + 1,
            origin=origin_of(request),
        )  # fmt: skip
        counts = store.counts(conn, number)
        told = store.differences(conn, [one.id for one in rows])
    shown = rows[:LIMIT]
    return care_page(
        request, "register-import.html", account, status_of(error) if error else 200, head=head, rows=shown, told=told,
        show=show, totals={one: counts.get((one, True), 0) + counts.get((one, False), 0) for one in VERDICTS},
        waiting={one: counts.get((one, False), 0) for one in VERDICTS},
        pager=pager_of(request, str(shown[-1].number) if len(rows) > LIMIT else None),
        message=message_of(request, error, account) if error else "", **WORDS, **named(head.register),
        **{"again": False, "done": False, **more},
    )  # fmt: skip


@router.post("/care/registers/imports/{number}/take-over", dependencies=[KEEP])
def take_over(request: Request, console: Shared, account: CurrentAccount, number: int, reason: Reason = "") -> Response:
    """Take over everything that is no conflict."""
    try:
        with console.database() as conn:
            outcome = deciding.take_over_all(
                conn, account, number, reason, at=dt.datetime.now(dt.UTC), origin=origin_of(request)
            )
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _import(request, console, account, number, "changed", error=error)
    if outcome.failed or outcome.left:
        return _import(request, console, account, number, "changed", outcome=outcome)
    return RedirectResponse(f"/care/registers/imports/{number}?show=open&done=1", 303)


@router.get("/care/registers/lines/{line}", dependencies=[KEEP])
def line_page(request: Request, console: Shared, account: CurrentAccount, line: int) -> Response:
    """A line beside our record, field by field, and what can be decided."""
    return _line(request, console, account, line)


def _line(
    request: Request, console: Console, account: Account, line: int, error: ProvisioningError | None = None,
    filled: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    now, ring = dt.datetime.now(dt.UTC), keys.load(console.settings.identity_key_file)
    with console.database() as conn:
        found = store.one_line(conn, line)
        if found is None:
            raise NotFoundError(en="there is no such line", zh="没有这一行")
        head = collecting.one(conn, account, found.import_id)
        known = (
            store.known(conn, head.area_path, head.taken_on, found.candidates)
            if found.candidates and not found.settled_at
            else None
        )
        people = [known.residents[one] for one in found.candidates if known and one in known.residents]
        told = store.differences(conn, [line]).get(line, [])
        held = vault.shown(conn, ring, [found.resident_id] if found.resident_id else [])
        detail = {"import": head.id, "line": found.number}
        audit(conn, account, "view_register", at=now, resident_id=found.resident_id, origin=origin_of(request),
              detail=detail)  # fmt: skip
    return care_page(
        request, "register-line.html", account, status_of(error) if error else 200, line=found, head=head, told=told,
        people=people, identity=deciding.masked(ring, found), held=held.get(found.resident_id or 0),
        cells=_cells(ring, found), filled=filled or {}, wrong_field=error.field if error else None,
        message=message_of(request, error, account) if error else "", area=account.area_path,
        **WORDS, **named(head.register),
    )  # fmt: skip


def named(register: str) -> dict[str, Any]:
    """Words of the fields, the register's trait by its own name."""
    return {"field_words": {**FIELD_WORDS, "trait": TRAITS.get(REGISTERS[register].trait, FIELD_WORDS["trait"])}}


def _cells(ring: KeyRing, line: store.Line) -> tuple[str, ...]:
    """Of a line that cannot be read: as it stands in the file; else nothing, for the number stands in it whole."""
    return deciding.opened(ring, line).cells if line.verdict == "unreadable" else ()


@router.post("/care/registers/lines/{line}/decide", dependencies=[KEEP])
async def decide(request: Request, console: Shared, account: CurrentAccount, line: int) -> Response:
    """Decide on the fields that differ."""
    async with request.form(max_files=0, max_fields=40) as form:
        sent = {name: str(value)[:400] for name, value in form.items()}
    return await run_in_threadpool(_decide, request, console, account, line, sent)


def _decide(request: Request, console: Console, account: Account, line: int, sent: dict[str, str]) -> Response:
    choices = {
        name.removeprefix("choice."): value
        for name, value in sent.items() if name.startswith("choice.") and value in CHOICES
    }  # fmt: skip
    version = int(sent["version"]) if sent.get("version", "").isdecimal() else 0
    try:
        with console.database() as conn:
            found = deciding.decide(
                conn, account, line, version, choices, sent.get("reason", ""), at=dt.datetime.now(dt.UTC),
                origin=origin_of(request),
            )  # fmt: skip
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _line(request, console, account, line, error, sent)
    return _next(found)


@router.post("/care/registers/lines/{line}/link", dependencies=[KEEP])
def link(
    request: Request, console: Shared, account: CurrentAccount, line: int, version: Version = 0, resident: Reason = "",
    reason: Reason = "",
) -> Response:  # fmt: skip
    """Say which resident the line is about, or that it is somebody new."""
    try:
        ring = keys.load(console.settings.identity_key_file)
        with console.database() as conn:
            found = deciding.link(
                conn, account, ring, line, version, resident, reason, at=dt.datetime.now(dt.UTC),
                origin=origin_of(request),
            )  # fmt: skip
    except ProvisioningError as error:
        return _line(request, console, account, line, error, {"resident": resident, "reason": reason})
    return RedirectResponse(f"/care/registers/lines/{found.id}", 303) if found.settled_at is None else _next(found)


@router.post("/care/registers/lines/{line}/add", dependencies=[KEEP])
def add(
    request: Request, console: Shared, account: CurrentAccount, line: int, version: Version = 0, resident: Reason = "",
    household: Reason = "", area: Reason = "", address: Reason = "",
) -> Response:  # fmt: skip
    """Make a resident of a line that is new."""
    home = NewHome(resident=resident.strip(), household=household.strip(), area=area.strip(), address=address.strip())
    try:
        ring = keys.load(console.settings.identity_key_file)
        with console.database() as conn:
            found = deciding.add_resident(
                conn, account, ring, line, version, home, at=dt.datetime.now(dt.UTC), origin=origin_of(request)
            )
    except ProvisioningError as error:
        filled = {"resident": resident, "household": household, "area": area, "address": address}
        return _line(request, console, account, line, error, filled)
    return _next(found)


@router.post("/care/registers/lines/{line}/aside", dependencies=[KEEP])
def aside(
    request: Request, console: Shared, account: CurrentAccount, line: int, version: Version = 0, reason: Reason = ""
) -> Response:
    """Set a line aside, with the reason."""
    try:
        with console.database() as conn:
            found = deciding.set_aside(
                conn, account, line, version, reason, at=dt.datetime.now(dt.UTC), origin=origin_of(request)
            )
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _line(request, console, account, line, error, {"reason": reason})
    return _next(found)


def _next(found: store.Line) -> Response:
    """On to the lines that wait; a line that waits itself is shown again."""
    if found.settled_at is None:
        return RedirectResponse(f"/care/registers/lines/{found.id}", 303)
    return RedirectResponse(f"/care/registers/imports/{found.import_id}?show=open", 303)
