"""Check the audit's chain from a service: step by step, by a function of the database that tells faults and no entry.

``shouwang audit verify`` computes the same outside the database, and trusts no function of it.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from database.rights.sealed import Head

STEP = 10_000
"""Entries of a step: half a second."""
EVERY = dt.timedelta(days=1)


class ChainCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A check of the chain: when, of how much, and what was wrong."""

    at: dt.datetime
    entries: int
    head: str
    faults: list[str]
    """Empty: nothing was changed, removed or put in between."""
    by: str
    """A login, or the name of the job."""


def check_chain(
    conn: Connection[Any], at: dt.datetime, by: str, turned: Callable[[], None] = lambda: None
) -> ChainCheck:
    """Check the whole chain and keep the result; ``turned`` is called at each step. ``conn``: in autocommit."""
    entries, last, last_hash = 0, 0, b""
    faults: list[str] = []
    while len(faults) < 20:
        row = conn.execute("SELECT * FROM check_chain(%s, %s, %s)", (last, last_hash, STEP)).fetchone()
        if row is None or not row[0]:
            break
        entries, last, last_hash = entries + row[0], row[1], bytes(row[2])
        faults += row[3]
        turned()
    faults += _around(conn, 20 - len(faults), turned)
    head = str(Head(last, last_hash.hex())) if entries else ""
    found = ChainCheck(at=at, entries=entries, head=head, faults=faults[:20], by=by)
    keep(conn, found)
    return found


def _around(conn: Connection[Any], most: int, turned: Callable[[], None]) -> list[str]:
    """Lines of the audit, and of the histories of alerts of people, that are not in the chain at all."""
    faults: list[str] = []
    for log in ("audit", "alert_event"):
        last = 0
        while len(faults) < most:
            row = conn.execute("SELECT * FROM check_unsealed(%s, %s, %s)", (log, last, STEP)).fetchone()
            if row is None or not row[0]:
                break
            last = row[1]
            faults += row[2]
            turned()
    return faults


def keep(conn: Connection[Any], found: ChainCheck) -> None:
    """Keep the result of a check."""
    conn.execute(
        "INSERT INTO audit_check (at, entries, head, faults, by) VALUES (%s, %s, %s, %s, %s)",
        (found.at, found.entries, found.head, found.faults, found.by),
    )


def last_check(conn: Connection[Any]) -> ChainCheck | None:
    """The newest check of the chain."""
    with conn.cursor(row_factory=class_row(ChainCheck)) as cursor:
        return cursor.execute(
            "SELECT at, entries, head, faults, by FROM audit_check ORDER BY at DESC, id DESC LIMIT 1"
        ).fetchone()
