"""The demonstration's time bank: something of everything, the same twice, and books that are right."""

import datetime as dt

import psycopg
import pytest

from care_services.demo import time_bank
from care_services.time_bank.verify import verify
from tests.support.orders import staff_city

pytestmark = pytest.mark.integration


def test_the_demonstration_has_some_of_everything_and_right_books(database_url: str) -> None:
    now = dt.datetime.now(dt.UTC)
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        conn.execute(
            "INSERT INTO resident (code, household_id, name_zh, name_en, sex, birth_date, ability_grade, lives_alone)"
            " SELECT 'X' || n, h.id, '林' || n, 'Lin', 'female', current_date - 365 * (66 + n), 'intact', n % 3 = 0"
            " FROM generate_series(1, 9) n, household h WHERE h.code = CASE n % 2 WHEN 0 THEN 'H1' ELSE 'H2' END"
        )
        for _ in range(2):
            with conn.transaction():
                time_bank.fill(conn, now)
        states = {row[0] for row in conn.execute("SELECT DISTINCT state FROM time_request")}
        assert states == {"open", "offered", "accepted", "done", "disputed", "confirmed", "cancelled"}
        assert {row[0] for row in conn.execute("SELECT DISTINCT state FROM time_volunteer")} == {
            "applied", "checked", "trained", "active", "resting", "ended",
        }  # fmt: skip
        booked = {row[0] for row in conn.execute("SELECT DISTINCT kind FROM time_transaction")}
        assert booked >= {"earn", "redeem", "donate", "grant", "transfer", "gift", "expire"}
        assert conn.execute("SELECT count(*) FROM time_volunteer").fetchone() == (24,)
        proof = verify(conn)
    assert proof.faults == ()
    assert proof.transactions > 100
