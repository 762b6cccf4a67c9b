"""The account that acts, at one moment: what every function of the library is told first."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, covers_every_home, require
from care_network.errors import NotPermittedError
from vocabulary.times import SHANGHAI


class Acting(msgspec.Struct, frozen=True):
    """An account with its connection, the time and where it works from."""

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

    def require_district(self) -> None:
        """Raises NotPermittedError where the account may not set what holds for the whole district."""
        require(self.account, Action.MANAGE_LIBRARY)
        if not covers_every_home(self.conn, self.account):
            raise NotPermittedError(
                en="courses hold for the whole district: only an account of the whole district changes them",
                zh="课程全区通用，只有管辖全区的账号可以修改",
            )
