"""Measure a restore from pgBackRest's repository after the database's machine was lost at a random moment: RTO and RPO.

The data are as they are kept (docs/storage.md): for each home 30 series with the minutes and hours of a year, and a
month of readings at a district's mean rate. SHOUWANG_BENCH_HOMES changes the number of homes (default: 1, 0.65 GB);
SHOUWANG_BENCH_PGBACKREST names the program where it is not installed. Nothing is read from the page cache.
"""

import os
import pwd
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench.figures import Figure
from database.migrate import migrate
from database.server.guardian import start_guarded
from database.server.postgres import PostgresServer
from database.server.user import choose_user
from shouwang.backup import pgbackrest
from shouwang.backup.settings import BackupSettings

HOMES = int(os.environ.get("SHOUWANG_BENCH_HOMES", "1"))
DISTRICT_HOMES = 7198
SERIES = 30
RATE = 6400 / DISTRICT_HOMES
"""Readings a second of a home, as the whole day's mean."""
MONTH_S = 30 * 86400
LATER = 600_000 * HOMES
"""Readings that are stored after the backup: they are in the log alone."""
ROOM = Path(os.environ.get("SHOUWANG_BENCH_ROOM", "/var/tmp"))  # noqa: S108
BIN = Path(os.environ.get("SHOUWANG_BENCH_POSTGRES", "/usr/lib/postgresql/15/bin"))
LIMIT_S = 900.0
"""RTO of issue 15; an RPO of a minute."""
PACKS = 20_000
"""More than a compressor's window holds: a repetition of one of them is not seen as such."""
PACK = """
    CREATE UNLOGGED TABLE bench_{table} AS
    SELECT id, array_agg(i::smallint) AS slot, array_agg(60) AS n, array_agg(m) AS mean,
           array_agg(m - (random() * 9)::real) AS low, array_agg(m + (random() * 9)::real) AS high
    FROM (SELECT id, i, (60 + 30 * random())::real AS m
          FROM generate_series(0, {packs} - 1) id, generate_series(0, {slots}) i) x GROUP BY id
"""
PACKED = """
    INSERT INTO {table} (series_id, {pack}, slot, n, mean, low, high)
    SELECT x.s, x.t, p.slot, p.n, p.mean, p.low, p.high
    FROM (SELECT s, t, abs(hashint8(s + 8000000 * extract(epoch FROM t)::bigint)::bigint) %% {packs} AS id
          FROM generate_series(1, %(series)s::int) s, generate_series(now() - interval '1 year', now(), '{step}') t) x
    JOIN bench_{table} p USING (id)
"""
READINGS = """
    INSERT INTO reading_row (time, series_id, value)
    SELECT now() - make_interval(secs => %(span)s::float8 * i / %(number)s::float8), 1 + i %% %(series)s::int,
           (60 + 30 * random())::real
    FROM generate_series(1, %(number)s::int) i
"""


