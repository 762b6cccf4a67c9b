"""``shouwang simulate history``, ``storage`` and ``maintain``, and the charts of the residents they make."""

import datetime as dt
import re
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from care_network.records import vitals
from database import maintenance
from database.maintenance import run
from database.settings import DatabaseSettings
from database.storage import examine_storage
from shouwang.cli.main import app
from shouwang.platform.processes import wait_until
from tests.support.readings import add_series, batch, ingest

pytestmark = pytest.mark.integration


def shouwang(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"SHOUWANG_DATABASE_URL": url, "COLUMNS": "200"})


def value(url: str, query: str) -> object:
    with psycopg.connect(url) as conn:
        row = conn.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture
def past(database_url: str) -> Iterator[str]:
    """Two residents with a past of 100 days."""
    done = shouwang(database_url, "simulate", "history", "--residents", "2", "--days", "100", "--rate", "300")
    assert done.exit_code == 0, done.output
    return database_url


def test_a_past_is_written_once_and_rolled_up_like_any_other(past: str) -> None:
    assert value(past, "SELECT count(*) FROM resident") == 2
    assert value(past, "SELECT waits_until <= now() FROM storage"), "retention waits no longer"
    readings = value(past, "SELECT count(*) FROM reading")
    ages = (
        value(past, "SELECT now() - min(time) FROM reading"),
        value(past, "SELECT now() - min(time) FROM reading_hour"),
    )
    assert dt.timedelta(days=89) < ages[0] < dt.timedelta(days=92)  # type: ignore[operator]
    assert dt.timedelta(days=98) < ages[1] < dt.timedelta(days=101)  # type: ignore[operator]
    # of the time whose readings are kept, the roll-ups are what the job makes of them
    now = dt.datetime.now(dt.UTC)  # one moment for all: what is asked for again a minute later is the same
    days_80, days_9 = (f"{now - dt.timedelta(days=days):%Y-%m-%d %H:%M:%S}+00" for days in (80, 9))
    hours = f"SELECT array_agg(h ORDER BY h.series_id, h.time) FROM reading_hour h WHERE time > '{days_80}'"
    minutes = f"SELECT sum(n * mean) FROM reading_minute WHERE time > '{days_9}'"
    before, sums = value(past, hours), value(past, minutes)
    span = ("--from", f"{now - dt.timedelta(days=9):%Y-%m-%d}", "--to", "2100-01-01")
    assert "will be rolled up again" in shouwang(past, "storage", "refresh", *span).output
    assert "rolled up" in shouwang(past, "maintain", "--once").output
    assert value(past, hours) == before
    assert value(past, minutes) == pytest.approx(sums)
    # again: nobody twice
    again = shouwang(past, "simulate", "history", "--residents", "3", "--days", "8")
    assert "2 of 3 residents were there already" in again.output
    assert value(past, "SELECT count(*) FROM resident") == 3
    ids = (
        "(SELECT s.id FROM series s JOIN device d ON d.id = device_id JOIN gateway g ON g.id = gateway_id"
        " WHERE g.name < 'gw-past-00003')"
    )
    assert value(past, f"SELECT count(*) FROM reading WHERE series_id IN {ids}") == readings


def charts_of_any_length_have_about_a_thousand_points(past: str) -> None:
    now = dt.datetime.now(dt.UTC)
    with psycopg.connect(past) as conn:
        (resident,) = conn.execute("SELECT min(id) FROM resident").fetchone() or (None,)
        points = {}
        for days in (1 / 24, 1, 7, 30, 100):
            # the night before: the radar sees who is in bed
            until = now.replace(hour=20) - dt.timedelta(days=1)
            found = vitals.chart(conn, resident, "heart_rate", until - dt.timedelta(days=days), until)
            points[days] = len(found["time"])
            assert found["time"] == sorted(set(found["time"]))
            assert all(
                low <= mean <= high for low, mean, high in zip(found["low"], found["mean"], found["high"], strict=True)
            )
        assert points[1] > 50
        assert all(20 < points[days] <= 1500 for days in (1, 7, 30, 100))
        # an hour of a time whose readings are gone: its minutes
        old = now.replace(hour=20) - dt.timedelta(days=95)
        found = vitals.chart(conn, resident, "heart_rate", old - dt.timedelta(hours=1), old)
        assert found["time"]
        assert all(time % 60 == 0 for time in found["time"])


