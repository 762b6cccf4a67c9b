"""The state that all requests share: settings, connection pool, the tokens' buckets."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import psycopg
from fastapi import Depends
from starlette.requests import Request

from database.pool import Pool, make_pool
from database.rights.machine_rows import MACHINE_SETTING
from database.settings import DatabaseSettings
from exchange.settings import ExchangeSettings
from exchange.shell.limits import Buckets
from ingest.quarantine.quarantine import Quarantine
from observability.liveness import Liveness

STRANGERS_PER_S, STRANGERS_BURST = 0.5, 20
"""Requests with a wrong token, by address: who guesses is slowed down, who mistypes is not."""

_TOKEN = re.compile(r"^[A-Za-z0-9_-]{1,200}\Z")
"""The form of what may be shown: what our threads show (``export:…``) is none of it."""


class Exchange:
    """One exchange process."""

    def __init__(
        self, settings: ExchangeSettings, database: DatabaseSettings, liveness: Liveness | None = None
    ) -> None:
        self.settings, self.database_settings = settings, database
        self.liveness = liveness or Liveness()
        self.buckets = Buckets(settings.requests_per_s, settings.burst)
        self.strangers = Buckets(STRANGERS_PER_S, STRANGERS_BURST)
        self.quarantine = Quarantine()
        self.written: Callable[[], None] = lambda: None
        """Called after readings were written, so that they leave at once."""
        self._pool: Pool = make_pool(database, "exchange")

    def start(self) -> None:
        """Open the connections to the database."""
        self._pool.open()

    def stop(self) -> None:
        """Close them."""
        self._pool.close()

    @contextmanager
    def database(self, shown: str) -> Iterator[psycopg.Connection[Any]]:
        """Lend a connection that sees the rows of the token that is ``shown``, whole or as Nightscout's clients show it
        (:mod:`database.rights.machine_rows`); committed at the end, rolled back on an error."""
        with self._pool.connection() as conn:
            conn.execute("SELECT set_config(%s, %s, true)", (MACHINE_SETTING, shown if _TOKEN.match(shown) else ""))
            # filters that are not given are left out of a plan only where it is made for the very values
            conn.prepare_threshold = None
            yield conn

    def base(self, request: Request) -> str:
        """The address of this exchange as the client knows it, without a slash at its end."""
        return (self.settings.public_url or str(request.base_url)).rstrip("/")


def exchange_of(request: Request) -> Exchange:
    """The process that answers."""
    exchange: Exchange = request.app.state.exchange
    return exchange


Shared = Annotated[Exchange, Depends(exchange_of)]
