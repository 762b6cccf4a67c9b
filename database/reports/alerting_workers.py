"""Tell and read how far the alerting processes have come, so that a quiet night and a standing detection differ."""

from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row


class AlertingWorker(msgspec.Struct, frozen=True, kw_only=True):
    """An alerting process as it last told; ages in seconds by the database's clock."""

    name: str
    handled_s: float | None
    """Since the newest message that it has handled had arrived; None: none since its start."""
    waiting: int
    """Messages that have arrived and are not handled."""
    looked_s: float
    """Since its last word."""


def tell(conn: psycopg.Connection[Any], name: str, handled_s: float | None, waiting: int) -> None:
    """Store the state of one process, and drop those that have been silent for a day."""
    conn.execute(
        """
        INSERT INTO alerting_worker (name, handled_at, waiting, seen_at)
        VALUES (%(name)s, clock_timestamp() - make_interval(secs => %(age)s), %(waiting)s, clock_timestamp())
        ON CONFLICT (name) DO UPDATE SET handled_at = coalesce(excluded.handled_at, alerting_worker.handled_at),
               waiting = excluded.waiting, seen_at = excluded.seen_at
        """,
        {"name": name, "age": handled_s, "waiting": waiting},
    )
    conn.execute("DELETE FROM alerting_worker WHERE seen_at < clock_timestamp() - INTERVAL '1 day'")


def load(conn: psycopg.Connection[Any]) -> list[AlertingWorker]:
    """Read what each process told last, by name."""
    with conn.cursor(row_factory=class_row(AlertingWorker)) as cursor:
        return cursor.execute(
            "SELECT name, extract(epoch FROM clock_timestamp() - handled_at)::float8 AS handled_s, waiting,"
            " extract(epoch FROM clock_timestamp() - seen_at)::float8 AS looked_s FROM alerting_worker ORDER BY name"
        ).fetchall()
