"""Measure services at home for three years of a district: 7,198 residents and 2 million service orders, made by SQL.

Pages come over HTTP from a console that runs as in the demonstration, as an account of the whole district and as a
station of one street; the settlement is that of the last whole month, with all months before it settled.
"""

import datetime as dt
import time
from typing import Any

import numpy as np
import psycopg

from bench.console_district import Desk, district_console, session_of
from bench.figures import Figure
from care_network.access.accounts import account_by_login
from care_services.core.acting import Acting
from care_services.demo import home_services
from care_services.home_services.plans.making import make_ahead
from care_services.home_services.settlement import settling
from care_services.rounds import missed_visits
from care_services.rounds.outside import Nobody
from vocabulary.times import SHANGHAI

ORDERS, DAYS = 2_000_000, 3 * 365
PAGE_MS, SETTLE_MS = 200.0, 60_000.0
ROUNDS = 40
PLANS = 12_000

_FILL = (
    "SET session_replication_role = replica",  # no frozen settlements while the past is written
    """
    CREATE TEMP TABLE offered AS SELECT DISTINCT p.service, p.organisation_id, p.price_fen, c.minutes, c.unit, a.path,
           row_number() OVER (ORDER BY p.service, p.organisation_id) AS n
    FROM service_price p JOIN care_service c ON c.code = p.service JOIN organisation o ON o.id = p.organisation_id
    JOIN area a ON a.id = o.area_id
    """,
    """
    CREATE TEMP TABLE who AS
    SELECT r.id, a.path, (row_number() OVER (ORDER BY r.id))::int AS n FROM resident r
    JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area a ON a.id = h.area_id
    """,
    """
    CREATE TEMP TABLE work AS
    SELECT w.id AS resident_id, w.n AS who, f.*, (SELECT array_agg(s.id) FROM staff s
           WHERE s.organisation_id = f.organisation_id AND s.kind = 'carer') AS people
    FROM who w JOIN LATERAL (
        SELECT * FROM offered f WHERE w.path <@ f.path ORDER BY (f.n * 7919 + w.n * 104729) %% 1009 LIMIT 2
    ) f ON true
    """,
    """
    INSERT INTO settlement (number, organisation_id, month, settled_at, actor, visits, minutes, amount_fen, subsidy_fen,
                            own_fen, corrections, correction_fen, frozen)
    SELECT 'S-' || to_char(m, 'YYYYMM') || '-' || o.code, o.id, m::date, m + INTERVAL '35 days', '某', 0, 0, 0, 0, 0, 0,
           0, true
    FROM organisation o, generate_series(date_trunc('month', %(today)s::date - %(days)s::int),
        date_trunc('month', %(today)s::date) - INTERVAL '2 months', INTERVAL '1 month') m
    WHERE o.id IN (SELECT organisation_id FROM offered) ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO service_order (resident_id, service, organisation_id, staff_id, source, planned_start, planned_minutes,
        state, unit, price_fen, amount_fen, subsidy_fen, own_fen, subsidy_rule, subsidy_open, checked_in_at,
        checked_in_by, checked_out_at, done_minutes, tasks_done, settlement_id, created_at)
    SELECT w.resident_id, w.service, w.organisation_id, w.people[1 + (w.who + k) %% cardinality(w.people)], 'plan',
           t.at, w.minutes, CASE WHEN t.luck < 0.03 THEN 'cancelled' WHEN t.luck < 0.05 THEN 'missed'
                                 WHEN t.luck < 0.06 THEN 'refused_at_door' WHEN t.luck < 0.4 THEN 'confirmed'
                                 ELSE 'checked_out' END,
           w.unit, w.price_fen, w.price_fen, w.price_fen / 3, w.price_fen - w.price_fen / 3, 'age_80', t.luck > 0.9,
           CASE WHEN t.luck >= 0.06 THEN t.at + INTERVAL '3 minutes' END,
           CASE WHEN t.luck >= 0.06 THEN (ARRAY['place', 'code', 'device', 'station'])[1 + (k %% 4)] END,
           CASE WHEN t.luck >= 0.06 THEN t.at + w.minutes * INTERVAL '1 minute' END,
           CASE WHEN t.luck >= 0.06 THEN w.minutes END, CASE WHEN t.luck >= 0.06 THEN '{1,2}'::smallint[] END,
           CASE WHEN t.luck >= 0.06 THEN s.id END, t.at - INTERVAL '14 days'
    FROM generate_series(1, %(orders)s) k
    JOIN (SELECT w.*, (row_number() OVER (ORDER BY resident_id, n))::int AS line FROM work w) w
      ON w.line = 1 + (k::bigint * 7919) %% (SELECT count(*) FROM work)
    CROSS JOIN LATERAL (
        SELECT random() AS luck, (date_trunc('day', %(now)s::timestamptz) - (k::bigint * %(days)s / %(orders)s) *
               INTERVAL '1 day' - INTERVAL '1 day' + (60 + (k::bigint * 104729) %% 600) * INTERVAL '1 minute') AS at
    ) t
    LEFT JOIN settlement s ON s.organisation_id = w.organisation_id
      AND s.month = date_trunc('month', t.at AT TIME ZONE 'Asia/Shanghai')::date
    """,
    """
    INSERT INTO settlement_line (settlement_id, order_id, kind, minutes, amount_fen, subsidy_fen, own_fen)
    SELECT settlement_id, id, 'visit', done_minutes, amount_fen, subsidy_fen, own_fen
    FROM service_order WHERE settlement_id IS NOT NULL AND source = 'plan' AND plan_id IS NULL
    """,
    """
    INSERT INTO service_rating (order_id, rated_by, stars, at) SELECT id, 'family', 1 + (id %% 5), checked_out_at
    FROM service_order WHERE state = 'confirmed' AND id %% 3 = 0 ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO service_plan (resident_id, service, organisation_id, weekdays, times, first_day, minutes, created_at)
    SELECT resident_id, service, organisation_id, ARRAY[1 + who %% 5, 6]::smallint[],
           ARRAY[TIME '09:00' + (who %% 20) * INTERVAL '30 minutes'], %(today)s::date - 60, minutes, now()
    FROM work LIMIT %(plans)s
    """,
    "SET session_replication_role = origin",
    "ANALYZE",
)


