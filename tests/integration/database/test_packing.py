"""Readings older than a day are packed, and nobody who reads them sees a difference."""

import datetime as dt
from typing import Any

import numpy as np
import psycopg
import pytest

from database.grade import Grade, schema_grade
from database.maintenance import round_of_packing, round_of_work
from database.packing import steps as packing
from database.retention import Retention, retire, set_retention
from database.storage import examine_storage, sizes
from tests.support.readings import SERIES, add_series, batch, ingest

pytestmark = [pytest.mark.integration, pytest.mark.every_grade("plain", "apache")]
NOW = dt.datetime(2026, 11, 20, 10, 20, tzinfo=dt.UTC)
ODD = (float("nan"), float("inf"), -0.0, 0.0, 1e-30, 3.4e38, 36.6, 0.05, 120.0)
Rows = list[tuple[Any, ...]]


def maintain(conn: psycopg.Connection[Any]) -> int:
    grade = schema_grade(conn) or Grade.PLAIN
    return sum(round_of_work(conn, grade, NOW)) + sum(round_of_packing(conn, grade, NOW))


def stored(conn: psycopg.Connection[Any]) -> Rows:
    return conn.execute("SELECT series_id, time, float4send(value) FROM reading ORDER BY 1, 2, 3").fetchall()


def count(conn: psycopg.Connection[Any], of: str) -> int:
    row = conn.execute(f"SELECT count(*) FROM {of}").fetchone()
    assert row is not None
    return int(row[0])


def fill(conn: psycopg.Connection[Any]) -> None:
    """Five days: a series each minute, one now and then at odd values, one twice at the same time, one of this day."""
    rng = np.random.default_rng(5)
    minutes = [NOW - dt.timedelta(minutes=n) for n in range(0, 5 * 1440, 10)]
    odd = [NOW - dt.timedelta(microseconds=int(at)) for at in rng.integers(0, 5 * 86_400 * 10**6, 400)]
    same = [NOW - dt.timedelta(days=3)] * 3
    ingest(
        conn,
        batch(
            [*minutes, *odd, *same, NOW],
            [1] * len(minutes) + [2] * len(odd) + [3] * 3 + [4],
            [*rng.integers(600, 700, len(minutes)) / 10, *rng.choice(ODD, len(odd)), 5, 5, 6, 1],
        ),
    )


def test_packed_readings_are_read_as_before(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        add_series(conn, database_url)
        fill(conn)
        before = stored(conn)
        maintain(conn)
        assert stored(conn) == before
        border = packing.border(NOW)
        assert count(conn, f"reading_row WHERE time < '{border}'") == 0
        assert count(conn, "reading_pack") > 8
        assert conn.execute("SELECT sum(n) FROM reading_pack").fetchone() == (
            sum(time < border for _, time, _ in before),
        )
        assert maintain(conn) == 0
        assert sizes(conn, schema_grade(conn) or Grade.PLAIN)["packed"] > 0
        rng = np.random.default_rng(6)
        for _ in range(40):
            series, most = int(rng.integers(1, SERIES)), int(rng.integers(1, 900))
            since, until = sorted(NOW - dt.timedelta(seconds=int(s)) for s in rng.integers(-99, 6 * 86_400, 2))
            wanted = sorted(row[1:] for row in before if row[0] == series and since <= row[1] < until)
            for call, part in (("readings(%s, %s, %s)", wanted),
                               (f"oldest_readings(%s, %s, %s, {most})", wanted[:most]),
                               (f"newest_readings(%s, %s, %s, {most})", wanted[-most:])):  # fmt: skip
                given = conn.execute(
                    f"SELECT time, float4send(value) FROM {call} ORDER BY 1, 2".encode(), (series, since, until)
                ).fetchall()
                # of several at the same time any may be among the newest
                assert [row[0] for row in given] == [row[0] for row in part], call
                assert series == 3 or given == part, call


def test_what_comes_late_is_packed_too_and_what_goes_is_gone(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        add_series(conn, database_url)
        fill(conn)
        maintain(conn)
        before = stored(conn)
        late = NOW - dt.timedelta(days=3, hours=2)
        ingest(conn, batch([late, late, NOW - dt.timedelta(days=8)], [1, 5, 5], [50, 60, 70]))
        after = stored(conn)
        assert len(after) == len(before) + 3
        means = (
            "SELECT series_id, time, n, round(mean::numeric, 2)::text, low::text, high::text FROM reading_hour"
            " ORDER BY series_id, time"
        )
        hours = conn.execute(means).fetchall()
        maintain(conn)
        assert stored(conn) == after
        assert conn.execute(means).fetchall() == hours
        assert count(conn, f"reading_row WHERE time < '{packing.border(NOW)}'") == 0
        # programs of the release before write and delete through the view
        conn.execute("INSERT INTO reading (time, series_id, value) VALUES (%s, 6, 1)", (NOW,))
        assert conn.execute("DELETE FROM reading WHERE series_id = 1 AND value = 50").rowcount == 1
        assert conn.execute("DELETE FROM reading WHERE series_id = 2").rowcount == 400
        left = stored(conn)
        assert len(left) == len(after) + 1 - 1 - 400
        maintain(conn)
        assert stored(conn) == left
        assert count(conn, f"reading_row WHERE time < '{packing.border(NOW)}'") == 0
        # retention takes whole packs
        set_retention(conn, Retention(4, 15, 25))
        list(retire(conn, schema_grade(conn) or Grade.PLAIN, NOW))
        first = packing.border(NOW) - dt.timedelta(days=3)
        assert stored(conn) == [row for row in left if row[1] >= first]
        assert examine_storage(conn, NOW).findings == ()
        (behind,) = (text for text in examine_storage(conn, NOW + dt.timedelta(days=2)).findings if "packing" in text)
        assert "packed up to 2026-11-19" in behind


def test_readings_of_whole_series_are_erased_without_opening_a_pack(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        add_series(conn, database_url)
        fill(conn)
        maintain(conn)
        before = stored(conn)
        theirs = sum(series in (1, 3) for series, *_ in before)
        assert conn.execute("SELECT forget_readings(ARRAY[1, 3])").fetchone() == (theirs,)
        assert stored(conn) == [row for row in before if row[0] not in (1, 3)]
        assert count(conn, "pack_due") == 0
        assert conn.execute("SELECT forget_readings('{}')").fetchone() == (0,)
