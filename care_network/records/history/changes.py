"""Read the history of records, which the triggers of migration 0166 write.

A change has the columns that differ, by their values before and after; an added record has neither, a removed one all
that it was. Five years are kept. Nothing that is encrypted or secret is in it: the tables of records have none.
"""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.records.kinds import KINDS, Kind
from care_network.records.store import key_text

UNDO_S = 30
"""Seconds within which the account that made a change may take it back."""
MOST = 200
"""Changes of one record that are read, the newest."""
KIND_OF_TABLE = {kind.table: kind for kind in KINDS.values()}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one record."""

    id: int
    at: dt.datetime
    transaction: int
    """One for all that was done together."""
    record: str
    """The table; ``KIND_OF_TABLE`` has its kind."""
    row_id: int
    key: str
    path: str | None
    """The area that it belonged to."""
    operation: str
    """'add', 'change' or 'remove'."""
    account_id: int | None
    login: str | None
    name_zh: str | None
    name_en: str | None
    """The person who did it; None: the platform itself, or the owner of the database."""
    origin: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    version: int

    @property
    def kind(self) -> Kind:
        """The kind of the record."""
        return KIND_OF_TABLE[self.record]


_CHANGES: LiteralString = """
    SELECT c.id, c.at, c.transaction::text::bigint AS transaction, c.record, c.row_id, c.key, c.path::text AS path,
           c.operation, c.account_id, a.login, a.name_zh, a.name_en, c.origin, c.before, c.after, c.version
    FROM record_change c LEFT JOIN account a ON a.id = c.account_id
"""
_OF_RECORD: LiteralString = (
    f"{_CHANGES} WHERE c.record = %(table)s AND c.row_id = (SELECT row_id FROM record_change WHERE"  # noqa: S608 - constant
    " record = %(table)s AND key = %(key)s ORDER BY id DESC LIMIT 1) ORDER BY c.id DESC LIMIT %(most)s"
)
_UNDOABLE: LiteralString = (
    f"SELECT * FROM ({_CHANGES} WHERE c.record = %s AND c.key = %s ORDER BY c.id DESC LIMIT 1) AS newest"  # noqa: S608
    " WHERE account_id = %s AND at > clock_timestamp() - make_interval(secs => %s)"
)


def act_as(conn: Connection[Any], account: Account, origin: str) -> None:
    """Say who makes the changes of this transaction, and from where; the triggers write it beside each."""
    conn.execute(
        "SELECT set_config('shouwang.account', %s, true), set_config('shouwang.origin', %s, true)",
        (str(account.id), origin[:200]),
    )


def since(conn: Connection[Any]) -> dt.datetime:
    """The moment from which on the history is whole; nothing is known of what was before it."""
    row = conn.execute("SELECT since FROM record_history").fetchone()
    assert row is not None  # noqa: S101 - migration 0166 writes it
    moment: dt.datetime = row[0]
    return moment


def of_record(conn: Connection[Any], kind: Kind, key: tuple[Any, ...]) -> list[Change]:
    """The changes of a record, the newest first: of the row that has this key, or had it last.

    Where another record is referred to, ``before`` and ``after`` have its key, by the name of the field.
    """
    with conn.cursor(row_factory=class_row(Change)) as cursor:
        found = cursor.execute(_OF_RECORD, {"table": kind.table, "key": key_text(key), "most": MOST}).fetchall()
    return _with_keys(conn, found)


def of_transaction(conn: Connection[Any], change: Change) -> list[Change]:
    """All changes that were made together with this one, the last first."""
    with conn.cursor(row_factory=class_row(Change)) as cursor:
        query = _CHANGES + " WHERE c.transaction = %s::text::xid8 ORDER BY c.id DESC"
        return cursor.execute(query, (change.transaction,)).fetchall()


def newest_here(conn: Connection[Any]) -> int | None:
    """The number of the newest change of this very transaction; None where it changed no record."""
    row = conn.execute("SELECT max(id) FROM record_change WHERE transaction = pg_current_xact_id()").fetchone()
    return None if row is None or row[0] is None else int(row[0])


def one(conn: Connection[Any], number: int) -> Change | None:
    """A change by its number."""
    with conn.cursor(row_factory=class_row(Change)) as cursor:
        return cursor.execute(_CHANGES + " WHERE c.id = %s", (number,)).fetchone()


def undoable(conn: Connection[Any], account: Account, kind: Kind, key: tuple[Any, ...]) -> Change | None:
    """The newest change of a record where this account made it within the last UNDO_S seconds; else None."""
    with conn.cursor(row_factory=class_row(Change)) as cursor:
        return cursor.execute(_UNDOABLE, (kind.table, key_text(key), account.id, UNDO_S)).fetchone()


def changed_since(conn: Connection[Any], change: Change) -> bool:
    """Whether somebody changed the same row after this transaction."""
    return (
        conn.execute(
            "SELECT FROM record_change WHERE record = %s AND row_id = %s AND id > %s AND transaction <> %s::text::xid8",
            (change.record, change.row_id, change.id, change.transaction),
        ).fetchone()
        is not None
    )


def is_over(conn: Connection[Any], change: Change) -> bool:
    """Whether the time to take it back is over, by the database's clock."""
    query = "SELECT clock_timestamp() > %s + make_interval(secs => %s)"
    row = conn.execute(query, (change.at, UNDO_S)).fetchone()
    return row is None or bool(row[0])


_KEYS: dict[str, tuple[str, LiteralString]] = {
    "area_id": ("area", "SELECT id, path::text FROM area"),
    "household_id": ("household", "SELECT id, code FROM household"),
    "organisation_id": ("organisation", "SELECT id, code FROM organisation"),
    "resident_id": ("resident", "SELECT id, code FROM resident"),
    "gateway_id": ("gateway", "SELECT id, name FROM gateway"),
    "staff_id": ("staff", "SELECT id, code FROM staff"),
    "shift_id": ("shift", "SELECT id, code FROM shift"),
    "account_id": ("login", "SELECT id, login FROM account"),
}
"""By column that refers to another row: the field of the record, and the keys of those rows."""


def _with_keys(conn: Connection[Any], found: list[Change]) -> list[Change]:
    """Put the keys of other records in the place of the numbers of their rows; of those that are gone '#number'."""
    sides = [side for change in found for side in (change.before, change.after) if side]
    for column, (field, query) in _KEYS.items():
        ids = {side[column] for side in sides if side.get(column) is not None}
        if not ids:
            continue
        keys = dict(conn.execute(query + " WHERE id = ANY (%s)", (list(ids),)).fetchall())
        for side in sides:
            if column in side:
                number = side.pop(column)
                side[field] = None if number is None else keys.get(number, f"#{number}")
    return found
