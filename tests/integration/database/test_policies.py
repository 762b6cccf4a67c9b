"""Grade 'community': TimescaleDB's policies keep roll-ups right, whatever comes late, is compressed or dropped.

The policies are paused in the databases of the tests; a test runs them when it wants them.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from database.grade import Grade
from database.retention import Retention, hold_back, retire, set_retention
from database.storage import LAGS_AFTER, examine_storage, sizes
from ingest.storing.writer import HorizonMovedError
from shouwang.cli.main import app
from tests.support.readings import add_series, batch, check_views, ingest

pytestmark = [pytest.mark.integration, pytest.mark.community]
DAY = dt.timedelta(days=1)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        add_series(conn, database_url)
        yield conn


def run(conn: psycopg.Connection[Any], policy: str) -> None:
    jobs = conn.execute("SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = %s", (policy,)).fetchall()
    assert jobs
    for (job,) in jobs:
        conn.execute(f"CALL run_job({job})")


def refresh(conn: psycopg.Connection[Any]) -> None:
    run(conn, "policy_refresh_continuous_aggregate")


def hours(conn: psycopg.Connection[Any]) -> list[Any]:
    return conn.execute("SELECT * FROM reading_hour ORDER BY series_id, time").fetchall()


def test_late_readings_in_compressed_chunks_are_rolled_up(conn: psycopg.Connection[Any]) -> None:
    now = dt.datetime.now(dt.UTC)
    times = [now - age * DAY for age in (40, 20, 9, 1)]
    ingest(conn, batch(times, [1] * 4, [1, 2, 3, 4]))
    check_views(conn)
    refresh(conn)
    run(conn, "policy_compression")
    compressed = (
        "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'reading' AND is_compressed"
    )
    assert conn.execute(compressed).fetchone() == (3,)
    check_views(conn)
    ingest(conn, batch(times, [1, 2, 1, 2], [5, 6, 7, 8]))
    refresh(conn)
    check_views(conn)
    run(conn, "policy_compression")
    check_views(conn)
    assert all(size > 0 for size in sizes(conn, Grade.COMMUNITY).values())


def test_no_refresh_empties_roll_ups_whose_readings_are_gone(conn: psycopg.Connection[Any]) -> None:
    now = dt.datetime.now(dt.UTC)
    ingest(conn, batch([now - 20 * DAY, now - 2 * DAY], [1, 1], [1, 2]))
    refresh(conn)
    before = hours(conn)
    assert len(before) == 2
    set_retention(conn, Retention(7, 30, 60))
    run(conn, "policy_retention")
    assert conn.execute("SELECT count(*) FROM reading").fetchone() == (1,)
    refresh(conn)
    assert hours(conn) == before
    # what is gone does not come back with a longer retention: neither refreshed nor accepted
    set_retention(conn, Retention(25, 30, 60))
    assert conn.execute("SELECT looks_back FROM storage").fetchone() == (6 * DAY,)
    refresh(conn)
    assert hours(conn) == before
    with pytest.raises(HorizonMovedError):
        ingest(conn, batch([now - 20 * DAY], [1], [9]))
    # ten days later the policies look back ten days more
    conn.execute("UPDATE storage SET kept_from = kept_from - INTERVAL '10 days'")
    assert list(retire(conn, Grade.COMMUNITY, now)) == []
    assert conn.execute("SELECT looks_back FROM storage").fetchone() == (16 * DAY,)
    starts = conn.execute(
        "SELECT DISTINCT (config ->> 'start_offset')::interval FROM timescaledb_information.jobs"
        " WHERE proc_name = 'policy_refresh_continuous_aggregate'"
    ).fetchall()
    assert starts == [(16 * DAY,)]


def test_retention_waits_and_goes_on_by_itself(conn: psycopg.Connection[Any]) -> None:
    def wait() -> dt.timedelta:
        row = conn.execute(
            "SELECT next_start - now() FROM timescaledb_information.jobs"
            " WHERE proc_name = 'policy_retention' AND hypertable_name = 'reading'"
        ).fetchone()
        assert row is not None
        return dt.timedelta() + row[0]

    hold_back(conn, dt.timedelta(hours=3))
    assert dt.timedelta(hours=2) < wait() <= dt.timedelta(hours=3)
    set_retention(conn, Retention(30, 60, 90))  # a new policy, which waits as well
    assert dt.timedelta(hours=2) < wait() <= dt.timedelta(hours=3)
    assert "no reading is removed before" in examine_storage(conn, dt.datetime.now(dt.UTC)).text
    hold_back(conn, dt.timedelta(0))
    assert wait() <= dt.timedelta(0)


def test_the_doctor_hears_of_policies_that_do_not_run(conn: psycopg.Connection[Any]) -> None:
    now = dt.datetime.now(dt.UTC)
    set_retention(conn, Retention(30, 60, 90))  # set anew, they are scheduled
    conn.execute(
        "SELECT alter_job(job_id, scheduled => true) FROM timescaledb_information.jobs"
        " WHERE hypertable_name IS NOT NULL"
    )
    assert examine_storage(conn, now).findings == ()
    never = examine_storage(conn, now + 5 * DAY).findings
    assert len(never) == 8
    assert all("has never run" in text for text in never)
    conn.execute("SELECT remove_retention_policy('reading')")
    assert "a policy for retention is missing" in examine_storage(conn, now).findings[0]


def test_a_past_is_written_once(database_url: str) -> None:
    def shouwang(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, list(arguments), env={"SHOUWANG_DATABASE_URL": database_url, "COLUMNS": "200"})
        return done.exit_code, done.output

    past = ("simulate", "history", "--days", "100", "--rate", "300", "--residents")
    code, text = shouwang(*past, "1")
    assert code == 0, text
    with psycopg.connect(database_url, autocommit=True) as conn:
        before = hours(conn)
        assert dt.datetime.now(dt.UTC) - before[0][1] < 102 * DAY
        check_views(conn)
        run(conn, "policy_retention")
        assert hours(conn) == before
        refresh(conn)
        assert hours(conn) == before
        assert examine_storage(conn, dt.datetime.now(dt.UTC)).lag <= LAGS_AFTER
    code, text = shouwang("storage", "status")
    assert code == 0, text
    assert "grade: community" in text
    assert "TimescaleDB's policies" in text
    code, text = shouwang(*past, "2")
    assert code == 1
    assert "whose readings are gone" in text
    with psycopg.connect(database_url, autocommit=True) as conn:
        assert hours(conn) == before
