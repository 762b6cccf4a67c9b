"""Who watches the board and whose alerts they see: asked of the database each time, remembered while it is away.

The board is needed most on the night on which the database fails. Only the queue is shown from memory; residents'
pages, steps and everything else need the database.
"""

import datetime as dt
import threading
from typing import Annotated

import msgspec
import psycopg
from fastapi import Depends
from starlette.requests import HTTPConnection

from care_network.access import accounts
from care_network.access.accounts import Account
from console.shell.security import COOKIE, LoginNeeded
from console.shell.state import Console, Scope, console_of

KEPT = 1000
KEPT_FOR = dt.timedelta(hours=12)
"""As long as a session lasts; nobody can revoke one while the database is away."""


class Watching(msgspec.Struct, frozen=True):
    """An account that may look at the board, and what it sees there."""

    account: Account
    scope: Scope
    known_at: dt.datetime


class Memory:
    """Those who have watched lately, by session. Threads share it."""

    def __init__(self) -> None:
        self._known: dict[str, Watching] = {}
        self._lock = threading.Lock()

    def keep(self, token: str, watching: Watching) -> None:
        with self._lock:
            self._known.pop(token, None)
            self._known[token] = watching
            while len(self._known) > KEPT:
                self._known.pop(next(iter(self._known)))

    def forget(self, token: str) -> None:
        with self._lock:
            self._known.pop(token, None)

    def of(self, token: str, now: dt.datetime) -> Watching | None:
        with self._lock:
            found = self._known.get(token)
        return found if found is not None and now - found.known_at < KEPT_FOR else None


def watching_of(console: Console, account: Account, known_at: dt.datetime | None = None) -> Watching:
    """``known_at``: since when this session is known; now, unless told."""
    return Watching(account, console.scope(account), known_at or dt.datetime.now(dt.UTC))


def watching(connection: HTTPConnection, console: Annotated[Console, Depends(console_of)]) -> Watching:
    """Raises LoginNeeded without a valid session; psycopg.OperationalError where the database is away and this session
    has not watched before."""
    token, now = connection.cookies.get(COOKIE), dt.datetime.now(dt.UTC)
    if not token:
        raise LoginNeeded
    memory: Memory = connection.app.state.memory
    before = memory.of(token, now)
    if before is not None and not console.feed.database_up:
        return before
    try:
        with console.database() as conn:
            account = accounts.session_account(conn, token, now)
        if account is None:
            memory.forget(token)
            raise LoginNeeded
        found = watching_of(console, account, now if before is None else before.known_at)
    except psycopg.OperationalError:
        if before is None:
            raise
        return before
    memory.keep(token, found)
    return found


CurrentWatching = Annotated[Watching, Depends(watching)]
