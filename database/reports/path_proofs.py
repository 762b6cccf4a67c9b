"""Tell and read how long ago the path of an emergency was proved, and which consoles heard of it."""

import datetime as dt
import uuid
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row


class PathProof(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the path as its watcher last told it; ages in seconds by the database's clock."""

    age_s: float | None
    """Since the youngest press of which every receipt came; None: none ever did."""
    broken: tuple[str, ...]
    """Codes of ``vocabulary.path_links``."""
    looked_s: float
    """Since the watcher's last word."""


def load(conn: psycopg.Connection[Any]) -> PathProof | None:
    """Read the state; of several watchers the one that proved the path last. None: nobody ever watched it."""
    row = conn.execute(
        """
        SELECT extract(epoch FROM clock_timestamp() - proved_at)::float8, broken,
               extract(epoch FROM clock_timestamp() - looked_at)::float8
        FROM path_proof ORDER BY proved_at DESC NULLS LAST, looked_at DESC LIMIT 1
        """
    ).fetchone()
    return None if row is None else PathProof(age_s=row[0], broken=tuple(row[1]), looked_s=row[2])


def tell(conn: psycopg.Connection[Any], gateway: str, age_s: float | None, broken: tuple[str, ...]) -> None:
    """Store the state. ``age_s``: since the last proof; None leaves the time that is there."""
    conn.execute(
        """
        INSERT INTO path_proof (gateway, proved_at, broken, looked_at)
        VALUES (%(gateway)s, clock_timestamp() - make_interval(secs => %(age)s), %(broken)s, clock_timestamp())
        ON CONFLICT (gateway) DO UPDATE SET proved_at = coalesce(excluded.proved_at, path_proof.proved_at),
               broken = excluded.broken, looked_at = excluded.looked_at
        """,
        {"gateway": gateway, "age": age_s, "broken": list(broken)},
    )


class ConsoleWord(msgspec.Struct, frozen=True):
    """The last synthetic alert that a console got a notice of, and the age of its last word."""

    worker: str
    alert_id: uuid.UUID | None
    looked_s: float


def consoles(conn: psycopg.Connection[Any]) -> list[ConsoleWord]:
    """Read what each console heard last."""
    with conn.cursor(row_factory=class_row(ConsoleWord)) as cursor:
        return cursor.execute(
            "SELECT worker, alert_id, extract(epoch FROM clock_timestamp() - looked_at)::float8 AS looked_s"
            " FROM path_console ORDER BY worker"
        ).fetchall()


def tell_console(
    conn: psycopg.Connection[Any], worker: str, alert_id: uuid.UUID | None, noticed_at: dt.datetime | None
) -> None:
    """Store the last notice of a synthetic alert that this console got."""
    conn.execute(
        """
        INSERT INTO path_console (worker, alert_id, noticed_at, looked_at) VALUES (%s, %s, %s, clock_timestamp())
        ON CONFLICT (worker) DO UPDATE SET alert_id = excluded.alert_id, noticed_at = excluded.noticed_at,
               looked_at = excluded.looked_at
        """,
        (worker, alert_id, noticed_at),
    )
