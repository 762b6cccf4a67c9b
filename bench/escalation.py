"""Measure the time from an alert to the first message handed to a channel: at rest, and in a storm of 500 a minute.

The real services run: PostgreSQL, dispatch (the ladder), notify (the channels, with the demonstration's outbox). Alerts
are written as alerting writes them, by ``lifecycle.raise_alert`` and one writer. The time runs from the decision to the
first attempt (``delivery_attempt.started_at``), both by this machine's clock. The reference is the two commits that
must lie between, an alert's and a step's, measured alone in the same run.
"""

import datetime as dt
import tempfile
import time
import uuid
from pathlib import Path

import numpy as np
import psycopg

from bench.figures import Figure
from device_simulators.homes import demo_home
from dispatch.alerts import lifecycle
from dispatch.ladders import store
from shouwang.brokers.local import free_port
from shouwang.platform.platform import Platform
from shouwang.platform.processes import wait_until

HOMES = 100
CALM, PAUSE_S = 60, 0.5
STORM, STORM_S = 500, 60.0
TARGET_MS = 2000.0


def run() -> list[Figure]:
    """Measure median and 99th percentile of both, in ms."""
    with (
        tempfile.TemporaryDirectory(prefix="shouwang-bench-") as folder,
        Platform(Path(folder), free_port()) as platform,
    ):
        platform.load_district([demo_home(number) for number in range(1, HOMES + 1)])
        with psycopg.connect(platform.postgres.url) as conn:
            store.save(conn, store.defaults(), dt.datetime.now(dt.UTC))  # a district's delays, not the demonstration's
        platform.start_services(("dispatch", "notify"))
        with psycopg.connect(platform.postgres.url, autocommit=True) as conn:
            wait_until(lambda: _climbing(conn), 30, "the dispatch service climbs")
            calm = _measure(conn, "calm", CALM, PAUSE_S)
            storm = _measure(conn, "storm", STORM, STORM_S / STORM)
            commits = _two_commits(conn)
    figures = [
        Figure(
            name=f"alert → first message to a channel, {what}, {name}",
            value=float(np.percentile(times, q)),
            unit="ms",
            reference=float(np.percentile(commits, q)),
            reference_name=f"two commits alone, {name}",
            note=note,
        )
        for what, times, note in (
            ("at rest", calm, f"{CALM} emergencies, {1 / PAUSE_S:.0f} per s"),
            (
                "storm",
                storm,
                f"{STORM} emergencies in {STORM_S:.0f} s, nobody answers; target: p99 ≤ {TARGET_MS:.0f} ms",
            ),
        )
        for name, q in (("p50", 50), ("p99", 99))
    ]
    return figures


def _measure(conn: psycopg.Connection[tuple[object, ...]], name: str, count: int, pause_s: float) -> list[float]:
    homes = conn.execute(
        "SELECT h.id, r.id FROM household h JOIN LATERAL (SELECT min(id) AS id FROM resident WHERE household_id = h.id)"
        " r ON true ORDER BY h.code"
    ).fetchall()
    alerts: list[uuid.UUID] = []
    begin = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, begin + number * pause_s - time.monotonic()))
        household, resident = homes[number % len(homes)]
        now = dt.datetime.now(dt.UTC)
        alerts.append(uuid.uuid4())
        alert = lifecycle.NewAlert(
            id=alerts[-1],
            rule="sos",
            rule_version=1,
            severity="emergency",
            subject=f"bench:{name}:{number}",
            household_id=int(str(household)),
            resident_id=int(str(resident)),
            onset=now,
            sensed_at=now,
            received_at=now,
            raised_at=now,
            reason_zh="老人按下呼叫按钮",
            reason_en="SOS pressed",
            evidence={},
        )
        lifecycle.raise_alert(conn, alert)
    wait_until(lambda: len(_first(conn, alerts)) == count, 120, f"{count} first messages")
    return _first(conn, alerts)


def _first(conn: psycopg.Connection[tuple[object, ...]], alerts: list[uuid.UUID]) -> list[float]:
    return [
        float(str(row[0]))
        for row in conn.execute(
            """
            SELECT 1000 * extract(epoch FROM min(d.started_at) - a.raised_at)
            FROM alert a JOIN notification n ON n.alert_id = a.id JOIN delivery_attempt d ON d.message_id = n.message_id
            WHERE a.id = ANY(%s) GROUP BY a.id
            """,
            (alerts,),
        )
    ]


def _two_commits(conn: psycopg.Connection[tuple[object, ...]]) -> list[float]:
    conn.execute("CREATE TABLE bench_commit (at timestamptz)")
    times = []
    for _ in range(200):
        begin = time.perf_counter()
        for _ in range(2):
            conn.execute("INSERT INTO bench_commit VALUES (clock_timestamp())")
        times.append((time.perf_counter() - begin) * 1000)
    return times


def _climbing(conn: psycopg.Connection[tuple[object, ...]]) -> bool:
    return conn.execute("SELECT FROM dispatch_worker").fetchone() is not None