def run() -> list[Figure]:
    """Measure; needs pgBackRest and Debian's PostgreSQL."""
    program = os.environ.get("SHOUWANG_BENCH_PGBACKREST") or shutil.which("pgbackrest")
    if program is None:
        raise RuntimeError("no pgBackRest: apt-get install pgbackrest, or set SHOUWANG_BENCH_PGBACKREST")
    room = Path(tempfile.mkdtemp(prefix="shouwang-restore-", dir=ROOM))
    room.chmod(0o755)
    try:
        return list(_measure(room, Path(program)))
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _measure(room: Path, program: Path) -> Iterator[Figure]:
    user = choose_user()
    for name in ("repo", "lock", "spool", "socket", "restored", "standby"):
        (room / name).mkdir(mode=0o700)
        user.give(room / name)
    wrapper = room / "pgbackrest"
    conf = {
        "unix_socket_directories": str(room / "socket"), "archive_mode": "on", "archive_timeout": "60",
        "archive_command": f"{wrapper} --stanza=shouwang archive-push %p", "wal_level": "replica",
        "max_wal_size": "8GB", "maintenance_work_mem": "512MB", "autovacuum": "off",
    }  # fmt: skip
    (room / "filling").touch()
    server = PostgresServer(BIN, room / "primary", conf)
    try:
        server.start()
        settings = _configure(room, program, wrapper, server)
        migrate(server.url)
        with psycopg.connect(server.url, autocommit=True) as conn:
            rows = _fill(conn)
            size = _number(conn, "SELECT pg_database_size('shouwang')")
            yield Figure(
                name="database of the restore", value=size / 1e9, unit="GB",
                note=f"{HOMES} homes: {rows['minutes']:,.0f} minutes and {rows['hours']:,.0f} hours of a year,"
                f" {rows['readings']:,.0f} readings; bytes: {rows['bytes of a reading']:.0f} a reading,"
                f" {rows['bytes of a minute']:.1f} a minute, {rows['bytes of an hour']:.1f} an hour",
            )  # fmt: skip
            (room / "filling").unlink()
            conn.execute("CHECKPOINT")
            began = time.monotonic()
            pgbackrest.run(settings, "stanza-create")
            pgbackrest.run(settings, "--type=full", "backup")
            took = time.monotonic() - began
            stored = _size(room / "repo")
            yield Figure(
                name="full backup",
                value=size / took / 1e6,
                unit="MB/s",
                note=f"{took:.0f} s, {stored / 1e9:.2f} GB kept",
            )
            _restore(settings, room / "standby", "--type=standby")
            before = _number(conn, "SELECT pg_current_wal_lsn() - '0/0'")
            conn.execute(READINGS, {"series": SERIES * HOMES, "number": LATER, "span": 86400})
            wal = _number(conn, "SELECT pg_current_wal_lsn() - '0/0'") - before
        with _server(room / "standby", room) as url:
            committed = _lose(server)
            lost = time.monotonic()
            newest = _promoted(url)
            yield Figure(
                name="standby that follows the repository: time to its first write",
                value=time.monotonic() - lost, unit="s", reference=LIMIT_S, reference_name="RTO",
                note=f"RPO {committed - newest:.1f} s, killed at a random moment",
            )  # fmt: skip
        shutil.rmtree(room / "standby")
        _forget_cache(room / "repo")
        lost = time.monotonic()
        _restore(settings, room / "restored")
        files = time.monotonic() - lost
        copied = _size(room / "restored")
        with _server(room / "restored", room) as url:
            newest = _written(url)
            rto = time.monotonic() - lost
        yield Figure(
            name="restore of the files",
            value=copied / files / 1e6,
            unit="MB/s",
            note=f"{copied / 1e9:.2f} GB in {files:.0f} s",
        )
        yield Figure(
            name="replay of the log",
            value=wal / (rto - files) / 1e6,
            unit="MB/s",
            note=f"{wal / 1e9:.2f} GB, with the start, in {rto - files:.0f} s",
        )
        yield Figure(
            name="restore: time to the first write", value=rto, unit="s", reference=LIMIT_S, reference_name="RTO",
            note=f"RPO {committed - newest:.1f} s",
        )  # fmt: skip
    finally:
        server.discard()


def _configure(room: Path, program: Path, wrapper: Path, server: PostgresServer) -> BackupSettings:
    user = choose_user()
    password = room / "pgpass"
    password.write_text(f"*:*:*:*:{server.url.split(':')[2].split('@')[0]}")
    password.chmod(0o600)
    user.give(password)
    cores = os.cpu_count() or 1
    (room / "pgbackrest.conf").write_text(
        f"[global]\nrepo1-path={room}/repo\nrepo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass=for-a-bench\nlock-path={room}/lock\n"
        f"spool-path={room}/spool\narchive-async=y\nlog-level-file=off\nlog-level-console=error\nstart-fast=y\n"
        f"repo1-retention-full=2\nprocess-max={cores}\ncompress-type=zst\n[shouwang]\npg1-path={server.cluster}\n"
        f"pg1-port={server.port}\npg1-socket-path={room}/socket\npg1-user=shouwang\npg1-database=postgres\n"
    )
    shutil.copy(program, room / "program")
    # while it is filled nothing is archived: the backup comes afterwards
    wrapper.write_text(
        f'#!/bin/sh\n[ -e {room}/filling ] && [ "$2" = archive-push ] && exit 0\n'
        f'PGPASSFILE={password} exec {room}/program --config={room}/pgbackrest.conf "$@"\n'
    )
    wrapper.chmod(0o755)
    name = "" if user.uid is None else pwd.getpwuid(user.uid).pw_name
    return BackupSettings(folder=room, recipients=(), parts={}, pgbackrest=str(wrapper), database_user=name)


