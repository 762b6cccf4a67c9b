"""Connection options and pools: a dead server is noticed in seconds, and no wait for a lock is endless."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from database.settings import DatabaseSettings

Pool = ConnectionPool[Connection[TupleRow]]

ACQUIRE_TIMEOUT_S = 5.0
"""A caller that gets no connection within this time is told that the database is away."""

IDLE_IN_TRANSACTION_S = 6.0
"""A program that stands still amid a transaction (frozen, its machine gone) keeps its rows locked for so long at most:
then the server ends it, and another program does the work within the 10 s that an alert may be late. The one that
thaws finds its transaction undone, so nothing is done twice."""


_PLAN_EACH = " -c plan_cache_mode=force_custom_plan"


def connect_options(settings: DatabaseSettings, name: str) -> dict[str, Any]:
    """Build the keyword arguments of ``psycopg.connect``: time-outs, keep-alives; pg_stat_activity shows ``name``."""
    return {
        "application_name": f"shouwang-{name}",
        "connect_timeout": 5,
        # A server whose machine has vanished answers nothing: give up after 5 + 3 * 2 s instead of two hours.
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
        "options": f"-c timezone=UTC -c statement_timeout={settings.statement_timeout_ms} -c lock_timeout=10000"
        f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_S * 1000:.0f}",
    }


def make_pool(settings: DatabaseSettings, name: str, *, plan_each: bool = False) -> Pool:
    """Make a pool for threads, not yet open: ``with make_pool(…) as pool: with pool.connection() as conn: …``.

    ``plan_each``: every query is planned for its own values. PostgreSQL else goes over to one plan for any values
    after ten times; where rows are seen by viewer and lists have filters that may be left out, it is a guess: such a
    plan of a list of gaps took 23 s in place of 10 ms. Planning costs 0.1 to 0.5 ms a query.

    It opens with the database away, too, and connects when it is back. ``connection()`` raises
    ``psycopg_pool.PoolTimeout`` (an ``psycopg.OperationalError``) after ACQUIRE_TIMEOUT_S without one.
    """
    options = connect_options(settings, name)
    return ConnectionPool(
        settings.url,
        kwargs={**options, "options": options["options"] + (_PLAN_EACH if plan_each else "")},
        min_size=min(settings.pool_min, settings.pool_max),
        max_size=settings.pool_max,
        timeout=ACQUIRE_TIMEOUT_S,
        reconnect_timeout=5.0,
        check=ConnectionPool.check_connection,
        name=name,
        open=False,
    )


@contextmanager
def deadline(conn: Connection[Any], seconds: float) -> Iterator[None]:
    """End what is done on ``conn`` within the block after ``seconds``, with a psycopg.OperationalError.

    A server that stands still answers nothing, and neither ends a statement nor lets TCP notice: only the client's own
    clock does. The connection is of no use afterwards.
    """

    def cut() -> None:
        with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(conn.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
