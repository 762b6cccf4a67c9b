"""``shouwang accounts …``: the first administrator, passwords that are never arguments, and what shuts people out."""

import datetime as dt
import re
from collections.abc import Iterator

import httpx2
import psycopg
import pyotp
import pytest
from typer.testing import CliRunner, Result

from care_network.access import passwords
from care_network.records.provisioning import add_area
from care_network.records.records import NewArea
from shouwang.cli.main import app
from tests.support.commands import commands
from tests.support.console import console
from tests.support.network import build_city

pytestmark = pytest.mark.integration
PASSWORD, NEW = "three words together", "five other words are better"


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield conn


@pytest.fixture
def city(conn: psycopg.Connection) -> psycopg.Connection:
    build_city(conn)
    return conn


@pytest.fixture
def client(city: psycopg.Connection, database_url: str) -> Iterator[httpx2.Client]:
    with console(database_url, None, None) as client:
        yield client


def run(url: str, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(
        app, ["accounts", *words], input=typed, env={"SHOUWANG_DATABASE_URL": url, "COLUMNS": "250"}
    )


def one_time(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return re.findall(r"\(72 h\): (\S+)", result.output)[0]


def log_in(client: httpx2.Client, login: str, password: str, code: str = "") -> httpx2.Response:
    client.cookies.clear()
    return client.post("/login", data={"login": login, "password": password, "code": code})


def test_no_command_takes_a_password_or_code_as_an_argument() -> None:
    for name, command in commands():
        for one in command.params:
            name_of_file = (one.name or "").endswith(("_file", "_dir"))
            secret = r"password$|secret|totp" + (r"|^code$" if name.startswith("accounts") else "")
            told = re.search(secret, one.name or "") and not name_of_file
            assert not told or getattr(one, "is_flag", False), (
                name,
                one.name,
            )


def test_the_first_administrator_is_added_once(conn: psycopg.Connection, database_url: str) -> None:
    add_area(conn, NewArea("sz", "city", "市", "City"))
    words = ("first-admin", "boss", "--area", "sz")
    assert run(database_url, *words, typed="short\nshort\n").exit_code == 1
    assert run(database_url, *words, "--password-file", "-", typed=f"{NEW}\n").exit_code == 0
    again = run(database_url, "first-admin", "second", "--area", "sz", "--password-file", "-", typed=f"{NEW}\n")
    assert again.exit_code == 1
    assert "--reset" in again.output
    assert conn.execute("SELECT login, role FROM account").fetchall() == [("boss", "admin")]


def test_the_guide_may_be_followed_twice(conn: psycopg.Connection, database_url: str) -> None:
    add_area(conn, NewArea("sz", "city", "市", "City"))
    words = ("first-admin", "boss", "--area", "sz", "--password-file", "-")
    assert run(database_url, *words, typed=f"{PASSWORD}\n").exit_code == 0
    before = conn.execute("SELECT * FROM account").fetchall()
    again = run(database_url, *words, typed=f"{NEW}\n")
    assert again.exit_code == 0
    assert "password stays as it is" in again.output
    assert "shouwang accounts password boss --reset --as boss" in again.output
    assert conn.execute("SELECT * FROM account").fetchall() == before
    conn.execute("UPDATE account SET active = false")
    assert run(database_url, *words, typed=f"{NEW}\n").exit_code == 1  # no administrator, and the login is taken


def test_a_forgotten_password_is_replaced_by_one_that_must_be_changed(
    client: httpx2.Client, city: psycopg.Connection, database_url: str
) -> None:
    assert log_in(client, "dispatcher", PASSWORD).status_code == 303
    given = one_time(run(database_url, "password", "dispatcher", "--reset", "--as", "admin"))
    assert client.get("/queue").headers["location"].startswith("/login"), "its sessions have ended"
    assert log_in(client, "dispatcher", PASSWORD).status_code == 401
    assert log_in(client, "dispatcher", given).status_code == 303
    for path in ("/", "/residents", "/queue", "/orders"):
        assert client.get(path).headers["location"] == "/password"
    assert client.get("/api/alerts").status_code == 403
    wrong = client.post("/password", data={"current": "no", "new": NEW, "again": NEW})
    assert wrong.status_code == 401
    weak = client.post("/password", data={"current": given, "new": "qwertyuiop12", "again": "qwertyuiop12"})
    assert weak.status_code == 422
    assert "泄露" in weak.text
    assert client.post("/password", data={"current": given, "new": NEW, "again": NEW}).status_code == 303
    assert client.get("/queue").status_code == 200
    assert log_in(client, "dispatcher", NEW).status_code == 303
    changed = run(
        database_url, "password", "dispatcher", typed=f"{NEW}\nand six words at the end\nand six words at the end\n"
    )
    assert changed.exit_code == 0, changed.output
    assert client.get("/queue").headers["location"].startswith("/login")
    assert city.execute("SELECT count(*) FROM audit WHERE detail::text LIKE %s", (f"%{given}%",)).fetchone() == (0,)


def test_whoever_leaves_is_shut_out_at_once(client: httpx2.Client, database_url: str) -> None:
    assert log_in(client, "carer", PASSWORD).status_code == 303
    assert "127.0.0.1" in run(database_url, "sessions", "carer", "--as", "admin").output
    assert run(database_url, "disable", "carer", "--as", "admin").exit_code == 0
    assert client.get("/queue").headers["location"].startswith("/login")
    assert log_in(client, "carer", PASSWORD).status_code == 401
    assert "停用" in run(database_url, "list", "--as", "admin").output
    assert run(database_url, "enable", "carer", "--as", "admin").exit_code == 0
    assert log_in(client, "carer", PASSWORD).status_code == 303
    assert "1 个会话" in run(database_url, "end-sessions", "carer", "--as", "admin").output
    assert client.get("/queue").headers["location"].startswith("/login")
    assert run(database_url, "disable", "admin-hs", "--as", "admin").exit_code == 0
    last = run(database_url, "disable", "admin", "--as", "admin")
    assert last.exit_code == 1
    assert "最后一名管理员" in last.output


def test_a_consent_that_is_withdrawn_ends_what_the_family_sees(
    client: httpx2.Client, city: psycopg.Connection, database_url: str
) -> None:
    city.execute(
        "INSERT INTO family_member SELECT a.id, r.id, '女儿', 'daughter', now() FROM account a, resident r"
        " WHERE a.login = 'daughter' AND r.code = 'R1'"
    )
    assert log_in(client, "daughter", PASSWORD).status_code == 303
    assert client.get("/residents/R1").status_code == 200
    assert run(database_url, "consent", "withdraw", "daughter", "R1", "--as", "admin").exit_code == 0
    assert client.get("/residents/R1").status_code == 404
    assert run(database_url, "consent", "withdraw", "daughter", "R1", "--as", "admin").exit_code == 1


def test_an_account_is_added_with_a_second_factor_and_seen_in_the_audit(
    client: httpx2.Client, database_url: str
) -> None:
    new = ("add", "zhao", "--role", "dispatcher", "--name-zh", "赵", "--name-en", "Zhao", "--area", "sz.yt")
    given = one_time(run(database_url, *new, "--as", "admin"))
    assert run(database_url, *new, "--as", "dispatcher").exit_code == 1
    assert log_in(client, "zhao", given).headers["location"] == "/"
    secret = pyotp.random_base32()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("care_network.access.second_factor.new_secret", lambda: secret)
        enrolled = run(database_url, "second-factor", "zhao", "--as", "admin", typed=pyotp.TOTP(secret).now() + "\n")
    assert enrolled.exit_code == 0, enrolled.output
    assert f"otpauth://totp/Shouwang:zhao?secret={secret}" in enrolled.output
    assert "六位动态码" in log_in(client, "zhao", given).text
    code = pyotp.TOTP(secret).at(dt.datetime.now(dt.UTC))
    assert log_in(client, "zhao", given, code).status_code == 303
    assert run(database_url, "second-factor", "zhao", "--remove", "--as", "admin").exit_code == 0
    shown = run(database_url, "audit", "show", "--as", "admin").output
    for action in ("add_account", "login", "enrol_second_factor", "reset_second_factor"):
        assert action in shown
    assert run(database_url, "audit", "show", "--as", "carer").exit_code == 1
    verified = run(database_url, "audit", "verify")
    assert verified.exit_code == 0
    head = verified.output.split()[-1]
    assert run(database_url, "audit", "verify", "--head", head).exit_code == 0
    assert run(database_url, "audit", "verify", "--head", "7:" + "0" * 64).exit_code == 1


@pytest.mark.parametrize(
    "weak", ["elevenchars", "qwertyuiop12", "password1234", "1qaz2wsx3edc", "administrator", "dispatcher12", "x" * 257]
)
def test_weak_and_leaked_passwords_are_refused(weak: str) -> None:
    with pytest.raises(ValueError, match="password"):
        passwords.check_new(weak, "dispatcher")


def test_a_generated_password_passes() -> None:
    for _ in range(5):
        passwords.check_new(passwords.generate(), "dispatcher")


def test_an_account_is_moved_and_a_consent_is_given_by_commands(city: psycopg.Connection, database_url: str) -> None:
    moved = run(database_url, "change", "carer", "--role", "station", "--as", "admin")
    assert moved.exit_code == 0, moved.output
    assert city.execute("SELECT role FROM account WHERE login = 'carer'").fetchone() == ("station",)
    beyond = run(database_url, "change", "carer", "--area", "sz.yt", "--as", "admin-hs")
    assert beyond.exit_code == 1
    assert "不在您的管辖区域" in beyond.output
    assert run(database_url, "change", "carer", "--role", "family", "--as", "admin").exit_code == 1
    words = ("consent", "give", "daughter", "R1", "--relation", "女儿", "--as", "admin")
    assert run(database_url, *words).exit_code == 0
    assert city.execute("SELECT count(*) FROM family_member").fetchone() == (1,)
    told = city.execute("SELECT action FROM audit ORDER BY id").fetchall()
    assert [row[0] for row in told] == ["change_account", "give_consent"]
