"""PostgreSQL for tests: the grades this machine has, one server each, a fresh migrated database a test."""

import fcntl
import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg

from database.grade import Grade, enable_timescaledb
from database.migrate import migrate
from database.rights.grants import OF_CONSOLE, SERVICES
from database.rights.roles import create_roles, role_of
from database.server.embedded import EmbeddedPostgres, PostgresServer
from database.server.timescaledb import HOW_TO_GET_TIMESCALEDB, has_community, server_conf, timescaledb_bin_dir
from database.server.user import TEST_CLUSTERS

GRADES = ("plain", "apache", "community")
HOW_TO_GET_COMMUNITY = (
    "this TimescaleDB has no Community edition: set SHOUWANG_TEST_TIMESCALEDB_BIN to the folder of a 'postgres' with it"
)
SMALL = {"shared_buffers": "64MB", "max_wal_size": "512MB", "fsync": "off", "full_page_writes": "off"}
"""A killed server loses nothing that the kernel has; the power is never cut in a test."""

ONE_GRADE = ("plain",) if timescaledb_bin_dir() is None else ("apache",)
"""For tests that have nothing to do with readings: the oldest PostgreSQL there is."""

WORD = "a-password-of-services"
"""The password of every service's role in the clusters of tests."""


def of_service(url: str, service: str) -> str:
    """The same database as a service sees it, with the rights of its role alone."""
    login = f"{role_of(service)}:{quote(WORD)}"
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc.rpartition('@')[2]}"))


def url_of(conn: psycopg.Connection[Any]) -> str:
    """The connection string of an open connection."""
    info = conn.info
    return f"postgresql://{info.user}:{quote(info.password)}@{info.host}:{info.port}/{info.dbname}"


def logins_of_console(url: str, through: Callable[[str], str] = str) -> dict[str, str]:
    """Settings of a console: the logins besides its own, each with the rights of its role alone."""
    return {f"{name}_database": through(of_service(url, name)) for name in OF_CONSOLE}


class Cluster:
    """One server with a migrated template from which databases are copied.

    ``kept``: a folder that the processes of a run share: the first one keeps its cluster there, of which the others
    begin with a copy, as two hundred migrations take six processes six times as long. None: it makes its own.
    """

    def __init__(self, server: PostgresServer, kept: Path | None = None) -> None:
        self.server = server
        self._numbers = itertools.count(1)
        if kept is None:
            self.grade = self._make()
            return
        with kept.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                self._keep(self._make(), kept)
        if not server.cluster.exists():
            _copy(kept / "cluster", server.cluster)
            shutil.copy(kept / "password", server.data_dir / "password")
        self.grade = Grade((kept / "grade").read_text())
        server.start()

    def _make(self) -> Grade:
        self.server.start()
        with psycopg.connect(self.server.url_of("postgres"), autocommit=True) as conn:
            create_roles(conn, dict.fromkeys(SERVICES, WORD))
        self._admin("CREATE DATABASE fresh")
        self._keep_jobs_still()
        grade = migrate(self.server.url_of("fresh"))
        if grade is Grade.COMMUNITY:
            self._pause_policies()
        # A template that is in use cannot be copied, and TimescaleDB's scheduler connects wherever it may.
        self._admin("ALTER DATABASE fresh ALLOW_CONNECTIONS false")
        self._admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'fresh'")
        return grade

    def _keep(self, grade: Grade, kept: Path) -> None:
        self.server.stop()
        fresh = kept.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        _copy(self.server.cluster, fresh / "cluster")
        shutil.copy(self.server.data_dir / "password", fresh / "password")
        (fresh / "grade").write_text(grade.value)
        fresh.rename(kept)

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

    def _keep_jobs_still(self) -> None:
        """Stop TimescaleDB's scheduler in the template before there is a policy: one that runs while the template is
        closed is stopped in mid-run, and counts as failed in every copy."""
        with psycopg.connect(self.server.url_of("fresh"), autocommit=True) as conn:
            there = enable_timescaledb(conn)
        if there:
            with psycopg.connect(self.server.url_of("fresh"), autocommit=True) as conn:
                conn.execute("SELECT _timescaledb_functions.stop_background_workers()")

    def _pause_policies(self) -> None:
        """Pause TimescaleDB's policies: readings of a test may be older than the retention."""
        with psycopg.connect(self.server.url_of("fresh"), autocommit=True) as conn:
            conn.execute(
                "SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs"
                " WHERE hypertable_name IS NOT NULL"
            )

    def _admin(self, statement: str) -> None:
        with psycopg.connect(self.server.url_of("postgres"), autocommit=True) as conn:
            conn.execute(statement.encode())


def make_server(grade: str, folder: Path) -> PostgresServer | None:
    """A server of this grade, not yet started; None where this machine has none."""
    if grade == "plain":
        return EmbeddedPostgres(folder, SMALL)
    bin_dir = timescaledb_bin_dir()
    if bin_dir is None or (grade == "community" and not has_community(bin_dir)):
        return None
    conf = server_conf(bin_dir)
    if has_community(bin_dir):
        conf["timescaledb.license"] = "timescale" if grade == "community" else "apache"
        conf["timescaledb.bgw_launcher_poll_time"] = "3600000"  # no scheduler in the copies: tests run policies
    return PostgresServer(bin_dir, folder, SMALL | conf)


def shared_folder(grade: str) -> Path | None:
    """Where the processes of one run share a cluster of this grade; None: this is the only one, or there is no room."""
    clusters = os.environ.get(TEST_CLUSTERS)
    if clusters is None or "PYTEST_XDIST_WORKER" not in os.environ:
        return None
    return Path(clusters) / f"kept-{grade}"


def how_to_get(grade: str) -> str:
    """Advice where :func:`make_server` gives none."""
    return HOW_TO_GET_COMMUNITY if grade == "community" and timescaledb_bin_dir() else HOW_TO_GET_TIMESCALEDB


class TestPostgres:
    """A test's control of the server under its database; the server runs again after the test."""

    __test__ = False

    def __init__(self, server: PostgresServer, url: str, grade: str) -> None:
        self.url = url
        self.grade = grade
        self._server = server

    def start(self) -> None:
        """Start again on the same port, with the same data."""
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        """Send SIGKILL."""
        self._server.kill()

    def back_up(self, folder: Path) -> None:
        """Copy the whole cluster; the server is stopped meanwhile, and runs afterwards."""
        self._server.stop()
        _copy(self._server.cluster, folder)
        self._server.start()

    def restore(self, folder: Path) -> None:
        """Put a copy back: what was committed since is lost. The server runs afterwards."""
        self._server.stop()
        _copy(folder, self._server.cluster)
        self._server.start()


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)  # keeps the owner, whom the server insists on
