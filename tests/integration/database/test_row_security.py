"""The console's role sees the rows of the session that asks, and without one nobody: by direct connections."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from care_network.access import exchange_consents, machine_tokens, sessions
from care_network.access.machine_tokens import SCOPES, NewToken, nightscout_secret
from care_network.medical import notes
from care_network.medical.keyring import create_key_file
from database.rights.grants import GRANTS
from database.rights.machine_rows import MACHINE_ROWS, MACHINE_SETTING
from database.rights.roles import renew_grants
from database.rights.row_security import BOUND, ROWS, SETTING
from tests.support.databases import of_service
from tests.support.network import account
from tests.support.orders import raise_alert, staff_city

pytestmark = pytest.mark.integration

Ask = Callable[..., list[Any]]


@pytest.fixture
def city(database_url: str, tmp_path: Path) -> Iterator[psycopg.Connection]:
    """R1 in Haishan, R2 in Meisha, each with a note; R1 has an open alert; a dispatcher of Meisha, an auditor."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        for login, role, area in (("meisha", "dispatcher", "sz.yt.ms"), ("auditor", "auditor", "sz.yt")):
            conn.execute(
                "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)"
                " SELECT %s, password_hash, '某', 'Somebody', %s, %s, language FROM account WHERE login = 'dispatcher'",
                (login, role, area),
            )
        conn.execute(
            "INSERT INTO family_member SELECT a.id, r.id, '女儿', 'daughter', now() FROM account a, resident r"
            " WHERE a.login = 'daughter' AND r.code = 'R1'"
        )
        ring = create_key_file(tmp_path / "medical.keys")
        for code in ("R1", "R2"):
            notes.add_note(conn, ring, code, notes.MedicalNote(other="无"), now())
        raise_alert(conn, now())
        yield conn


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@contextmanager
def asking(url: str, token: str, service: str = "console") -> Iterator[psycopg.Connection]:
    with psycopg.connect(of_service(url, service), autocommit=True) as conn:
        conn.execute("SELECT set_config(%s, %s, false)", (SETTING, token))
        yield conn


def residents(conn: psycopg.Connection) -> list[str]:
    return [code for (code,) in conn.execute("SELECT code FROM resident ORDER BY code")]


def count(conn: psycopg.Connection, table: str) -> int:
    row = conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("token", ["", "a" * 43])
def test_a_stolen_password_of_the_console_shows_nobody(city: psycopg.Connection, database_url: str, token: str) -> None:
    city.execute("ANALYZE resident, contact, session")
    theirs = sessions.open_session(city, account(city, "dispatcher"), "127.0.0.1", now())
    with asking(database_url, theirs), asking(database_url, token) as conn:
        told = conn.execute("SELECT query FROM pg_stat_activity").fetchall()
        assert theirs not in str(told), "another connection's token is no part of its statement"
        statistics = "SELECT * FROM pg_stats WHERE tablename IN ('resident', 'contact', 'session')"
        assert conn.execute(statistics).fetchall() == [], "names among the planner's most common values"
        with pytest.raises(errors.DivisionByZero):
            conn.execute("SELECT 1 / (id - id) FROM area")
        conn.execute("SELECT 1 / (id - id) FROM resident WHERE 1 / (id - id) = 0")  # no row gets as far
        read_by_all = {table for table, conditions in ROWS.items() if conditions.get("SELECT") == "true"}
        assert {table for table in sorted(set(ROWS) - read_by_all) if count_of_any(conn, table)} == set()
        for secret in ("password_hash", "totp_secret", "*"):
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(f"SELECT {secret} FROM account".encode())
        for change in REFUSED_WITHOUT_A_SESSION:
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(change.encode())
        for table in ("roster", "roster_exception", "shift", "organisation", "area", "staff"):
            assert conn.execute(f"DELETE FROM {table}".encode()).rowcount == 0, table
        assert conn.execute("UPDATE message SET state = 'withdrawn'").rowcount == 0, "nobody is kept from being told"
        assert conn.execute("UPDATE resident SET code = 'R9'").rowcount == 0
        assert conn.execute("DELETE FROM contact").rowcount == 0
        assert conn.execute("UPDATE alert SET state = 'resolved'").rowcount == 0
        assert conn.execute("UPDATE session SET revoked_at = now()").rowcount == 0
        with pytest.raises(errors.InsufficientPrivilege):
            conn.execute("SELECT viewer()")
    assert count(city, "medical_note") == 2, "there was something to see"


