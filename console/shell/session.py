"""Open sessions: the token in the database, the cookie in the browser."""

import datetime as dt

from fastapi import Request
from starlette.responses import Response

from care_network.access import logins, sessions
from console.settings import ConsoleSettings
from console.shell.security import cookie_name, origin_of, token_of
from console.shell.state import Console


async def log_in(request: Request, console: Console, login: str, password: str, code: str) -> tuple[str, str]:
    """Check the login and open a session, in place of the one that this browser had; gives its token and the role.

    Raises LoginRefusedError with a text for the person.
    """
    origin, before = origin_of(request), token_of(request, console)

    def check() -> tuple[str, str]:
        now = dt.datetime.now(dt.UTC)
        account = logins.authenticate(
            console.login_database, login, password, origin, now,
            code=code, second_factor_for=console.settings.second_factor,
        )  # fmt: skip
        with console.login_database() as conn:
            return sessions.open_session(conn, account, origin, now, replaces=before), account.role

    token, role = await console.logins.run(origin, check)
    if before:
        console.memory.forget(before)
    return token, role


def set_cookie(response: Response, settings: ConsoleSettings, token: str, role: str) -> None:
    """Give the browser the session's token, for as long as the session can last."""
    secure, lifetime = settings.secure_cookie, sessions.limits_of(role).lifetime
    response.set_cookie(
        cookie_name(secure=secure), token, httponly=True, samesite="lax", secure=secure,
        max_age=round(lifetime.total_seconds()),
    )  # fmt: skip
