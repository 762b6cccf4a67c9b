"""A PostgreSQL server of our own: initialise, start, stop, kill, start again. Binaries come from elsewhere."""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg

from database.errors import DatabaseError

SUPERUSER = "shouwang"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
FALLBACK = Path("/var/tmp")  # noqa: S108 - a private folder below it, see _Place


class PostgresServer:
    """One cluster in ``data_dir``, served by the binaries in ``bin_dir`` on a loopback port that stays the same.

    PostgreSQL refuses to run as root. As root it runs as ``nobody``; where that user could not reach the folders (they
    lie under /root, say), data and a copy of the binaries live in a private folder below /var/tmp, and nobody else's
    permissions are touched. The server has a session of its own, so that Ctrl-C in a terminal does not reach it before
    the services have finished.
    """

    def __init__(self, bin_dir: Path, data_dir: Path, settings: Mapping[str, str] | None = None) -> None:
        self._place = _Place.find(bin_dir, data_dir)
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data_dir(self) -> Path:
        return self._place.data

    @property
    def log_file(self) -> Path:
        return self._place.data / "server.log"

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def url(self) -> str:
        """Where to connect, password included: keep it out of logs."""
        password = self._place.password_file.read_text().strip()
        return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{self._port()}/shouwang"

    def start(self) -> None:
        """Initialise and recover if need be, and serve. Raises DatabaseError with the end of the server's log."""
        if self._process is not None and self._process.poll() is None:
            return
        if not (self.data_dir / "cluster" / "PG_VERSION").exists():
            self._initialise()
        self._clear_stale_pid_file()
        port = self._free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "max_connections": "100",
            "shared_buffers": "128MB",
            "max_wal_size": "2GB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "password_encryption": "scram-sha-256",
            **self._settings,
        }
        argv = [str(self._place.bin / "postgres"), "-D", str(self.data_dir / "cluster")]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        with self.log_file.open("ab") as log:
            self._process = self._place.popen(argv, stdout=log, stderr=log)
        self._wait_until_ready(port)
        self._ensure_database()

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, everything committed is kept."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """As a power cut would end it (all its processes), for tests."""
        if self._process is not None:
            # the children belong to the server's own session, which we started
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def __enter__(self) -> "PostgresServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)  # immediate shutdown: recovers at the next start
            process.wait(STOP_TIMEOUT_S)

    def _initialise(self) -> None:
        place = self._place
        if not place.password_file.exists():
            place.write_private(place.password_file, secrets.token_urlsafe(24))
        argv = [str(place.bin / "initdb"), "-D", str(self.data_dir / "cluster"), "-U", SUPERUSER, "-E", "UTF8"]
        argv += ["--locale=C", "--data-checksums", "--auth=scram-sha-256", f"--pwfile={place.password_file}"]
        with self.log_file.open("ab") as log:
            place.own(self.log_file)
            if place.popen(argv, stdout=log, stderr=log).wait() != 0:
                shutil.rmtree(self.data_dir / "cluster", ignore_errors=True)
                raise DatabaseError(f"PostgreSQL could not be initialised:\n{self._log_tail()}")

    def _clear_stale_pid_file(self) -> None:
        """After ``kill -9`` the pid in postmaster.pid may belong to a stranger, which would stop the start."""
        file = self.data_dir / "cluster" / "postmaster.pid"
        if not file.exists():
            return
        pid = int(file.read_text().split("\n", 1)[0])
        command = Path(f"/proc/{pid}/cmdline")
        if command.exists() and str(self.data_dir / "cluster").encode() in command.read_bytes():
            raise DatabaseError(f"a PostgreSQL server (process {pid}) already runs on {self.data_dir}; stop it first")
        file.unlink()

    def _free_port(self) -> int:
        """The port of last time if nobody took it, else another."""
        file = self.data_dir / "port"
        for wanted in [int(file.read_text())] if file.exists() else []:
            if _is_free(wanted):
                return wanted
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        file.write_text(str(port))
        return port

    def _port(self) -> int:
        return int((self.data_dir / "port").read_text())

    def _wait_until_ready(self, port: int) -> None:
        assert self._process is not None  # noqa: S101
        deadline = time.monotonic() + START_TIMEOUT_S
        maintenance = self.url.removesuffix("/shouwang") + "/postgres"
        while True:
            if self._process.poll() is not None:
                raise DatabaseError(f"PostgreSQL did not start:\n{self._log_tail()}")
            try:
                psycopg.connect(maintenance, connect_timeout=2).close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    self.stop()
                    raise DatabaseError(f"PostgreSQL does not answer on port {port}: {error}") from error
                time.sleep(0.05)

    def _ensure_database(self) -> None:
        with psycopg.connect(self.url.removesuffix("/shouwang") + "/postgres", autocommit=True) as conn:
            if not conn.execute("SELECT 1 FROM pg_database WHERE datname = 'shouwang'").fetchone():
                conn.execute("CREATE DATABASE shouwang")

    def _log_tail(self, lines: int = 15) -> str:
        text = self.log_file.read_text(errors="replace") if self.log_file.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


class _Place:
    """Where data and binaries lie, and as which user the server runs."""

    def __init__(self, bin_dir: Path, data: Path, user: str | None) -> None:
        self.bin = bin_dir
        self.data = data
        self.password_file = data / "password"
        self._user = None if user is None else pwd.getpwnam(user)

    @classmethod
    def find(cls, bin_dir: Path, data_dir: Path) -> "_Place":
        data_dir = data_dir.absolute()
        if os.geteuid() != 0:
            data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            return cls(bin_dir, data_dir, None)
        user = "nobody"
        if not _reachable(data_dir.parent):
            name = str(data_dir).strip("/").replace("/", "-")
            data_dir = FALLBACK / f"shouwang-{name}"
        if not _reachable(bin_dir):
            bin_dir = _copied_binaries(bin_dir)
        place = cls(bin_dir, data_dir, user)
        data_dir.mkdir(parents=True, exist_ok=True)
        place.own(data_dir)
        data_dir.chmod(0o700)
        return place

    def own(self, path: Path) -> None:
        if self._user is not None:
            os.chown(path, self._user.pw_uid, self._user.pw_gid)

    def write_private(self, path: Path, text: str) -> None:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        self.own(path)

    def popen(self, argv: list[str], stdout: object, stderr: object) -> subprocess.Popen[bytes]:
        identity = {} if self._user is None else {"user": self._user.pw_uid, "group": self._user.pw_gid}
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            argv,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=self.data,
            env={**environment, "LC_ALL": "C"},
            start_new_session=True,
            extra_groups=[] if identity else None,
            **identity,
        )


def _reachable(folder: Path) -> bool:
    """Whether any user may pass through every folder on the way (x for others)."""
    folder = folder.resolve()
    existing = [part for part in (folder, *folder.parents) if part.exists()]
    return all(part.stat().st_mode & 0o001 for part in existing)


def _copied_binaries(bin_dir: Path) -> Path:
    """A copy of an installation that everybody may read, made once per version."""
    version = subprocess.run([bin_dir / "postgres", "-V"], capture_output=True, text=True, check=True).stdout.split()[
        -1
    ]
    target = FALLBACK / f"shouwang-postgresql-{version}"
    if not (target / ".complete").exists():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(bin_dir.parent, target, symlinks=True)
        target.chmod(0o755)
        (target / ".complete").touch()
    return target / bin_dir.name


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
