"""Tell who asks: own pages or another site, the account of the session, and its permission."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from care_network.access import sessions
from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do, require
from console.shell import looks
from console.shell.state import Console, console_of

COOKIE = "shouwang_session"
"""Name of the session's cookie; behind TLS with the prefix that binds it to this host (RFC 6265bis, 4.1.3.2)."""
PLACE_ALLOWED = {"Permissions-Policy": "camera=(), microphone=(), geolocation=(self)"}
"""For a page whose script asks the browser for its place."""


class LoginNeeded(Exception):  # noqa: N818 - not an error: the way to the login page
    """Nobody is logged in."""


class PasswordChangeNeeded(Exception):  # noqa: N818 - not an error: the way to the page of the password
    """The password was somebody else's choice: nothing may be done before it is changed."""


def cookie_name(*, secure: bool) -> str:
    """The session cookie's name: ``__Host-…`` where it travels by https alone (ASVS 4.0.3, 3.4.4)."""
    return f"__Host-{COOKIE}" if secure else COOKIE


def token_of(connection: HTTPConnection, console: Console) -> str | None:
    """The session's token that the browser sent."""
    return connection.cookies.get(cookie_name(secure=console.settings.secure_cookie))


def same_origin(connection: HTTPConnection, *, tls: bool) -> bool:
    """Whether the request comes from our own pages, as the browser (or program) says; ``tls``: they are https.

    ``Sec-Fetch-Site`` where the browser sends it, and ``Origin``, scheme and all; a write with neither is refused
    (OWASP CSRF prevention cheat sheet, "verifying origin with standard headers").
    """
    site = connection.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = connection.headers.get("origin")
    if origin is None:
        return site == "same-origin"
    encrypted = tls or connection.url.scheme in ("https", "wss")
    return origin.lower() == f"{'https' if encrypted else 'http'}://{connection.headers.get('host', '')}".lower()


def origin_of(connection: HTTPConnection) -> str:
    """The client's address, for the audit."""
    return connection.client.host if connection.client else ""


# FastAPI works out the parameters of each dependency for each of 600 pages when the console starts, and asks a thread
# for each at every request: so they take the request alone, not one another.
def session_account(request: HTTPConnection) -> Account:
    """Find the account of the session cookie, even one that has to change its password. Raises LoginNeeded."""
    console = console_of(request)
    token = token_of(request, console)
    if token:
        with console.database() as conn:
            account = sessions.session_account(conn, token, dt.datetime.now(dt.UTC), used=_does_something(request))
        if account is not None:
            request.state.account = account  # so that an error, too, is told within the shell
            return account
    raise LoginNeeded


def _does_something(request: HTTPConnection) -> bool:
    return request.scope["type"] == "http" and request.scope["method"] not in looks.SAFE


SessionAccount = Annotated[Account, Depends(session_account)]


def current_account(request: HTTPConnection) -> Account:
    """The account that asks. Raises LoginNeeded, PasswordChangeNeeded."""
    account = session_account(request)
    if account.must_change_password:
        raise PasswordChangeNeeded
    return account


CurrentAccount = Annotated[Account, Depends(current_account)]


class Needs:
    """The permission of a route: the account has to have one of ``actions``.

    A dependency of the route and not a line in its function, so that a test can read it off every route.
    """

    def __init__(self, *actions: Action) -> None:
        self.actions = actions

    def __call__(self, connection: HTTPConnection, account: CurrentAccount) -> Account:
        """Raises NotPermittedError where the account's role has none of them; the look is in the audit."""
        return self.checked(connection, account)

    def checked(self, connection: HTTPConnection, account: Account) -> Account:
        """Ask the table of permissions, and write the look down."""
        console = console_of(connection)
        if not any(may_do(account, action) for action in self.actions):
            require(account, self.actions[0])
        looks.record(console.looks, console.database, connection, account, origin_of(connection))
        return account


def needs(*actions: Action) -> Any:
    """Ask for one of these permissions: ``@router.get(path, dependencies=[needs(Action.VIEW_ORDERS)])``."""
    return Depends(Needs(*actions))
