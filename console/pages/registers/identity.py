"""A resident's identity number: masked, set, shown whole for a reason; and residents who died or moved away."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Query, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.errors import NotFoundError, ProvisioningError
from care_network.identity import keys, numbers, vault
from care_network.identity.numbers import DOCUMENT_WORDS
from care_services.core.money import in_yuan
from care_services.registers import leaving
from care_services.registers.leaving import REASON_WORDS
from console.access.residents import load_resident
from console.pages.care.frame import care_page
from console.pages.registers.registers import KEEP, options_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from vocabulary.times import SHANGHAI

router = page_router()
Text = Annotated[str, Form(max_length=400)]
Asked = Annotated[str, Query(max_length=400)]


@router.get("/care/identity/{code}", dependencies=[KEEP])
def identity_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """The number, masked, and the forms to set it and to see it whole."""
    return _page(request, console, account, code)


def _page(
    request: Request, console: Console, account: Account, code: str, error: ProvisioningError | None = None, **more: Any
) -> Response:
    ring = keys.load(console.settings.identity_key_file)
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_identity", origin_of(request))
        kept = vault.shown(conn, ring, [resident["id"]]).get(resident["id"])
        left = leaving.in_force(conn, [resident["id"]]).get(resident["id"])
    empty: dict[str, Any] = {"whole": None, "filled": {}, "place": ""}
    return care_page(
        request, "register-identity.html", account, status_of(error) if error else 200, resident=resident, kept=kept,
        documents=DOCUMENT_WORDS, message=message_of(request, error, account) if error else "", left=left,
        options=options_of(request, account, {one.value: words for one, words in DOCUMENT_WORDS.items()}),
        left_options=options_of(request, account, REASON_WORDS),
        reasons=REASON_WORDS, today=dt.datetime.now(SHANGHAI).date(), **(empty | more),
    )  # fmt: skip


@router.post("/care/identity/{code}", dependencies=[KEEP])
def set_identity(
    request: Request, console: Shared, account: CurrentAccount, code: str, number: Text = "",
    document: Text = "id_card", version: Annotated[int, Form(ge=0)] = 0,
) -> Response:  # fmt: skip
    """Record the number; each mistake is told at its place."""
    now = dt.datetime.now(dt.UTC)
    try:
        if document not in DOCUMENT_WORDS:
            raise ProvisioningError(en="choose a document", zh="请选择证件类型", field="document")
        identity = numbers.parse(number, document, on=now.astimezone(SHANGHAI).date())
        ring = keys.load(console.settings.identity_key_file)
        with console.database() as conn:
            vault.put(conn, ring, account, code, identity, version, at=now, origin=origin_of(request))
    except NotFoundError:
        raise
    except ProvisioningError as error:
        filled = {"number": number, "document": document}
        return _page(request, console, account, code, error, filled=filled, place="set")
    return RedirectResponse(f"/care/identity/{code}", 303)


@router.post("/care/identity/{code}/look", dependencies=[KEEP])
def look(request: Request, console: Shared, account: CurrentAccount, code: str, reason: Text = "") -> Response:
    """Show the whole number on this one page; the look and its reason are in the audit."""
    try:
        ring = keys.load(console.settings.identity_key_file)
        with console.database() as conn:
            whole = vault.reveal(
                conn, ring, account, code, reason, at=dt.datetime.now(dt.UTC), origin=origin_of(request)
            )
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _page(request, console, account, code, error, place="look")
    answer = _page(request, console, account, code, whole=whole.number if whole else None)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post("/care/identity/{code}/left", dependencies=[KEEP])
def record_left(
    request: Request, console: Shared, account: CurrentAccount, code: str, left_on: Text = "", reason: Text = "",
    evidence: Text = "",
) -> Response:  # fmt: skip
    """Write down that somebody died or moved away; or, with the reason 'back', that they are here."""
    now = dt.datetime.now(dt.UTC)
    try:
        with console.database() as conn:
            if reason == "back":
                leaving.end(conn, account, code, evidence, at=now, origin=origin_of(request))
            else:
                day = day_of(left_on)
                leaving.record(conn, account, code, day, reason, evidence, at=now, origin=origin_of(request))
    except NotFoundError:
        raise
    except ProvisioningError as error:
        filled = {"left_on": left_on, "reason": reason, "evidence": evidence}
        return _page(request, console, account, code, error, filled=filled, place="left")
    return RedirectResponse(f"/care/left/{code}", 303)


@router.get("/care/left/{code}/before", dependencies=[KEEP])
def before_left(
    request: Request, console: Shared, account: CurrentAccount, code: str, left_on: Asked = "", reason: Asked = "",
    evidence: Asked = "",
) -> Response:  # fmt: skip
    """Show what follows from a death or a move, before anybody confirms it."""
    now = dt.datetime.now(dt.UTC)
    try:
        with console.database() as conn:
            resident = load_resident(conn, account, code, "view_identity", origin_of(request))
            found = leaving.before(
                conn, account, code, day_of(left_on), reason, evidence, at=now, origin=origin_of(request)
            )
    except NotFoundError:
        raise
    except ProvisioningError as error:
        filled = {"left_on": left_on, "reason": reason, "evidence": evidence}
        return _page(request, console, account, code, error, filled=filled, place="left")
    return care_page(
        request, "register-left-before.html", account, resident=resident, found=found, reasons=REASON_WORDS,
        yuan=in_yuan,
    )  # fmt: skip


def day_of(text: str) -> dt.date:
    """A day as it was written. Raises ProvisioningError."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ProvisioningError(en="write the day as 2026-11-29", zh="日期写法如 2026-11-29", field="left_on") from None
