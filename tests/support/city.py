"""Two districts and a city, each on a server of its own, for the tests of what districts tell the city."""

import datetime as dt
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from database.city import feed, following, telling
from database.city.names import FOLLOWER, WRITER
from database.city.schema import KEYS
from database.city.status import status
from database.rights.roles import create_roles, renew_grants, role_of
from database.server.embedded import EmbeddedPostgres
from shouwang.platform.processes import wait_until
from tests.support.databases import SMALL
from tests.support.orders import raise_alert, staff_city

WORD = "a-password-of-services"
BOUND_MB = 32
WAIT_S = 30.0
DISTRICT = SMALL | {"wal_level": "logical", "max_slot_wal_keep_size": f"{BOUND_MB}MB", "wal_sender_timeout": "5s"}
CITY = SMALL | {"wal_retrieve_retry_interval": "100ms", "wal_receiver_status_interval": "1s"}


class District:
    """A district's database on the server of the tests, and its feed on a server of its own."""

    def __init__(self, folder: Path, code: str, main_url: str) -> None:
        self.code, self.main_url = code, main_url
        self.server = EmbeddedPostgres(folder, DISTRICT)
        self.told = telling.Told()

    def build(self) -> None:
        """Make the feed, and people in the district. Roles are of the whole server: one district after the other."""
        with psycopg.connect(self.server.url_of("postgres"), autocommit=True) as conn:
            conn.execute("CREATE DATABASE feed")
        with self.owner() as conn:
            create_roles(conn, {"maintain": WORD})
            renew_grants(conn)
            staff_city(conn)
        self.publish()

    def publish(self) -> None:
        with self.owner_of_feed() as conn:
            feed.publish(conn, self.code, (f"{self.code}区", self.code), {WRITER: WORD, FOLLOWER: WORD})

    @property
    def follower_url(self) -> str:
        return self._url(FOLLOWER)

    @property
    def writer_url(self) -> str:
        return self._url(WRITER)

    @property
    def maintain_url(self) -> str:
        return make_conninfo(self.main_url, user=role_of("maintain"), password=WORD)

    def owner(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.main_url, autocommit=True)

    def owner_of_feed(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.server.url_of("feed"), autocommit=True)

    def tell(self) -> int:
        """One turn of the maintenance service, with its own roles; the rows written."""
        before = self.told.rows
        with (
            psycopg.connect(self.maintain_url, autocommit=True) as main,
            psycopg.connect(self.writer_url, autocommit=True) as target,
        ):
            telling.tell(main, target, self.told)
        return self.told.rows - before

    def cut(self) -> None:
        """Cut the line to the city: its connections end, and no new one is let in."""
        with self.owner_of_feed() as conn:
            conn.execute(f"ALTER ROLE {FOLLOWER} NOLOGIN".encode())
            conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (FOLLOWER,))

    def mend(self) -> None:
        with self.owner_of_feed() as conn:
            conn.execute(f"ALTER ROLE {FOLLOWER} LOGIN".encode())

    def _url(self, role: str) -> str:
        return f"postgresql://{role}:{WORD}@127.0.0.1:{self.server.port}/feed"


def alerts(conn: psycopg.Connection[Any], since: dt.datetime, number: int, step: dt.timedelta) -> list[uuid.UUID]:
    """Raise alerts one after the other."""
    return [raise_alert(conn, since + i * step, ("emergency", "urgent", "attention")[i % 3]) for i in range(number)]


def contents(conn: psycopg.Connection[Any], code: str) -> dict[str, tuple[int, str]]:
    """Number and checksum of a district's rows in each table, in a feed as in the city."""
    found = {}
    for table, key in KEYS.items():
        order = ", ".join(f"t.{column}" for column in key)
        row = conn.execute(
            f"SELECT count(*), coalesce(md5(string_agg(t::text, E'\\n' ORDER BY {order})), '')"
            f" FROM city.{table} t WHERE district = %s".encode(),
            (code,),
        ).fetchone()
        assert row is not None
        found[table] = (int(row[0]), str(row[1]))
    return found


class City:
    """The city's server, and two districts that it may follow."""

    def __init__(self, folder: Path, main_urls: Sequence[str]) -> None:
        self.server = EmbeddedPostgres(folder / "city", CITY)
        self.a = District(folder / "a", "yantian", main_urls[0])
        self.b = District(folder / "b", "nanshan", main_urls[1])

    def __enter__(self) -> "City":
        try:
            with ThreadPoolExecutor(3) as pool:
                for started in [
                    pool.submit(one) for one in (self.server.start, self.a.server.start, self.b.server.start)
                ]:
                    started.result()
            self.a.build()
            self.b.build()
            with self.connect() as conn:
                following.init(conn, WORD)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with ThreadPoolExecutor(3) as pool:
            pool.map(lambda server: server.discard(), (self.server, self.a.server, self.b.server))

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.server.url, autocommit=True)

    def join(self, *districts: District) -> None:
        """Follow those that are not followed yet."""
        with self.connect() as conn:
            for one in districts:
                if one.code not in following.joined(conn):
                    assert following.join(conn, one.follower_url) == one.code

    def agrees(self, one: District) -> bool:
        """Whether the city has exactly the rows of the district's feed."""
        with self.connect() as conn, one.owner_of_feed() as theirs:
            return contents(conn, one.code) == contents(theirs, one.code)

    def caught_up(self, *districts: District) -> None:
        for one in districts:
            wait_until(lambda one=one: self.agrees(one), WAIT_S, f"the city has all of {one.code}", pause_s=0.2)

    def state_of(self, one: District) -> tuple[str, str]:
        with self.connect() as conn:
            found = {verdict.district: verdict for verdict in status(conn)}[one.code]
        return found.state, found.text
