"""Tell a database that is away or broken from data that it refuses."""

import psycopg
from psycopg import errors

UNAVAILABLE = (
    psycopg.OperationalError,
    psycopg.ProgrammingError,  # a table or a right is missing: the statements are always the same
    errors.IdleInTransactionSessionTimeout,  # this program stood still amid a transaction: nothing was stored
    errors.ReadOnlySqlTransaction,  # after a fail-over we are connected to the standby
)
"""Errors that say "the database can store nothing now", not "this row is wrong": retry, keep the data."""
BUSY = (errors.LockNotAvailable, errors.QueryCanceled, errors.DeadlockDetected, errors.SerializationFailure)
"""Errors that say "somebody holds these rows": others can be written meanwhile."""
_TOO_LARGE = "54"
"""Class of SQLSTATEs "program limit exceeded": a row too large for an index, a value too large for its type."""


def is_unavailable(error: BaseException) -> bool:
    """Whether the database can store nothing now, so that the data are to be kept and tried again as they are.

    False for data that it will never take: too large, or refused by psycopg itself before they were sent.
    """
    if not isinstance(error, UNAVAILABLE):
        return False
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError)
    return not state.startswith(_TOO_LARGE)
