"""Record when the certificates of services and brokers end, for the warnings on the board."""

import datetime as dt
from collections.abc import Callable, Mapping

import psycopg
import structlog

from database.pool import connect_options
from database.settings import DatabaseSettings

log = structlog.get_logger(__name__)


def recorder(database: DatabaseSettings) -> Callable[[Mapping[str, dt.datetime]], None]:
    """A function that stores the ends, by holder; while the database is away it leaves them for the next time."""

    def record(ends: Mapping[str, dt.datetime]) -> None:
        try:
            options = connect_options(database, "certificate-ends")
            with psycopg.connect(database.url, **options) as conn, conn.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO certificate_expiry (holder, expires_at, seen_at) VALUES (%s, %s, now())"
                    " ON CONFLICT (holder) DO UPDATE SET expires_at = EXCLUDED.expires_at, seen_at = EXCLUDED.seen_at",
                    sorted(ends.items()),
                )
        except psycopg.Error as error:
            log.info("ends of certificates are recorded later", error=str(error).strip())

    return record
