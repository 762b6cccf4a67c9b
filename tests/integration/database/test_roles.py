"""Attacks with the role of a service: passwords, the audit, alerts' history, the server's machine, other tables."""

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from typer.testing import CliRunner

from care_network.access import logins, sessions
from care_network.access.auditing.chain import check
from database.health import intake
from database.rights.grants import GRANTS, OWNER_ONLY, SERVICES
from database.rights.roles import create_roles, grants_sql, renew_grants, role_of, roles_sql, verifier
from shouwang.cli.main import app
from tests.support.databases import WORD
from tests.support.orders import raise_alert, staff_city

pytestmark = pytest.mark.integration

Urls = Mapping[str, str]


@pytest.fixture
def owner(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        raise_alert(conn, dt.datetime.now(dt.UTC))
        create_roles(conn, dict.fromkeys(SERVICES, WORD))
        assert renew_grants(conn)
        yield conn
    with psycopg.connect(database_url, autocommit=True) as conn:
        create_roles(conn, dict.fromkeys(SERVICES, WORD))  # the roles are those of every test at this server


@pytest.fixture
def urls(owner: psycopg.Connection) -> Urls:
    info = owner.info
    return {
        service: f"postgresql://{role_of(service)}:{WORD}@{info.host}:{info.port}/{info.dbname}" for service in SERVICES
    }


ATTACKS = (
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "COPY series FROM PROGRAM 'id'",
    "COPY (SELECT 1) TO '/tmp/shouwang-attack'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT * FROM pg_authid",
    "SET session_replication_role = replica",
    "UPDATE audit SET action = 'nothing'",
    "DELETE FROM audit",
    "TRUNCATE audit",
    "SELECT * FROM audit",
    "UPDATE alert_event SET note = 'nothing'",
    "DELETE FROM alert_event",
    "TRUNCATE alert_event CASCADE",
    "ALTER TABLE alert_event DISABLE TRIGGER ALL",
    "DELETE FROM alert",
    "DELETE FROM sealed_entry",
    "INSERT INTO sealed_entry (log, entry_id, previous, hash) VALUES ('audit', 1, '', '')",
    "INSERT INTO audit (id, action) OVERRIDING SYSTEM VALUE VALUES (4611686018427387904, 'view_page')",
    "INSERT INTO alert_event (id, alert_id, at, action, to_state, actor) OVERRIDING SYSTEM VALUE"
    " SELECT 9, NULL, now(), 'note', 'raised', 'x'",
    "ALTER TABLE audit DISABLE TRIGGER audit_sealed",
    "SELECT seal('audit', 1, '{}')",
    "CREATE TABLE mine (id integer)",
    "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE ROLE mine",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "SET ROLE shouwang",
    "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path)"
    " VALUES ('mine', 'x', 'x', 'x', 'admin', 'sz')",
    "UPDATE account SET role = 'admin'",
    "DELETE FROM account",
    "DELETE FROM reading",
    "DROP TABLE reading",
)
MAY = {
    ("maintain", "DELETE FROM reading"),
    ("console", "SELECT * FROM audit"),  # without a session no rows
    ("login", "SELECT * FROM audit"),  # who logged in, and nobody did
}


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_gets_beyond_its_work(urls: Urls, service: str) -> None:
    refused = (errors.InsufficientPrivilege, errors.DuplicateObject)
    with psycopg.connect(urls[service], autocommit=True) as conn:
        for attack in ATTACKS:
            if (service, attack) in MAY:
                assert service == "maintain" or conn.execute(attack.encode()).fetchall() == [], "rows by viewer"
                continue
            try:
                conn.execute(attack.encode())
            except refused:
                continue
            pytest.fail(attack)
        row = conn.execute("SELECT rolsuper, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = user").fetchone()
        assert row == (False, False, False)


def test_only_the_login_reads_what_it_is_checked_with(urls: Urls) -> None:
    for service in SERVICES:
        for secret in ("password_hash", "totp_secret"):
            with psycopg.connect(urls[service]) as conn:
                if service == "login":
                    conn.execute(f"SELECT {secret} FROM account".encode())
                    continue
                with pytest.raises(errors.InsufficientPrivilege):
                    conn.execute(f"SELECT {secret} FROM account".encode())
    readers = {"session": {"console", "login"}, "medical_note": {"console", "links"}, "login_failure": {"login"}}
    for table, allowed in readers.items():
        for service in set(SERVICES) - allowed:
            with psycopg.connect(urls[service]) as conn, pytest.raises(errors.InsufficientPrivilege):
                conn.execute(f"SELECT * FROM {table}".encode())
    for table in ("contact", "resident", "account", "alert", "message"):
        with psycopg.connect(urls["ingest"]) as conn, pytest.raises(errors.InsufficientPrivilege):
            conn.execute(f"SELECT * FROM {table}".encode())


def test_what_services_write_is_sealed_although_they_can_not_write_the_chain(
    urls: Urls, owner: psycopg.Connection
) -> None:
    now = dt.datetime.now(dt.UTC)
    with psycopg.connect(urls["login"]) as conn:
        account = logins.authenticate(lambda: psycopg.connect(urls["login"]), "carer", "three words together", "", now)
        token = sessions.open_session(conn, account, "", now)
        assert sessions.session_account(conn, token, now + dt.timedelta(minutes=2)) == account
    with psycopg.connect(urls["console"]) as conn:
        intake(conn, [1])
        conn.execute("INSERT INTO audit (account_id, action) VALUES (1, 'view_page')")
    forged = owner.execute("SELECT account_id, detail ? 'said_to_be' FROM audit WHERE action = 'view_page'").fetchall()
    assert forged == [(None, True)], "without a session in nobody's name"
    with psycopg.connect(urls["ingest"]) as conn:  # of all services the one that may make a table for itself
        conn.execute("CREATE TEMPORARY TABLE audit (id bigint)")
        with pytest.raises(errors.InsufficientPrivilege):
            conn.execute("CREATE TRIGGER forged AFTER INSERT ON audit FOR EACH ROW EXECUTE FUNCTION seal_entry()")
    found = check(owner)
    assert found.faults == ()
    assert found.entries >= 2


def test_every_table_is_granted_or_the_owners_alone(owner: psycopg.Connection) -> None:
    relations = owner.execute(
        """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_class.oid AND d.deptype = 'e')
        """
    )
    there = {name for (name,) in relations}
    named = {
        name
        for rights in GRANTS.values()
        for names in (rights.select, rights.insert, rights.update, rights.delete)
        for name in names.split()
    } | {table for rights in GRANTS.values() for _, table, _ in rights.columns}
    assert there - named - OWNER_ONLY == set(), "who reads this table? database/rights/grants.py"
    assert not OWNER_ONLY & named
    for rights in GRANTS.values():
        for names in (rights.select, rights.insert, rights.update, rights.delete):
            assert set(names.split()) <= there | {"reading_minute", "reading_hour"}
            assert len(names.split()) == len(set(names.split()))


def test_the_statements_hold_no_password_and_can_be_repeated(owner: psycopg.Connection) -> None:
    statements = roles_sql({"ingest": verifier(WORD, b"0" * 16)})
    assert WORD not in "".join(statements)
    assert "SCRAM-SHA-256$4096:MDAwMDAwMDAwMDAwMDAwMA==$" in "".join(statements)
    for _ in range(2):
        create_roles(owner, {})
        assert renew_grants(owner)
    assert "GRANT" in "".join(grants_sql("x", {"audit", "account", "staff", "area", "resident", "gateway"}, set()))


def test_the_command_prints_sql_and_keeps_its_secrets(tmp_path: Path, owner: psycopg.Connection) -> None:
    folder = str(tmp_path / "secrets")
    printed = [CliRunner().invoke(app, ["database", "roles", "--url", "x", "--secrets", folder]) for _ in range(2)]
    assert all(one.exit_code == 0 for one in printed), printed[0].output
    password = (tmp_path / "secrets" / "ingest").read_text().strip()
    assert password not in printed[0].output
    assert "CREATE ROLE" in printed[0].output
    url = f"postgresql://shouwang:{owner.info.password}@127.0.0.1:{owner.info.port}/{owner.info.dbname}"
    applied = CliRunner().invoke(app, ["database", "roles", "--apply", "--secrets", folder, "--url", url])
    assert applied.exit_code == 0, applied.output
    with psycopg.connect(
        f"postgresql://{role_of('ingest')}:{password}@127.0.0.1:{owner.info.port}/{owner.info.dbname}"
    ):
        pass
