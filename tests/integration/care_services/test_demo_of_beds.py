"""The demonstration of home care beds: every stage, a late one, grants of every sort, equipment that is overdue."""

import datetime as dt

import psycopg
import pytest

from care_network.access.accounts import account_by_login
from care_network.demo.district import load_demo
from care_services.demo import arranged_meals, bed_services, equipment, grants, home_beds, meals
from care_services.grants import paid
from care_services.home_beds.life import STATES, fold
from device_simulators.homes import demo_home

pytestmark = pytest.mark.integration


def test_it_has_some_of_everything_and_is_safe_to_repeat(database_url: str) -> None:
    now = dt.datetime.now(dt.UTC)
    with psycopg.connect(database_url, autocommit=True) as conn:
        load_demo(conn, [demo_home(number) for number in range(1, 31)])
        for _ in range(2):
            for part in (home_beds, equipment, grants, bed_services):
                part.fill(conn, now)
            meals.meals(conn, now)
            arranged_meals.fill(conn, now)
        states = dict(conn.execute("SELECT state, count(*) FROM home_bed GROUP BY state").fetchall())
        assert states.keys() == set(STATES)
        wrong = conn.execute(
            "SELECT r.code FROM resident r JOIN home_bed b ON b.resident_id = r.id"
            " WHERE r.home_care_bed <> (b.state IN ('in_service', 'suspended'))"
        ).fetchall()
        assert wrong == [], "the record says what the beds say"
        for number, state in conn.execute("SELECT id, state FROM home_bed").fetchall():
            steps = conn.execute(
                "SELECT step, from_state, to_state FROM home_bed_step WHERE bed_id = %s ORDER BY id", (number,)
            ).fetchall()
            assert fold(steps) == state
        admin = account_by_login(conn, "admin")
        assert admin is not None
        # The bed that was closed; in the first days of a month those suspended in the last one, too, which is settled.
        settled = conn.execute(
            "SELECT count(*) FROM grant_pause s JOIN grant_payment p ON p.application_id = s.application_id"
            " AND p.month = date_trunc('month', s.from_on)"
        ).fetchone()
        assert paid.to_reclaim(conn, admin)[:1] == settled
        assert settled is not None
        assert settled[0] >= 1
        late = conn.execute("SELECT count(*) FROM home_bed WHERE due_at < %s", (now,)).fetchone()
        assert late is not None
        assert late[0] >= 2
        found = {
            (row[0], row[1]) for row in conn.execute("SELECT state, coalesce(settled_by, '') FROM grant_application")
        }
        assert {("approved", "rules"), ("approved", "person"), ("waiting", "")} <= found
        for query in (
            "SELECT FROM grant_application WHERE state = 'waiting' AND missing <> '{}' AND due_at < now()",
            "SELECT FROM equipment_loan WHERE returned_at IS NULL AND due_on < now()",
            "SELECT FROM equipment_loan WHERE returned_at IS NULL AND due_on > now()",
            "SELECT FROM home_bed_device WHERE accepted_how = 'heard'",
            "SELECT FROM home_bed_device p JOIN home_bed b ON b.id = p.bed_id WHERE b.state = 'installing'"
            " AND p.accepted_at IS NULL",
            "SELECT FROM grant_payment",
            "SELECT FROM meal_order WHERE arrangement_id IS NOT NULL",
            "SELECT FROM meal_gap WHERE closed_at IS NULL AND why = 'diet'",
            "SELECT FROM meal_arrangement WHERE state = 'paused'",
        ):
            assert conn.execute(query.encode()).fetchone() is not None, query