REFUSED_WITHOUT_A_SESSION = (
    "UPDATE audit SET action = 'x'",
    "DELETE FROM audit",
    "INSERT INTO escalation_policy (code, version, policy) VALUES ('emergency', 900, '{}')",
    "INSERT INTO enrolment_code (gateway, code_hash, made_at, expires_at)"
    " VALUES ('gw-1', sha256('x'), now(), now() + interval '1 day')",
    "INSERT INTO parameter_change (scope, name, new_value, actor, reason) VALUES ('district', 'fall', 9, 'x', 'x')",
    "INSERT INTO area (path, level, name_zh, name_en) VALUES ('sz.x', 'district', 'x', 'x')",
    "UPDATE session SET account_id = 1",
)
"""Attacks with the password of the console's role: what it may write for somebody, it may not for nobody."""


def count_of_any(conn: psycopg.Connection, table: str) -> bool:
    column = {"account": "id", "field_press": "key", "visit_result": "id"}.get(table, "*")
    if table in ("webhook", "webhook_delivery", "webhook_attempt", "research_project"):
        column = "id"
    return conn.execute(f"SELECT {column} FROM {table} LIMIT 1".encode()).fetchone() is not None


def test_everybody_sees_their_area_and_families_their_own(city: psycopg.Connection, database_url: str) -> None:
    seen, alerts = {}, {}
    for login in ("admin", "dispatcher", "meisha", "daughter", "auditor"):
        token = sessions.open_session(city, account(city, login), "127.0.0.1", now())
        with asking(database_url, token) as conn:
            seen[login], alerts[login] = residents(conn), count(conn, "alert")
    assert seen == {
        "admin": ["R1", "R2"], "dispatcher": ["R1", "R2"], "meisha": ["R2"], "daughter": ["R1"],
        "auditor": ["R1", "R2"],
    }  # fmt: skip
    assert alerts == {"admin": 1, "dispatcher": 1, "meisha": 0, "daughter": 1, "auditor": 1}


def test_what_is_about_another_street_is_not_there(city: psycopg.Connection, database_url: str) -> None:
    """A hand-over, a message and its text, a person and their duties, a press, a request, a family of Haishan."""
    seed_street(city)
    seen: dict[str, set[str]] = {}
    for login in ("dispatcher", "meisha", "daughter"):
        token = sessions.open_session(city, account(city, login), "127.0.0.1", now())
        with asking(database_url, token) as conn:
            seen[login] = {table for table in OF_HAISHAN if count_of_any(conn, table)}
            for table in ("handover", "roster", "message", "staff_location", "roster_exception"):
                changed = conn.execute(f"UPDATE {table} SET {CHANGED[table]}".encode()).rowcount
                assert (changed > 0) == (login == "dispatcher"), (login, table)
            accounts = {name for (name,) in conn.execute("SELECT login FROM account")}
            assert ("daughter" in accounts) == (login != "meisha"), "a family elsewhere"
            assert login != "daughter" or accounts == {"daughter"}
    assert seen["dispatcher"] == set(OF_HAISHAN)
    assert seen["meisha"] == set()
    assert seen["daughter"] == {"notification", "message", "delivery_attempt", "outbox_entry", "pairing"}, (
        "her mother's"
    )


OF_HAISHAN = (
    "handover", "handover_alert", "staff", "roster", "roster_exception", "staff_location", "duty_test", "message",
    "notification", "delivery_attempt", "outbox_entry", "pairing", "upkeep_request", "roster_change", "desk_support",
    "notification_preference",
)  # fmt: skip
CHANGED = {
    "handover": "note = ''", "roster": "valid_until = NULL", "message": "state = 'withdrawn'",
    "staff_location": "accuracy_m = 1", "roster_exception": "reason = ''",
}  # fmt: skip