def test_charts_of_a_past_and_retention_by_command(past: str) -> None:
    charts_of_any_length_have_about_a_thousand_points(past)
    assert "readings 90 days, minutes 730 days, hours 3650 days" in shouwang(past, "storage", "retention").output
    with psycopg.connect(past) as conn:
        conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path)"
            " SELECT role, 'x', role, role, role, path FROM area,"
            " (VALUES ('admin'), ('dispatcher')) AS r (role) WHERE nlevel(path) = 1"
        )
    wrong = shouwang(past, "storage", "retention", "--raw-days", "800", "--as", "admin")
    assert wrong.exit_code == 1
    assert "each must be kept at least as long" in wrong.output
    shorter = ("storage", "retention", "--raw-days", "30", "--minute-days", "60")
    assert "--as" in shouwang(past, *shorter).output
    assert "may not provision" in shouwang(past, *shorter, "--as", "dispatcher").output
    changed = shouwang(past, *shorter, "--as", "admin")
    assert value(past, "SELECT detail #>> '{after,raw_days}' FROM audit WHERE action = 'set_retention'") == "30"
    assert "readings 30 days, minutes 60 days" in changed.output
    assert shouwang(past, "maintain", "--once").exit_code == 0
    assert dt.timedelta(days=29) < value(past, "SELECT now() - min(time) FROM reading") < dt.timedelta(days=32)  # type: ignore[operator]
    assert value(past, "SELECT now() - min(time) FROM reading_minute") < dt.timedelta(days=62)  # type: ignore[operator]
    assert value(past, "SELECT now() - min(time) FROM reading_hour") > dt.timedelta(days=98)  # type: ignore[operator]
    status = shouwang(past, "storage", "status").output
    assert "readings 30 days" in status
    assert re.search(r"roll-ups: made up to \d{4}-", status)


def test_a_clock_that_no_reading_bears_out_removes_nothing(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    borne_out = maintenance.clock_is_borne_out

    def looking(conn: psycopg.Connection[Any], now: dt.datetime) -> bool:
        looked.append(borne_out(conn, now))
        return looked[-1]

    monkeypatch.setattr(maintenance, "clock_is_borne_out", looking)
    monkeypatch.setattr(maintenance, "DOUBT_S", 0.1)
    made, stop = "SELECT late_before > '-infinity' FROM storage", threading.Event()
    now = dt.datetime.now(dt.UTC)
    thread = threading.Thread(target=run, args=(DatabaseSettings(url=database_url), stop))
    with psycopg.connect(database_url, autocommit=True) as conn:
        add_series(conn, database_url)
        ingest(conn, batch([now - dt.timedelta(days=9)], [1], [60]))
        assert any("Is the clock right?" in finding for finding in examine_storage(conn, now).findings)
        try:
            thread.start()
            wait_until(lambda: len(looked) > 2, 20, "it looks at the readings")
            assert not any(looked)
            assert value(database_url, made) is False
            ingest(conn, batch([now], [1], [61]))
            wait_until(lambda: bool(value(database_url, made)), 20, "it works")
        finally:
            stop.set()
            thread.join(20)


def test_one_service_works_and_the_next_takes_over(database_url: str) -> None:
    settings = DatabaseSettings(url=database_url)
    stops = [threading.Event(), threading.Event()]
    threads = [threading.Thread(target=run, args=(settings, stop)) for stop in stops]
    working = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted"
    done = "SELECT late_before > now() - INTERVAL '2 hours' FROM storage"
    try:
        threads[0].start()
        wait_until(lambda: bool(value(database_url, done)), 30, "the first works")
        assert shouwang(database_url, "maintain", "--once").exit_code == 1, "it is not alone"
        threads[1].start()
        stops[0].set()
        threads[0].join(20)
        wait_until(lambda: value(database_url, working) == 1, 30, "the second works")
    finally:
        for stop, thread in zip(stops, threads, strict=True):
            stop.set()
            if thread.ident is not None:
                thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
