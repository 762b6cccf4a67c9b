"""Backup and restore with real servers: an encrypted archive of what belongs together, and pgBackRest's own restore."""

import datetime as dt
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pyrage
import pytest
from typer.testing import CliRunner

from database.migrate import migrate
from database.reports import backup_reports
from database.server.postgres import PostgresServer
from database.server.timescaledb import server_conf, timescaledb_bin_dir
from database.server.user import choose_user
from shouwang.backup import archive, check, pgbackrest, settings
from shouwang.backup.restore import restore_drill
from shouwang.cli.main import app
from tests.support.network import build_city, open_alert

pytestmark = pytest.mark.integration

PGBACKREST = os.environ.get("SHOUWANG_TEST_PGBACKREST") or shutil.which("pgbackrest")
HOW_TO_GET = "no pgBackRest: apt-get install pgbackrest, or unpack its package and set SHOUWANG_TEST_PGBACKREST"
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A machine's files: keys, an authority, alerting's folder with a file that nobody may read in plain."""
    for name in ("medical.keys", "identity.keys", "link.key", "channels.toml"):
        (tmp_path / name).write_text(f"secret of {name}")
    for name in ("pki/clients", "alerting", "broker"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "pki" / "ca.key").write_text("secret of the authority")
    (tmp_path / "pki" / "clients" / "gw-1.key").write_text("secret of a gateway")
    (tmp_path / "alerting" / "spool.jsonl").write_text("王秀英")
    (tmp_path / "broker" / "store").write_bytes(bytes(3_000_000))
    return tmp_path


def write_settings(place: Path, recipients: list[str], extra: str = "") -> Path:
    file = place / "backup.toml"
    file.write_text(
        f'''folder = "{place}/archives"
        recipients = {recipients!r}
        keep = 2
        {extra}
        [parts]
        medical_keys = "{place}/medical.keys"
        identity_keys = "{place}/identity.keys"
        link_key = "{place}/link.key"
        channels = "{place}/channels.toml"
        pki = "{place}/pki"
        broker_store = "{place}/broker"
        alerting = "{place}/alerting"
        '''
    )
    return file


def test_what_belongs_together_is_saved_encrypted_and_opened_again(place: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    (place / "identity").write_text(f"# created for a test\n{identity}\n")
    found = settings.load(write_settings(place, [str(identity.to_public())]))
    now = dt.datetime(2026, 11, 28, 2, tzinfo=dt.UTC)
    saved = [archive.save(found, now + dt.timedelta(days=day)) for day in range(3)]
    assert archive.archives(place / "archives") == saved[1:]  # the oldest went
    everything = b"".join(file.read_bytes() for file in (place / "archives").iterdir())
    for secret in ("secret of", "王秀英"):
        assert secret.encode() not in everything
    assert all(file.stat().st_mode & 0o077 == 0 for file in saved[1:])
    manifest = archive.open_archive(saved[-1], place / "identity", place / "opened")
    assert set(manifest.parts) == set(settings.PARTS)
    for name in ("medical_keys/medical.keys", "pki/ca.key", "pki/clients/gw-1.key", "alerting/spool.jsonl"):
        opened = place / "opened" / name
        original = place / name.replace("medical_keys/", "")
        assert opened.read_bytes() == original.read_bytes()
        assert opened.stat().st_mode & 0o077 == 0
    stranger = place / "stranger"
    stranger.write_text(str(pyrage.x25519.Identity.generate()))
    with pytest.raises(settings.BackupError, match="cannot be opened"):
        archive.open_archive(saved[-1], stranger, place / "nothing")


def test_an_archive_of_a_part_that_is_gone_is_refused_and_leaves_the_last_one(place: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    found = settings.load(write_settings(place, [str(identity.to_public())]))
    kept = archive.save(found, dt.datetime(2026, 11, 28, tzinfo=dt.UTC))
    (place / "medical.keys").unlink()
    with pytest.raises(settings.BackupError, match="medical_keys"):
        archive.save(found, dt.datetime(2026, 11, 29, tzinfo=dt.UTC))
    assert archive.archives(place / "archives") == [kept]


def run(*command: str, user: dict[str, object]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", **user)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


@pytest.fixture
def saved_database(place: Path) -> Iterator[tuple[PostgresServer, Path]]:
    """A server that archives its WAL by pgBackRest, with a first backup; and the settings of ``shouwang backup``."""
    binaries = timescaledb_bin_dir() or DEBIAN_15
    if PGBACKREST is None:
        pytest.skip(HOW_TO_GET)
    if not (binaries / "postgres").exists():
        pytest.skip("no PostgreSQL of Debian")
    user = choose_user()
    room = Path(tempfile.mkdtemp(prefix="shouwang-backup-", dir="/var/tmp"))
    room.chmod(0o755)
    for name in ("repo", "lock", "spool", "socket"):
        (room / name).mkdir()
        user.give(room / name)
    program, wrapper = room / "pgbackrest.bin", room / "pgbackrest"
    shutil.copy(PGBACKREST, program)
    conf = {
        **(server_conf(binaries) if binaries != DEBIAN_15 else {}),
        "unix_socket_directories": str(room / "socket"), "archive_mode": "on", "archive_timeout": "60",
        "archive_command": f"{wrapper} --stanza=shouwang archive-push %p", "wal_level": "replica",
    }  # fmt: skip
    server = PostgresServer(binaries, place / "postgres", conf)
    try:
        server.start()
        passfile = room / "pgpass"
        passfile.write_text(f"*:*:*:*:{server.url.split(':')[2].split('@')[0]}")
        passfile.chmod(0o600)
        user.give(passfile)
        file = room / "pgbackrest.conf"
        file.write_text(
            f"[global]\nrepo1-path={room}/repo\nrepo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass=for-a-test\n"
            f"lock-path={room}/lock\nspool-path={room}/spool\nlog-level-file=off\nlog-level-console=error\nstart-fast=y\n"
            f"repo1-retention-full=2\n[shouwang]\npg1-path={server.cluster}\npg1-port={server.port}\n"
            f"pg1-socket-path={room}/socket\npg1-user=shouwang\npg1-database=postgres\n"
        )
        wrapper.write_text(
            f'#!/bin/sh\n[ -e {room}/full ] && [ "$2" = archive-push ] && exit 1\n'
            f'PGPASSFILE={passfile} exec {program} --config={file} "$@"\n'
        )
        wrapper.chmod(0o755)
        migrate(server.url)
        for command in ("stanza-create", "check", "backup"):
            run(str(wrapper), "--stanza=shouwang", command, user=user.popen())
        identity = pyrage.x25519.Identity.generate()
        name = "" if user.uid is None else pwd.getpwuid(user.uid).pw_name
        extra = f'pgbackrest = "{wrapper}"\ndatabase_user = "{name}"'
        yield server, write_settings(place, [str(identity.to_public())], extra)
    finally:
        server.discard()
        shutil.rmtree(room, ignore_errors=True)


def told(server: PostgresServer) -> set[tuple[str, bool]]:
    with psycopg.connect(server.url, autocommit=True) as conn:
        return {(report.kind, report.good) for report in backup_reports.load(conn)}


def test_a_restored_database_has_every_open_alert_and_the_check_tells_what_is_wrong(
    saved_database: tuple[PostgresServer, Path], place: Path
) -> None:
    server, file = saved_database
    with psycopg.connect(server.url, autocommit=True) as conn:  # after the backup: in the WAL alone
        build_city(conn)
        for _ in range(5):
            open_alert(conn, "R1", "H1")
    runner = CliRunner()
    arguments = ["backup", "check", "--config", str(file), "--url", server.url, "--verify"]
    without = runner.invoke(app, arguments)
    assert without.exit_code == 1
    assert "run 'shouwang backup save'" in without.output
    found = settings.load(file)
    saved = runner.invoke(app, ["backup", "save", "--config", str(file), "--url", server.url, "--database"])
    assert saved.exit_code == 0, saved.output
    assert pgbackrest.usable(pgbackrest.info(found))[-1]["type"] == "diff"
    room = Path(tempfile.mkdtemp(prefix="shouwang-restore-", dir="/var/tmp"))
    room.chmod(0o755)
    try:
        binaries = timescaledb_bin_dir() or DEBIAN_15
        result = restore_drill(found, server.url, room / "drill", binaries, lambda _: None)
    finally:
        shutil.rmtree(room)
    assert result.rows == {"alert": 5, "event": 0, "reading": 0}
    assert result.open_alerts_missing == 0
    assert result.behind_s == 0.0
    well = runner.invoke(app, arguments)
    assert well.exit_code == 0, well.output
    assert told(server) == {("files", True), ("database", True), ("check", True)}
    (place / "medical.keys").unlink()  # what fails is told, and does not keep the rest from being saved
    assert (
        runner.invoke(app, ["backup", "save", "--config", str(file), "--url", server.url, "--database"]).exit_code == 1
    )
    assert told(server) == {("files", False), ("database", True), ("check", True)}
    with psycopg.connect(server.url, autocommit=True) as conn:
        Path(found.pgbackrest).with_name("full").touch()  # the repository takes nothing any more
        conn.execute("CREATE TABLE something ()")
        conn.execute("SELECT pg_switch_wal()")
        while conn.execute("SELECT failed_count = 0 FROM pg_stat_archiver").fetchone() == (True,):
            conn.execute("SELECT pg_sleep(0.05)")
    (place / "medical.keys").write_text("secret of medical.keys")
    archive.save(found, dt.datetime.now(dt.UTC))
    failing = [one for one in check.check(found, server.url, dt.datetime.now(dt.UTC), verify=False) if not one.ok]
    assert [one.subject for one in failing] == ["WAL archive WAL 归档"]
