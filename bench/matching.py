"""Measure matching: the best three of 1,000 people for an alert, from the database to words; 200 orders at once."""

import datetime as dt
import random
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from bench.figures import Figure
from care_network.catalogues.services import SERVICES
from care_network.catalogues.workforce import LANGUAGES, SKILLS
from care_network.matching.crew import URGENCIES, Crew
from care_network.matching.matching import Job, assign, match
from database.migrate import migrate
from database.server.embedded import EmbeddedPostgres
from dispatch.alerts import lifecycle, lookup
from dispatch.alerts.lifecycle import NewAlert
from dispatch.orders.assigning import suggest
from dispatch.orders.people import Crews

PEOPLE, ORDERS, RUNS, COLD_RUNS = 1000, 200, 300, 100
LIMIT_MS = 50.0
_ABSENCE = """
    INSERT INTO roster_exception (staff_id, kind, starts_at, ends_at)
    VALUES (%(staff)s, 'absent', %(now)s, %(now)s + INTERVAL '2 hours')
"""
AREAS = [("sz", "city"), ("sz.yt", "district")] + [
    (f"sz.yt.s{street}{tail}", level)
    for street in range(4)
    for tail, level in (("", "street"), (".m", "community"), (".m.c", "compound"))
]


def run() -> list[Figure]:
    now = dt.datetime.now(dt.UTC)
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as server:
        migrate(server.url)
        with psycopg.connect(server.url, autocommit=True) as conn:
            alerts = _district(conn, now)
            crews = Crews()
            suggestions = [suggest(conn, crews, alert, None, now)[1] for alert in alerts]
            matched = sum(bool(one.candidates) for one in suggestions)
            warm = [_ms(suggest, conn, crews, alerts[n % len(alerts)], None, now) for n in range(RUNS)]
            crew = crews.crew(conn, now, now)
            cold = []
            for n in range(COLD_RUNS):
                conn.execute(_ABSENCE, {"staff": n + 1, "now": now})
                cold.append(_ms(suggest, conn, crews, alerts[n % len(alerts)], None, now))
    on_duty = len(set(crew.day.stint_person.tolist()))
    jobs = _jobs(crew)
    pure = [_ms(match, crew, jobs[n % len(jobs)]) for n in range(RUNS)]
    plans = [_ms(assign, crew, jobs) for _ in range(5)]
    given = len(assign(crew, jobs))
    note = f"{PEOPLE} active staff, {on_duty} with a duty today; {matched} of {len(alerts)} alerts had somebody"
    return [
        Figure(
            name="one alert to the best three with reasons, p99",
            value=_p99(warm),
            unit="ms",
            reference=LIMIT_MS,
            reference_name="limit",
            note=f"{note}; with every query, the day's roster in memory; p50 {np.median(warm):.1f} ms",
        ),
        Figure(
            name="the same after the roster changed, p99",
            value=_p99(cold),
            unit="ms",
            reference=LIMIT_MS,
            reference_name="limit",
            note="an absence was entered just before: the day's roster is read and computed anew;"
            f" p50 {np.median(cold):.1f} ms",
        ),
        Figure(name="scoring and wording alone, p99", value=_p99(pure), unit="ms", note="no database"),
        Figure(
            name=f"{ORDERS} orders assigned to {PEOPLE} people at once",
            value=float(np.median(plans)),
            unit="ms",
            note=f"all urgencies mixed; {given} given out; the slowest of five {max(plans):.0f} ms",
        ),
    ]


def _ms(work: Callable[..., Any], *arguments: Any) -> float:
    begin = time.perf_counter()
    work(*arguments)
    return (time.perf_counter() - begin) * 1000


def _p99(values: list[float]) -> float:
    return float(np.percentile(values, 99))


