"""An attacker who guesses at a dispatcher's login from many addresses, for an hour: who gets in, and when."""

import datetime as dt
import random
from collections.abc import Iterator
from contextlib import nullcontext
from unittest.mock import patch

import psycopg
import pyotp
import pytest
from argon2 import PasswordHasher, profiles

from care_network.access import logins, passwords, second_factor
from care_network.access.sessions import open_session, staff_networks
from care_network.access.throttle import LONGEST_TURN, WINDOW
from care_network.errors import LoginRefusedError
from care_network.records.provisioning import add_account, add_area
from care_network.records.records import NewAccount, NewArea

pytestmark = pytest.mark.integration
NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
PASSWORD = "three words together"
DESK, NEW_PLACE = "10.9.0.1", "198.51.100.7"


@pytest.fixture(autouse=True, scope="module")
def quick_hashes() -> Iterator[None]:
    """The same hash with the least work: when somebody gets in is counted here, not how long a try takes."""
    with patch.object(passwords, "_hasher", PasswordHasher.from_parameters(profiles.CHEAPEST)):
        passwords._nobody.cache_clear()
        yield
    passwords._nobody.cache_clear()


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        add_area(conn, NewArea("sz", "city", "市", "City"))
        new = NewAccount(login="zhou", password=PASSWORD, name_zh="周", name_en="Zhou", role="dispatcher", area="sz")
        add_account(conn, new)
        account = logins.authenticate(lambda: nullcontext(conn), "zhou", PASSWORD, DESK, NOW)
        open_session(conn, account, DESK, NOW)
        yield conn


def wait_of(conn: psycopg.Connection, password: str, origin: str, at: dt.datetime, code: str = "") -> int:
    """Try to log in; -1: in, else the seconds that the answer names."""
    try:
        logins.authenticate(lambda: nullcontext(conn), "zhou", password, origin, at, code=code)
    except LoginRefusedError as error:
        return error.retry_after_s
    return -1


def attack(seed: int) -> Iterator[tuple[dt.datetime, str]]:
    """Guesses of an hour and a half, from 400 addresses, each some seconds after the other."""
    chance, at = random.Random(seed), NOW
    while at < NOW + 1.5 * WINDOW:
        at += dt.timedelta(seconds=chance.choice((2, 5, 11, 29)))
        yield at, f"203.0.{chance.randrange(4)}.{chance.randrange(100)}"


@pytest.mark.parametrize("seed", [1, 2])
def test_the_dispatcher_is_never_kept_out(conn: psycopg.Connection, seed: int) -> None:
    began, told, got_in, next_try = NOW + dt.timedelta(minutes=20), 0, None, dt.timedelta(seconds=37)
    desk_at, place_at = NOW, began
    for at, address in attack(seed):
        assert wait_of(conn, "wrong", address, at) >= 0
        if at >= desk_at:
            assert wait_of(conn, PASSWORD, DESK, at) == -1, f"kept out of the known desk at {at}"
            desk_at = at + dt.timedelta(minutes=3)
        if got_in is None and at >= place_at:  # the dispatcher tries and tries, and never meets a gap on purpose
            wait = wait_of(conn, PASSWORD, NEW_PLACE, at)
            got_in = at if wait == -1 else None
            told, place_at = max(told, wait), at + next_try
    assert got_in is not None
    longest = LONGEST_TURN + next_try + dt.timedelta(seconds=30)
    assert got_in - began <= longest
    assert 0 < told <= LONGEST_TURN.total_seconds(), "and the answer named no longer wait"


def test_a_code_of_the_app_opens_a_new_place_at_once(conn: psycopg.Connection) -> None:
    secret = second_factor.new_secret()
    conn.execute("UPDATE account SET totp_secret = %s", (secret,))
    for number in range(40):
        wait_of(conn, "wrong", f"203.0.113.{number}", NOW, code="000000")
    at = NOW + dt.timedelta(seconds=1)
    assert wait_of(conn, PASSWORD, NEW_PLACE, at) > 0
    assert wait_of(conn, "wrong", "198.51.100.9", at, code=pyotp.TOTP(secret).at(at)) == 0, (
        "the code alone is not enough"
    )
    assert wait_of(conn, PASSWORD, NEW_PLACE, at, code=pyotp.TOTP(secret).at(at)) == -1


def test_one_address_gets_no_more_guesses_than_before(conn: psycopg.Connection) -> None:
    looked_at = 0
    for second in range(0, 3600, 5):
        before = conn.execute("SELECT count(*) FROM login_failure").fetchone()
        wait_of(conn, "wrong", "203.0.113.5", NOW + dt.timedelta(seconds=second))
        looked_at += conn.execute("SELECT count(*) FROM login_failure").fetchone() != before
    assert looked_at < 20


def test_the_networks_of_the_staff_are_known(conn: psycopg.Connection) -> None:
    assert staff_networks(conn, NOW) == {DESK}
    assert staff_networks(conn, NOW + dt.timedelta(days=31)) == frozenset()
