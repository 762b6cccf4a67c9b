"""Measure what a district tells the city: lag, copying, catching up, the turns of telling, and the log it takes.

A district of 7,198 homes with a year of alerts on one server, its feed on a second, the city on a third.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import psycopg
from psycopg.conninfo import make_conninfo

from bench.figures import Figure
from database.city import feed, following, telling
from database.city.names import FOLLOWER, WRITER
from database.migrate import migrate
from database.server.embedded import EmbeddedPostgres
from shouwang.platform.processes import wait_until

HOMES, ALERTS = 7_198, 60_000
SINGLE, AWAY = 100, 5_000
WORD = "bench"
LOGICAL = {"wal_level": "logical", "max_slot_wal_keep_size": "2GB"}
WAIT_S = 300.0
Connection = psycopg.Connection


def run() -> list[Figure]:
    """Measure on servers of its own, which are removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as folder:
        servers = [
            EmbeddedPostgres(Path(folder) / name, conf)
            for name, conf in (("district", {}), ("feed", LOGICAL), ("city", {}))
        ]
        try:
            for server in servers:
                server.start()
            return _measure(*servers)
        finally:
            for server in servers:
                server.discard()


def _measure(district: EmbeddedPostgres, feed_server: EmbeddedPostgres, city: EmbeddedPostgres) -> list[Figure]:
    migrate(district.url)
    figures = []
    with (
        psycopg.connect(district.url, autocommit=True) as main,
        psycopg.connect(feed_server.url, autocommit=True) as target,
        psycopg.connect(city.url, autocommit=True) as ours,
    ):
        _populate(main)
        feed.publish(target, "bench", ("区", "District"), {WRITER: WORD, FOLLOWER: WORD})
        told = telling.Told()
        began = time.perf_counter()
        telling.tell(main, target, told)
        all_s = time.perf_counter() - began
        figures.append(
            Figure(name="city: first telling", value=told.rows / all_s, unit="rows/s", note=f"{told.rows:,} rows")
        )
        figures.append(_turns(main, target, told))
        following.init(ours, WORD)
        began = time.perf_counter()
        following.join(ours, make_conninfo(feed_server.url, user=FOLLOWER, password=WORD))
        _wait(target, ours)
        figures.append(
            Figure(name="city: copy of a district", value=told.rows / (time.perf_counter() - began), unit="rows/s")
        )
        figures += _lag(target, ours)
        figures.append(_catching_up(main, target, ours, told))
    return figures


def _populate(main: Connection) -> None:
    """Homes of one person each in 48 communities, and a year of alerts with four entries each."""
    main.execute(
        f"""
        INSERT INTO area (path, level, name_zh, name_en)
        SELECT 'b'::ltree, 'district', '区', 'District'
        UNION ALL SELECT ('b.s.c' || n)::ltree, 'community', '社区', 'Community' FROM generate_series(1, 48) n;
        INSERT INTO household (code, area_id, address_zh, address_en)
        SELECT 'H' || n, (SELECT id FROM area WHERE path = ('b.s.c' || 1 + n % 48)::ltree), '', ''
        FROM generate_series(1, {HOMES}) n;
        INSERT INTO resident (code, household_id, name_zh, name_en, sex, birth_date)
        SELECT 'R' || id, id, '某', 'N', 'female', '1940-01-01' FROM household;
        INSERT INTO gateway (name, household_id, state) SELECT 'gw-' || id, id, 'online' FROM household;
        """.encode()
    )
    _alerts(main, ALERTS, "now() - INTERVAL '365 days' * n / 60000.0")


def _alerts(main: Connection, number: int, at: str) -> None:
    main.execute(
        f"""
        WITH added AS (
            INSERT INTO alert (id, rule, rule_version, severity, subject, household_id, state, onset, sensed_at,
                               received_at, raised_at, reason_zh, reason_en, evidence, next_step_at)
            SELECT gen_random_uuid(), 'fall', 1, 'urgent', 'x', 1 + n % {HOMES}, 'resolved', t, t, t, t, '', '', '{{}}',
                   NULL
            FROM generate_series(1, {number}) n CROSS JOIN LATERAL (SELECT {at} AS t) at RETURNING id, raised_at)
        INSERT INTO alert_event (alert_id, at, action, to_state, actor)
        SELECT id, raised_at + m * INTERVAL '3 minutes', (ARRAY['raise', 'acknowledge', 'arrive', 'resolve'])[m + 1],
               'resolved', 'system' FROM added, generate_series(0, 3) m
        """.encode()
    )


def _turns(main: Connection, target: Connection, told: telling.Told) -> Figure:
    """A turn in which next to nothing is new, as there are 8,640 a day."""
    for _ in range(telling.HOURS_BACK // telling.HOURS_A_TURN + 1):  # the hours of the last week
        telling.tell(main, target, told)
    spent = []
    for _ in range(30):
        began = time.perf_counter()
        telling.tell(main, target, told)
        spent.append(time.perf_counter() - began)
    return Figure(name="city: a turn of telling, p50", value=1000 * float(np.median(spent)), unit="ms",
                  note=f"{HOMES:,} homes")  # fmt: skip


def _lag(target: Connection, ours: Connection) -> list[Figure]:
    """From the commit in the feed until the city's readers see it, one row at a time; and the log that a row takes."""
    lags = []
    start = _position(target)
    for number in range(SINGLE):
        target.execute("UPDATE city.district SET name_en = %s", (str(number),))
        began = time.perf_counter()
        while ours.execute("SELECT name_en FROM city.district").fetchone() != (str(number),):
            pass
        lags.append(time.perf_counter() - began)
    p50, p99 = np.percentile(lags, (50, 99)).tolist()
    size = (_position(target) - start) / SINGLE
    return [
        Figure(name="city: lag of a row, p50", value=1000 * p50, unit="ms"),
        Figure(name="city: lag of a row, p99", value=1000 * p99, unit="ms"),
        Figure(name="city: log of a heartbeat", value=size, unit="bytes"),
    ]


def _catching_up(main: Connection, target: Connection, ours: Connection, told: telling.Told) -> Figure:
    """The line is cut, much happens, the line comes back."""
    ours.execute("ALTER SUBSCRIPTION district_bench DISABLE")
    start, before = _position(target), told.rows
    _alerts(main, AWAY, "now() - INTERVAL '1 hour' * n / 5000.0")
    telling.tell(main, target, told)
    rows, size = told.rows - before, _position(target) - start
    began = time.perf_counter()
    ours.execute("ALTER SUBSCRIPTION district_bench ENABLE")
    _wait(target, ours)
    rate = rows / (time.perf_counter() - began)
    return Figure(
        name="city: catching up", value=rate, unit="rows/s", note=f"{rows:,} rows, {size / rows:.0f} bytes of log each"
    )


def _wait(target: Connection, ours: Connection) -> None:
    counts = "(SELECT count(*) FROM city.alert), (SELECT count(*) FROM city.hour)"
    query = f"SELECT {counts}, (SELECT told_at FROM city.district)"
    wanted = target.execute(query.encode()).fetchone()
    wait_until(lambda: ours.execute(query.encode()).fetchone() == wanted, WAIT_S, "the city has it all", pause_s=0.01)


def _position(target: Connection) -> int:
    row = target.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint").fetchone()
    return int(row[0]) if row else 0
