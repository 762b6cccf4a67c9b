"""Remember who has watched the board lately, so that it goes on while the database is away."""

import datetime as dt
import threading

import msgspec

from care_network.access.accounts import Account
from care_network.access.sessions import Term
from console.shell.scope import Scope

MOST = 1000
LIFETIME = dt.timedelta(hours=12)
"""As long as a session lasts; nobody can revoke one while the database is away."""


class Watching(msgspec.Struct, frozen=True):
    """An account that may look at the board, and the alerts it sees there."""

    account: Account
    scope: Scope
    known_at: dt.datetime
    """Since when this session is known."""
    term: Term | None = None
    """Of the session; None: not known."""


class Memory:
    """Accounts that have watched lately, by session token; the oldest goes first. Threads share it."""

    def __init__(self) -> None:
        self._watching: dict[str, Watching] = {}
        self._lock = threading.Lock()

    def keep(self, token: str, watching: Watching) -> None:
        with self._lock:
            self._watching.pop(token, None)
            self._watching[token] = watching
            while len(self._watching) > MOST:
                self._watching.pop(next(iter(self._watching)))

    def forget(self, token: str) -> None:
        with self._lock:
            self._watching.pop(token, None)

    def of(self, token: str, now: dt.datetime) -> Watching | None:
        """The session's entry; None where there is none or it is older than LIFETIME."""
        with self._lock:
            watching = self._watching.get(token)
        return watching if watching is not None and now - watching.known_at < LIFETIME else None
