"""The account that acts, with moment and origin: the argument of every function of the service layer."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, may_do, require
from care_network.access.visible import may_see
from care_network.errors import NotFoundError
from vocabulary.times import SHANGHAI


class Acting(msgspec.Struct, frozen=True):
    """An account at a moment. ``origin``: the client's address, or 'cli'."""

    account: Account
    at: dt.datetime
    origin: str = ""

    @property
    def today(self) -> dt.date:
        """The day in Shanghai."""
        return self.at.astimezone(SHANGHAI).date()

    def require(self, *actions: Action) -> None:
        """Refuse an account whose role has none of them. Raises NotPermittedError."""
        if not any(may_do(self.account, action) for action in actions):
            require(self.account, actions[0])

    def audit(self, conn: Connection[Any], action: str, resident_id: int | None = None, **detail: Any) -> None:
        """Write a line of the audit in the account's name."""
        audit(conn, self.account, action, at=self.at, resident_id=resident_id, origin=self.origin, detail=detail)

    def resident(self, conn: Connection[Any], code: str, action: str) -> int:
        """Find a resident whom the account may see; a refused look is audited. Raises NotFoundError."""
        row = conn.execute("SELECT id FROM resident WHERE code = %s", (code,)).fetchone()
        if row is None or not may_see(conn, self.account, row[0]):
            self.audit(conn, f"refused_{action}", row[0] if row else None, code=code)
            raise NotFoundError(en="there is no such resident", zh="没有这位老人")
        return int(row[0])
