"""Commands on a real database, as an account that is not there and as one that may not."""

import datetime as dt
import inspect
import re
import uuid
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, get_type_hints

import psycopg
import pytest
from typer.testing import CliRunner, Result

from care_network.access.permissions import PERMISSIONS, WITHOUT_AREA, Action, Role
from care_network.medical.keyring import create_key_file
from dispatch.core.history import SYSTEM
from dispatch.orders import assigning
from shouwang.cli.main import app
from tests.support.commands import ACCOUNT_WHEN_NEEDED, COMMANDS, WITHOUT_ACCOUNT, commands
from tests.support.orders import raise_alert, staff_city

pytestmark = pytest.mark.integration
ACTING = {
    name: command for name, command in commands() if name not in WITHOUT_ACCOUNT and name not in ACCOUNT_WHEN_NEEDED
}
MEANT = {
    "what": "accept", "kind": "carer", "since": "2026-11-01", "until": "2026-11-02", "at": "2099-01-01T09:30",
    "month": "2026-11", "happened": "2026-11-01T10:00",
}  # fmt: skip
"""Values for options and arguments by name, where one that is made up would be refused before the account is."""


def arguments(name: str, command: Any, file: Path, meant: Mapping[str, str] = {}) -> list[str]:
    """What the command requires, made up: no account gets as far as to look at it."""
    words, kinds = name.split(), get_type_hints(inspect.unwrap(command.callback))
    for one in command.params:
        if one.required and one.name not in ("login", "url"):
            value = meant.get(one.name) or made_up(one.name, kinds[one.name], file)
            flag = getattr(one, "is_flag", False)
            words += [value] if one.param_type_name == "argument" else [one.opts[0], *([] if flag else [value])]
    placed = name.startswith("alerting parameters ") and name not in (
        "alerting parameters conditions",
        "alerting parameters preset",
    )
    return [*words, "--district"] if placed else words


def made_up(name: str, kind: Any, file: Path) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return str(next(iter(kind)).value)
    if name in MEANT:
        return MEANT[name]
    return {Path: str(file), str: "x=x", list[str]: "x=x", uuid.UUID: str(uuid.UUID(int=1))}.get(kind, "1")


ROLES = tuple(role for role in Role if role not in (*WITHOUT_AREA, Role.PANEL, Role.MACHINE))
"""Of the staff."""


def may(role: Role, action: Action) -> bool:
    return action in PERMISSIONS[role]


def _of_first_street(conn: psycopg.Connection) -> dict[str, str]:
    """Values of arguments that name things of Haishan, and an account of each role in Meisha."""
    for role in ROLES:
        conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)"
            " SELECT %s, password_hash, '外', 'Stranger', %s, 'sz.yt.ms', language FROM account WHERE login = 'admin'",
            (f"{role}-far", role),
        )
    conn.execute("UPDATE resident SET name_zh = '陈一' WHERE code = 'R1'")
    alerts = [raise_alert(conn, dt.datetime.now(dt.UTC), rule=rule) for rule in ("fall", "bed_exit")]
    order = assigning.plan_service(
        conn, "wellness_check", "R1", dt.datetime.now(dt.UTC) + dt.timedelta(hours=1), SYSTEM, dt.datetime.now(dt.UTC)
    )
    return {
        "resident": "R1", "residents": "R1", "home": "H1", "household": "H1", "gateway": "gw-1", "key": "R1",
        "staff": "S11", "place": "S1", "alert": str(alerts[0]), "other": str(alerts[1]), "which": str(alerts[0]),
        "number": str(order.number), "sheet": "residents", "fields": "name_zh=某",
    }  # fmt: skip


def _all_rows(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    """What commands might have changed of the first street."""
    return conn.execute(
        """
        SELECT (SELECT sum(hashtext(r::text)) FROM resident r), (SELECT sum(hashtext(h::text)) FROM household h),
               (SELECT sum(hashtext(a.state)) FROM alert a), (SELECT sum(hashtext(o.state)) FROM work_order o),
               (SELECT count(*) FROM gateway), (SELECT count(*) FROM pause), (SELECT count(*) FROM parameter_change),
               (SELECT count(*) FROM medical_note), (SELECT count(*) FROM family_member),
               (SELECT count(*) FROM exchange_consent), (SELECT count(*) FROM roster), (SELECT count(*) FROM contact)
        """
    ).fetchall()


def _said(result: Result) -> bool:
    """Whether the command ended with an answer, and not by a fault of the program."""
    return result.exception is None or isinstance(result.exception, SystemExit)


def run(url: str, *words: str) -> Result:
    return CliRunner().invoke(app, list(words), env={"SHOUWANG_DATABASE_URL": url, "COLUMNS": "200"})


@pytest.fixture
def city(database_url: str) -> str:
    with psycopg.connect(database_url) as conn:
        staff_city(conn)
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
    """A family may look at its own on the console; no command of the staff's is for it but the list of pauses.

    The refusal names the permission that the command asks for: which role has it, the table of permissions says.
    """
    file = tmp_path / "file.csv"
    file.write_text("编号\n")
    key = tmp_path / "medical.keys"
    create_key_file(key)
    before, done, wrong = traces(), [], {}
    for action, names in COMMANDS.items():
        for name in names:
            made = IN_NETWORK | {"fields": "other=写" if "note" in name else "name_zh=某"}
            made = made if name.startswith("network ") else {}
            words = arguments(name, ACTING[name], key if name.startswith("network note") else file, made)
            result = run(city, *words, "--as", "daughter")
            if result.exit_code != 1:
                done.append(name)
            elif f"family, who may not {action.value.replace('_', ' ')}" not in result.output and name not in BY_WORDS:
                wrong[name] = result.output
    assert sorted(done) == ["alerting pause list", "care courses list"]
    assert wrong == {}
    after = traces()
    assert [row[1:] for row in after] == [row[1:] for row in before]


IN_NETWORK = {"kind": "resident", "sheet": "residents", "resident": "R1", "key": "R1"}
BY_WORDS = {name for names in COMMANDS.values() for name in names if name.startswith("alerting parameters")} | {
    "dispatch closed",
    "care one-tap ask",  # families ask for their own
    "network export",  # its file is there already
}
"""Refused by a sentence of their own."""
FOREIGN = re.compile(r"(?<![\w-])(路1号|1 Road|陈一)(?!\w)", re.ASCII)


def test_no_command_reaches_into_another_street(city: str, tmp_path: Path) -> None:
    """Each command as an account whose role has the permission, in another street than what it is asked about."""
    file, key = tmp_path / "file.csv", tmp_path / "medical.keys"
    file.write_text("")
    create_key_file(key)
    with psycopg.connect(city, autocommit=True) as conn:
        meant = _of_first_street(conn)
        before = _all_rows(conn)
        asked, wrong = set(), {}
        for number, (action, name) in enumerate((action, name) for action, names in COMMANDS.items() for name in names):
            roles = [role for role in ROLES if may(role, action)]
            role = roles[number % len(roles)]
            asked.add(role)
            made = {**meant, "kind": "resident"} if name.startswith("network ") else meant
            words = arguments(name, ACTING[name], key if name.startswith("network note") else file, made)
            result = run(city, *words, "--as", f"{role}-far")
            if ", who may not " in result.output or FOREIGN.search(result.output) or not _said(result):
                wrong[name] = (role, words, result.exit_code, result.output[-300:], result.exception)
        assert wrong == {}
        assert _all_rows(conn) == before
        assert asked == set(ROLES)


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
