"""Files that are given out part by part: the answer begins at once, and no memory holds the whole."""

from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

from psycopg import Connection

from console.shell.state import Console

Read = Callable[[Connection[Any], int], tuple[bytes, int] | None]
"""Read the part at a position: its bytes, and the position behind it; None at the end."""


def parts(console: Console, read: Read, position: int = 0) -> Iterator[bytes]:
    """Lend a connection for each part: a slow reader holds none. Each is read as whoever asked.

    An error after the first part breaks the answer off, so that no file looks whole that is not.
    """
    asker = copy_context()  # a generator runs in the server's own

    def piece(at: int) -> tuple[bytes, int] | None:
        with console.database() as conn:
            return read(conn, at)

    def each(at: int) -> Iterator[bytes]:
        while (found := asker.run(piece, at)) is not None:
            yield found[0]
            at = found[1]

    return each(position)
