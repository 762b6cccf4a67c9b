"""An account that acts on one connection at one moment: what the functions of people and knowledge are told first."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from vocabulary.times import SHANGHAI


class Connected(msgspec.Struct, frozen=True):
    """An account with its connection, the time, and where it works from."""

    conn: Connection[Any]
    account: Account
    now: dt.datetime
    origin: str = ""

    @property
    def today(self) -> dt.date:
        """The day in Shanghai."""
        return self.now.astimezone(SHANGHAI).date()

    def audit(self, action: Action | str, **detail: Any) -> None:
        """Write a line of the audit; part of the caller's transaction."""
        audit(self.conn, self.account, action, at=self.now, origin=self.origin, detail=detail)

    def require(self, action: Action) -> None:
        """Raises NotPermittedError where the role may not."""
        require(self.account, action)
