"""Bring a feed or the city's database to the newest tables; they are the same in both, file by file of ``sql/``.

Files are only added, and each is additive: columns with a default or that may be empty, and tables. The city is brought
up before the districts, because a subscriber has to have every column that comes.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg

SQL = Path(__file__).parent / "sql"
KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "district": ("district",),
        "community": ("district", "community"),
        "alert": ("district", "id"),
        "hour": ("district", "hour"),
        "reading_hour": ("district", "hour", "channel"),
    }
)
"""The tables of the schema ``city`` that districts tell, with their keys."""
_LOCK = 0x43495459
"""'CITY': advisory lock of the one who brings the tables up."""


def newest_version() -> int:
    """The number of the last file of this program."""
    return _files()[-1][0]


def version(conn: psycopg.Connection[Any]) -> int:
    """The number of the last file that this database has; 0: none."""
    row = conn.execute("SELECT to_regclass('city.schema_version')").fetchone()
    if row is None or row[0] is None:
        return 0
    row = conn.execute("SELECT coalesce(max(version), 0) FROM city.schema_version").fetchone()
    return int(row[0]) if row else 0


def bring_up(conn: psycopg.Connection[Any], to: int | None = None) -> int:
    """Run the files that are missing (up to ``to``) and return the version; safe to repeat. ``conn``: in autocommit."""
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        conn.execute("CREATE SCHEMA IF NOT EXISTS city")
        conn.execute("CREATE TABLE IF NOT EXISTS city.schema_version (version integer PRIMARY KEY)")
        there = version(conn)
        for number, file in _files():
            if there < number <= (number if to is None else to):
                conn.execute(file.read_text("utf-8").encode())
                conn.execute("INSERT INTO city.schema_version VALUES (%s)", (number,))
        return version(conn)


def _files() -> list[tuple[int, Path]]:
    return [(int(file.name[:4]), file) for file in sorted(SQL.glob("[0-9]*.sql"))]
