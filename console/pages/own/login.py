"""Log in and out, and choose the language and the light of the pages."""

import contextlib
import datetime as dt
from typing import Annotated

import psycopg
import structlog
from fastapi import Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access import permissions, sessions
from care_network.access.logins import EnrolmentNeededError
from care_network.errors import LoginRefusedError
from console.shell.errors import message_of, status_of
from console.shell.security import LoginNeeded, cookie_name, current_account, origin_of, session_account, token_of
from console.shell.session import back_of, begin_enrolment, log_in, safe_next, set_cookie, start_of
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.theme import COOKIE as THEME_COOKIE
from console.shell.theme import choice_of
from console.shell.views import LANGUAGE_COOKIE, page

log = structlog.get_logger(__name__)
router = page_router()
A_YEAR_S = 31_536_000


@router.get("/login")
def login_page(request: Request, console: Shared, next: str | None = None) -> Response:
    """The form; whoever is logged in goes on to where they wanted to go."""
    with contextlib.suppress(LoginNeeded, psycopg.OperationalError):
        session_account(request)
        return RedirectResponse(safe_next(next), 303)
    return page(request, "login.html", next=safe_next(next))


@router.post("/login")
async def log_in_by_form(
    request: Request,
    console: Shared,
    login: Annotated[str, Form()],
    password: Annotated[str, Form()],
    code: Annotated[str, Form(max_length=40)] = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    try:
        token, role = await log_in(request, console, login, password, code)
    except EnrolmentNeededError as error:
        return await begin_enrolment(request, console, error.account, safe_next(next))
    except LoginRefusedError as error:
        message = message_of(request, error)
        return page(request, "login.html", status=status_of(error), message=message, login=login, next=safe_next(next))
    response = RedirectResponse(start_of(role, safe_next(next)), 303)
    set_cookie(response, console.settings, token, role)
    return response


@router.post("/logout")
def log_out(request: Request, console: Shared) -> Response:
    token = token_of(request, console)
    if token:
        console.memory.forget(token)
        try:
            with console.database() as conn:
                now = dt.datetime.now(dt.UTC)
                account = sessions.session_account(conn, token, now)
                if account is not None:  # while the session still speaks for its person
                    permissions.audit(conn, account, "logout", at=now, origin=origin_of(request))
                sessions.revoke_session(conn, token, now)
        except psycopg.OperationalError as error:  # this browser is logged out all the same: its cookie goes
            log.warning("a session could not be revoked: the database is away", error=str(error).strip())
    response = RedirectResponse("/login", 303)
    secure = console.settings.secure_cookie
    response.delete_cookie(cookie_name(secure=secure), secure=secure, httponly=True, samesite="lax")
    return response


@router.post("/session/stay", dependencies=[Depends(current_account)])
def stay(request: Request) -> Response:
    """Stay logged in: to ask is to do something, and that begins the session's lifetime anew."""
    return RedirectResponse(back_of(request), 303)


@router.post("/language/{language}")
def switch_language(request: Request, language: str) -> Response:
    response = RedirectResponse(back_of(request), 303)
    response.set_cookie(LANGUAGE_COOKIE, "en" if language == "en" else "zh", samesite="lax", max_age=A_YEAR_S)
    return response


@router.post("/theme/{choice}")
def choose_theme(request: Request, choice: str) -> Response:
    response = RedirectResponse(back_of(request), 303)
    response.set_cookie(THEME_COOKIE, choice_of(choice), samesite="lax", max_age=A_YEAR_S)
    return response
