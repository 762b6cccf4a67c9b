"""The commands of the time bank: who helps, whom to ask, a statement, a transfer booked once, and the proof."""

import datetime as dt
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from shouwang.cli.main import app
from tests.support.orders import staff_city
from tests.support.time_bank import asked, helped, managers, volunteer

pytestmark = pytest.mark.integration


def test_the_commands_of_the_time_bank(database_url: str, tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        by, _ = managers(conn)
        code = volunteer(conn, by, now)
        helped(conn, by, code, 60, now - dt.timedelta(days=3))
        number = asked(conn, by, now)

    def run(*words: str, status: int = 0) -> str:
        done = CliRunner().invoke(app, ["care", "time-bank", *words, "--url", database_url, "--as", by.login])
        assert done.exit_code == status, done.output
        return done.output

    assert f"{code}  何婶  active" in run("volunteers")
    assert f"{number}  company" in run("requests")
    assert "speaks Mandarin" in run("matches", str(number))
    for _ in range(2):
        run("transfer", code, "R1", "20", "--key", "k")
    assert "+60" in run("statement", code)
    file = tmp_path / "statement.csv"
    run("statement", code, "--out", str(file))
    assert "转让" in file.read_text("utf-8-sig")
    assert "too few minutes" in run("transfer", code, "R1", "500", "--key", "k2", status=1)
    assert "expired: 0:00 h" in run("expire")
    assert "visits made: 0" in run("make-week")
    assert "the books are right" in run("verify")
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("ALTER TABLE time_entry DISABLE TRIGGER time_entry_append_only")
        conn.execute("UPDATE time_entry SET minutes = minutes - 1 WHERE id = (SELECT min(id) FROM time_entry)")
    assert "does not sum to zero" in run("verify", status=1)
