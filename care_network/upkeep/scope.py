"""The part of the district whose machines an account may see and work on."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_network.records.history.changes import act_as

UNDO = dt.timedelta(seconds=30)
"""How long what was asked for can be taken back."""


class GatewayRow(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway of the account's area."""

    id: int
    name: str
    household_id: int
    household: str
    path: str


def gateway_of(conn: Connection[Any], account: Account, name: str) -> GatewayRow:
    """Find a gateway below the account's area. Raises NotFoundError, which does not tell whether it is elsewhere."""
    with conn.cursor(row_factory=class_row(GatewayRow)) as cursor:
        found = cursor.execute(
            """
            SELECT g.id, g.name, h.id AS household_id, h.code AS household, a.path::text AS path
            FROM gateway g JOIN household h ON h.id = g.household_id JOIN area a ON a.id = h.area_id
            WHERE g.name = %s AND a.path <@ %s::ltree
            """,
            (name, account.area_path),
        ).fetchone()
    if found is None:
        raise NotFoundError(en=f"there is no gateway {name!r} in your area", zh=f"您的管辖区域内没有网关 {name}")
    return found


def sees_everything(conn: Connection[Any], account: Account) -> bool:
    """Whether the whole district is the account's: then what belongs to no known home is its affair, too.

    By the level of its area, and not by homes that lie elsewhere: those it does not see (row-level security).
    """
    row = conn.execute("SELECT level FROM area WHERE path::text = %s", (account.area_path,)).fetchone()
    return row is not None and row[0] in ("city", "district")


class Acting(msgspec.Struct, frozen=True):
    """One account that does something now. ``origin``: where from, for the audit."""

    conn: Connection[Any]
    account: Account
    now: dt.datetime
    origin: str = ""

    def require(self, action: Action) -> None:
        """Raise NotPermittedError where the account may not."""
        require(self.account, action)

    def gateway(self, name: str) -> GatewayRow:
        """The gateway of that name in the account's area."""
        return gateway_of(self.conn, self.account, name)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Open a transaction whose changes of records stand in their history as this account's."""
        with self.conn.transaction():
            act_as(self.conn, self.account, self.origin)
            yield

    def audit(self, what: str, resident_id: int | None = None, **detail: Any) -> None:
        """Write the line of the audit."""
        audit(
            self.conn, self.account, what, at=self.now, resident_id=resident_id, origin=self.origin, detail=detail
        )  # fmt: skip


def words_of(reason: str, field: str = "reason") -> str:
    """The reason somebody gave. Raises ProvisioningError for an empty one."""
    text = " ".join(reason.split())
    if not text:
        raise ProvisioningError(en="say why, in a few words", zh="请简要写明原因", field=field)
    return text[:500]


def changed(what_zh: str, what_en: str) -> ChangedMeanwhileError:
    """The error for something that somebody else changed since the page was made."""
    return ChangedMeanwhileError(
        en=f"{what_en} was changed by somebody else meanwhile: this is how it is now",
        zh=f"{what_zh}刚被他人修改，以下为当前内容",
    )