def run() -> list[Figure]:
    """Times of the pages, the settlement of a month, making the orders of a fortnight, a turn of the rounds."""
    with district_console() as (platform, _, _), psycopg.connect(platform.postgres.url, autocommit=True) as conn:
        now = dt.datetime.now(dt.UTC)
        home_services.fill(conn, now)
        today = now.astimezone(SHANGHAI).date()
        asked = {"orders": ORDERS, "days": DAYS, "now": now, "today": today, "plans": PLANS}
        for statement in _FILL:
            conn.execute(statement, asked)
        made = _took(lambda: make_ahead(conn, now))
        conn.execute("ANALYZE service_order")
        account = account_by_login(conn, "lead")
        assert account is not None  # noqa: S101 - the demonstration has one
        last = (today.replace(day=1) - dt.timedelta(days=1)).replace(day=1)
        preview = _took(lambda: settling.month(conn, Acting(account, now), last))
        settled = _took(lambda: settling.settle_all(conn, Acting(account, now), last))
        turn = _took(lambda: missed_visits.look(conn, now, Nobody()))
        row = conn.execute("SELECT count(*), sum(visits) FROM settlement WHERE month = %s", (last,)).fetchone()
        total = conn.execute("SELECT count(*) FROM service_order").fetchone()
        assert row is not None and total is not None  # noqa: S101, PT018 - counts have a row
        note = f"{total[0]:,} orders, three years"
        figures = [
            _figure("settlement of a month, all providers", settled, SETTLE_MS, f"{note}; {row[1]:,} visits"),
            _figure("the month before it is settled", preview, 1000.0, note),
            _figure("orders of a fortnight made of plans", made, 120_000.0, f"{PLANS:,} plans"),
            _figure("a turn that looks for missed visits", turn, 5000.0, note),
        ]
        for login in ("lead", "station-haishan"):
            desk = Desk(platform.address, session_of(conn, login))
            for name, paths in _pages(conn, login, last).items():
                times = desk.times(paths, ROUNDS)
                figures.append(
                    _figure(
                        f"{name}, {login}, p95",
                        float(np.percentile(times, 95)),
                        PAGE_MS,
                        f"median {np.median(times):.0f} ms",
                    )
                )
        return figures


def _pages(conn: psycopg.Connection[Any], login: str, last: dt.date) -> dict[str, list[str]]:
    area = "SELECT area_path FROM account WHERE login = %s"
    seen = conn.execute(
        "SELECT o.id, r.code, o.plan_id FROM service_order o JOIN resident r ON r.id = o.resident_id"
        " JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area a ON a.id = h.area_id"
        f" WHERE a.path <@ ({area}) AND o.plan_id IS NOT NULL ORDER BY o.id DESC LIMIT 12".encode(),
        (login,),
    ).fetchall()
    month, before = f"{last:%Y-%m}", f"{last - dt.timedelta(days=200):%Y-%m}"
    return {
        "board of the day": ["/care/visits", "/care/visits?part=done", "/care/visits?part=planned"],
        "a visit": [f"/care/visits/{row[0]}" for row in seen],
        "services of a resident": [f"/care/residents/{row[1]}/services" for row in seen],
        "plans": ["/care/plans"],
        "a plan": [f"/care/plans/{row[2]}" for row in seen],
        "planned against done": [f"/care/compared?month={month}", f"/care/compared?month={before}"],
        "settlements of a month": [f"/care/settlements?month={month}", f"/care/settlements?month={before}"],
        "ratings": ["/care/ratings"],
        "requests": ["/care/requests"],
    }  # fmt: skip


def _figure(name: str, ms: float, limit: float, note: str) -> Figure:
    return Figure(name=f"services: {name}", value=ms, unit="ms", reference=limit, reference_name="limit", note=note)


def _took(work: Any) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
