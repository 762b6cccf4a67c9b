"""The state that all requests share: settings, connection pool, board, feed, memory of watchers."""

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import psycopg
from fastapi import Depends
from fastapi.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from care_network.access import passwords, sessions
from care_network.records.vitals import UsualRanges
from care_network.search.directory import Directory
from care_network.search.index import Index
from console.board.board import Board
from console.board.clocks import SharedClocks
from console.board.feed import Feed
from console.board.gateway_line import GatewayLine
from console.board.pulse import Pulse
from console.settings import ConsoleSettings
from console.shell.entry.login_queue import KnownNetworks, LoginQueue
from console.shell.looks import Looks
from console.shell.memory import Memory
from console.shell.viewer import tell
from database.pool import Pool, make_pool
from database.settings import DatabaseSettings
from dispatch.channels.names import read_names
from dispatch.desk import procedures
from dispatch.orders.people import Crews
from firmware_profiles.link.mqtt import Broker
from observability import metrics
from observability.liveness import Liveness

T = TypeVar("T")
OWN_PAGES = 2
"""Connections of the logins' pool for pages of one's own account and of accounts, which no login has to wait for."""
BOARD = 2
"""Connections for what all desks share: one loads, and the others wait for it."""


class Console:
    """One console process."""

    def __init__(
        self, settings: ConsoleSettings, database: DatabaseSettings, broker: Broker, liveness: Liveness | None = None
    ) -> None:
        self.liveness = liveness or Liveness()
        self.settings = settings
        self.channels = read_names(settings.channels_file)
        procedures.use(settings.procedures_file)
        self.board = Board()
        self.clocks = SharedClocks()
        self.crews = Crews()
        self.directory = Directory()
        self.usual = UsualRanges()
        self.memory = Memory()
        self.liveness.certificates = broker.certificates
        self.liveness.gauges.append(lambda: metrics.watchers.set(self.board.watchers))
        own = {
            name: database.model_copy(update={"url": url or database.url})
            for name, url in (
                ("login", settings.login_database), ("links", settings.links_database),
                ("board", settings.board_database),
            )
        }  # fmt: skip
        self.feed = Feed(self.board, own["board"], broker, settings.worker, self.liveness)
        self.gateway_line = GatewayLine(own["board"], broker, settings.worker, self.liveness)
        self.pulse = Pulse(self.feed, own["board"], self.liveness)
        self.known = KnownNetworks(self._staff_networks, lambda: dt.datetime.now(dt.UTC))
        self.logins = LoginQueue(self.known)
        self.looks = Looks()
        self.audit_check_runs = False
        self._pool: Pool = make_pool(database, "console", plan_each=True)
        few = {"pool_min": 0, "pool_max": passwords.AT_ONCE + LoginQueue.STRANGERS + OWN_PAGES}
        self._login_pool: Pool = make_pool(own["login"].model_copy(update=few), "console-login")
        self._links_pool: Pool = make_pool(own["links"].model_copy(update={"pool_min": 0}), "console-links")
        self._board_pool: Pool = make_pool(
            own["board"].model_copy(update={"pool_min": 0, "pool_max": BOARD}), "console-board"
        )
        self._thread = threading.local()

    def start(self) -> None:
        self._pool.open()
        self._login_pool.open()
        self._links_pool.open()
        self._board_pool.open()
        self.feed.start()
        self.gateway_line.start()
        threading.Thread(target=self._know_everybody, name="directory", daemon=True).start()
        self.pulse.start()

    def _staff_networks(self) -> frozenset[str]:
        with self.login_database() as conn:
            return sessions.staff_networks(conn, dt.datetime.now(dt.UTC))

    def _know_everybody(self) -> None:
        """Read the directory before somebody searches; while the database is away the first search does it."""
        self.known.refresh()
        with contextlib.suppress(psycopg.Error):
            self.everybody()

    def stop(self) -> None:
        self.feed.stop()
        self.gateway_line.stop()
        self.pulse.stop()
        self._pool.close()
        self._login_pool.close()
        self._links_pool.close()
        self._board_pool.close()

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[Any]]:
        """Lend a connection that sees the rows of whoever asks; committed at the end, rolled back on an error.

        A request that waits for its second connection while it holds the first stops the whole console as soon as
        there are as many such requests as connections. So a thread gets one at a time: pass it down. Raises
        RuntimeError for a second one, psycopg.OperationalError while the database is away.
        """
        if getattr(self._thread, "has_connection", False):
            raise RuntimeError("this thread has a connection of the pool already: pass it down")
        with self._one_for_this_thread(self._pool) as conn:
            tell(conn)
            yield conn

    @contextmanager
    def links_database(self) -> Iterator[psycopg.Connection[Any]]:
        """Lend a connection of the pages behind a signed link: what the link names is theirs to ask. As
        :meth:`database`."""
        with self._one_for_this_thread(self._links_pool) as conn:
            yield conn

    @contextmanager
    def _one_for_this_thread(self, pool: Pool) -> Iterator[psycopg.Connection[Any]]:
        if getattr(self._thread, "has_connection", False):
            raise RuntimeError("this thread has a connection of the pool already: pass it down")
        with pool.connection() as conn:
            self._thread.has_connection = True
            try:
                yield conn
            finally:
                self._thread.has_connection = False

    def everybody(self) -> Index:
        """The index of all residents, which all searches share. Whom an account may see is asked at each search."""
        with self.board_database() as conn:
            return self.directory.index(conn)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run what waits for the database in a thread, for a function of the event loop."""
        return await run_in_threadpool(work)

    @contextmanager
    def login_database(self) -> Iterator[psycopg.Connection[Any]]:
        """Lend one of the logins' own connections; committed at the end, rolled back on an error."""
        with self._login_pool.connection() as conn:
            tell(conn)
            yield conn

    def countersign(self, digest: bytes) -> None:
        """Let the role that checks passwords write one row of this digest, by another role's login: neither of the two
        passwords opens a session alone."""
        if self.settings.login_database:
            with self.board_database() as conn:
                conn.execute("SELECT countersign(%s)", (digest,))

    @contextmanager
    def board_database(self) -> Iterator[psycopg.Connection[Any]]:
        """Lend a connection for what all desks share in memory; it reads the whole district, and changes nothing.

        For a short while: a thread may hold one of its own besides.
        """
        with self._board_pool.connection() as conn:
            yield conn


def console_of(connection: HTTPConnection) -> Console:
    console: Console = connection.app.state.console
    return console


async def _shared(connection: HTTPConnection) -> Console:
    """As :func:`console_of`; FastAPI would ask a thread for what is not ``async``."""
    return console_of(connection)


Shared = Annotated[Console, Depends(_shared)]
