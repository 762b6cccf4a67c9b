"""PostgreSQL for tests: the grades this machine has, one server each, a fresh migrated database a test."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from database.embedded import EmbeddedPostgres, PostgresServer
from database.migrate import migrate

GRADES = ("plain", "apache")
HOW_TO_GET_TIMESCALEDB = (
    "no TimescaleDB found: run tools/timescaledb-apache.sh (Debian 12), install postgresql-17-timescaledb (Debian 13),"
    " or set SHOUWANG_TEST_TIMESCALEDB_BIN to the folder of its 'postgres'"
)

SMALL = {"shared_buffers": "64MB", "max_wal_size": "512MB", "fsync": "off"}
"""A killed server loses nothing that the kernel has; the power is never cut in a test."""


def timescaledb_bin_dir() -> Path | None:
    """The folder of a 'postgres' that has TimescaleDB; None where there is none."""
    named = os.environ.get("SHOUWANG_TEST_TIMESCALEDB_BIN")
    if named:
        return Path(named)
    caches = [Path("/var/cache"), Path.home() / ".cache"]
    if os.environ.get("XDG_CACHE_HOME"):
        caches.insert(0, Path(os.environ["XDG_CACHE_HOME"]))
    prefixes = [cache / "shouwang" / "timescaledb-pg15" for cache in caches]
    for prefix in prefixes:
        if _exists(prefix / ".done"):
            return prefix / "usr/lib/postgresql/15/bin"
    for version in ("17", "16", "15"):
        if Path(f"/usr/share/postgresql/{version}/extension/timescaledb.control").exists():
            return Path(f"/usr/lib/postgresql/{version}/bin")
    return None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False


ONE_GRADE = ("plain",) if timescaledb_bin_dir() is None else ("apache",)
"""For tests that have nothing to do with readings: the oldest PostgreSQL there is."""


class Cluster:
    """One server with a migrated template from which databases are copied."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._numbers = itertools.count(1)
        server.start()
        self._admin("CREATE DATABASE fresh")
        self.grade = migrate(server.url_of("fresh"))
        # A template that is in use can not be copied, and TimescaleDB's scheduler connects wherever it may.
        self._admin("ALTER DATABASE fresh ALLOW_CONNECTIONS false")
        self._admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'fresh'")

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """The connection string of a new, migrated, empty database; it is dropped afterwards."""
        name = f"test_{next(self._numbers)}"
        self._admin(f"CREATE DATABASE {name} TEMPLATE fresh STRATEGY FILE_COPY")
        try:
            yield self.server.url_of(name)
        finally:
            self.server.start()  # the test may have left it dead
            self._admin(f"DROP DATABASE {name} WITH (FORCE)")

    def _admin(self, statement: str) -> None:
        with psycopg.connect(self.server.url_of("postgres"), autocommit=True) as conn:
            conn.execute(statement.encode())


def make_server(grade: str, folder: Path) -> PostgresServer | None:
    """A server of this grade, not yet started; None where this machine has none."""
    if grade == "plain":
        return EmbeddedPostgres(folder, SMALL)
    bin_dir = timescaledb_bin_dir()
    if bin_dir is None:
        return None
    return PostgresServer(bin_dir, folder, {**SMALL, "shared_preload_libraries": "timescaledb"})


class TestPostgres:
    """What a test may do with the server under its database; the server runs again after the test."""

    __test__ = False

    def __init__(self, server: PostgresServer, url: str, grade: str) -> None:
        self.url = url
        self.grade = grade
        self._server = server

    def start(self) -> None:
        """On the same port, with the same data."""
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        """SIGKILL."""
        self._server.kill()
