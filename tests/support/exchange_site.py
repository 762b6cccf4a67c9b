"""The small city and an exchange that answers for it, in the test's process, with the rights of its database role."""

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psycopg

from care_network.access import exchange_consents, machine_tokens
from care_network.access.machine_tokens import SCOPES, NewToken
from care_network.records import provisioning
from care_network.records.records import NewDevice
from database.settings import DatabaseSettings
from exchange.app import create_app
from exchange.server import make_server
from exchange.settings import ExchangeSettings
from firmware_profiles.link.mqtt import Broker
from tests.support.console import broker_away
from tests.support.databases import of_service
from tests.support.network import account, build_city
from tests.support.services import wait_for


class ExchangeSite:
    """The city of ``tests.support.network``; the system *hospital* may know of R1, and of nobody else."""

    def __init__(self, address: str, conn: psycopg.Connection[Any]) -> None:
        self.address, self.conn = address, conn
        self.token = self.new_token("hospital")
        self.consent("R1", "hospital")

    def new_token(
        self, login: str, scopes: tuple[str, ...] = tuple(SCOPES), area: str = "sz.yt", days: float = 30
    ) -> str:
        """A token of the system ``login``."""
        new = NewToken(
            name=f"{login} test", login=login, scopes=scopes, area=area, expires_at=now() + dt.timedelta(days=days),
            name_zh="医院", name_en="Hospital",
        )  # fmt: skip
        return machine_tokens.add(self.conn, account(self.conn, "admin"), new, at=now(), origin="test")[1]

    def consent(self, resident: str, login: str) -> None:
        """The resident agrees to be known to that system."""
        admin = account(self.conn, "admin")
        exchange_consents.give(self.conn, admin, [resident], login, "care", at=now(), origin="test")

    def client(self, token: str | None = None, language: str = "en", **headers: str) -> httpx2.Client:
        """A client with that token; the hospital's by default, none for an empty one."""
        token = self.token if token is None else token
        sent = {"Accept-Language": language, **({"Authorization": f"Bearer {token}"} if token else {}), **headers}
        return httpx2.Client(base_url=self.address, headers=sent, timeout=45, trust_env=False)

    def series(self, channel: str, resident: str | None = "R1", device: str = "oximeter") -> int:
        """A series of a device that the resident wears; both are made where they are not there yet."""
        gateway = f"gw-{(resident or 'R1').removeprefix('R')}"
        provisioning.add_device(self.conn, NewDevice(gateway, device, "nonin-3230", "", resident), exist_ok=True)
        row = self.conn.execute(
            "INSERT INTO series (device_id, channel)"
            " SELECT d.id, %s FROM device d JOIN gateway g ON g.id = d.gateway_id WHERE g.name = %s AND d.name = %s"
            " ON CONFLICT (device_id, channel) DO UPDATE SET channel = EXCLUDED.channel RETURNING id",
            (channel, gateway, device),
        ).fetchone()
        assert row is not None
        return int(row[0])

    def reading(self, series: int, at: dt.datetime, value: float) -> None:
        """One stored reading."""
        self.conn.execute("INSERT INTO reading (time, series_id, value) VALUES (%s, %s, %s)", (at, series, value))

    def resident_id(self, code: str = "R1") -> int:
        row = self.conn.execute("SELECT id FROM resident WHERE code = %s", (code,)).fetchone()
        assert row is not None
        return int(row[0])


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@contextmanager
def exchange_site(
    database_url: str, folder: Path, broker: Broker | None = None, **settings: Any
) -> Iterator[ExchangeSite]:
    """Build the city in an empty database and serve the exchange."""
    own = ExchangeSettings(port=0, data_dir=folder, **{"burst": 10_000, **settings})
    with psycopg.connect(database_url, autocommit=True) as conn, broker_away() as away:
        build_city(conn)
        app = create_app(own, DatabaseSettings(url=of_service(database_url, "exchange")), broker or away)
        server = make_server(app, own)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            wait_for(lambda: server.started, 15, lambda: "the exchange does not start")
            yield ExchangeSite(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", conn)
        finally:
            server.should_exit = True
            thread.join(20)