def seed_street(conn: psycopg.Connection) -> None:
    """One row of each kind about Haishan."""
    for statement in (
        "INSERT INTO handover (area, offered_at, from_name, note) VALUES ('sz.yt.hs', now(), '某', '陈不舒服')",
        "INSERT INTO handover_alert SELECT h.id, a.id, a.state, a.version FROM handover h, alert a",
        "INSERT INTO roster_exception (staff_id, kind, starts_at, ends_at, reason)"
        " SELECT id, 'absent', now(), now() + interval '1 day', '病假' FROM staff WHERE code = 'S11'",
        "INSERT INTO staff_location SELECT id, now(), 114.2, 22.5, 10 FROM staff WHERE code = 'S11'",
        "INSERT INTO duty_test (staff_id, organisation_id, starts_at, asked_at)"
        " SELECT id, organisation_id, now(), now() FROM staff WHERE code = 'S11'",
        "INSERT INTO message (key, recipient_kind, recipient_key, name_zh, name_en, severity, reason, language, route,"
        " addresses, channel, content, created_at, due_at) VALUES (gen_random_uuid(), 'contact', 'R1/1', '女', 'x',"
        " 'emergency', 'escalation', 'zh', '{sms}', '{}', 'sms', '{}', now(), now())",
        "INSERT INTO notification (alert_id, reason, step, round, recipient_kind, recipient_key, at, due_at,"
        " message_id) SELECT a.id, 'escalation', 0, 0, 'contact', 'R1/1', now(), now(), m.id FROM alert a, message m",
        "INSERT INTO delivery_attempt (message_id, channel, number, worker, started_at)"
        " SELECT id, 'sms', 1, 'w', now() FROM message",
        "INSERT INTO outbox_entry (key, message_id, channel, at, text)"
        " SELECT gen_random_uuid(), id, 'sms', now(), '陈跌倒' FROM message",
        "INSERT INTO pairing (gateway, device) VALUES ('gw-1', 'pendant')",
        "INSERT INTO upkeep_request (kind, subject, login) VALUES ('self_test', 'gw-1', 'admin')",
        "INSERT INTO roster_change (at, organisation_id, actor, what, words_zh, words_en, rows)"
        " SELECT now(), id, '某', 'away', '病假', 'ill', '[]' FROM organisation WHERE code = 'center-1'",
        "INSERT INTO desk_support (at, area, actor, alert_id, waiting, told)"
        " SELECT now(), 'sz.yt.hs', '某', id, 1, 1 FROM alert",
        "INSERT INTO notification_preference (recipient_kind, recipient_key, addresses)"
        " VALUES ('staff', 'S11', '{\"email\": \"x@example.org\"}')",
        "DELETE FROM staff WHERE organisation_id <> (SELECT id FROM organisation WHERE code = 'center-1')",
    ):
        conn.execute(statement.encode())


def test_an_ended_session_a_withdrawn_consent_and_a_switched_off_account_see_nobody(
    city: psycopg.Connection, database_url: str
) -> None:
    tokens = {
        login: sessions.open_session(city, account(city, login), "127.0.0.1", now())
        for login in ("dispatcher", "daughter", "meisha", "carer")
    }
    sessions.revoke_session(city, tokens["dispatcher"], now())
    city.execute("DELETE FROM family_member")
    city.execute("UPDATE account SET active = false WHERE login = 'meisha'")
    city.execute("UPDATE session SET expires_at = now() WHERE token_hash = sha256(%s::bytea)", (tokens["carer"],))
    for login, token in tokens.items():
        with asking(database_url, token) as conn:
            assert residents(conn) == [], login
            assert count(conn, "household") == 0, login


def test_a_medical_note_is_read_by_who_may_during_an_open_alert_alone(
    city: psycopg.Connection, database_url: str
) -> None:
    whose = "SELECT r.code FROM medical_note n JOIN resident r ON r.id = n.resident_id"
    found = {}
    for login in ("admin", "auditor", "daughter", "dispatcher", "meisha"):
        token = sessions.open_session(city, account(city, login), "127.0.0.1", now())
        with asking(database_url, token) as conn:
            found[login] = [code for (code,) in conn.execute(whose.encode())]
    assert found == {"admin": [], "auditor": [], "daughter": [], "dispatcher": ["R1"], "meisha": []}
    with asking(database_url, "", "links") as conn:
        assert [code for (code,) in conn.execute(whose.encode())] == ["R1"], "behind a link, during an alert"
    city.execute("UPDATE alert SET state = 'resolved', closed_at = now()")
    token = sessions.open_session(city, account(city, "dispatcher"), "127.0.0.1", now())
    for service in ("console", "links"):
        with asking(database_url, token, service) as conn:
            assert count(conn, "medical_note") == 0, service
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute("UPDATE medical_note SET version = 9")


