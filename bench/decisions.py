"""Measure the decision page for a year of a district: 7,198 residents, 60,000 alerts with their histories, made by SQL.

The first refresh counts the whole year, a later one the month that runs. The pages come over HTTP from a console that
runs as in the demonstration.
"""

import contextlib
import datetime as dt
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg

from bench.console_district import RESIDENTS, Desk, district_console, session_of
from bench.figures import Figure
from figures.core import months
from figures.counting.refresh import refresh
from figures.export.report import report
from figures.export.workbook import workbook
from figures.reading import page, scope

ALERTS, MONTHS, CHANGES = 60_000, 12, 100_000
PAGE_MS, LIST_MS = 1000.0, 150.0
ROUNDS = 30
_KINDS = (
    ("fall", "emergency", "疑似跌倒", "fall", "pendant"),
    ("sos", "emergency", "老人按了呼叫按钮", "call button", "sos-button"),
    ("inactivity", "urgent", "长时间无活动", "no activity", ""), ("vital", "urgent", "体征异常", "vital signs", ""),
    ("night_leave", "attention", "夜间离床未归", "out of bed at night", ""),
    ("device_silent", "technical", "设备离线", "device silent", "radar"),
    ("gateway_silent", "technical", "网关离线", "gateway silent", ""),
)  # fmt: skip


@contextlib.contextmanager
def decided_district() -> Iterator[tuple[Any, psycopg.Connection[Any]]]:
    """The district with a year behind it, its console, and a connection of the owner."""
    with district_console() as (platform, _, _), psycopg.connect(platform.postgres.url, autocommit=True) as conn:
        fill(conn)
        yield platform, conn


def fill(conn: psycopg.Connection[Any]) -> None:
    """Write the year: alerts, what was done about them, visits, changes of protection."""
    now = dt.datetime.now(dt.UTC)
    begin = months.begin(months.after(months.month_at(now), 1 - MONTHS))
    asked = {"alerts": ALERTS, "begin": begin, "span": (now - begin).total_seconds() - 90_000, "changes": CHANGES}
    for place, name in enumerate(("rule", "severity", "zh", "en", "device")):
        asked[name] = [kind[place] for kind in _KINDS]
    # no seals and no notices: a year would take an hour
    conn.execute("SET session_replication_role = replica")
    for statement in _YEAR:
        conn.execute(statement, asked)
    conn.execute("SET session_replication_role = origin")
    conn.execute("ANALYZE")


_YEAR = (
    """
    UPDATE resident SET home_care_bed = id %% 6 = 0
    """,
    """
    CREATE TEMP TABLE made AS
    SELECT gen_random_uuid() AS id, 1 + floor(random() * random() * 7)::int AS kind, h.id AS home, r.id AS resident,
           g.name AS gateway, random() AS luck, random() AS pace,
           %(begin)s::timestamptz + (random() * %(span)s) * INTERVAL '1 second' AS at
    FROM generate_series(1, %(alerts)s) n
    JOIN (SELECT r.*, row_number() OVER (ORDER BY r.id) AS number FROM resident r
          JOIN household h ON h.id = r.household_id WHERE NOT h.synthetic) r
      ON r.number = 1 + (n * 7919) %% (SELECT count(*) FROM resident r JOIN household h ON h.id = r.household_id
                                      WHERE NOT h.synthetic)
    JOIN household h ON h.id = r.household_id JOIN gateway g ON g.household_id = h.id
    """,
    """
    INSERT INTO alert (id, rule, rule_version, severity, subject, household_id, resident_id, state, onset, sensed_at,
                       received_at, raised_at, reason_zh, reason_en, evidence, outcome, closed_at)
    SELECT id, (%(rule)s::text[])[kind], 1, (%(severity)s::text[])[kind],
           CASE kind WHEN 6 THEN 'device:' || gateway || '/radar' WHEN 7 THEN 'gateway:' || gateway
                ELSE 'resident:R' END, home, CASE WHEN kind < 6 THEN resident END,
           CASE WHEN luck < 0.1 THEN 'cleared' WHEN luck < 0.15 THEN 'cancelled' ELSE 'resolved' END, at, at, at, at,
           (%(zh)s::text[])[kind], (%(en)s::text[])[kind],
           jsonb_build_object('kind', CASE WHEN kind >= 6 THEN 'silence' ELSE 'event' END,
                              'device', (%(device)s::text[])[kind],
                              'rule', jsonb_build_object('zh', (%(zh)s::text[])[kind], 'en', (%(en)s::text[])[kind])),
           NULL, at + (300 + pace * 20000) * INTERVAL '1 second'
    FROM made
    """,
    """
    INSERT INTO alert_event (alert_id, at, action, to_state, actor)
    SELECT m.id, m.at + step.after * INTERVAL '1 second', step.action, step.state, '某'
    FROM made m, LATERAL (VALUES
        ('raise', 'raised', 0.0), ('acknowledge', 'acknowledged', 15 + 70 * pace * pace),
        ('respond', 'responding', 60 + 200 * pace), ('arrive', 'on_scene', 300 + 1200 * pace),
        (CASE WHEN luck < 0.1 THEN 'clear' WHEN luck < 0.15 THEN 'cancel' ELSE 'resolve' END,
         CASE WHEN luck < 0.1 THEN 'cleared' WHEN luck < 0.15 THEN 'cancelled' ELSE 'resolved' END,
         300 + pace * 20000)) step (action, state, after)
    WHERE luck >= 0.15 OR step.action IN ('raise', 'clear', 'cancel')
    ORDER BY 2
    """,
    """
    INSERT INTO alert_finding (alert_id, at, verdict, cause, injury, hospital, actions)
    SELECT id, at + (300 + pace * 20000) * INTERVAL '1 second',
           CASE WHEN luck < 0.2 THEN 'test' WHEN luck < 0.3 + kind * 0.05 THEN 'false' ELSE 'true' END, 'unknown',
           'unknown', 'unknown', '{}'
    FROM made WHERE luck >= 0.17
    """,
    """
    INSERT INTO work_order (id, alert_id, service, urgency, household_id, resident_id, due_at, reason_zh, reason_en,
                            state, staff_id, created_at, done_at)
    SELECT gen_random_uuid(), id, 'wellness_check', 'urgent', home, resident, at, '因', 'why', 'done',
           (SELECT s.id FROM staff s ORDER BY (s.id * 31 + m.home) %% 97 LIMIT 1), at, at + INTERVAL '40 minutes'
    FROM made m WHERE luck > 0.5
    """,
    """
    INSERT INTO notification (alert_id, reason, step, round, recipient_kind, recipient_key, at, due_at, state,
                              settled_at)
    SELECT id, 'escalation', 1, 0, 'staff', (SELECT s.code FROM staff s ORDER BY (s.id * 17 + m.home) %% 89 LIMIT 1),
           at, at, 'delivered', at FROM made m WHERE luck > 0.3
    """,
    """
    INSERT INTO protection_change (at, resident_id, function, level, reason)
    SELECT %(begin)s::timestamptz + n * (%(span)s / %(changes)s) * INTERVAL '1 second', r.id, n %% 7,
           CASE WHEN random() < 0.6 THEN 0 WHEN random() < 0.4 THEN 1 WHEN random() < 0.3 THEN 2 ELSE 3 END,
           jsonb_build_object('code', CASE WHEN random() < 0.3 THEN 'none' ELSE 'silent' END)
    FROM generate_series(1, %(changes)s) n
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS number FROM resident) r
      ON r.number = 1 + (n::bigint * 104729) %% (SELECT count(*) FROM resident)
    """,
    """
    INSERT INTO protection_now SELECT id, array_fill((id %% 4)::smallint, '{7}'), array_fill(false, '{7}'), '[]'
    FROM resident ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO protection_look VALUES (true, now(), now() - INTERVAL '300 days', 1, 7198)
    ON CONFLICT (one) DO UPDATE SET at = now()
    """,
    """
    UPDATE gateway SET registered_at = %(begin)s, state = CASE WHEN id %% 50 = 0 THEN 'never seen' ELSE 'online' END
    """,
)