def _fill(conn: psycopg.Connection) -> dict[str, float]:
    number = int(RATE * MONTH_S * HOMES)
    conn.execute("CREATE TABLE bench_commit (at float8 NOT NULL)")
    for table, pack, step, slots in (
        ("rollup_minute", "hour", "1 hour", 59),
        ("rollup_hour", "day", "1 day", 23),
    ):
        for query in (PACK, PACKED):
            text = query.format(table=table, pack=pack, step=step, slots=slots, packs=PACKS)
            conn.execute(text, {"series": SERIES * HOMES} if query is PACKED else None)
        conn.execute(f"DROP TABLE bench_{table}")
    index = conn.execute("SELECT pg_get_indexdef(indexrelid), indexrelid::regclass::text FROM pg_index"
                         " WHERE indrelid = 'reading_row'::regclass").fetchall()  # fmt: skip
    for _, name in index:
        conn.execute(f"DROP INDEX {name}")
    conn.execute(READINGS, {"series": SERIES * HOMES, "number": number, "span": MONTH_S})
    for definition, _ in index:
        conn.execute(definition.encode())
    conn.execute("VACUUM ANALYZE")
    packs = {
        "minute": _number(conn, "SELECT count(*) FROM rollup_minute"),
        "hour": _number(conn, "SELECT count(*) FROM rollup_hour"),
    }
    found: dict[str, float] = {"readings": number, "minutes": packs["minute"] * 60, "hours": packs["hour"] * 24}
    found["bytes of a reading"] = _number(conn, "SELECT pg_total_relation_size('reading_row')") / number
    found["bytes of a minute"] = _number(conn, "SELECT pg_total_relation_size('rollup_minute')") / found["minutes"]
    found["bytes of an hour"] = _number(conn, "SELECT pg_total_relation_size('rollup_hour')") / found["hours"]
    return found


def _lose(server: PostgresServer) -> float:
    """Commit at a district's mean rate, kill the server at a random moment; returns the time of the last commit."""
    last = [0.0]
    stop = threading.Event()

    def commit() -> None:
        try:
            with psycopg.connect(server.url, autocommit=True) as conn:
                while not stop.is_set():
                    conn.execute(READINGS, {"series": SERIES * HOMES, "number": 640, "span": 0.1})
                    at = time.time()
                    conn.execute("INSERT INTO bench_commit VALUES (%s)", (at,))
                    last[0] = at
                    stop.wait(0.1)
        except psycopg.Error:
            return

    thread = threading.Thread(target=commit)
    thread.start()
    time.sleep(random.uniform(60, 120))
    server.kill()
    stop.set()
    thread.join()
    return last[0]


def _restore(settings: BackupSettings, cluster: Path, *options: str) -> None:
    pgbackrest.run(settings, "restore", f"--pg1-path={cluster}", "--archive-mode=off", *options)


@contextmanager
def _server(cluster: Path, room: Path) -> Iterator[str]:
    """The restored server, on a socket of its own; yields its address while it recovers."""
    user, folder = choose_user(), room / f"{cluster.name}.socket"
    folder.mkdir(mode=0o700)
    user.give(folder)
    hba = room / "hba"
    hba.write_text("local all all trust\n")
    options = {
        "listen_addresses": "", "unix_socket_directories": str(folder), "port": "5432", "hba_file": str(hba),
        "hot_standby": "on", "shared_buffers": "512MB", "max_wal_size": "8GB", "archive_mode": "off",
    }  # fmt: skip
    argv = [
        str(BIN / "postgres"),
        "-D",
        str(cluster),
        *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
    ]
    with (room / f"{cluster.name}.log").open("ab") as log:
        process = start_guarded(argv, ending=signal.SIGINT, stdout=log, stderr=log, cwd="/", **user.popen())
    try:
        yield f"host={folder} port=5432 dbname=shouwang user=shouwang"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def _promoted(url: str) -> float:
    """Promote a standby once the repository has nothing more for it; returns the newest commit that it has."""
    with _connected(url) as conn:
        seen, since = -1, time.monotonic()
        while (
            time.monotonic() - since < 2.0
        ):  # it asks the repository anew every 5 s, and is told at once that there is none
            now = _number(conn, "SELECT coalesce(pg_last_wal_replay_lsn() - '0/0', 0)")
            if now != seen:
                seen, since = now, time.monotonic()
            time.sleep(0.1)
        conn.execute("SELECT pg_promote()")
    return _written(url)


def _written(url: str) -> float:
    """Write something as soon as that is possible; returns the newest commit that is there."""
    while True:
        try:
            with _connected(url) as conn:
                newest = conn.execute("SELECT max(at) FROM bench_commit").fetchone()
                conn.execute("INSERT INTO bench_commit VALUES (0)")
                return float(newest[0]) if newest else 0.0
        except psycopg.Error:
            time.sleep(0.1)


def _connected(url: str) -> psycopg.Connection:
    deadline = time.monotonic() + 3600
    while True:
        try:
            return psycopg.connect(url, autocommit=True)
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _forget_cache(folder: Path) -> None:
    subprocess.run(["sync"], check=True)
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as open_file:
                os.posix_fadvise(open_file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _number(conn: psycopg.Connection, query: str) -> int:
    row = conn.execute(query).fetchone()
    assert row is not None  # noqa: S101 - each query has one row
    return int(row[0])


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
