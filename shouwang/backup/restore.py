"""The restore drill: bring the newest backup back into a folder of its own, start it, and measure how long it took and
how much is missing."""

import datetime as dt
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from database.server.guardian import start_guarded
from database.server.user import ServerUser
from shouwang.backup import pgbackrest
from shouwang.backup.settings import BackupError, BackupSettings

START_S = 3600.0
PATIENCE_S = 30.0
DEBIAN = "/usr/lib/postgresql"
LIKE_THE_PRIMARY = ("max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions",
                    "max_locks_per_transaction", "shared_preload_libraries")  # fmt: skip
"""Settings that a recovering server needs as the primary had them (PostgreSQL, "Hot Standby Parameter Reference")."""
Tell = Callable[[str], None]


class RestoreResult(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a restore. ``behind_s``: age of the newest row, against the primary's newest at the start of the drill
    (the recovery point); ``open_alerts_missing``: of the primary's, those that the restored database has not."""

    bytes: int
    files_s: float
    recovery_s: float
    total_s: float
    behind_s: float | None
    rows: dict[str, int]
    open_alerts_missing: int


def restore_drill(settings: BackupSettings, url: str, folder: Path, bin_dir: Path | None, tell: Tell) -> RestoreResult:
    """Restore into ``folder``, which must be new, and remove it afterwards. ``url``: the primary, which is only read.

    Runs as the user of the database server. Raises BackupError where something does not work.
    """
    if folder.exists():
        raise BackupError(f"{folder} 已存在，请指定新文件夹 exists already; name a new folder")
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as conn:
        like = {name: str(_one(conn, "SELECT current_setting(%s)", name)) for name in LIKE_THE_PRIMARY}
        major = int(_one(conn, "SELECT current_setting('server_version_num')::int / 10000"))
        newest, open_alerts = _newest(conn), _open_alerts(conn)
        name, role = conn.info.dbname, conn.info.user
        _one(conn, "SELECT pg_switch_wal()::text")  # what is written so far is in the archive in a moment
    binaries = bin_dir or Path(DEBIAN) / str(major) / "bin"
    if not (binaries / "postgres").exists():
        raise BackupError(
            f"{binaries}: 没有 PostgreSQL {major}，请用 --bin-dir no PostgreSQL {major} there; give --bin-dir"
        )
    _await_archive(url)
    begun = time.monotonic()
    cluster = folder / "cluster"
    cluster.mkdir(parents=True, mode=0o700)
    for made in (folder, cluster):
        pgbackrest.owner(settings).give(made)
    try:
        tell("恢复文件 restoring the files …")
        pgbackrest.run(settings, "restore", f"--pg1-path={cluster}", "--archive-mode=off")
        files_s, size = time.monotonic() - begun, _size(cluster)
        tell("重放 WAL replaying the WAL …")
        with _RestoredServer(binaries, folder, like) as server:
            link = f"host={folder} port=5432 dbname={name} user={role}"
            with _wait(link, server) as conn:
                recovered = time.monotonic()
                rows = _counts(conn)
                there, here = _newest(conn), _open_alerts(conn)
        return RestoreResult(
            bytes=size,
            files_s=round(files_s, 1),
            recovery_s=round(recovered - begun - files_s, 1),
            total_s=round(recovered - begun, 1),
            behind_s=None if newest is None or there is None else max(0.0, (newest - there).total_seconds()),
            rows=rows,
            open_alerts_missing=len(open_alerts - here),
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _RestoredServer:
    """The restored server on a socket in a folder that nobody else enters; use as a context manager."""

    def __init__(self, binaries: Path, folder: Path, like: dict[str, str]) -> None:
        self._folder = folder
        # pgBackRest run by root gives the files their owner back, and PostgreSQL refuses to run as root
        found = (folder / "cluster" / "PG_VERSION").stat()
        self._owner = ServerUser(found.st_uid, found.st_gid) if os.geteuid() == 0 else ServerUser(None, None)
        self._owner.give(folder)
        hba = folder / "pg_hba.conf"
        hba.write_text("local all all trust\n")  # the folder is 0700
        conf = {
            **like, "hot_standby": "off", "listen_addresses": "", "unix_socket_directories": str(folder),
            "archive_mode": "off", "hba_file": str(hba), "port": "5432", "synchronous_standby_names": "",
            "logging_collector": "off", "ssl": "off", "shared_buffers": "256MB",
        }  # fmt: skip
        settings = cluster_conf(folder / "cluster")
        self._argv = [str(binaries / "postgres"), "-D", str(folder / "cluster"), "-c", f"config_file={settings}"]
        self._argv += [part for key, value in conf.items() for part in ("-c", f"{key}={value}")]

    def __enter__(self) -> "_RestoredServer":
        with (self._folder / "server.log").open("ab") as log:
            self._process = start_guarded(
                self._argv, ending=signal.SIGINT, stdout=log, stderr=log, cwd="/", **self._owner.popen()
            )
        return self

    def ended(self) -> str:
        """Say with its last words that the server has ended; "" where it runs."""
        if self._process.poll() is None:
            return ""
        return (self._folder / "server.log").read_text("utf-8", "replace")[-1000:].strip() or "it wrote nothing"

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait()


def cluster_conf(cluster: Path) -> Path:
    """The cluster's postgresql.conf; an empty one where it lies elsewhere, as on Debian."""
    file = cluster / "postgresql.conf"
    if not file.exists():
        file.write_text("")
    return file


def _wait(link: str, server: _RestoredServer) -> psycopg.Connection[Any]:
    deadline = time.monotonic() + START_S
    while True:
        try:
            conn = psycopg.connect(link, autocommit=True)
            if not _one(conn, "SELECT pg_is_in_recovery()"):
                return conn
            conn.close()
        except psycopg.OperationalError as error:
            words = server.ended()
            if words or time.monotonic() > deadline:
                reason = words or error
                raise BackupError(f"恢复的数据库没有启动 the restored database does not start: {reason}") from error
        time.sleep(0.1)


def _await_archive(url: str) -> None:
    """Wait, up to PATIENCE_S, until the segment that was just closed is in the archive."""
    deadline = time.monotonic() + PATIENCE_S
    with psycopg.connect(url, autocommit=True) as conn:
        while time.monotonic() < deadline:
            done = _one(
                conn,
                "SELECT last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 16777216) FROM pg_stat_archiver",
            )
            if done:
                return
            time.sleep(0.2)


def _newest(conn: psycopg.Connection[Any]) -> dt.datetime | None:
    value = _one(conn, "SELECT greatest((SELECT max(stored_at) FROM alert), (SELECT max(time) FROM reading))")
    return value if isinstance(value, dt.datetime) else None


def _open_alerts(conn: psycopg.Connection[Any]) -> set[Any]:
    return {row[0] for row in conn.execute("SELECT id FROM alert WHERE alert_is_open(state)").fetchall()}


def _counts(conn: psycopg.Connection[Any]) -> dict[str, int]:
    row = conn.execute(
        "SELECT (SELECT count(*) FROM alert), (SELECT count(*) FROM event), (SELECT count(*) FROM reading)"
    ).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    return dict(zip(("alert", "event", "reading"), row, strict=True))


def _one(conn: psycopg.Connection[Any], query: str, *values: object) -> Any:
    row = conn.execute(query.encode(), values or None).fetchone()
    return None if row is None else row[0]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