def run() -> list[Figure]:
    """Times of the refresh, the page, a list and the files."""
    with decided_district() as (platform, conn):
        first = _took(lambda: list(refresh(conn, _now())))
        later = min(_took(lambda: list(refresh(conn, _now()))) for _ in range(2))
        account = conn.execute("SELECT login FROM account WHERE role = 'admin' LIMIT 1").fetchone()
        assert account is not None  # noqa: S101 - the demonstration has one
        desk = Desk(platform.address, session_of(conn, account[0]))
        whole = desk.times(["/decisions"], ROUNDS)
        beside = desk.times(["/decisions?compare=year"], ROUNDS)
        lists = {kind: desk.times(paths, ROUNDS) for kind, paths in _lists().items()}
        window = scope.window(conn, _account(conn, account[0]), "zh", _now())
        sections = page.sections(conn, window)
        note = f"{RESIDENTS:,} residents, {ALERTS:,} alerts, {MONTHS} months"
        return [
            _figure("first refresh, a whole year", first, 120_000.0, note),
            _figure("a later refresh", later, 15_000.0, note),
            _figure("page of the district, p95", p95(whole), PAGE_MS, f"{note}; median {np.median(whole):.0f} ms"),
            _figure("page beside the year before, p95", p95(beside), 2 * PAGE_MS, note),
            *(
                _figure(f"list behind a figure: {kind}, p95", p95(times), LIST_MS, f"slowest {max(times):.0f} ms")
                for kind, times in lists.items()
            ),
            _figure("workbook", _took(lambda: workbook(window, sections)), 2000.0, ""),
            _figure("printed report", _took(lambda: report(window, sections)), 5000.0, ""),
        ]  # fmt: skip


def _lists() -> dict[str, list[str]]:
    """Addresses by the kind of list."""
    month = f"month={months.code(months.month_at(_now()))}"
    return {
        "alerts": [
            "/decisions/list/alerts", "/decisions/list/alerts?rule=fall&ending=false",
            "/decisions/list/alerts?severity=emergency&milestone=on_scene&verdict=late",
        ],
        "people": [f"/decisions/list/people?{month}", f"/decisions/list/people?{month}&grade=severe"],
        "homes": ["/decisions/list/homes?function=0", "/decisions/list/homes?function=0&what=unknown"],
        "households": [f"/decisions/list/households?kind=community&served=0&{month}"],
        "devices": ["/decisions/list/devices", f"/decisions/list/month_devices?{month}"],
        "device months": ["/decisions/list/device_months", "/decisions/list/device_months?model=radar"],
        "staff": ["/decisions/list/staff"],
        "orders": ["/decisions/list/orders"],
        "places": [f"/decisions/list/places?{month}"],
    }  # fmt: skip


def _figure(name: str, ms: float, limit: float, note: str) -> Figure:
    return Figure(name=f"decisions: {name}", value=ms, unit="ms", reference=limit, reference_name="limit", note=note)


def _account(conn: psycopg.Connection[Any], login: str) -> Any:
    from care_network.access.accounts import account_by_login

    return account_by_login(conn, login)


def p95(times: list[float]) -> float:
    """The 95th percentile."""
    return float(np.percentile(times, 95))


def _took(work: Any) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
