"""Signed checkpoints against the owner of the database: a changed row, and the whole chain written anew."""

import datetime as dt
import hashlib
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from care_network.access.permissions import audit
from database.maintenance import keep_audit
from database.rights import checking, checkpoints
from database.rights.settings import AuditSettings
from shouwang.cli.main import app
from tests.support.databases import of_service
from tests.support.network import account, build_city

pytestmark = pytest.mark.integration
AT = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        for number in range(5):
            audit(conn, account(conn, "carer"), "view_alert", at=AT, detail={"number": number})
        yield conn


def run(url: str, *words: str) -> Result:
    return CliRunner().invoke(app, ["audit", *words], env={"SHOUWANG_DATABASE_URL": url, "COLUMNS": "200"})


def written_anew(conn: psycopg.Connection) -> None:
    """What an owner can do who wants a chain that fits: change a row, and compute every hash after it again."""
    with conn.transaction():
        conn.execute("SET LOCAL session_replication_role = replica")
        conn.execute("SET LOCAL timezone = 'UTC'")
        conn.execute("UPDATE audit SET detail = '{\"number\": 99}' WHERE detail->>'number' = '2'")
        previous = b""
        for position, log, text in conn.execute(
            "SELECT s.position, s.log, jsonb_strip_nulls(to_jsonb(a))::text FROM sealed_entry s"
            " JOIN audit a ON a.id = s.entry_id WHERE s.log = 'audit' ORDER BY s.position"
        ).fetchall():
            digest = hashlib.sha256(previous + log.encode() + text.encode()).digest()
            conn.execute(
                "UPDATE sealed_entry SET previous = %s, hash = %s WHERE position = %s", (previous, digest, position)
            )
            previous = digest


def test_maintain_signs_once_a_day_with_its_own_role(
    conn: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    key = tmp_path / "audit.key"
    public = checkpoints.make_key(key)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert checkpoints.make_key(key) == public, "one that is there is kept"
    settings = AuditSettings(key_file=key, checkpoint_folder=tmp_path / "kept")
    with psycopg.connect(of_service(database_url, "maintain"), autocommit=True) as service:
        for hours in (0, 1, 23):
            keep_audit(service, settings, AT + dt.timedelta(hours=hours))
        assert len(checkpoints.listing(conn, 10)) == 1
        audit(conn, None, "view_alert", at=AT + DAY)
        keep_audit(service, settings, AT + DAY)
        keep_audit(service, AuditSettings(key_file=tmp_path / "none"), AT + 3 * DAY)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.execute("SELECT * FROM audit")
    made = checkpoints.listing(conn, 10)
    assert len(made) == 2
    assert all(one.is_signed() and one.key == public for one in made)
    files = sorted((tmp_path / "kept").iterdir())
    assert [checkpoints.read(file.read_text()).position for file in files] == sorted(one.position for one in made)
    check = checking.last_check(conn)
    assert check is not None
    assert (check.faults, check.by) == ([], "maintain")
    assert check.head == str(made[0].head)


def test_a_changed_row_is_named_and_a_chain_written_anew_fails_the_checkpoint(
    conn: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    made = run(database_url, "make-key", str(tmp_path / "audit.key"))
    assert made.exit_code == 0, made.output
    signed = run(database_url, "checkpoint", "--key", str(tmp_path / "audit.key"), "--folder", str(tmp_path / "kept"))
    assert signed.exit_code == 0, signed.output
    (file,) = (tmp_path / "kept").iterdir()
    public = str(tmp_path / "audit.key.pub")
    proof = ("verify", "--checkpoint", str(file), "--public-key", public)
    audit(conn, None, "view_alert", at=AT)
    assert run(database_url, *proof).exit_code == 0
    assert "1 个检查点" in run(database_url, "checkpoints", "--export", str(tmp_path / "copy")).output
    assert [one.name for one in (tmp_path / "copy").iterdir()] == [file.name]
    written_anew(conn)
    assert run(database_url, "verify").exit_code == 0, "every hash fits"
    failed = run(database_url, *proof)
    assert failed.exit_code == 1
    assert "not in the chain" in failed.output
    with conn.transaction():
        conn.execute("SET LOCAL session_replication_role = replica")
        conn.execute("UPDATE audit SET origin = 'x' WHERE detail->>'number' = '4'")
    position = conn.execute(
        "SELECT s.position FROM sealed_entry s JOIN audit a ON a.id = s.entry_id WHERE a.origin = 'x'"
    ).fetchone()
    assert position is not None
    found = checking.check_chain(conn, AT, "test")
    assert [fault.partition(":")[0] for fault in found.faults] == [str(position[0])]
    assert "it was changed" in run(database_url, "verify").output
    file.write_text(file.read_text().replace("position: ", "position: 1"))
    assert "signature is not right" in run(database_url, *proof).output
    other = checkpoints.make_key(tmp_path / "other.key")
    assert len(other) == 64
    foreign = ("verify", "--checkpoint", str(file), "--public-key", str(tmp_path / "other.key.pub"))
    assert run(database_url, *foreign).exit_code == 1


@pytest.mark.parametrize("text", ["", "x", "shouwang checkpoint of the audit, 1\nposition: x\n", "a\nb: c\n"])
def test_a_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no checkpoint"):
        checkpoints.read(text)
