"""Logins against a real database: right and wrong, a hundred times, at once, and their sessions."""

import datetime as dt
import threading

import psycopg
import pytest

from care_network.access.accounts import (
    SESSION_LIFETIME,
    authenticate,
    open_session,
    revoke_session,
    session_account,
)
from care_network.errors import LoginRefusedError
from care_network.records.provisioning import add_account, add_area
from care_network.records.records import NewAccount, NewArea

pytestmark = pytest.mark.integration

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
PASSWORD = "three words together"


def after(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


@pytest.fixture
def url(database_url: str) -> str:
    with psycopg.connect(database_url) as conn:
        add_area(conn, NewArea("sz", "city", "市", "City"))
        add_account(
            conn,
            NewAccount(
                login="zhou", password=PASSWORD, name_zh="周敏", name_en="Zhou Min", role="dispatcher", area="sz"
            ),
        )
        add_account(
            conn,
            NewAccount(login="feng", password=PASSWORD, name_zh="冯磊", name_en="Feng Lei", role="carer", area="sz"),
        )
    return database_url


def refusal(conn: psycopg.Connection, login: str, password: str, origin: str, now: dt.datetime) -> LoginRefusedError:
    with pytest.raises(LoginRefusedError) as caught:
        authenticate(conn, login, password, origin, now)
    return caught.value


def test_the_right_password_logs_in(url: str) -> None:
    with psycopg.connect(url) as conn:
        account = authenticate(conn, "  ZHOU ", PASSWORD, "10.0.0.1", NOW)
    assert (account.login, account.role, account.area_path) == ("zhou", "dispatcher", "sz")


@pytest.mark.parametrize("login", ["nobody", "", "x" * 5000, "a\x00b", "'; DROP TABLE account; --", "\ud800"])
def test_unknown_logins_hear_the_same_words(url: str, login: str) -> None:
    with psycopg.connect(url) as conn:
        unknown = refusal(conn, login, PASSWORD, "10.0.0.1", NOW)
        wrong = refusal(conn, "zhou", "wrong", "10.0.0.2", NOW)
    assert (unknown.message_zh, unknown.message_en) == (wrong.message_zh, wrong.message_en)


def test_a_wrong_password_a_hundred_times(url: str) -> None:
    with psycopg.connect(url) as conn:
        refusals = [refusal(conn, "zhou", f"wrong {n}", "10.0.0.1", NOW) for n in range(100)]
        assert [r.retry_after_s for r in refusals[:4]] == [0, 0, 0, 0]
        assert all(r.retry_after_s > 0 for r in refusals[4:])
        assert "秒后再试" in refusals[-1].message_zh
        row = conn.execute("SELECT count(*) FROM login_failure").fetchone()
        assert row == (5,)  # those during the wait were not even looked at
        conn.commit()
        # Even the right one has to wait, and then gets in; the slate is clean.
        assert refusal(conn, "zhou", PASSWORD, "10.0.0.1", after(1)).retry_after_s == 1
        assert authenticate(conn, "zhou", PASSWORD, "10.0.0.1", after(2)).login == "zhou"
        assert refusal(conn, "zhou", "wrong", "10.0.0.1", after(3)).retry_after_s == 0


def test_a_patient_guesser_waits_longer_and_longer(url: str) -> None:
    with psycopg.connect(url) as conn:
        now, tries = NOW, 0
        while now < NOW + dt.timedelta(minutes=50):
            now += dt.timedelta(seconds=refusal(conn, "zhou", "wrong", "10.0.0.1", now).retry_after_s)
            tries += 1
    assert tries < 20


def test_a_hundred_origins_do_not_help(url: str) -> None:
    with psycopg.connect(url) as conn:
        waits = [refusal(conn, "zhou", "wrong", f"10.0.1.{n}", NOW).retry_after_s for n in range(12)]
    assert waits[:9] == [0] * 9
    assert all(waits[9:])


def test_nobody_locks_the_dispatcher_out_of_a_desk_she_works_at(url: str) -> None:
    with psycopg.connect(url) as conn:
        open_session(conn, authenticate(conn, "zhou", PASSWORD, "10.0.0.1", NOW), "10.0.0.1", NOW)
        for n in range(12):
            refusal(conn, "zhou", "wrong", f"10.0.1.{n}", NOW)
        assert refusal(conn, "zhou", PASSWORD, "10.0.9.9", NOW).retry_after_s > 0
        assert authenticate(conn, "zhou", PASSWORD, "10.0.0.1", NOW).login == "zhou"


def test_one_origin_does_not_try_many_logins(url: str) -> None:
    with psycopg.connect(url) as conn:
        waits = [refusal(conn, f"guess{n}", "wrong", "10.0.0.1", NOW).retry_after_s for n in range(22)]
        assert not any(waits[:19])
        assert all(waits[19:])
        assert authenticate(conn, "feng", PASSWORD, "10.0.0.2", NOW).login == "feng"


def test_attempts_at_once_count_like_attempts_in_turn(url: str) -> None:
    refused: list[int] = []

    def guess() -> None:
        with psycopg.connect(url) as conn:
            refused.append(refusal(conn, "zhou", "wrong", "10.0.0.1", NOW).retry_after_s)

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(wait == 0 for wait in refused) == 4
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT count(*) FROM login_failure").fetchone() == (5,)


def test_failures_are_kept_although_the_caller_rolls_back(url: str) -> None:
    with pytest.raises(LoginRefusedError), psycopg.connect(url) as conn:
        authenticate(conn, "zhou", "wrong", "10.0.0.1", NOW)
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT count(*) FROM login_failure").fetchone() == (1,)
        with pytest.raises(ValueError, match="not in one"):
            authenticate(conn, "zhou", PASSWORD, "10.0.0.1", NOW)


def test_a_session_lives_until_it_ends(url: str) -> None:
    with psycopg.connect(url) as conn:
        account = authenticate(conn, "zhou", PASSWORD, "10.0.0.1", NOW)
        token, other = (open_session(conn, account, "10.0.0.1", NOW) for _ in range(2))
        assert session_account(conn, token, after(1)) == account
        assert session_account(conn, "invented", after(1)) is None
        assert session_account(conn, "\ud800", after(1)) is None
        assert session_account(conn, token, NOW + SESSION_LIFETIME) is None
        revoke_session(conn, token, after(2))
        assert session_account(conn, token, after(3)) is None
        assert session_account(conn, other, after(3)) == account
        row = conn.execute("SELECT count(*) FROM session WHERE token_hash = %s", (token.encode(),)).fetchone()
        assert row == (0,)


def test_a_closed_account_is_like_none(url: str) -> None:
    with psycopg.connect(url) as conn:
        account = authenticate(conn, "zhou", PASSWORD, "10.0.0.1", NOW)
        token = open_session(conn, account, "10.0.0.1", NOW)
        conn.execute("UPDATE account SET active = false")
        assert session_account(conn, token, after(1)) is None
        conn.commit()
        refusal(conn, "zhou", PASSWORD, "10.0.0.1", NOW)
