"""Find out who watches the board and which alerts they see: from the database, or from memory while it is away.

The board is needed most on the night on which the database fails. Only the queue is shown from memory; residents'
pages, steps and everything else need the database.
"""

import datetime as dt
from typing import Annotated, Any

import psycopg
from fastapi import Depends
from starlette.requests import HTTPConnection

from care_network.access import sessions
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from console.shell.memory import Watching
from console.shell.scope import scope_of
from console.shell.security import LoginNeeded, Needs, PasswordChangeNeeded, token_of
from console.shell.state import console_of


def watching(connection: HTTPConnection) -> Watching:
    """Find the watcher of the session cookie.

    Raises LoginNeeded without a valid session, PasswordChangeNeeded, psycopg.OperationalError where the database is
    away and this session has not watched before.
    """
    console = console_of(connection)
    token, now = token_of(connection, console), dt.datetime.now(dt.UTC)
    if not token:
        raise LoginNeeded
    before = console.memory.of(token, now)
    if before is not None and not console.feed.database_up:
        return before
    try:
        with console.database() as conn:
            account = sessions.session_account(conn, token, now)
            scope = scope_of(conn, account) if account is not None else None
            term = sessions.term_of(conn, token, account) if account is not None else None
    except psycopg.OperationalError:
        if before is None:
            raise
        return before
    if account is None or scope is None:
        console.memory.forget(token)
        raise LoginNeeded
    if account.must_change_password:
        raise PasswordChangeNeeded
    present = Watching(account, scope, now if before is None else before.known_at, term)
    connection.state.account = account
    console.memory.keep(token, present)
    return present


CurrentWatching = Annotated[Watching, Depends(watching)]


class NeedsWhileWatching(Needs):
    """The permission of a page that is shown from memory, too."""

    def __call__(  # type: ignore[override]
        self, connection: HTTPConnection, watching: CurrentWatching
    ) -> Account:
        return self.checked(connection, watching.account)


def needs_while_watching(action: Action) -> Any:
    """As :func:`console.shell.security.needs`, with the account from :func:`watching`."""
    return Depends(NeedsWhileWatching(action))
