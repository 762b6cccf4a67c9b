"""Find the grade of time series that a PostgreSQL server offers, and the grade that the schema was built for."""

from enum import StrEnum
from typing import Any

from psycopg import Connection


class Grade(StrEnum):
    """Kind of table and of roll-ups that hold the readings."""

    PLAIN = "plain"
    """PostgreSQL alone: a table and views."""
    APACHE = "apache"
    """TimescaleDB, Apache-2 features: a hypertable, views."""
    COMMUNITY = "community"
    """TimescaleDB, Timescale licence: hypertable, compression, continuous aggregates, retention policies."""


def server_grade(conn: Connection[Any]) -> Grade:
    """Find the grade that the server offers this database, whether or not the schema uses it.

    TimescaleDB counts only where it is preloaded: without ``shared_preload_libraries`` it cannot be created. Its
    licence can be read once the extension exists in the database; see :func:`enable_timescaledb`.
    """
    if not _preloaded(conn):
        return Grade.PLAIN
    row = conn.execute("SELECT current_setting('timescaledb.license', true)").fetchone()
    licence = row[0] if row else None
    return Grade.COMMUNITY if licence == "timescale" else Grade.APACHE


def enable_timescaledb(conn: Connection[Any]) -> bool:
    """Create the extension where the server offers it; True if the database has it now.

    Raises psycopg.errors.InsufficientPrivilege where the role may not create it.
    """
    if not _preloaded(conn):
        return False
    conn.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    return True


def schema_grade(conn: Connection[Any]) -> Grade | None:
    """Find the grade that the tables were built for; None where there are none yet."""
    if _one(conn, "SELECT to_regclass('reading_minute')") is None:
        return None
    if _one(conn, "SELECT to_regclass('timescaledb_information.hypertables')") is None:
        return Grade.PLAIN
    if not _one(
        conn,
        "SELECT count(*) FROM timescaledb_information.hypertables WHERE hypertable_name IN ('reading', 'reading_row')",
    ):
        return Grade.PLAIN
    continuous = _one(
        conn, "SELECT count(*) FROM timescaledb_information.continuous_aggregates WHERE view_name = 'reading_minute'"
    )
    return Grade.COMMUNITY if continuous else Grade.APACHE


def grade_advice(built: Grade, offered: Grade) -> str | None:
    """Advise an operator where the grades of schema and server differ; None where they agree.

    Nothing is ever converted silently: moving a year of readings locks the table that ingest writes to.
    """
    if built == offered:
        return None
    order = list(Grade)
    if order.index(offered) > order.index(built):
        return (
            f"the schema was built for grade '{built}', the server now offers '{offered}'. Everything works as before; "
            "to use the new grade, migrate an empty database on this server and copy the data there "
            "(pg_dump --data-only), or stay as it is"
        )
    return (
        f"the schema was built for grade '{built}', but the server offers only '{offered}': load TimescaleDB again "
        "(shared_preload_libraries = 'timescaledb', timescaledb.license) before any service starts"
    )


def _preloaded(conn: Connection[Any]) -> bool:
    # Not shared_preload_libraries, which only superusers and pg_read_all_settings may read: a preloaded TimescaleDB
    # defines a setting of its own. One that only stands in postgresql.conf, without the library, is not in pg_settings.
    available = _one(conn, "SELECT count(*) FROM pg_available_extensions WHERE name = 'timescaledb'")
    defined = _one(conn, "SELECT count(*) FROM pg_settings WHERE name = 'timescaledb.max_background_workers'")
    return bool(available and defined)


def _one(conn: Connection[Any], query: str) -> Any:
    row = conn.execute(query.encode()).fetchone()
    return row[0] if row else None