def _district(conn: psycopg.Connection[Any], now: dt.datetime) -> list[dict[str, Any]]:
    """Fill the database: four streets with a team each, 1,000 people of whom a third is on duty at any time, orders in
    hand, earlier visits, shared places. Returns forty alerts."""
    rng = random.Random(20)
    with conn.transaction():
        for path, level in AREAS:
            conn.execute(
                "INSERT INTO area (path, level, name_zh, name_en, longitude, latitude)"
                " VALUES (%s, %s, '区', 'a', %s, %s)",
                (path, level, 114.24 + rng.random() * 0.02, 22.56 + rng.random() * 0.02),
            )
        conn.execute(
            "INSERT INTO organisation (code, area_id, kind, name_zh, name_en)"
            " SELECT 'o' || id, id, 'home_care_bed_team', '护理队', 'team' FROM area WHERE level = 'street'"
        )
        for code, starts, ends in (("early", 7, 15), ("late", 15, 23), ("night", 23, 7)):
            conn.execute(
                "INSERT INTO shift (organisation_id, code, name_zh, name_en, starts, ends)"
                " SELECT id, %s, '班', 's', make_time(%s, 0, 0), make_time(%s, 0, 0) FROM organisation",
                (code, starts, ends),
            )
        for number in range(PEOPLE):
            skills, languages = rng.sample(sorted(SKILLS), 6), ["cmn", *rng.sample(sorted(LANGUAGES), 1)]
            conn.execute(
                "INSERT INTO staff (code, organisation_id, kind, name_zh, name_en, phone, skills, languages,"
                " location_consent_at) SELECT %s, id, %s, '员', 'P', '0755-1', %s, %s, %s FROM organisation"
                " ORDER BY id OFFSET %s LIMIT 1",
                (
                    f"S{number}",
                    rng.choice(["carer", "carer", "nurse", "volunteer"]),
                    skills,
                    languages,
                    now,
                    number % 4,
                ),
            )
        conn.execute(
            "INSERT INTO staff_certificate (staff_id, kind, expires_on) SELECT s.id, k, %s FROM staff s,"
            " unnest('{elder_carer,first_aid,nurse_licence}'::text[]) k WHERE mod(s.id + length(k), 5) > 0",
            (now.date() + dt.timedelta(days=99),),
        )
        conn.execute(
            "INSERT INTO roster (staff_id, shift_id, weekdays, valid_from)"
            " SELECT s.id, h.id, '{1,2,3,4,5,6,7}', '2026-01-01' FROM staff s JOIN shift h"
            " ON h.organisation_id = s.organisation_id"
            " WHERE h.code = (ARRAY['early', 'late', 'night'])[1 + mod(s.id, 3)]"
        )
        conn.execute(
            "INSERT INTO staff_location SELECT id, %s, 114.24 + mod(id, 97) * 0.0002, 22.56 + mod(id, 89) * 0.0002, 10"
            " FROM staff WHERE mod(id, 2) = 0",
            (now,),
        )
        conn.execute(
            "INSERT INTO household (code, area_id, address_zh, address_en, longitude, latitude)"
            " SELECT 'H' || a.id || '-' || n, a.id, '一号', 'one', 114.25, 22.57 FROM area a, generate_series(1, 10) n"
            " WHERE a.level = 'compound'"
        )
        conn.execute(
            "INSERT INTO resident (code, household_id, name_zh, name_en, sex, birth_date, languages)"
            " SELECT 'R' || id, id, '王', 'Wang', 'female', '1940-01-01', '{cmn,yue}' FROM household"
        )
        conn.execute(
            "INSERT INTO work_order (id, service, urgency, household_id, resident_id, due_at, reason_zh, reason_en,"
            " state, staff_id, created_at, done_at) SELECT gen_random_uuid(), 'meal', 'planned', r.household_id, r.id,"
            " %(now)s, '', '', CASE mod(n, 10) WHEN 0 THEN 'accepted' ELSE 'done' END, s.id, %(now)s,"
            " CASE mod(n, 10) WHEN 0 THEN NULL ELSE %(now)s END"
            " FROM generate_series(1, 3000) n JOIN resident r ON r.id = 1 + mod(n, 40)"
            " JOIN staff s ON s.id = 1 + mod(n, 1000)",
            {"now": now},
        )
    conn.execute("ANALYZE")
    alerts = []
    for number, (household, resident) in enumerate(conn.execute("SELECT household_id, id FROM resident").fetchall()):
        severity = URGENCIES[number % 3]
        alert = NewAlert(
            id=uuid.uuid4(),
            rule="fall",
            rule_version=1,
            severity=severity,
            subject="x",
            household_id=household,
            resident_id=resident,
            onset=now,
            sensed_at=now,
            received_at=now,
            raised_at=now,
            reason_zh="",
            reason_en="",
            evidence={},
        )
        lifecycle.raise_alert(conn, alert)
        row = lookup.load(conn, alert.id)
        if row is not None:
            alerts.append(row)
    return alerts


def _jobs(crew: Crew) -> list[Job]:
    rng = random.Random(21)
    services = sorted(SERVICES)
    return [
        Job(
            key=str(number),
            service=rng.choice(services),
            urgency=rng.choice(URGENCIES),
            path=f"sz.yt.s{rng.randrange(4)}.m.c",
            longitude=114.24 + rng.random() * 0.02,
            latitude=22.56 + rng.random() * 0.02,
            languages=("cmn",),
            visits={crew.day.people[rng.randrange(PEOPLE)].id: 2},
        )
        for number in range(ORDERS)
    ]
