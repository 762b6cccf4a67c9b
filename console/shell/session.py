"""Open and end sessions: the token in the database, the cookie in the browser."""

import datetime as dt
from typing import Any

import psycopg
from starlette.responses import Response

from care_network.access import accounts
from console.settings import ConsoleSettings
from console.shell.security import cookie_name


def open_session(conn: psycopg.Connection[Any], login: str, password: str, origin: str) -> str:
    """Check the password and open a session; gives its token. Both steps commit their own transaction.

    Raises LoginRefusedError with a text for the person, ValueError for a connection that is in a transaction.
    """
    now = dt.datetime.now(dt.UTC)
    account = accounts.authenticate(conn, login, password, origin, now)
    return accounts.open_session(conn, account, origin, now)


def set_cookie(response: Response, settings: ConsoleSettings, token: str) -> None:
    secure = settings.secure_cookie
    response.set_cookie(
        cookie_name(secure=secure), token, httponly=True, samesite="lax", secure=secure, max_age=12 * 3600
    )
