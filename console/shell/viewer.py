"""The session's token of the request that a thread works for: the database shows the rows of its account."""

from contextvars import ContextVar

from psycopg import Connection

from database.rights.row_security import SETTING

VIEWER: ContextVar[str] = ContextVar("viewer", default="")
"""Set by the guard for each request; threads that answer it have it, too. Empty: nobody."""


def tell(conn: Connection[tuple[object, ...]]) -> None:
    """Tell the database who asks on a connection that was just lent: until it is told otherwise.

    Outside of any transaction, so that what follows begins and ends its own as before. Every lending tells anew, so
    nobody inherits another's rows.
    """
    conn.autocommit = True
    conn.execute("SELECT set_config(%s, %s, false)", (SETTING, VIEWER.get()))
    conn.autocommit = False
