"""Keep a file that was checked until somebody says "store": it is chosen once, and any console process has it."""

import datetime as dt
import uuid
from typing import Any, Literal

import msgspec
import psycopg
from psycopg.rows import class_row

from care_network.access.accounts import Account

FileKind = Literal["outlines", "ground", "table"]
KEPT = dt.timedelta(minutes=30)
"""Long enough to read a report."""


class CheckedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was sent; ``datum``: what its coordinates were said to be, of a table its sheet."""

    name: str
    datum: str
    data: bytes


def keep_file(
    conn: psycopg.Connection[Any], account: Account, kind: FileKind, file: CheckedFile, at: dt.datetime
) -> uuid.UUID:
    """Keep a file for its account; the one of before and everybody's old ones go. Gives the number it is taken by."""
    number = uuid.uuid4()
    with conn.transaction():
        conn.execute(
            "DELETE FROM checked_file WHERE (account_id = %s AND kind = %s) OR at < %s", (account.id, kind, at - KEPT)
        )
        conn.execute(
            "INSERT INTO checked_file (id, account_id, kind, name, datum, at, data)"
            " VALUES (%s, %s, %s, %s, %s, %s, %b)",
            (number, account.id, kind, file.name, file.datum, at, file.data),
        )
    return number


def kept_file(
    conn: psycopg.Connection[Any], account: Account, kind: FileKind, number: uuid.UUID, at: dt.datetime
) -> CheckedFile | None:
    """Find a kept file of this account; None where it is too old, or replaced by a later one."""
    with conn.cursor(row_factory=class_row(CheckedFile)) as cursor:
        return cursor.execute(
            "SELECT name, datum, data FROM checked_file WHERE id = %s AND account_id = %s AND kind = %s AND at >= %s",
            (number, account.id, kind, at - KEPT),
        ).fetchone()


def forget_file(conn: psycopg.Connection[Any], account: Account, kind: FileKind) -> None:
    """Let go of an account's file: it is stored."""
    conn.execute("DELETE FROM checked_file WHERE account_id = %s AND kind = %s", (account.id, kind))
