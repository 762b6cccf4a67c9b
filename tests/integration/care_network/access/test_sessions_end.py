"""When a session ends: its lifetime, a rest, a new login in the same browser, too many, a new password."""

import datetime as dt

import psycopg
import pytest

from care_network.access import accounts, sessions
from care_network.access.sessions import FAMILY, STAFF, open_session, session_account
from tests.support.network import account, build_city

pytestmark = pytest.mark.integration
NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def conn(database_url: str) -> psycopg.Connection:
    conn = psycopg.connect(database_url, autocommit=True)
    build_city(conn)
    return conn


@pytest.mark.parametrize(("login", "limits"), [("dispatcher", STAFF), ("daughter", FAMILY)])
def test_a_session_that_nobody_uses_ends_and_one_that_is_used_lives_its_time(
    conn: psycopg.Connection, login: str, limits: sessions.Limits
) -> None:
    with conn:
        used, unused = (open_session(conn, account(conn, login), "10.0.0.1", NOW) for _ in range(2))
        now = NOW
        while now + limits.rest * 0.9 < NOW + limits.lifetime:
            now += limits.rest * 0.9
            assert session_account(conn, used, now) is not None
        assert session_account(conn, unused, NOW + limits.rest - MINUTE / 2) is not None
        assert session_account(conn, used, NOW + limits.lifetime) is None
        rested = open_session(conn, account(conn, login), "10.0.0.1", NOW)
        assert session_account(conn, rested, NOW + limits.rest) is None


def test_an_open_board_keeps_its_session_awake_with_a_write_a_minute(conn: psycopg.Connection) -> None:
    with conn:
        token = open_session(conn, account(conn, "dispatcher"), "10.0.0.1", NOW)
        writes = set()
        for beat in range(4 * 60):  # the socket asks every 15 s
            assert session_account(conn, token, NOW + dt.timedelta(seconds=15 * beat)) is not None
            writes |= {row[0] for row in conn.execute("SELECT last_seen_at FROM session")}
        assert len(writes) == 60


def test_one_session_too_many_ends_the_one_that_rests_longest(conn: psycopg.Connection) -> None:
    with conn:
        carer, most = account(conn, "daughter"), FAMILY.most
        tokens = [open_session(conn, carer, "10.0.0.1", NOW + n * MINUTE) for n in range(most)]
        assert session_account(conn, tokens[0], NOW + most * MINUTE) is not None, "used just now"
        newest = open_session(conn, carer, "10.0.0.1", NOW + (most + 1) * MINUTE)
        alive = [token for token in (*tokens, newest) if session_account(conn, token, NOW + (most + 1) * MINUTE)]
        assert alive == [tokens[0], *tokens[2:], newest]
        assert len(sessions.open_sessions(conn, carer, NOW + (most + 1) * MINUTE)) == most


def test_a_login_in_the_same_browser_replaces_its_session(conn: psycopg.Connection) -> None:
    with conn:
        carer = account(conn, "carer")
        old, other = (open_session(conn, carer, "10.0.0.1", NOW) for _ in range(2))
        new = open_session(conn, carer, "10.0.0.1", NOW, replaces=old)
        assert [session_account(conn, token, NOW) is not None for token in (old, other, new)] == [False, True, True]


def test_a_one_time_password_shows_in_the_session(conn: psycopg.Connection) -> None:
    with conn:
        carer = account(conn, "carer")
        token = open_session(conn, carer, "10.0.0.1", NOW)
        accounts.set_password(conn, carer.id, carer.login, "some four words here", NOW + accounts.ONE_TIME)
        found = session_account(conn, token, NOW)
        assert found is not None
        assert found.must_change_password
