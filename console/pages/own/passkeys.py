"""Passkeys: make and remove one's own, and log in with one. Without a script there are none: the password works."""

import datetime as dt
import json
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Form, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, RedirectResponse, Response

from care_network.access import passkeys, permissions, sessions
from care_network.access.passkeys import LONGEST_NAME, Party
from care_network.errors import LoginRefusedError, ProvisioningError
from care_network.records.accounts import own
from console.shell.entry.confirming import CONFIRMED, self_of
from console.shell.entry.device import device_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, current_account, origin_of, token_of
from console.shell.session import needed, safe_next, set_cookie, start_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page

router = page_router()
OWN = Depends(current_account)
WAITING = "shouwang_passkey"
"""The cookie that binds a login's challenge to the browser that asked for it."""
WAITING_S = 300


class NewPasskey(BaseModel):
    """The answer of a browser that has made a passkey."""

    answer: dict[str, Any]
    name: Annotated[str, Field(max_length=LONGEST_NAME)] = ""


class PasskeyLogin(BaseModel):
    """The answer of a browser that logs in by a passkey."""

    answer: dict[str, Any]
    next: Annotated[str, Field(max_length=500)] = "/"


def party_of(request: Request, console: Console) -> Party:
    """This console, as the browser has reached it. Raises ProvisioningError where passkeys belong to another name."""
    scheme = "https" if console.settings.secure_cookie else request.url.scheme
    address = f"{scheme}://{request.headers.get('host', '')}"
    if urlsplit(address).hostname != console.settings.passkeys_for:
        host = console.settings.passkeys_for
        raise ProvisioningError(
            en=f"passkeys work at the address {host} only", zh=f"通行密钥只能在 {host} 这个地址使用"
        )
    return Party(console.settings.passkeys_for, address.lower())


@router.get("/account/passkeys/new", dependencies=[OWN, CONFIRMED])
def new_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    message = ""
    try:
        party_of(request, console)
    except ProvisioningError as error:
        message = message_of(request, error, account)
    return page(request, "new-passkey.html", account, message=message, longest=LONGEST_NAME)


@router.post("/account/passkeys/options", dependencies=[OWN, CONFIRMED])
def options(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Give the browser what it needs to make a passkey; the challenge is bound to this session, and good once."""
    me = self_of(request, console, account)
    try:
        with console.login_database() as conn:
            made = passkeys.offer(conn, account, party_of(request, console), me.token, me.at)
    except ProvisioningError as error:
        return JSONResponse({"message": message_of(request, error, account)}, status_of(error))
    return Response(made, media_type="application/json")


@router.post("/account/passkeys", dependencies=[OWN, CONFIRMED])
def add(request: Request, console: Shared, account: CurrentAccount, new: NewPasskey) -> Response:
    try:
        me, party = self_of(request, console, account), party_of(request, console)
        own.add_passkey(console.login_database, me, party, json.dumps(new.answer), new.name)
    except ProvisioningError as error:
        return JSONResponse({"message": message_of(request, error, account)}, status_of(error))
    return JSONResponse({"next": "/account#passkeys"})


@router.post("/account/passkeys/{number}/remove", dependencies=[OWN, CONFIRMED])
def remove(
    request: Request, console: Shared, account: CurrentAccount, number: int, sure: Annotated[str, Form()] = ""
) -> Response:
    """Ask first, with what remains to log in by; then take it away."""
    me = self_of(request, console, account)
    with console.login_database() as conn:
        if sure != "yes":
            found = own.overview(conn, me)
            gone = next((one for one in found.passkeys if one.id == number), None)
            if gone is not None:
                return page(
                    request, "remove-passkey.html", account, own=found, gone=gone, needed=needed(console, account)
                )
        own.remove_passkey(conn, me, number)
    return RedirectResponse("/account#passkeys", 303)


@router.post("/login/passkey/options")
async def ask(request: Request, console: Shared) -> Response:
    """Give the browser what it needs to log in by a passkey; the authenticator knows whose keys it has."""

    def asked() -> tuple[str, str]:
        with console.login_database() as conn:
            return passkeys.ask(conn, party_of(request, console), dt.datetime.now(dt.UTC))

    try:
        made, browser = await console.logins.run(origin_of(request), asked)
    except (LoginRefusedError, ProvisioningError) as error:
        return JSONResponse({"message": message_of(request, error)}, status_of(error))
    response = Response(made, media_type="application/json")
    response.set_cookie(
        WAITING, browser, httponly=True, samesite="strict", secure=console.settings.secure_cookie, max_age=WAITING_S
    )
    return response


@router.post("/login/passkey")
async def log_in_by_passkey(request: Request, console: Shared, sent: PasskeyLogin) -> Response:
    """Check the signature and open a session: possession, and finger, face or PIN, are two factors."""
    origin, before = origin_of(request), token_of(request, console)
    browser = request.cookies.get(WAITING, "")
    device = device_of(request.headers.get("user-agent", ""))

    def check() -> tuple[str, str]:
        now = dt.datetime.now(dt.UTC)
        try:
            party = party_of(request, console)
            account = passkeys.answered(console.login_database, party, browser, json.dumps(sent.answer), now)
            with console.login_database() as conn:
                permissions.audit(conn, account, "login_by_passkey", at=now, origin=origin)
                token = sessions.open_session(
                    conn, account, origin, now, replaces=before, device=device, countersign=console.countersign
                )
        except LoginRefusedError:
            with console.login_database() as conn:
                permissions.audit(conn, None, "login_failed", at=now, origin=origin, detail={"passkey": True})
            raise
        return token, account.role

    try:
        token, role = await console.logins.run(origin, check)
    except (LoginRefusedError, ProvisioningError) as error:
        return JSONResponse({"message": message_of(request, error)}, status_of(error))
    if before:
        console.memory.forget(before)
    response = JSONResponse({"next": start_of(role, safe_next(sent.next))})
    set_cookie(response, console.settings, token, role)
    response.delete_cookie(WAITING)
    return response
