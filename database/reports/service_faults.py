"""Tell of a fault that a service notices of itself, and read what services tell: alerting makes alerts of it."""

import datetime as dt
import socket
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

FRESH_S = 120
"""A fault that was not told again for so long is over, or its service has ended, which others notice."""


class ServiceFault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault while it lasts. ``detail``: JSON that its ``kind`` says the meaning of."""

    service: str
    kind: str
    host: str
    since: dt.datetime
    detail: dict[str, Any]


def tell(conn: psycopg.Connection[Any], service: str, kind: str, detail: dict[str, Any] | None) -> None:
    """Store that the fault lasts, or with None that it is over. To be repeated within FRESH_S while it lasts."""
    if detail is None:
        conn.execute("DELETE FROM service_fault WHERE service = %s AND kind = %s", (service, kind))
        return
    conn.execute(
        """
        INSERT INTO service_fault (service, kind, host, detail) VALUES (%s, %s, %s, %s::jsonb)
        ON CONFLICT (service, kind)
        DO UPDATE SET host = EXCLUDED.host, detail = EXCLUDED.detail, seen_at = EXCLUDED.seen_at
        """,
        (service, kind, socket.gethostname(), msgspec.json.encode(detail).decode()),
    )


def lasting(conn: psycopg.Connection[Any]) -> list[ServiceFault]:
    """Read the faults that last."""
    with conn.cursor(row_factory=class_row(ServiceFault)) as cursor:
        return cursor.execute(
            "SELECT service, kind, host, since, detail FROM service_fault"
            " WHERE seen_at > clock_timestamp() - make_interval(secs => %s) ORDER BY since",
            (FRESH_S,),
        ).fetchall()
