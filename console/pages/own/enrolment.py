"""Enrol an authenticator app at the login, where the district asks for one: QR code, first code, then the session."""

import datetime as dt
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access import enrolment, second_factor, sessions
from care_network.access.permissions import Action
from care_network.errors import LoginRefusedError, ProvisioningError
from care_network.records.accounts import letting_in
from console.pages.own.account import show
from console.pages.own.second_factor import picture
from console.shell.entry.confirming import CONFIRMED
from console.shell.entry.device import device_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of, token_of
from console.shell.session import ENROLLING, safe_next, set_cookie, start_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page

router = page_router()


@router.get("/login/second-factor")
def enrol_at_login_page(request: Request, console: Shared, next: str | None = None) -> Response:
    """The picture for the app; whoever has not given the password in this browser goes back to the login."""
    return _shown(request, console, safe_next(next))


def _shown(request: Request, console: Console, wanted: str, error: ProvisioningError | None = None) -> Response:
    browser = request.cookies.get(ENROLLING, "")
    with console.login_database() as conn:
        found = enrolment.waiting(conn, browser, dt.datetime.now(dt.UTC)) if browser else None
    if found is None:
        return RedirectResponse("/login", 303)
    return page(
        request, "enrol-at-login.html", status=status_of(error) if error else 200, secret=found.secret,
        picture=picture(second_factor.address_for_app(found.account, found.secret)), login=found.account.login,
        message=message_of(request, error) if error else "", next=wanted,
    )  # fmt: skip


@router.post("/login/second-factor")
async def enrol_at_login(
    request: Request,
    console: Shared,
    code: Annotated[str, Form(max_length=40)],
    next: Annotated[str, Form()] = "/",
) -> Response:
    """The app's first code: from now on one is asked for, and the session opens. Shows the recovery codes."""
    origin, before, browser = origin_of(request), token_of(request, console), request.cookies.get(ENROLLING, "")
    device, wanted = device_of(request.headers.get("user-agent", "")), safe_next(next)

    def confirm() -> tuple[str, str, list[str]]:
        now = dt.datetime.now(dt.UTC)
        with console.login_database() as conn:
            account, codes = enrolment.finish(conn, browser, code, origin, now, console.countersign)
            token = sessions.open_session(
                conn, account, origin, now, replaces=before, device=device, countersign=console.countersign
            )
        return token, account.role, codes

    try:
        token, role, codes = await console.logins.run(origin, confirm)
    except ProvisioningError as error:
        wrong = error
        return await console.in_thread(lambda: _shown(request, console, wanted, wrong))
    except LoginRefusedError as error:
        return page(request, "login.html", status=status_of(error), message=message_of(request, error), next=wanted)
    if before:
        console.memory.forget(before)
    response = page(request, "recovery-codes.html", codes=codes, onwards=start_of(role, wanted))
    set_cookie(response, console.settings, token, role)
    response.delete_cookie(ENROLLING, secure=console.settings.secure_cookie, httponly=True, samesite="strict")
    return response


@router.post("/account/let-in", dependencies=[needs(Action.LET_IN), CONFIRMED])
def let_in(request: Request, console: Shared, account: CurrentAccount, login: Annotated[str, Form()]) -> Response:
    """Make a code by which a colleague without a second factor gets in; it is shown this once."""
    now = dt.datetime.now(dt.UTC)
    try:
        with console.login_database() as conn:
            code = letting_in.let_in(conn, account, login, now, origin_of(request))
    except ProvisioningError as error:
        return show(request, console, account, status_of(error), message_of(request, error, account), "let-in")
    return page(request, "let-in.html", account, login=login, code=code, until=now + letting_in.GOOD_FOR)
