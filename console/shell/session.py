"""Open sessions: the token in the database, the cookie in the browser, and the page to which a person goes on."""

import datetime as dt
from urllib.parse import quote, urlsplit

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from care_network.access import enrolment, logins, sessions
from care_network.access.accounts import Account
from console.settings import ConsoleSettings
from console.shell.entry.device import device_of
from console.shell.security import cookie_name, origin_of, token_of
from console.shell.state import Console

STARTS = {
    "station": "/station",
    "carer": "/mine",
    "manager": "/decisions",
    "auditor": "/audit",
    "provider": "/provider",
}
"""Start pages by role; the others begin at the board, which sends families on."""
ENROLLING = "shouwang_enrolling"
"""The cookie that binds an enrolment at the login to the browser in which the password was given."""
NO_PAGE = ("/login", "/logout", "/api/", "/static/", "/styles/")
"""Addresses of ours to which nobody goes on."""
LONGEST_NEXT = 500


async def log_in(request: Request, console: Console, login: str, password: str, code: str) -> tuple[str, str]:
    """Check the login and open a session, in place of the one that this browser had; gives its token and the role.

    Raises LoginRefusedError with a text for the person.
    """
    origin, before = origin_of(request), token_of(request, console)

    def check() -> tuple[str, str]:
        now = dt.datetime.now(dt.UTC)
        account = logins.authenticate(
            console.login_database, login, password, origin, now,
            code=code, second_factor_for=console.settings.second_factor, countersign=console.countersign,
        )  # fmt: skip
        with console.login_database() as conn:
            device = device_of(request.headers.get("user-agent", ""))
            opened = sessions.open_session(
                conn, account, origin, now, replaces=before, device=device, countersign=console.countersign
            )
            return opened, account.role

    token, role = await console.logins.run(origin, check)
    if before:
        console.memory.forget(before)
    return token, role


def set_cookie(response: Response, settings: ConsoleSettings, token: str, role: str) -> None:
    """Give the browser the session's token, for as long as the session can last."""
    secure, lifetime = settings.secure_cookie, sessions.limits_of(role).longest
    response.set_cookie(
        cookie_name(secure=secure), token, httponly=True, samesite="lax", secure=secure,
        max_age=round(lifetime.total_seconds()),
    )  # fmt: skip


def needed(console: Console, account: Account) -> bool:
    """Whether the district asks this account's role for a second factor."""
    return logins.needs_second_factor(account.role, console.settings.second_factor)


def start_of(role: str, wanted: str) -> str:
    """Where somebody goes on who has just come in."""
    return STARTS.get(role, "/") if wanted == "/" else wanted


async def begin_enrolment(request: Request, console: Console, account: Account, wanted: str) -> Response:
    """Lead whoever gave the right password to the page on which the second factor is enrolled."""

    def begin() -> str:
        with console.login_database() as conn:
            return enrolment.begin(conn, account, dt.datetime.now(dt.UTC), console.countersign)

    browser = await console.in_thread(begin)
    response = RedirectResponse(f"/login/second-factor?next={quote(wanted, safe='/')}", 303)
    response.set_cookie(
        ENROLLING, browser, httponly=True, samesite="strict", secure=console.settings.secure_cookie,
        max_age=round(enrolment.WAITS.total_seconds()),
    )  # fmt: skip
    return response


def back_of(request: Request) -> str:
    """The page of ours that a form was on; the start page for any other address."""
    referer = urlsplit(request.headers.get("referer", ""))
    if referer.netloc != request.headers.get("host", ""):
        return "/"
    return _of_ours(referer.path + (f"?{referer.query}" if referer.query else ""))


def safe_next(address: str | None) -> str:
    """A page of ours to go on to after the login; the start page for any other address."""
    address = _of_ours(address)
    return "/" if urlsplit(address).path.startswith(NO_PAGE) else address


def _of_ours(address: str | None) -> str:
    """The address where it is one of ours, else the start page, so that no link leads elsewhere.

    Browsers read ``//host`` and ``/\\host`` as another host, and drop tabs and line ends before they look.
    """
    plain = address is not None and address.isprintable() and "\\" not in address and len(address) <= LONGEST_NEXT
    if address is None or not plain or not address.startswith("/") or address.startswith("//"):
        return "/"
    return address


def login_address(request: Request) -> str:
    """The login, which leads back to the page that was asked for."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method not in ("GET", "HEAD"):
        wanted = back_of(request)
    wanted = safe_next(wanted)
    return "/login" if wanted == "/" else f"/login?next={quote(wanted, safe='/')}"
