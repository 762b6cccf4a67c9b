"""Our own roll-ups equal a fresh aggregation of the readings, with late readings, crashes and dropped days."""

import datetime as dt
import threading
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import numpy as np
import psycopg
import pytest

from database import rollup
from database.grade import Grade, schema_grade
from database.maintenance import round_of_packing, round_of_work
from database.migrate import build_schema, migrate
from database.retention import Retention, hold_back, load_retention, retire, set_retention
from database.storage import examine_storage
from ingest.batches.batch import Batch
from ingest.storing.writer import HorizonMovedError
from tests.support.readings import SERIES, add_series, batch, check_views, ingest

pytestmark = pytest.mark.integration
NOW = dt.datetime(2026, 11, 20, 10, 20, tzinfo=dt.UTC)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        add_series(conn, database_url)
        yield conn


def random_batch(rng: np.random.Generator, n: int, oldest: dt.timedelta) -> Batch:
    """Out of order, most of it late."""
    ages = rng.uniform(0, 1, n) ** 3 * oldest.total_seconds()
    times = [NOW - dt.timedelta(seconds=float(age)) for age in ages]
    return batch(times, (1 + rng.integers(0, SERIES, n)).tolist(), rng.normal(70, 9, n).tolist())


def maintain(conn: psycopg.Connection[Any], now: dt.datetime = NOW, steps: int | None = None) -> int:
    grade = schema_grade(conn)
    assert grade is not None
    return sum(islice(chain(round_of_work(conn, grade, now), round_of_packing(conn, grade, now)), steps))


def test_a_mean_too_small_for_its_column_is_0(conn: psycopg.Connection[Any]) -> None:
    hour = NOW - dt.timedelta(hours=2)
    ingest(conn, batch([hour] * 7, [1, 1, 2, 2, 3, 4, 4], [1e-45, 0.0, -1e-45, 0.0, 1e-45, float("nan"), 1e-45]))
    maintain(conn)
    means = conn.execute("SELECT float4send(mean::real)::text FROM reading_hour ORDER BY series_id").fetchall()
    assert (
        means == conn.execute("SELECT float4send(mean::real)::text FROM reading_minute ORDER BY series_id").fetchall()
    )
    assert means[:3] == [("\\x00000000",), ("\\x00000000",), ("\\x00000001",)]
    assert len(means) == 4


