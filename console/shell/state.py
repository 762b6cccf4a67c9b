"""The state that all requests share: settings, connection pool, board, feed, memory of watchers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import psycopg
from fastapi import Depends
from starlette.requests import HTTPConnection

from console.board.board import Board
from console.board.feed import Feed
from console.settings import ConsoleSettings
from console.shell.memory import Memory
from database.pool import Pool, make_pool
from database.settings import DatabaseSettings
from dispatch.channels.names import read_names
from dispatch.orders.people import Crews
from firmware_profiles.mqtt import Broker
from observability import metrics
from observability.liveness import Liveness


class Console:
    """One console process."""

    def __init__(
        self, settings: ConsoleSettings, database: DatabaseSettings, broker: Broker, liveness: Liveness | None = None
    ) -> None:
        self.liveness = liveness or Liveness()
        self.settings = settings
        self.channels = read_names(settings.channels_file)
        self.board = Board()
        self.crews = Crews()
        self.memory = Memory()
        self.liveness.certificates = broker.certificates
        self.liveness.gauges.append(lambda: metrics.watchers.set(self.board.watchers))
        self.feed = Feed(self.board, database, broker, settings.worker, self.liveness)
        self._pool: Pool = make_pool(database, "console")
        self._thread = threading.local()

    def start(self) -> None:
        self._pool.open()
        self.feed.start()

    def stop(self) -> None:
        self.feed.stop()
        self._pool.close()

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[Any]]:
        """Lend a connection; committed at the end, rolled back on an error.

        A request that waits for its second connection while it holds the first stops the whole console as soon as
        there are as many such requests as connections. So a thread gets one at a time: pass it down. Raises
        RuntimeError for a second one, psycopg.OperationalError while the database is away.
        """
        if getattr(self._thread, "has_connection", False):
            raise RuntimeError("this thread has a connection of the pool already: pass it down")
        with self._pool.connection() as conn:
            self._thread.has_connection = True
            try:
                yield conn
            finally:
                self._thread.has_connection = False


def console_of(connection: HTTPConnection) -> Console:
    console: Console = connection.app.state.console
    return console


Shared = Annotated[Console, Depends(console_of)]
