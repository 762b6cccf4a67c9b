"""Logins against a real database: right and wrong, a hundred times, at once, and their sessions."""

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from unittest.mock import patch

import psycopg
import pyotp
import pytest
from argon2 import PasswordHasher, profiles

from care_network.access import accounts, logins, passwords, second_factor
from care_network.access.accounts import Account
from care_network.access.sessions import STAFF, open_session, revoke_session, session_account
from care_network.errors import LoginRefusedError
from care_network.records.provisioning import add_account, add_area
from care_network.records.records import NewAccount, NewArea

pytestmark = pytest.mark.integration

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
PASSWORD = "three words together"


@pytest.fixture(autouse=True, scope="module")
def quick_hashes() -> Iterator[None]:
    """The same hash with the least work: how often somebody may try is counted here, not how long a try takes."""
    with patch.object(passwords, "_hasher", PasswordHasher.from_parameters(profiles.CHEAPEST)):
        passwords._nobody.cache_clear()
        yield
    passwords._nobody.cache_clear()


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


def authenticate(conn: psycopg.Connection, login: str, password: str, origin: str, now: dt.datetime) -> Account:
    return logins.authenticate(lambda: nullcontext(conn), login, password, origin, now)


def refusal(conn: psycopg.Connection, login: str, password: str, origin: str, now: dt.datetime) -> LoginRefusedError:
    with pytest.raises(LoginRefusedError) as caught:
        authenticate(conn, login, password, origin, now)
    return caught.value


def test_the_right_password_logs_in(url: str) -> None:
    with psycopg.connect(url) as conn:
        account = authenticate(conn, "  ZHOU ", PASSWORD, "10.0.0.1", NOW)
    assert (account.login, account.role, account.area_path) == ("zhou", "dispatcher", "sz")


def test_unknown_logins_hear_the_same_words(url: str) -> None:
    with psycopg.connect(url) as conn:
        wrong = refusal(conn, "zhou", "wrong", "10.0.0.9", NOW)
        for number, login in enumerate(("nobody", "", "x" * 5000, "a\x00b", "'; DROP TABLE account; --", "\ud800")):
            unknown = refusal(conn, login, PASSWORD, f"10.0.0.{number}", NOW)
            assert (unknown.message_zh, unknown.message_en) == (wrong.message_zh, wrong.message_en), ascii(login)


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
    refused: list[str] = []

    def guess() -> None:
        with psycopg.connect(url) as conn:
            refused.append(refusal(conn, "zhou", "wrong", "10.0.0.1", NOW).message_en)

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(text.startswith("Too many") for text in refused) == 7, "only five were looked at"
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
        assert session_account(conn, token, NOW + STAFF.lifetime) is None
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


def test_an_attacker_with_a_whole_ipv6_network_is_one_origin(url: str) -> None:
    with psycopg.connect(url) as conn:
        waits = [refusal(conn, f"guess{n}", "wrong", f"2001:db8:1:2:{n}::9", NOW).retry_after_s for n in range(22)]
        assert not any(waits[:19])
        assert all(waits[19:])
        assert authenticate(conn, "feng", PASSWORD, "2001:db8:1:3::9", NOW).login == "feng"


def test_no_connection_is_held_while_a_password_is_hashed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lent, held_while_hashing, verify = [0], [], passwords.verify

    @contextmanager
    def connect() -> Iterator[psycopg.Connection]:
        lent[0] += 1
        with psycopg.connect(url) as conn:
            yield conn
        lent[0] -= 1

    def watched(stored: str | None, password: str) -> bool:
        held_while_hashing.append(lent[0])
        return verify(stored, password)

    monkeypatch.setattr(passwords, "verify", watched)
    assert logins.authenticate(connect, "zhou", PASSWORD, "10.0.0.1", NOW).login == "zhou"
    with pytest.raises(LoginRefusedError):
        logins.authenticate(connect, "zhou", "wrong", "10.0.0.1", NOW)
    assert held_while_hashing == [0, 0]


def test_the_second_factor_is_asked_for_and_its_codes_work_once(url: str) -> None:
    secret = second_factor.new_secret()

    def log_in(code: str, at: dt.datetime, needed: logins.SecondFactor = "optional") -> Account:
        with psycopg.connect(url) as conn:
            return logins.authenticate(
                lambda: nullcontext(conn), "zhou", PASSWORD, "10.0.0.1", at, code=code, second_factor_for=needed
            )

    def code_at(at: dt.datetime) -> str:
        return pyotp.TOTP(secret).at(at)

    assert log_in("", NOW).login == "zhou"
    assert log_in("", NOW, "admin").login == "zhou"
    with pytest.raises(LoginRefusedError, match="needs an authenticator app first"):
        log_in("", NOW, "staff")
    with psycopg.connect(url) as conn:
        second_factor.enrol(conn, log_in("", NOW).id, secret)
    for wrong in ("", "000000", "abc", "\u0663" * 6, code_at(after(-120)), code_at(after(120))):
        with pytest.raises(LoginRefusedError):
            log_in(wrong, after(3600))
    assert log_in(f" {code_at(after(7200))} ", after(7200)).login == "zhou"
    with pytest.raises(LoginRefusedError, match="used before"):
        log_in(code_at(after(7200)), after(7210))
    assert log_in(code_at(after(7240)), after(7240), "staff").login == "zhou"


def test_a_one_time_password_is_good_for_a_while(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        account = authenticate(conn, "zhou", PASSWORD, "10.0.0.1", NOW)
        accounts.set_password(conn, account.id, "zhou", "some other four words", NOW + accounts.ONE_TIME)
        assert authenticate(conn, "zhou", "some other four words", "10.0.0.1", NOW).must_change_password
        with pytest.raises(LoginRefusedError, match="expired"):
            authenticate(conn, "zhou", "some other four words", "10.0.0.1", NOW + accounts.ONE_TIME)


def test_logins_and_failures_are_in_the_audit_without_what_was_typed(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        authenticate(conn, "zhou", PASSWORD, "2001:db8::7", NOW)
        refusal(conn, "zhou", "wrong", "10.0.0.1", NOW)
        refusal(conn, "three words together", "zhou", "10.0.0.1", NOW)
        rows = conn.execute(
            "SELECT e.action, a.login, e.origin, e.detail FROM audit e LEFT JOIN account a ON a.id = e.account_id"
            " ORDER BY e.id"
        ).fetchall()
    assert rows == [
        ("login", "zhou", "2001:db8::7", {}), ("login_failed", "zhou", "10.0.0.1", {}),
        ("login_failed", None, "10.0.0.1", {}),
    ]  # fmt: skip
