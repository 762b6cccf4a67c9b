"""Commands on a real database, as an account that is not there and as one that may not."""

import inspect
import uuid
from enum import Enum
from pathlib import Path
from typing import Any, get_type_hints

import psycopg
import pytest
from typer.testing import CliRunner, Result

from shouwang.cli.main import app
from tests.support.commands import ACCOUNT_WHEN_NEEDED, WITHOUT_ACCOUNT, commands
from tests.support.network import build_city

pytestmark = pytest.mark.integration
ACTING = {
    name: command for name, command in commands() if name not in WITHOUT_ACCOUNT and name not in ACCOUNT_WHEN_NEEDED
}
MEANT = {"what": "accept", "kind": "carer", "since": "2026-11-01", "until": "2026-11-02", "at": "2099-01-01T09:30"}
"""Values for options and arguments by name, where one that is made up would be refused before the account is."""


def arguments(name: str, command: Any, file: Path) -> list[str]:
    """What the command requires, made up: no account gets as far as to look at it."""
    words, kinds = name.split(), get_type_hints(inspect.unwrap(command.callback))
    for one in command.params:
        if one.required and one.name not in ("login", "url"):
            value = made_up(one.name, kinds[one.name], file)
            words += [value] if one.param_type_name == "argument" else [one.opts[0], value]
    placed = name.startswith("alerting parameters ") and name != "alerting parameters conditions"
    return [*words, "--district"] if placed else words


def made_up(name: str, kind: Any, file: Path) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return str(next(iter(kind)).value)
    if name in MEANT:
        return MEANT[name]
    return {Path: str(file), str: "x=x", list[str]: "x=x", uuid.UUID: str(uuid.UUID(int=1))}.get(kind, "1")


def run(url: str, *words: str) -> Result:
    return CliRunner().invoke(app, list(words), env={"SHOUWANG_DATABASE_URL": url, "COLUMNS": "200"})


@pytest.fixture
def city(database_url: str) -> str:
    with psycopg.connect(database_url) as conn:
        build_city(conn)
    return database_url


@pytest.fixture
def traces(city: str) -> Any:
    """How many rows of the tables that commands write there are."""

    def count() -> list[tuple[Any, ...]]:
        with psycopg.connect(city) as conn:
            return conn.execute(
                "SELECT (SELECT count(*) FROM audit), (SELECT count(*) FROM resident), (SELECT count(*) FROM handover),"
                " (SELECT count(*) FROM notification_preference), (SELECT count(*) FROM work_order)"
            ).fetchall()

    return count


def test_no_command_does_anything_for_an_account_that_is_not_there(city: str, traces: Any, tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    file.write_text("")
    before = traces()
    wrong = {}
    for name, command in ACTING.items():
        result = run(city, *arguments(name, command, file), "--as", "nobody")
        if result.exit_code != 1 or "no active account 'nobody'" not in result.output:
            wrong[name] = (result.exit_code, result.output, result.exception)
    assert not wrong
    assert traces() == before
    assert list(tmp_path.iterdir()) == [file]


def test_no_command_does_anything_for_the_family(city: str, traces: Any, tmp_path: Path) -> None:
    """A family may look at its own on the console; no command of the staff's is for it but the list of pauses."""
    file = tmp_path / "file.csv"
    file.write_text("")
    before = traces()
    done = [
        name
        for name, command in ACTING.items()
        if run(city, *arguments(name, command, file), "--as", "daughter").exit_code != 1
    ]
    assert done == ["alerting pause list"]
    assert traces() == before


DISTRICT = """
[[area]]
path = "c"
level = "city"
name_zh = "市"
name_en = "City"

[[account]]
login = "chief"
name_zh = "主管"
name_en = "Chief"
role = "admin"
area = "c"
password = "three words together"
"""


def test_the_first_file_brings_the_accounts_and_the_next_needs_one(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "district.toml"
    file.write_text(DISTRICT)
    first = run(database_url, "provision", "district", str(file))
    assert first.exit_code == 0, first.output
    again = run(database_url, "provision", "district", str(file))
    assert again.exit_code == 1
    assert "--as" in again.output
    assert run(database_url, "provision", "district", str(file), "--as", "nobody").exit_code == 1
    named = run(database_url, "provision", "district", str(file), "--as", "chief")
    assert named.exit_code == 0, named.output
    with psycopg.connect(database_url) as conn:
        lines = conn.execute(
            "SELECT login, action, origin FROM audit LEFT JOIN account a ON a.id = account_id ORDER BY audit.id"
        ).fetchall()
    assert lines == [(None, "provision", "cli"), ("chief", "provision", "cli")]


def test_statistics_are_of_the_own_area(city: str) -> None:
    assert run(city, "dispatch", "statistics", "--as", "dispatcher").exit_code == 0
    outside = run(city, "dispatch", "statistics", "--under", "elsewhere", "--as", "dispatcher")
    assert outside.exit_code == 1
    assert "elsewhere" in outside.output


def test_a_database_without_a_schema_is_said_so(database_url: str) -> None:
    empty = f"{database_url}{'&' if '?' in database_url else '?'}options=-csearch_path%3Dpg_catalog"
    result = run(empty, "dispatch", "statistics", "--as", "dispatcher")
    assert result.exit_code == 1
    assert "shouwang migrate" in result.output
