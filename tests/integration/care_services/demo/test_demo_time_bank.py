"""The demonstration's time bank: something of everything, the same twice, and books that are right."""

import datetime as dt

import psycopg
import pytest

from care_services.demo import time_bank
from care_services.time_bank.verify import verify
from tests.support.orders import raise_alert, staff_city

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
        missed = conn.execute("SELECT kind, appeal <> '', excused FROM time_missed ORDER BY id").fetchall()
        assert missed == [("no_show", False, None), ("no_show", True, None), ("late_cancel", True, True)]
        # an alarm of the made-up past that a neighbour answered is in the books, once
        order = conn.execute(
            "WITH near AS (INSERT INTO staff (code, organisation_id, kind, name_zh, name_en)"
            "  SELECT 'N1', min(id), 'volunteer', '邻', 'Near' FROM organisation RETURNING id),"
            " linked AS (UPDATE time_volunteer SET staff_id = near.id FROM near WHERE time_volunteer.id = (SELECT"
            "  max(id) FROM time_volunteer WHERE resident_id IS NULL AND staff_id IS NULL AND state = 'active'))"
            " INSERT INTO work_order (id, alert_id, service, urgency, household_id, resident_id, due_at, reason_zh,"
            "  reason_en, state, staff_id, created_at, done_at) SELECT gen_random_uuid(), a.id, 'fall_assistance',"
            "  'emergency', a.household_id, a.resident_id, now(), '', '', 'done', near.id, now(), now()"
            " FROM alert a, near WHERE a.id = %s RETURNING id",
            (raise_alert(conn, now - dt.timedelta(days=1)),),
        ).fetchone()
        assert order
        conn.execute(
            "INSERT INTO work_order_event (order_id, at, action, from_state, to_state, actor)"
            " VALUES (%s, now() - interval '25 minutes', 'arrive', 'en_route', 'arrived', '邻')", order,
        )  # fmt: skip
        assert [time_bank.answered(conn, now) for _ in range(2)] == [1, 0]
        credited = conn.execute("SELECT state, credited FROM time_request WHERE order_id = %s", order).fetchone()
        assert credited == ("confirmed", 37), "25 minutes of an alarm count 150 %"
        proof = verify(conn)
    assert proof.faults == ()
    assert proof.transactions > 100
