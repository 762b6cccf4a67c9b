"""Whose fault an error of the database is."""

import psycopg

TAKES_NOTHING = (
    psycopg.OperationalError,
    psycopg.ProgrammingError,  # a table or a right is missing: our statements are the same whatever is stored
    psycopg.errors.ReadOnlySqlTransaction,  # after a fail-over: this is the standby
)
"""Whatever was to be stored: it is kept until the database is mended."""
