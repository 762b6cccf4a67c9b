"""Keep in the database which identities opened too many sessions at the broker beside us, and ask it who is revoked."""

import datetime as dt
import socket
from collections.abc import Collection, Iterable
from typing import Any

import psycopg

from care_network.records import certificates
from database.pool import connect_options
from database.settings import DatabaseSettings
from shouwang.brokers.sessions import Excess

KEPT = dt.timedelta(days=30)
"""How long a finding stays in the table after it was seen last."""


class ExcessRecord:
    """The table ``session_excess``, over a connection of its own that is made anew when it broke. For one thread.

    Its methods raise psycopg.Error while the database is away.
    """

    def __init__(self, url: str, broker: str = "") -> None:
        self._url, self._broker = url, broker or socket.gethostname()
        self._conn: psycopg.Connection[Any] | None = None

    def revoked(self) -> Collection[str]:
        """Return the revoked identities."""
        return certificates.revoked(self._connected())

    def tell(self, excesses: Iterable[Excess]) -> None:
        """Store what is seen now, and that somebody looks. Dispatch makes a technical alert of it."""
        conn = self._connected()
        for one in excesses:
            conn.execute(
                """
                INSERT INTO session_excess (broker, identity, seen, since, last_at) VALUES (%s, %s, %s, now(), now())
                ON CONFLICT (broker, identity) DO UPDATE SET seen = EXCLUDED.seen, last_at = now()
                """,
                (self._broker, one.identity, one.seen),
            )
        conn.execute("UPDATE broker_store SET sessions_at = now() WHERE broker = %s", (self._broker,))
        conn.execute("DELETE FROM session_excess WHERE last_at < now() - %s", (KEPT,))

    def close(self) -> None:
        """Close the connection."""
        if self._conn is not None:
            self._conn.close()

    def _connected(self) -> psycopg.Connection[Any]:
        if self._conn is None or self._conn.closed or self._conn.broken:
            options = connect_options(DatabaseSettings(url=self._url), "sessions")
            self._conn = psycopg.connect(self._url, autocommit=True, **options)
        return self._conn
