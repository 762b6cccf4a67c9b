"""What stands before every page: headers, same-origin writes, and who is asking."""

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request, Response
from starlette.requests import HTTPConnection

from care_network.access import accounts
from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from console.shell.state import Console, console_of

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
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
MAX_BODY = 16 * 1024 * 1024
"""A photo from a telephone, and what stands around it in the form."""
SIGNED = "/receipts/"
"""Programs report here; what they may say is in the signature of the address, and no cookie counts."""
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
    """Whether the browser (or program) says that the request comes from our own pages.

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
    """Forms are kept on disk before a page sees them: their size must be known, and bounded, before that."""
    length = request.headers.get("content-length")
    if length is None:
        return "transfer-encoding" in request.headers
    return not length.isdecimal() or int(length) > MAX_BODY


def origin_of(connection: HTTPConnection) -> str:
    """The address of who asks, for the audit."""
    return connection.client.host if connection.client else ""


def current_account(request: HTTPConnection, console: Annotated[Console, Depends(console_of)]) -> Account:
    """The account of the session cookie. Raises LoginNeeded without a valid one."""
    token = request.cookies.get(COOKIE)
    if token:
        with console.database() as conn:
            account = accounts.session_account(conn, token, dt.datetime.now(dt.UTC))
        if account is not None:
            return account
    raise LoginNeeded


CurrentAccount = Annotated[Account, Depends(current_account)]


def require(account: Account, action: Action | str) -> None:
    """Raises 403 where the account's role may not do it."""
    if not may_do(account, action):
        raise HTTPException(403, "your role may not do this")
