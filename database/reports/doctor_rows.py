"""The rows of ``shouwang doctor`` in the database, by machine: kept by each run, shown by the console."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

STALE = dt.timedelta(minutes=5)
"""Rows that are older say nothing any more: the timer runs every minute."""


class Row(msgspec.Struct, frozen=True):
    """One row, as a machine last saw it. ``age_s``: by the database's clock."""

    machine: str
    what: str
    good: bool
    text: str
    age_s: float
    warning: bool = False

    @property
    def stale(self) -> bool:
        """Whether nobody has looked for so long that it says nothing."""
        return self.age_s > STALE.total_seconds()


def keep(conn: psycopg.Connection[Any], machine: str, rows: Iterable[tuple[str, bool, str, bool]]) -> None:
    """Replace the rows of a machine. This is the test that the database can be written, too: psycopg.Error if not."""
    with conn.transaction():
        conn.execute("SET LOCAL synchronous_commit = on")
        conn.execute("DELETE FROM doctor_check WHERE machine = %s", (machine,))
        for position, (what, good, text, warning) in enumerate(rows):
            conn.execute(
                "INSERT INTO doctor_check (machine, position, what, good, text, warning, checked_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, clock_timestamp())",
                (machine, position, what, good, text.replace("\0", "")[:2000], warning),
            )


def load(conn: psycopg.Connection[Any]) -> list[Row]:
    """Load the rows of every machine, in the order in which each told them."""
    with conn.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(
            "SELECT machine, what, good, text, warning,"
            " extract(epoch FROM clock_timestamp() - checked_at)::float8 AS age_s"
            " FROM doctor_check WHERE checked_at > now() - interval '7 days' ORDER BY machine, position"
        ).fetchall()
