"""Random months of a small city, for tests of the figures: alerts with all sorts of ends, visits, lost protection."""

import datetime as dt
import uuid
from typing import Any

import psycopg
from numpy.random import Generator
from psycopg.types.json import Jsonb

from vocabulary.severity import SEVERITIES

PENDANTS = "INSERT INTO device (gateway_id, name, model) SELECT id, 'pendant', 'shouwang-pendant' FROM gateway"
RULES = ("fall", "sos", "device_silent")


def something_happens(conn: psycopg.Connection[Any], rng: Generator, alerts: int, until: dt.datetime) -> None:
    """Alerts of the last three months with histories and ends of all sorts, visits, changes of protection."""
    homes = conn.execute("SELECT h.id, r.id, g.name FROM household h JOIN resident r ON r.household_id = h.id"
                         " JOIN gateway g ON g.household_id = h.id WHERE NOT h.synthetic").fetchall()  # fmt: skip
    for _ in range(alerts):
        household, resident, gateway = homes[int(rng.integers(len(homes)))]
        at = until - dt.timedelta(hours=float(rng.uniform(1, 24 * 75)))
        rule, severity = str(rng.choice(RULES)), str(rng.choice(SEVERITIES))
        end = str(rng.choice(["open", "resolved", "resolved", "cleared", "cancelled"]))
        closed = None if end == "open" else min(until, at + dt.timedelta(minutes=float(rng.uniform(3, 900))))
        silent = rule == "device_silent"
        alert = uuid.UUID(bytes=rng.bytes(16))
        conn.execute(
            "INSERT INTO alert (id, rule, rule_version, severity, subject, household_id, resident_id, state, onset,"
            " sensed_at, received_at, raised_at, reason_zh, reason_en, evidence, closed_at)"
            " VALUES (%s, %s, 1, %s, %s, %s, %s, %s, %s, %s, %s, %s, '因', 'why', %s, %s)",
            (alert, rule, "technical" if silent else severity, f"device:{gateway}/pendant" if silent else "resident:R",
             household, None if silent else resident, "raised" if end == "open" else end, at, at, at, at,
             Jsonb({"kind": "silence" if silent else "fall", "device": "pendant", "rule": {"zh": "甲", "en": "a"}}),
             closed),
        )  # fmt: skip
        steps = [("raise", at)]
        for action, chance in (("acknowledge", 0.8), ("respond", 0.5), ("arrive", 0.5)):
            if rng.random() < chance:
                steps.append((action, steps[-1][1] + dt.timedelta(seconds=float(rng.uniform(5, 900)))))
        if closed is not None:
            steps.append(({"resolved": "resolve", "cleared": "clear", "cancelled": "cancel"}[end], closed))
        for action, when in steps:
            conn.execute(
                "INSERT INTO alert_event (alert_id, at, action, to_state, actor) VALUES (%s, %s, %s, %s, '某')",
                (alert, when, action, "raised" if end == "open" else end),
            )
        if end == "resolved" and rng.random() < 0.8:
            judge(conn, alert, str(rng.choice(["true", "false", "test"])), closed or until)
        if rng.random() < 0.3:
            conn.execute(
                "INSERT INTO notification (alert_id, reason, step, round, recipient_kind, recipient_key, at, due_at,"
                " state, settled_at) VALUES (%s, 'escalation', 1, 0, 'staff', 'S11', %s, %s, 'delivered', %s)",
                (alert, at, at, at),
            )
    for _ in range(30):
        _, resident, _ = homes[int(rng.integers(len(homes)))]
        conn.execute(
            "INSERT INTO protection_change (at, resident_id, function, level, reason) VALUES (%s, %s, %s, %s, %s)",
            (until - dt.timedelta(hours=float(rng.uniform(1, 24 * 75))), resident, int(rng.integers(7)),
             int(rng.integers(4)), Jsonb({"code": str(rng.choice(["none", "silent", "offline"]))})),
        )  # fmt: skip
    begins = until - dt.timedelta(hours=float(rng.uniform(30, 24 * 70)))
    conn.execute("INSERT INTO protection_gap VALUES (%s, %s) ON CONFLICT DO NOTHING",
                 (begins, begins + dt.timedelta(hours=float(rng.uniform(1, 20)))))  # fmt: skip
    absent = until - dt.timedelta(hours=float(rng.uniform(1, 24 * 70)))
    conn.execute(
        "INSERT INTO roster_exception (staff_id, kind, starts_at, ends_at) SELECT id, 'absent', %s, %s FROM staff"
        " WHERE code = 'S11'",
        (absent, absent + dt.timedelta(hours=40)),
    )


def judge(conn: psycopg.Connection[Any], alert: uuid.UUID, verdict: str, at: dt.datetime) -> None:
    conn.execute("INSERT INTO alert_finding (alert_id, at, verdict, cause, injury, hospital, actions)"
                 " VALUES (%s, %s, %s, 'unknown', 'unknown', 'unknown', '{}')", (alert, at, verdict))  # fmt: skip
