"""What the parts of the console share: settings, pool, board, feed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from starlette.requests import HTTPConnection

from care_network.access import permissions
from care_network.access.accounts import Account
from console.board.board import Board
from console.board.feed import Feed
from console.settings import ConsoleSettings
from database.pool import Pool, make_pool
from database.settings import DatabaseSettings
from dispatch.channels.names import read_names
from dispatch.orders.people import Crews
from firmware_profiles.mqtt import Broker


class Console:
    """One console process."""

    def __init__(self, settings: ConsoleSettings, database: DatabaseSettings, broker: Broker) -> None:
        self.settings = settings
        self.channels = read_names(settings.channels_file)
        self.board = Board()
        self.crews = Crews()
        self.feed = Feed(self.board, database, broker, settings.worker)
        self._pool: Pool = make_pool(database, "console")

    def start(self) -> None:
        self._pool.open()
        self.feed.start()

    def stop(self) -> None:
        self.feed.stop()
        self._pool.close()

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection; committed at the end, rolled back on an error. Raises psycopg.OperationalError while the
        database is away."""
        with self._pool.connection() as conn:
            yield conn

    def scope(self, account: Account) -> "Scope":
        """What the account may see, read anew."""
        with self.database() as conn:
            return Scope(
                permissions.visible_households(conn, account),
                permissions.visible_residents(conn, account),
                account.role,
            )


class Scope:
    """Whom an account may see. Staff see the households of their area, family their own parent's alerts."""

    def __init__(self, households: frozenset[int], residents: frozenset[int], role: str) -> None:
        self.households, self.residents, self.role = households, residents, role

    def sees(self, alert: Any) -> bool:
        """Whether an alert (notice) is theirs to see. Technical alerts are not for the family."""
        if self.role == "family":
            return alert.resident_id in self.residents and alert.severity != "technical"
        return alert.household_id in self.households


def console_of(connection: HTTPConnection) -> Console:
    console: Console = connection.app.state.console
    return console
