"""Run a PostgreSQL server of our own on given binaries: make its cluster, start it, stop it, kill it."""

import contextlib
import fcntl
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg
import structlog

from database.server.guardian import start_guarded
from database.server.stale import clear_the_way, processes_in
from database.server.user import choose_user, reachable_binaries, reachable_folder

log = structlog.get_logger(__name__)

ROLE = "shouwang"
DATABASE = "shouwang"
START_TIMEOUT_S = 60.0
RECOVERY_TIMEOUT_S = 600.0
"""Start time-out of a server that says it is recovering."""
STOP_TIMEOUT_S = 30.0
LOG_LIMIT = 16 * 1024 * 1024
"""Bytes; a longer log is renamed (one generation) at the next start."""
PORTS = range(15_000, 32_000)
"""Below the kernel's range for outgoing connections: a restart finds its port free, and a client that retries while the
server is away cannot connect to itself."""

DEFAULT_CONF: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Compiling a query would take longer than any query of ours.
    "jit": "off",
}


class PostgresServer:
    """A cluster in ``data_dir`` and the server on it; also a context manager.

    ``data_dir`` holds ``password`` (mode 0600), ``port`` and ``server.log``; the cluster itself lies beside them or,
    where the server's user cannot reach it, below /var/tmp (see :mod:`database.server.user`). ``extra_conf`` are
    settings of postgresql.conf. The first start makes the cluster, a role and a database, both named ``shouwang``.

    The server listens on 127.0.0.1 alone, on a port that is chosen once and used as long as it is free. It runs in a
    session of its own, so that Ctrl-C in a terminal does not stop it before its clients have finished, and ends with
    the program that started it, however that ends (:mod:`database.server.guardian`).
    """

    def __init__(self, bin_dir: Path, data_dir: Path, extra_conf: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir.absolute()
        self._conf = {**DEFAULT_CONF, **(extra_conf or {})}
        self._user = choose_user()
        self._bin = reachable_binaries(bin_dir.absolute(), self._user)
        self._home = reachable_folder(self.data_dir, self._user)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None
        self._port = 0
        self._password = ""
        self._log_start = 0
        self.ended_orphan = False
        """Whether the last start found a server of an earlier program, and ended it."""

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own folder."""
        return self._home / "cluster"

    @property
    def log_file(self) -> Path:
        return self.data_dir / "server.log"

    @property
    def port(self) -> int:
        """TCP port on 127.0.0.1. Raises RuntimeError before the first start."""
        if not self._port:
            raise RuntimeError("the server has no port before its first start()")
        return self._port

    @property
    def url(self) -> str:
        """Connection string of the database ``shouwang``, with its password: never log it."""
        return self.url_of(DATABASE)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def url_of(self, database: str) -> str:
        """Connection string of another database of this server; 'postgres' for creating and dropping them."""
        return self._url(ROLE, self._password, database)

    def url_as(self, role: str, password: str) -> str:
        """Connection string of the database ``shouwang`` for another role than its owner."""
        return self._url(role, password, DATABASE)

    def _url(self, role: str, password: str, database: str) -> str:
        who = f"{quote(role, safe='')}:{quote(password, safe='')}"
        return f"postgresql://{who}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def __enter__(self) -> "PostgresServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it answers; does nothing where it runs already.

        Raises RuntimeError with the end of the server's log where it does not start.
        """
        if self.pid is not None:
            return
        self._process = None
        self._claim()
        try:
            self._start()
        except BaseException:
            # Ctrl-C too must not leave a server or a claim behind.
            self.kill()
            raise

    def _start(self) -> None:
        self._make_cluster()
        self.ended_orphan = clear_the_way(self.cluster)
        for attempt in range(4):
            self._port = self._choose_port(keep=attempt == 0)
            self._spawn()
            try:
                self._wait_until_it_answers()
                break
            except _PortTakenError:
                log.warning("port was taken meanwhile, trying another", port=self._port)
        else:
            raise RuntimeError(f"no free port for PostgreSQL on 127.0.0.1; the end of its log:\n{self._log_tail()}")
        (self.data_dir / "port").write_text(f"{self._port}\n")
        self._make_database()

    def stop(self) -> None:
        """Shut down: roll back open transactions, flush everything committed. Safe to repeat."""
        for number, patience in ((signal.SIGINT, STOP_TIMEOUT_S), (signal.SIGQUIT, 10.0)):
            if self.pid is None or self._process is None:
                break
            self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        self.kill()

    def kill(self) -> None:
        """Send SIGKILL to all its processes, as a power cut would end them. The next start recovers."""
        process, self._process = self._process, None
        if process is not None:
            # The group is the server's own: start_guarded gave it a session. poll() first, so that a number that was
            # reaped, and may belong to another process by now, is never signalled.
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def discard(self) -> None:
        """Stop the server, and remove the cluster and all files of ours in the data folder; for tests."""
        self.stop()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while Path("/proc/self").exists() and processes_in(self.cluster) and time.monotonic() < deadline:
            time.sleep(0.05)
        shutil.rmtree(self.cluster, ignore_errors=True)
        if self._home != self.data_dir:
            shutil.rmtree(self._home, ignore_errors=True)
        for name in ("password", "port", "lock", "server.log", "server.log.1"):
            (self.data_dir / name).unlink(missing_ok=True)

    def copy_of(self, other: "PostgresServer", options: Sequence[str] = (), dbname: str = "") -> None:
        """Make the cluster as a copy of a running server, by pg_basebackup, before the first start.

        ``options``: more options of pg_basebackup; ``dbname``: more words of its connection string. Raises RuntimeError
        where there is a cluster already, or with the words of pg_basebackup.
        """
        if self.cluster.exists():
            raise RuntimeError(f"{self.cluster} is there already")
        self._password = other._password
        fresh = self._home / "cluster.new"
        fresh.mkdir(mode=0o700)
        self._user.give(fresh)
        # A file and no argument: everybody on a machine can read the arguments. A standby goes on using it.
        secret = self._home / "primary.pgpass"
        _write_private(secret, f"127.0.0.1:{other.port}:*:{ROLE}:{self._password}")
        self._user.give(secret)
        connection = f"host=127.0.0.1 port={other.port} user={ROLE} passfile={secret} {dbname}"
        self._run(
            "pg_basebackup", "-D", str(fresh), "-d", connection, "--checkpoint=fast", "--wal-method=stream", *options
        )
        _write_private(self.data_dir / "password", self._password)
        fresh.rename(self.cluster)

    def _claim(self) -> None:
        # The lock tells a server in use from an orphan, which is shut down at the start.
        lock = (self.data_dir / "lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise RuntimeError(
                f"{self.data_dir} is in use by another program; stop it or choose another folder"
            ) from error
        self._lock = lock

    def _make_cluster(self) -> None:
        secret = self.data_dir / "password"
        if self.cluster.exists():
            if not secret.exists():
                raise RuntimeError(
                    f"{self.cluster} is there but its password {secret} is not; restore it or remove both"
                )
            self._password = secret.read_text().strip()
            return
        self._password = secrets.token_urlsafe(24)
        # Made under another name and renamed when whole: an interrupted initdb is repeated.
        fresh = self._home / "cluster.new"
        if fresh.exists():
            shutil.rmtree(fresh)
        fresh.mkdir(mode=0o700)
        self._user.give(fresh)
        hand_over = self._home / "password.initdb"
        _write_private(hand_over, self._password)
        self._user.give(hand_over)
        try:
            self._run(
                "initdb", "-D", str(fresh), "-U", ROLE, f"--pwfile={hand_over}",
                "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions", "--data-checksums",
            )  # fmt: skip
        finally:
            hand_over.unlink()
        _write_private(secret, self._password)
        fresh.rename(self.cluster)

    def _make_database(self) -> None:
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as conn:
            recovering = conn.execute("SELECT pg_is_in_recovery()").fetchone()
            if recovering == (True,):  # a standby has the primary's
                return
            row = conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if row is None:
                conn.execute(f"CREATE DATABASE {DATABASE}".encode())

    def _run(self, program: str, *arguments: str) -> None:
        result = subprocess.run(
            [str(self._bin / program), *arguments],
            capture_output=True, text=True, errors="replace", cwd="/", env=_environment(), **self._user.popen(),
        )  # fmt: skip
        if result.returncode:
            raise RuntimeError(f"{program} failed ({result.returncode}):\n{(result.stdout + result.stderr)[-2000:]}")

    def _spawn(self) -> None:
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_LIMIT:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        conf = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": "",
            **self._conf,
        }
        arguments = [part for key, value in conf.items() for part in ("-c", f"{key}={value}")]
        with self.log_file.open("ab") as sink:
            self._log_start = sink.tell()
            self._process = start_guarded(
                [str(self._bin / "postgres"), "-D", str(self.cluster), *arguments], ending=signal.SIGINT,
                stdout=sink, stderr=subprocess.STDOUT, cwd="/", env=_environment(), **self._user.popen(),
            )  # fmt: skip

    def _wait_until_it_answers(self) -> None:
        started = time.monotonic()
        while True:
            if self.pid is None:
                tail = self._log_tail()
                if "could not bind" in tail:
                    raise _PortTakenError
                raise RuntimeError(f"PostgreSQL did not start; the end of {self.log_file}:\n{tail}")
            try:
                psycopg.connect(self.url_of("postgres"), connect_timeout=3).close()
                return
            except psycopg.OperationalError as error:
                recovering = "starting up" in str(error) or "not yet accepting" in str(error)
                if time.monotonic() - started > (RECOVERY_TIMEOUT_S if recovering else START_TIMEOUT_S):
                    raise RuntimeError(f"PostgreSQL does not answer: {error}\n{self._log_tail()}") from error
            time.sleep(0.03)

    def _choose_port(self, *, keep: bool) -> int:
        file = self.data_dir / "port"
        if keep and file.exists():
            text = file.read_text().strip()
            if text.isdigit() and 0 < int(text) < 65536 and _free(int(text)):
                return int(text)
        for port in random.sample(PORTS, 50):
            if _free(port):
                return port
        raise RuntimeError(f"found no free port between {PORTS.start} and {PORTS.stop} on 127.0.0.1")

    def _log_tail(self, size: int = 3000) -> str:
        if not self.log_file.exists():
            return ""
        written = self.log_file.read_bytes()[self._log_start :]
        return written[-size:].decode(errors="replace")


class _PortTakenError(Exception):
    """Raised where another program took the port between our check and the server's start."""


def _free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")


def _environment() -> dict[str, str]:
    # Without PGDATA, PGPORT and the like, which server and initdb would obey; English messages, which are read above.
    own = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
    return {**own, "LC_ALL": "C"}
