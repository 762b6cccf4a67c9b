"""Read the head of the chain that seals the audit and the history of alerts (migration 0081)."""

from typing import Any

import msgspec
from psycopg import Connection


class Head(msgspec.Struct, frozen=True):
    """The newest entry of the chain: whoever knows it can tell whether what lies before was changed."""

    position: int
    hash: str
    """SHA-256, hexadecimal."""

    def __str__(self) -> str:
        return f"{self.position}:{self.hash}"


def head_of(text: str) -> Head:
    """Read a head as ``str()`` wrote it. Raises ValueError."""
    position, colon, digest = text.strip().partition(":")
    if not (colon and position.isdecimal() and len(digest) == 64):
        raise ValueError(f"{text!r} is not a head of the chain: POSITION:HASH, as the log of 'maintain' has it")
    return Head(int(position), digest.lower())


def head(conn: Connection[Any]) -> Head | None:
    """The head of the chain; None while nothing is sealed."""
    row = conn.execute(
        "SELECT position, encode(hash, 'hex') FROM sealed_entry ORDER BY position DESC LIMIT 1"
    ).fetchone()
    return None if row is None else Head(row[0], row[1])
