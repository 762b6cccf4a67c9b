"""Tell a database that is away or broken from data that it refuses."""

import psycopg

UNAVAILABLE = (
    psycopg.OperationalError,
    psycopg.ProgrammingError,  # a table or a right is missing: the statements are always the same
    psycopg.errors.IdleInTransactionSessionTimeout,  # this program stood still amid a transaction: nothing was stored
    psycopg.errors.ReadOnlySqlTransaction,  # after a fail-over we are connected to the standby
)
"""Errors that say "the database can store nothing now", not "this row is wrong": retry, keep the data."""
