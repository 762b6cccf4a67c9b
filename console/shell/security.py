"""Guard every request: security headers, same-origin writes, the account that asks, and its permission."""

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from starlette.requests import HTTPConnection

from care_network.access import accounts
from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do, require
from console.shell.state import Shared

COOKIE = "shouwang_session"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",  # a page that asks for the place says so itself
    "Cross-Origin-Opener-Policy": "same-origin",
}
PLACE_ALLOWED = {"Permissions-Policy": "camera=(), microphone=(), geolocation=(self)"}
"""For a page whose script asks the browser for its place."""
MAX_BODY = 16 * 1024 * 1024
"""A photo from a telephone and the rest of its form."""
SIGNED = "/receipts/"
"""Gateways report here: the address is signed, no cookie counts, and a program sends no Origin."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class LoginNeeded(Exception):  # noqa: N818 - not an error: the way to the login page
    """Nobody is logged in."""


async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuse writes from other sites or without bounds, and put the security headers on every answer."""
    signed = request.url.path.startswith(SIGNED)
    if not signed and _too_large(request):
        response: Response = Response("The request is too large, or does not tell its size.", 413)
    elif request.method not in SAFE_METHODS and not signed and not same_origin(request):
        response = Response("This request came from another site and was refused.", 403)
    else:
        response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if not request.url.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def same_origin(connection: HTTPConnection) -> bool:
    """Whether the request comes from our own pages, as the browser (or program) says.

    ``Sec-Fetch-Site`` where the browser sends it, else ``Origin``; a write with neither is refused (OWASP CSRF
    prevention cheat sheet, "verifying origin with standard headers").
    """
    site = connection.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = connection.headers.get("origin")
    if origin is None:
        return site == "same-origin"
    return urlsplit(origin).netloc == connection.headers.get("host")


def _too_large(request: Request) -> bool:
    """Whether the body is above MAX_BODY or of unknown size: forms are written to disk before a page sees them."""
    length = request.headers.get("content-length")
    if length is None:
        return "transfer-encoding" in request.headers
    return not length.isdecimal() or int(length) > MAX_BODY


def origin_of(connection: HTTPConnection) -> str:
    """The client's address, for the audit."""
    return connection.client.host if connection.client else ""


def current_account(request: HTTPConnection, console: Shared) -> Account:
    """Find the account of the session cookie. Raises LoginNeeded without a valid one."""
    token = request.cookies.get(COOKIE)
    if token:
        with console.database() as conn:
            account = accounts.session_account(conn, token, dt.datetime.now(dt.UTC))
        if account is not None:
            return account
    raise LoginNeeded


CurrentAccount = Annotated[Account, Depends(current_account)]


class Needs:
    """The permission of a route: the account has to have one of ``actions``.

    A dependency of the route and not a line in its function, so that a test can read it off every route.
    """

    def __init__(self, *actions: Action) -> None:
        self.actions = actions

    def __call__(self, account: CurrentAccount) -> Account:
        """Raises NotPermittedError where the account's role has none of them."""
        if not any(may_do(account, action) for action in self.actions):
            require(account, self.actions[0])
        return account


def needs(*actions: Action) -> Any:
    """Ask for one of these permissions: ``@router.get(path, dependencies=[needs(Action.VIEW_ORDERS)])``."""
    return Depends(Needs(*actions))
