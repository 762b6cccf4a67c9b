"""A small city and a console that answers for it, for tests in a browser or over HTTP.

The console runs in the test's process, with the rights of its own database role, without a broker: what the board
shows comes from the database. It starts in less than a second; a whole platform takes ten.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import psycopg
from playwright.sync_api import BrowserContext

from care_network.access import sessions
from care_network.medical.keyring import create_key_file
from console.app import create_app
from console.settings import ConsoleSettings
from console.shell.security import COOKIE
from console.shell.state import Console
from database.settings import DatabaseSettings
from dispatch.core.links import create_link_key_file, load_link_keys
from firmware_profiles.link.mqtt import Broker
from tests.support.console import broker_away, serving
from tests.support.databases import logins_of_console, of_service
from tests.support.network import account
from tests.support.orders import raise_alert, roster_all_day, staff_city
from tests.support.services import wait_for

CHANNELS = '[channels.sms]\nadapter = "outbox"\n\n[channels.voice]\nadapter = "outbox"\n'


class ConsoleSite:
    """The city of ``tests.support.orders`` (R1 in Haishan, R2 in Meisha; logins of ``tests.support.network``)."""

    def __init__(self, address: str, conn: psycopg.Connection[Any], console: Console, folder: Path) -> None:
        self.address, self.conn, self.console = address, conn, console
        self.keys = load_link_keys(folder / "link.keys")

    def token(self, login: str) -> str:
        """A new session of an account."""
        return sessions.open_session(self.conn, account(self.conn, login), "127.0.0.1", now())

    def log_in(self, context: BrowserContext, login: str) -> None:
        """Give a browser a session; pages are at :attr:`address`."""
        host = urlsplit(self.address).hostname
        context.add_cookies([{"name": COOKIE, "value": self.token(login), "domain": host, "path": "/"}])  # type: ignore[list-item]

    def client(self, login: str | None = None) -> httpx2.Client:
        """A client over HTTP; writes carry the Origin that a browser sends."""
        cookies = {} if login is None else {COOKIE: self.token(login)}
        return httpx2.Client(
            base_url=self.address, headers={"Origin": self.address}, cookies=cookies, timeout=45, trust_env=False
        )

    def alert(
        self, resident: str = "R1", rule: str = "fall", severity: str = "emergency", at: dt.datetime | None = None
    ) -> uuid.UUID:
        """Raise an alert as detection does, and wait until the board has it."""
        alert_id = raise_alert(self.conn, at or now(), severity, rule, resident)
        wait_for(lambda: self.console.board.get(str(alert_id)), 10, lambda: "the board does not hear of the alert")
        return alert_id


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@contextmanager
def console_site(
    database_url: str,
    folder: Path,
    *,
    through: Callable[[str], str] = str,
    broker: Broker | None = None,
    **settings: Any,
) -> Iterator[ConsoleSite]:
    """Build the city in an empty database and serve it; a daughter of R1 has consent.

    ``through`` leads the console's own connections by another way, which a test can break; ``broker`` is one that
    answers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    create_link_key_file(folder / "link.keys")
    create_key_file(folder / "medical.keys")
    (folder / "channels.toml").write_text(CHANNELS)
    with psycopg.connect(database_url, autocommit=True) as conn, broker_away() as away:
        staff_city(conn)
        roster_all_day(conn, "S1")
        conn.execute(
            "INSERT INTO family_member SELECT a.id, r.id, '女儿', 'daughter', now() FROM account a, resident r"
            " WHERE a.login = 'daughter' AND r.code = 'R1'"
        )
        files = {
            "link_key_file": folder / "link.keys", "medical_key_file": folder / "medical.keys",
            "channels_file": folder / "channels.toml",
        }  # fmt: skip
        database = DatabaseSettings(url=through(of_service(database_url, "console")))
        app = create_app(
            ConsoleSettings(**(files | logins_of_console(database_url, through) | settings)), database, broker or away
        )
        with serving(app) as address:
            yield ConsoleSite(address, conn, app.state.console, folder)
