"""``simulate history`` makes retention wait; killed, it leaves no processes, and a wait that ends by itself."""

import datetime as dt
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from database.grade import Grade
from database.retention import WAIT, Retention, hold_back, retire, set_retention
from database.server.guardian import start_guarded
from database.storage import examine_storage
from shouwang.platform.processes import wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.parametrize("database_cluster", ["plain"], indirect=True, scope="session"),
]


def number(conn: psycopg.Connection[Any], query: str) -> int:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_killed_history_leaves_a_wait_that_ends_by_itself(database_url: str) -> None:
    command = [sys.executable, "-m", "shouwang", "simulate", "history", "--residents", "2000", "--days", "8"]
    with psycopg.connect(database_url, autocommit=True) as conn:
        history = start_guarded(
            command, env={**os.environ, "SHOUWANG_DATABASE_URL": database_url}, stdout=subprocess.DEVNULL
        )
        try:
            wait_until(lambda: number(conn, "SELECT count(*) FROM resident") > 0, 60, "the first resident is written")
            workers = children(history.pid)
            assert workers
        finally:
            history.send_signal(signal.SIGKILL)
            history.wait(10)
        wait_until(lambda: not any(alive(pid) for pid in workers), 20, "its workers end")
        wait_until(
            lambda: (
                number(conn, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'shouwang-history'") == 0
            ),
            20,
            "the server ends its session",
        )
        now = dt.datetime.now(dt.UTC)
        before = number(conn, "SELECT count(*) FROM reading")
        set_retention(conn, Retention(4, 10, 20))
        assert sum(retire(conn, Grade.PLAIN, now)) == 0
        assert "no reading is removed before" in examine_storage(conn, now).text
        # nobody has to come and mend it
        assert sum(retire(conn, Grade.PLAIN, now + WAIT)) > 0
        assert 0 < number(conn, "SELECT count(*) FROM reading") < before


def test_a_wait_can_be_prolonged_and_ended(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        hold_back(conn, dt.timedelta(hours=1))
        hold_back(conn, dt.timedelta(hours=3))
        assert number(conn, "SELECT extract(hour FROM waits_until - now() + INTERVAL '1 minute') FROM storage") == 3
        hold_back(conn, dt.timedelta(0))
        assert number(conn, "SELECT count(*) FROM storage WHERE waits_until <= now()") == 1


def test_the_end_of_one_wait_shortens_no_other(database_url: str) -> None:
    left = "SELECT extract(hour FROM greatest(waits_until - now(), '0') + INTERVAL '1 minute') FROM storage"
    with (
        psycopg.connect(database_url, autocommit=True) as one,
        psycopg.connect(database_url, autocommit=True) as other,
    ):
        hold_back(one, dt.timedelta(hours=3))
        hold_back(other, dt.timedelta(hours=5))
        assert number(one, left) == 5
        hold_back(other, dt.timedelta(0))
        assert number(one, left) == 3
        hold_back(other, dt.timedelta(hours=1))
        assert number(one, left) == 3
        hold_back(one, dt.timedelta(0))
        assert number(one, left) == 1
        hold_back(other, dt.timedelta(0))
        assert number(one, left) == 0
