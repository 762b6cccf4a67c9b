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
    "DROP TABLE reading_row",
    "SELECT lo_import('/etc/passwd')",
    "SELECT setval(pg_get_serial_sequence('session', 'number'), 1)",
    "UPDATE pg_proc SET prosrc = ''",
    "SELECT * FROM pg_user_mapping",
    "SELECT * FROM city_key",
    "INSERT INTO countersigned VALUES (sha256('x'))",
)
MAY = {
    ("maintain", "DELETE FROM reading"),
    ("console", "SELECT * FROM audit"),  # without a session no rows
    ("login", "SELECT * FROM audit"),  # who logged in, and nobody did
}


def test_no_service_gets_beyond_its_work(urls: Urls) -> None:
    refused = (errors.InsufficientPrivilege, errors.DuplicateObject)
    for service in SERVICES:
        with psycopg.connect(urls[service], autocommit=True) as conn:
            for attack in ATTACKS:
                if (service, attack) in MAY:
                    assert service == "maintain" or conn.execute(attack.encode()).fetchall() == [], "rows by viewer"
                    continue
                try:
                    conn.execute(attack.encode())
                except refused:
                    continue
                pytest.fail(f"{service}: {attack}")
            row = conn.execute(
                "SELECT rolsuper, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = user"
            ).fetchone()
            assert row == (False, False, False), service


NOT_READ = {
    "ingest": "contact resident account alert message",
    "login": "contact alert medical_note message work_order reading countersigned",
    "board": "session medical_note audit countersigned",
    "links": "session audit countersigned",
    "exchange": "contact medical_note staff session message",
    "maintain": "contact medical_note account resident session",
    "issuer": "resident household contact account alert",
    "lists": "resident household contact account alert",
    "path": "session medical_note audit",
    "notify": "session medical_note audit",
    "orders": "session medical_note audit identity_document register_line register_import report_person",
    "reports": "contact staff message medical_note session audit reading work_order family_member service_order",
}
"""What docs/security.md says that a stolen password does not read."""


def test_only_the_login_reads_what_it_is_checked_with(urls: Urls) -> None:
    for service in SERVICES:
        for secret in ("password_hash", "totp_secret"):
            with psycopg.connect(urls[service]) as conn:
                if service == "login":
                    conn.execute(f"SELECT {secret} FROM account".encode())
                    continue
                with pytest.raises(errors.InsufficientPrivilege):
                    conn.execute(f"SELECT {secret} FROM account".encode())
    readers = {
        "identity_document": {"console", "reports"},
        "session": {"console", "login"},
        "medical_note": {"console", "links"},
        "login_failure": {"login"},
    }
    for table, allowed in readers.items():
        for service in set(SERVICES) - allowed:
            with psycopg.connect(urls[service]) as conn, pytest.raises(errors.InsufficientPrivilege):
                conn.execute(f"SELECT * FROM {table}".encode())
    for service, tables in NOT_READ.items():
        for table in tables.split():
            with psycopg.connect(urls[service]) as conn, pytest.raises(errors.InsufficientPrivilege):
                conn.execute(f"SELECT * FROM {table}".encode())
    with psycopg.connect(urls["orders"]) as conn, pytest.raises(errors.InsufficientPrivilege):
        conn.execute("SELECT content FROM report_package")
    with psycopg.connect(urls["reports"], autocommit=True) as conn:
        for change in ("UPDATE identity_document SET version = 9", "UPDATE resident SET name_zh = ''"):
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(change.encode())


def countersign(urls: Urls, digest: bytes) -> None:
    with psycopg.connect(urls["board"]) as conn:
        conn.execute("SELECT countersign(%s)", (digest,))


WITH_THE_PASSWORD_OF_LOGIN = (
    "INSERT INTO session (token_hash, account_id, expires_at)"
    " SELECT sha256('mine'), id, now() + interval '1 hour' FROM account WHERE login = 'admin'",
    "UPDATE session SET token_hash = sha256('mine')",
    "UPDATE session SET account_id = (SELECT id FROM account WHERE login = 'admin')",
    "UPDATE session SET revoked_at = NULL",
    "UPDATE session SET expires_at = 'infinity'",
    "INSERT INTO login_enrolment SELECT sha256('mine'), id, 'secret', sha256(convert_to(password_hash, 'UTF8')),"
    " now() + interval '1 hour' FROM account WHERE login = 'admin'",
    "UPDATE account SET password_hash = 'mine' WHERE login = 'admin'",
    "UPDATE account SET totp_secret = 'ABCDEFGHIJKLMNOP'",
    "UPDATE account SET role = 'admin' WHERE login = 'carer'",
    "INSERT INTO passkey (account_id, credential, public_key, sign_count, name, created_at)"
    " SELECT id, 'x', 'x', 0, 'x', now() FROM account WHERE login = 'admin'",
    "INSERT INTO family_member SELECT a.id, r.id, 'x', 'x', now() FROM account a, resident r",
    "SELECT * FROM countersigned",
    "SELECT countersign(sha256('mine'))",
    "SELECT * FROM contact",
)


def test_the_password_of_login_opens_no_session_and_gives_nobody_a_credential(
    urls: Urls, owner: psycopg.Connection
) -> None:
    """It reads what logins are checked with, ends sessions, and forgets failures: docs/security.md."""
    now = dt.datetime.now(dt.UTC)
    carer = logins.authenticate(lambda: psycopg.connect(urls["login"]), "carer", "three words together", "", now)
    ended = sessions.open_session(owner, carer, "", now)
    sessions.revoke_session(owner, ended, now)
    with psycopg.connect(urls["login"], autocommit=True) as conn:
        for attack in WITH_THE_PASSWORD_OF_LOGIN:
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(attack.encode())
        assert conn.execute("SELECT password_hash FROM account WHERE login = 'admin'").fetchone() is not None
        assert conn.execute("DELETE FROM login_failure").rowcount >= 0
    # the other half of the console opens nothing either
    with psycopg.connect(urls["board"], autocommit=True) as conn:
        conn.execute("SELECT countersign(sha256('mine'))")
        with pytest.raises(errors.InsufficientPrivilege):
            conn.execute(WITH_THE_PASSWORD_OF_LOGIN[0].encode())
    # what one session was countersigned for opens no other
    with psycopg.connect(urls["login"], autocommit=True) as conn:
        digests: list[bytes] = []
        with pytest.raises(errors.InsufficientPrivilege):
            sessions.open_session(conn, carer, "", now, countersign=digests.append)
        countersign(urls, digests[0])
        with pytest.raises(errors.InsufficientPrivilege):
            sessions.open_session(conn, carer, "", now)
    # in a session of one's own, one's own credentials are changed
    mine = sessions.open_session(owner, carer, "", now)
    with psycopg.connect(urls["login"], autocommit=True) as conn:
        conn.execute("SELECT set_config('shouwang.viewer', %s, false)", (mine,))
        assert conn.execute("UPDATE account SET totp_secret = 'A' WHERE login = 'carer'").rowcount == 1
        with pytest.raises(errors.InsufficientPrivilege):
            conn.execute("UPDATE account SET totp_secret = 'A' WHERE login = 'dispatcher'")


def test_what_services_write_is_sealed_although_they_can_not_write_the_chain(
    urls: Urls, owner: psycopg.Connection
) -> None:
    now = dt.datetime.now(dt.UTC)
    with psycopg.connect(urls["login"]) as conn:
        account = logins.authenticate(lambda: psycopg.connect(urls["login"]), "carer", "three words together", "", now)
        token = sessions.open_session(conn, account, "", now, countersign=lambda digest: countersign(urls, digest))
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
