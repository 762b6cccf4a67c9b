"""``shouwang dispatch closed``, ``reopen``, ``merge`` and ``check-procedures`` as people type them."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from dispatch.alerts import lifecycle
from dispatch.desk.procedures import FILE
from shouwang.cli.main import app
from tests.support.orders import ZHOU, raise_alert, staff_city

pytestmark = pytest.mark.integration


@pytest.fixture
def city(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        yield conn


def test_the_archive_and_the_ways_back(city: psycopg.Connection, database_url: str, tmp_path: Path) -> None:
    def types(*words: str, login: str = "dispatcher", status: int = 0) -> str:
        environment = {"SHOUWANG_DATABASE_URL": database_url, "COLUMNS": "240", "TERMINAL_WIDTH": "240"}
        acting = [] if words[0] == "check-procedures" else ["--as", login]
        result = CliRunner().invoke(app, ["dispatch", *words, *acting], env=environment)
        assert result.exit_code == status, result.output
        return result.output

    now = dt.datetime.now(dt.UTC)
    alert, other = raise_alert(city, now), raise_alert(city, now, "urgent", "bed_exit")
    lifecycle.act(city, alert, "resolve", ZHOU, now, expected_version=1, outcome="false_resident")
    shown = types("closed")
    assert str(alert) in shown
    assert "误报，老人误触" in shown
    assert str(alert) in types(
        "closed", "R1", "--kind", "fall", "--severity", "emergency", "--outcome", "false_resident"
    )
    assert str(alert) not in types("closed", "--kind", "sos")
    assert "grave" in types("closed", "--severity", "grave", status=1)
    assert "raised" in types("reopen", str(alert), "--reason", "又叫了")
    assert f"{other}: raised → {alert}" in types("merge", str(other), str(alert))
    assert f"{other}: raised" in types("unmerge", str(other))
    assert "carer" in types("merge", str(other), str(alert), login="carer", status=1)
    file = tmp_path / "procedures.toml"
    file.write_text(FILE.read_text("utf-8"), "utf-8")
    assert "version 1" in types("check-procedures", str(file))
    file.write_text("version = 0", "utf-8")
    assert "card" in types("check-procedures", str(file), status=1)