@pytest.mark.parametrize("seed", [1, 2])
def test_views_are_a_fresh_aggregation_before_and_after_each_step(conn: psycopg.Connection[Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    now = NOW
    ingest(conn, random_batch(rng, 300, dt.timedelta(hours=8)))
    check_views(conn)
    for _round in range(3):
        for _ in round_of_work(conn, schema_grade(conn) or Grade.PLAIN, now):
            if rng.random() < 0.05:
                check_views(conn)
        check_views(conn)
        assert conn.execute("SELECT count(*) FROM rollup_due").fetchone() == (0,)
        ingest(conn, random_batch(rng, 200, dt.timedelta(hours=30)))
        check_views(conn)
        now += dt.timedelta(minutes=50)
    assert examine_storage(conn, now).lag < dt.timedelta(hours=2)


def test_the_second_look_rolls_up_only_what_is_late(conn: psycopg.Connection[Any]) -> None:
    ingest(conn, random_batch(np.random.default_rng(1), 500, dt.timedelta(hours=20)))
    assert maintain(conn) > 0
    assert maintain(conn) == 0
    weeks_late = NOW - dt.timedelta(days=40)
    ingest(conn, batch([weeks_late, weeks_late + dt.timedelta(seconds=1), NOW], [2, 2, 3], [50, 60, 70]))
    due = conn.execute("SELECT series_id, hour FROM rollup_due").fetchall()
    assert due == [(2, rollup.full_hour(weeks_late))]
    check_views(conn)
    assert maintain(conn) == 2, "its hour is rolled up again, its day packed again"
    check_views(conn)


def test_readings_that_come_while_the_job_works_are_not_lost(conn: psycopg.Connection[Any], database_url: str) -> None:
    ingest(conn, random_batch(np.random.default_rng(3), 200, dt.timedelta(hours=12)))
    stop, failed = threading.Event(), []

    def keep_storing(seed: int) -> None:
        rng = np.random.default_rng(seed)
        try:
            with psycopg.connect(database_url, autocommit=True) as mine:
                while not stop.is_set():
                    ingest(mine, random_batch(rng, 40, dt.timedelta(hours=14)))
        except psycopg.Error as error:
            failed.append(error)

    threads = [threading.Thread(target=keep_storing, args=(seed,)) for seed in (4, 5)]
    for thread in threads:
        thread.start()
    try:
        for minutes in range(0, 180, 30):
            maintain(conn, NOW + dt.timedelta(minutes=minutes), steps=20)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failed
    check_views(conn)
    maintain(conn, NOW + dt.timedelta(hours=3))
    check_views(conn)


def test_an_hour_waits_for_the_transaction_that_still_stores_into_it(
    conn: psycopg.Connection[Any], database_url: str
) -> None:
    maintain(conn)
    with psycopg.connect(database_url) as slow:
        slow.execute("SELECT begin_storing()")
        slow.execute("INSERT INTO reading VALUES (%s, 1, 1)", (NOW,))
        with pytest.raises(psycopg.errors.LockNotAvailable):
            maintain(conn, NOW + dt.timedelta(hours=2))
        slow.commit()
    maintain(conn, NOW + dt.timedelta(hours=2))
    check_views(conn)


def test_a_job_that_is_killed_leaves_everything_as_it_was(conn: psycopg.Connection[Any], database_url: str) -> None:
    ingest(conn, random_batch(np.random.default_rng(6), 300, dt.timedelta(hours=5)))
    with psycopg.connect(database_url, autocommit=True) as job:
        steps = round_of_work(job, schema_grade(job) or Grade.PLAIN, NOW)
        next(steps)
        job.execute("BEGIN")
        next(steps)
        conn.execute("SELECT pg_terminate_backend(%s)", (job.info.backend_pid,))
        with pytest.raises(psycopg.OperationalError):
            list(steps)
    check_views(conn)
    assert maintain(conn) > 0
    check_views(conn)


def test_each_level_outlives_the_one_below(conn: psycopg.Connection[Any]) -> None:
    grade = schema_grade(conn) or Grade.PLAIN
    days = [NOW - dt.timedelta(days=age) for age in (0, 5, 9, 20, 30)]
    ingest(conn, batch(days, [1] * 5, [1, 2, 3, 4, 5]))
    set_retention(conn, Retention(7, 15, 25))
    assert load_retention(conn) == Retention(7, 15, 25)
    list(retire(conn, grade, NOW))
    assert conn.execute("SELECT count(*) FROM reading").fetchone() == (5,), "what is not rolled up stays"
    maintain(conn)
    hours = conn.execute("SELECT * FROM reading_hour ORDER BY time").fetchall()
    list(retire(conn, grade, NOW))

    def count(table: str) -> int:
        row = conn.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert row is not None
        return int(row[0])

    assert (count("reading"), count("reading_minute"), count("reading_hour")) == (2, 3, 4)
    assert conn.execute("SELECT * FROM reading_hour ORDER BY time").fetchall() == hours[1:]
    # what comes for a time whose readings are gone is decided anew, and refused
    with pytest.raises(HorizonMovedError):
        ingest(conn, batch([NOW - dt.timedelta(days=9)], [1], [9]))
    # and nothing empties a roll-up whose readings are gone
    assert rollup.mark_due(conn, NOW - dt.timedelta(days=12), NOW) < 8 * 24
    conn.execute("INSERT INTO rollup_due VALUES (1, %s)", (rollup.full_hour(days[2]),))
    assert count("reading_hour") == 4
    maintain(conn)
    assert conn.execute("SELECT * FROM reading_hour ORDER BY time").fetchall() == hours[1:]


def test_the_doctor_hears_of_what_is_behind(conn: psycopg.Connection[Any]) -> None:
    grade = schema_grade(conn) or Grade.PLAIN

    def findings(now: dt.datetime = NOW) -> list[str]:
        return [finding.split(":")[0] + ":" + finding.split(":")[1] for finding in examine_storage(conn, now).findings]

    assert findings() == []
    days = [NOW - dt.timedelta(days=age) for age in (0, 5, 9, 20, 30)]
    ingest(conn, batch(days, [1] * 5, [1, 2, 3, 4, 5]))
    assert findings() == ["roll-ups: never made"]
    maintain(conn)
    assert findings() == []
    assert findings(NOW + dt.timedelta(hours=2)) == []
    (late,) = findings(NOW + dt.timedelta(hours=4))
    assert late.startswith("roll-ups: made up to")
    # rolled up, but nothing was ever removed
    set_retention(conn, Retention(7, 15, 25))
    assert [text[: text.index(" are")] for text in findings()] == [
        "retention: readings",
        "retention: minutes",
        "retention: hours",
    ]
    hold_back(conn, NOW - dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    assert [text[: text.index(" are")] for text in findings()] == ["retention: minutes", "retention: hours"]
    hold_back(conn, NOW - dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))
    list(retire(conn, grade, NOW))
    assert findings() == []


def test_retention_must_make_sense(conn: psycopg.Connection[Any]) -> None:
    for wrong in ((3, 20, 30), (30, 20, 40), (5, 50, 40)):
        with pytest.raises(ValueError, match="kept"):
            Retention(*wrong)
    with pytest.raises(psycopg.errors.CheckViolation):
        conn.execute("UPDATE storage SET minutes_for = INTERVAL '1 day'")


def test_charts_read_the_indexes(conn: psycopg.Connection[Any]) -> None:
    ingest(conn, random_batch(np.random.default_rng(7), 2000, dt.timedelta(days=3)))
    maintain(conn)
    conn.execute("SET enable_seqscan = off")
    for function, index in (("reading_minutes", "rollup_minute_pkey"), ("reading_hours", "rollup_hour_pkey")):
        plan = conn.execute(
            f"EXPLAIN SELECT * FROM {function}(ARRAY[1], %s, %s)", (NOW - dt.timedelta(days=2), NOW)
        ).fetchall()
        text = "\n".join(row[0] for row in plan)
        assert index in text
        assert "reading_series_time" in text
        assert "Seq Scan on reading" not in text
        assert "Seq Scan on rollup" not in text


def test_a_database_of_the_layout_before_is_brought_along(database_url: str) -> None:
    name = f"{database_url.rpartition('/')[2]}_old"
    url = f"{database_url.rpartition('/')[0]}/{name}"
    with psycopg.connect(database_url, autocommit=True) as admin:
        grade = schema_grade(admin) or Grade.PLAIN
        admin.execute(f"CREATE DATABASE {name}")
    try:
        with psycopg.connect(url, autocommit=True) as conn:
            if grade is Grade.APACHE:
                conn.execute("CREATE EXTENSION timescaledb")
        build_schema(url, grade, "0032")
        with psycopg.connect(url, autocommit=True) as conn:
            add_series(conn, url)
            one = random_batch(np.random.default_rng(8), 500, dt.timedelta(days=2))
            with conn.cursor() as cursor, cursor.copy("COPY reading (time, series_id, value) FROM STDIN") as copy:
                for us, series, value in zip(one.times_us, one.series_ids, one.values, strict=True):
                    copy.write_row((dt.datetime.fromtimestamp(us / 1e6, dt.UTC), int(series), float(value)))
        assert migrate(url) == grade
        with psycopg.connect(url, autocommit=True) as conn:
            check_views(conn)
            assert maintain(conn) > 0
            check_views(conn)
    finally:
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
