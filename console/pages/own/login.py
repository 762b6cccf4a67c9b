"""Log in and out, and choose the language."""

import datetime as dt
from typing import Annotated

import psycopg
import structlog
from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access import permissions, sessions
from care_network.errors import LoginRefusedError
from console.shell.errors import message_of, status_of
from console.shell.security import cookie_name, origin_of, token_of
from console.shell.session import log_in, set_cookie
from console.shell.state import Shared
from console.shell.views import LANGUAGE_COOKIE, page

log = structlog.get_logger(__name__)
router = APIRouter()


@router.get("/login")
def login_page(request: Request) -> Response:
    return page(request, "login.html")


@router.post("/login")
async def log_in_by_form(
    request: Request,
    console: Shared,
    login: Annotated[str, Form()],
    password: Annotated[str, Form()],
    code: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    try:
        token, role = await log_in(request, console, login, password, code)
    except LoginRefusedError as error:
        message = message_of(request, error)
        return page(request, "login.html", status=status_of(error), message=message, login=login)
    response = RedirectResponse("/", 303)
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
                sessions.revoke_session(conn, token, now)
                if account is not None:
                    permissions.audit(conn, account, "logout", at=now, origin=origin_of(request))
        except psycopg.OperationalError as error:  # this browser is logged out all the same: its cookie goes
            log.warning("a session could not be revoked: the database is away", error=str(error).strip())
    response = RedirectResponse("/login", 303)
    secure = console.settings.secure_cookie
    response.delete_cookie(cookie_name(secure=secure), secure=secure, httponly=True, samesite="lax")
    return response


@router.post("/language/{language}")
def switch_language(request: Request, language: str) -> Response:
    response = RedirectResponse(_back(request), 303)
    response.set_cookie(LANGUAGE_COOKIE, "en" if language == "en" else "zh", samesite="lax", max_age=31_536_000)
    return response


def _back(request: Request) -> str:
    """The page of ours that the form was on; the start page for any other address."""
    referer = request.headers.get("referer", "")
    host = request.headers.get("host", "")
    _, separator, path = referer.partition(f"//{host}/")
    return f"/{path}" if separator and not path.startswith("/") else "/"
