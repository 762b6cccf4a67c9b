"""Attacks on the audit and on the history of alerts, as the database's owner: each is found."""

import datetime as dt
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from care_network.access.auditing.chain import check
from care_network.access.auditing.search import entries
from care_network.access.permissions import audit
from care_network.errors import NotPermittedError
from database.rights import checking, sealed
from tests.support.network import account
from tests.support.orders import raise_alert, staff_city

pytestmark = pytest.mark.integration
AT = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        for number in range(6):
            audit(conn, account(conn, "carer"), "view_alert", at=AT, detail={"number": number, "nothing": None})
        raise_alert(conn, AT)
        yield conn


def forge(conn: psycopg.Connection, *statements: str) -> tuple[str, ...]:
    """The faults that are found after the owner has changed something with all triggers off."""
    assert check(conn).faults == ()
    with conn.transaction():
        conn.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            conn.execute(statement.encode())
    faults = check(conn).faults
    daily = checking.check_chain(conn, AT, "test").faults
    assert [words_of(fault) for fault in daily] == [words_of(fault) for fault in faults], (
        "the daily check finds the same"
    )
    return faults


def words_of(fault: str) -> str:
    return re.sub(r"^[0-9]+: ", "", fault)


def test_an_untouched_chain_is_whole_in_every_time_zone(conn: psycopg.Connection) -> None:
    found = check(conn)
    assert found.faults == ()
    assert found.entries >= 7
    assert found.head == sealed.head(conn)
    conn.execute("SET timezone = 'Asia/Kathmandu'")
    audit(conn, account(conn, "carer"), "view_alert", at=AT)
    assert check(conn).faults == ()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE audit SET detail = '{}' WHERE detail->>'number' = '3'", "it was changed"),
        ("UPDATE audit SET at = at + interval '1 day' WHERE detail->>'number' = '3'", "it was changed"),
        ("DELETE FROM audit WHERE detail->>'number' = '3'", "it was removed"),
        ("INSERT INTO audit (action) VALUES ('view_alert')", "around the chain"),
        (
            "INSERT INTO alert_event (alert_id, at, action, to_state, actor)"
            " SELECT id, now(), 'note', state, 'x' FROM alert",
            "around the chain",
        ),
        ("UPDATE alert_event SET actor = 'somebody else'", "it was changed"),
        ("DELETE FROM alert_event", "it was removed"),
        ("DELETE FROM sealed_entry WHERE position = 3", "broken"),
        ("UPDATE sealed_entry SET hash = previous WHERE position = 3", "changed"),
    ],
)
def test_each_way_to_change_it_is_found(conn: psycopg.Connection, statement: str, words: str) -> None:
    assert words in " ".join(forge(conn, statement))


def test_a_chain_that_is_cut_or_written_anew_does_not_have_the_head_that_the_log_has(conn: psycopg.Connection) -> None:
    known = sealed.head_of(str(sealed.head(conn)))
    assert check(conn, known).faults == ()
    last = "(SELECT entry_id FROM sealed_entry WHERE log = 'alert_event' ORDER BY position DESC LIMIT 1)"
    faults = forge(
        conn, f"DELETE FROM alert_event WHERE id = {last}",
        "DELETE FROM sealed_entry WHERE position = (SELECT max(position) FROM sealed_entry)",
    )  # fmt: skip
    assert faults == (), "cut at its end, the chain alone cannot tell"
    assert "not in the chain" in " ".join(check(conn, known).faults)


def test_even_the_owner_does_not_change_it_by_accident(conn: psycopg.Connection) -> None:
    for table in ("audit", "alert_event", "sealed_entry"):
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                conn.execute(statement.encode())
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        conn.execute("UPDATE audit SET action = 'x'")


def test_many_at_once_are_one_chain(conn: psycopg.Connection, database_url: str) -> None:
    def look(number: int) -> None:
        with psycopg.connect(database_url) as own:
            for _ in range(5):
                audit(own, None, "view_alert", at=AT, detail={"thread": number})
                own.execute("INSERT INTO audit (action) VALUES ('second of one transaction')")
                own.commit()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(look, range(6)))
    found = check(conn)
    assert found.faults == ()
    assert found.entries >= 67


def test_the_audit_is_read_by_administrators_and_within_their_area(conn: psycopg.Connection) -> None:
    number = conn.execute("SELECT id FROM resident WHERE code = 'R1'").fetchone()
    assert number is not None
    audit(conn, account(conn, "carer"), "view_resident", at=AT, resident_id=number[0], origin="10.0.0.1")
    admin = account(conn, "admin")
    found = entries(conn, admin, AT, AT + dt.timedelta(seconds=1), login="carer", resident="R1")
    assert [(one.login, one.action, one.resident, one.origin) for one in found] == [
        ("carer", "view_resident", "R1", "10.0.0.1")
    ]
    with pytest.raises(NotPermittedError):
        entries(conn, account(conn, "dispatcher"), AT, AT)


def test_a_text_that_is_no_head_is_refused() -> None:
    for text in ("", "1", "x:y", "1:abc"):
        with pytest.raises(ValueError, match="not a head"):
            sealed.head_of(text)