def test_the_audit_is_read_by_its_readers_and_changed_by_nobody(city: psycopg.Connection, database_url: str) -> None:
    for login in ("dispatcher", "auditor", "admin", "daughter"):
        token = sessions.open_session(city, account(city, login), "127.0.0.1", now())
        with asking(database_url, token) as conn:
            mine = "INSERT INTO audit (at, action, account_id, detail) VALUES (now(), 'view_page', %s, '{}')"
            conn.execute(mine, (account(city, login).id,))
            conn.execute(mine, (account(city, "carer").id,))
            assert (count(conn, "audit") > 0) == (login in ("auditor", "admin")), login
            for change in ("UPDATE audit SET action = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
                with pytest.raises(errors.InsufficientPrivilege):
                    conn.execute(change.encode())
    named = city.execute("SELECT count(*) FROM audit e JOIN account a ON a.id = e.account_id WHERE a.login = 'carer'")
    assert named.fetchone() == (0,), "each writes under the name of their own session"
    for service in GRANTS:
        with psycopg.connect(of_service(database_url, service), autocommit=True) as conn:
            for change in ("UPDATE audit SET action = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
                with pytest.raises(errors.InsufficientPrivilege):
                    conn.execute(change.encode())


def test_a_session_changes_no_role_and_sees_no_other_session(city: psycopg.Connection, database_url: str) -> None:
    mine = sessions.open_session(city, account(city, "dispatcher"), "127.0.0.1", now())
    sessions.open_session(city, account(city, "admin"), "127.0.0.1", now())
    with asking(database_url, mine) as conn:
        assert count(conn, "session") == 1
        with pytest.raises(errors.InsufficientPrivilege):
            conn.execute("UPDATE account SET role = 'admin' WHERE login = 'dispatcher'")
        assert conn.execute("UPDATE alert SET stored_at = stored_at").rowcount == 1


@contextmanager
def machine(url: str, shown: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(of_service(url, "exchange"), autocommit=True) as conn:
        conn.execute("SELECT set_config(%s, %s, false)", (MACHINE_SETTING, shown))
        yield conn


def new_token(conn: psycopg.Connection, login: str, area: str) -> str:
    new = NewToken(name="test", login=login, scopes=tuple(SCOPES), area=area, expires_at=now() + dt.timedelta(days=9))
    return machine_tokens.add(conn, account(conn, "admin"), new, at=now(), origin="test")[1]


def test_the_exchange_sees_who_agreed_to_the_token_that_asks(city: psycopg.Connection, database_url: str) -> None:
    admin = account(city, "admin")
    tokens = {name: new_token(city, *of) for name, of in {
        "hospital": ("hospital", "sz.yt"), "its street": ("hospital", "sz.yt.ms"), "another": ("clinic", "sz.yt"),
    }.items()}  # fmt: skip
    exchange_consents.give(city, admin, ["R1"], "hospital", "care", at=now(), origin="test")
    for code in ("R1", "R2"):
        city.execute(
            "INSERT INTO exchange_observation (account_id, resident_id, series_id, channel, time, value, received_at)"
            " SELECT a.id, r.id, s.id, 'spo2', now(), 97, now() FROM account a, resident r, series s"
            " WHERE a.login = 'hospital' AND r.code = %s LIMIT 1", (code,))  # fmt: skip
    city.execute(
        "INSERT INTO webhook (account_id, name, url, secret, events, area_path, created_at, position) SELECT id, 'w',"
        " 'https://a.example', sha256('x'), '{alert.raised}', 'sz.yt', now(), 0 FROM account WHERE login = 'hospital'"
    )
    city.execute(
        "INSERT INTO webhook_delivery (webhook_id, alert_id, event_id, message_id, kind, body, created_at, next_at,"
        " give_up_at) SELECT w.id, a.id, 1, 'm', 'alert.raised', '{}', now(), now(), now() FROM webhook w, alert a"
    )
    seen = {}
    shown = {**tokens, "as Nightscout": nightscout_secret(tokens["hospital"]), "none": "", "a guess": "sw_" + "a" * 43}
    for name, token in shown.items():
        with machine(database_url, token) as conn:
            seen[name] = (residents(conn), *(count(conn, table) for table in (
                "household", "alert", "alert_event", "webhook", "webhook_delivery")))  # fmt: skip
    assert seen == {
        "hospital": (["R1"], 1, 1, 1, 1, 1), "as Nightscout": (["R1"], 1, 1, 1, 1, 1),
        "its street": ([], 0, 0, 0, 1, 1), "another": ([], 0, 0, 0, 0, 0), "none": ([], 0, 0, 0, 0, 0),
        "a guess": ([], 0, 0, 0, 0, 0),
    }  # fmt: skip
    tables = [one for one in sorted(MACHINE_ROWS) if one not in ("account", "audit")]
    with machine(database_url, "") as conn:
        assert {table for table in tables if count_of_any(conn, table)} == set()
        for secret in ("contact", "medical_note", "staff", "session", "family_member", "work_order"):
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(f"SELECT FROM {secret}".encode())
    with machine(database_url, tokens["another"]) as conn, pytest.raises(errors.InsufficientPrivilege):
        conn.execute("INSERT INTO device (gateway_id, name, model, resident_id) SELECT 1, 'x', 'external-system', id"
                     " FROM (SELECT 1 AS id) r")  # fmt: skip
    exchange_consents.withdraw(city, admin, ["R1"], "hospital", at=now(), origin="test")
    with machine(database_url, tokens["hospital"]) as conn:
        assert residents(conn) == [], "withdrawn, it holds from the next statement on"
        assert count(conn, "alert") == 0
    exchange_consents.give(city, admin, ["R1"], "hospital", "care", at=now(), origin="test")
    city.execute("UPDATE machine_token SET revoked_at = now() WHERE name = 'test'")
    with machine(database_url, tokens["hospital"]) as conn:
        assert (residents(conn), count(conn, "webhook"), count(conn, "machine_token")) == ([], 0, 0)


def test_a_rooms_device_is_nobodys_where_somebody_lives_who_did_not_agree(
    city: psycopg.Connection, database_url: str
) -> None:
    city.execute(
        "INSERT INTO device (gateway_id, name, model) SELECT g.id, 'room', 'external-system' FROM gateway g"
        " JOIN resident r ON r.household_id = g.household_id WHERE r.code = 'R1'"
    )
    token = new_token(city, "hospital", "sz.yt")
    exchange_consents.give(city, account(city, "admin"), ["R1"], "hospital", "care", at=now(), origin="test")
    rooms = "SELECT count(*) FROM device WHERE name = 'room'"
    with machine(database_url, token) as conn:
        assert conn.execute(rooms.encode()).fetchone() == (1,)
        city.execute(
            "INSERT INTO resident (household_id, code, name_zh, name_en, sex, birth_date, ability_grade, lives_alone)"
            " SELECT household_id, 'R3', '某', 'Somebody', sex, birth_date, ability_grade, false FROM resident"
            " WHERE code = 'R1'"
        )
        assert conn.execute(rooms.encode()).fetchone() == (0,), "who cannot be seen lives there all the same"


def test_policies_are_renewed_where_something_changed(city: psycopg.Connection) -> None:
    city.execute("DROP POLICY viewer_all ON household")
    city.execute("COMMENT ON FUNCTION viewer() IS 'of an earlier release'")
    assert renew_grants(city)
    found = city.execute("SELECT count(*) FROM pg_policies WHERE tablename = 'household'").fetchone()
    assert found == (6,), "the viewer's, the exchange's, the other services', and for three ways to write"
    bound = {name for (name,) in city.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relkind = 'r'")}
    assert bound == BOUND
    assert city.execute("SELECT relforcerowsecurity FROM pg_class WHERE relname = 'resident'").fetchone() == (False,)
