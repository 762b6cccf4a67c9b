"""Which grade of time series a database offers."""

from enum import StrEnum
from typing import Any

import psycopg


class Grade(StrEnum):
    """The three grades, from the least to the most that the database does by itself."""

    PLAIN = "plain"
    """PostgreSQL without TimescaleDB."""
    APACHE = "apache"
    """TimescaleDB, Apache edition: hypertables and drop_chunks."""
    COMMUNITY = "community"
    """TimescaleDB, Community edition: compression, continuous aggregates, retention policies."""


def timescale_offered(conn: psycopg.Connection[Any]) -> bool:
    """Whether CREATE EXTENSION timescaledb would work here: installed, and preloaded by the server."""
    row = conn.execute(
        """
        SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
           AND current_setting('shared_preload_libraries') LIKE '%timescaledb%'
        """
    ).fetchone()
    return bool(row and row[0])


def detect(conn: psycopg.Connection[Any]) -> Grade:
    """The grade this database was migrated with."""
    if not conn.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone():
        return Grade.PLAIN
    row = conn.execute("SELECT current_setting('timescaledb.license', true)").fetchone()
    return Grade.COMMUNITY if row and row[0] == "timescale" else Grade.APACHE
