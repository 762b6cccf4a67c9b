"""Carry out what was asked for: copies are made, approved erasures carried out, archives that are over removed.

A part of the maintenance service; of several processes one works, by a lock at the database.
"""

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any, LiteralString

import psycopg
import structlog
from psycopg.types.json import Jsonb

from care_services.privacy import archive, research
from database.pool import connect_options
from database.settings import DatabaseSettings
from observability.liveness import Part
from vocabulary.times import SHANGHAI

log = structlog.get_logger(__name__)
LOOK_S, AGAIN_S = 3.0, 30.0
STEP_S = 600.0
"""Longest time for one table of a copy, or for an erasure."""
LOCK = 0x50524956  # "PRIV"


def run(database: DatabaseSettings, stop: threading.Event, part: Part) -> None:
    """Work until ``stop``; a database that is away, or has no such tables yet, is tried again."""
    while not stop.is_set():
        try:
            options = connect_options(
                database.model_copy(update={"statement_timeout_ms": int(STEP_S * 1000)}), "privacy"
            )
            with psycopg.connect(database.url, autocommit=True, **options) as conn:
                day = None
                lift_limit(conn)
                while not stop.is_set():
                    part.turned()
                    if day != (today := dt.datetime.now(SHANGHAI).date()):
                        end_periods(conn, part.turned)
                        day = today
                    if not turn(conn, part.turned):
                        stop.wait(LOOK_S)
        except psycopg.Error as error:
            part.held_up(f"copies and erasures wait: {error}")
            log.error("privacy: again in a moment", error=str(error).strip())
            stop.wait(AGAIN_S)


def turn(conn: psycopg.Connection[Any], turned: Callable[[], None] = lambda: None) -> bool:
    """Do the oldest thing that waits; False where there is none. Raises psycopg.Error."""
    row = conn.execute("SELECT pg_try_advisory_lock(%s, 0)", (LOCK,)).fetchone()
    if row is None or not row[0]:
        return False
    conn.execute("SELECT end_person_copies(), end_research_exports()")
    conn.execute("SELECT sweep_silenced()")
    row = conn.execute(
        # nobody is forgotten in the middle of an emergency
        "SELECT e.id FROM erasure e WHERE e.state = 'approved' AND erasure_held(e.resident_id) IS NULL"
        " AND NOT EXISTS (SELECT FROM alert a"
        " JOIN resident r ON r.id = e.resident_id WHERE alert_is_open(a.state) AND (a.resident_id = r.id"
        " OR a.resident_id IS NULL AND a.household_id = r.household_id)) ORDER BY e.id LIMIT 1"
    ).fetchone()
    if row is not None and erase(conn, row[0]):
        return True
    row = conn.execute(
        "SELECT id FROM person_copy WHERE state IN ('waiting', 'running') ORDER BY id LIMIT 1"
    ).fetchone()
    if row is not None:
        archive.make(conn, row[0], turned)
        return True
    row = conn.execute("SELECT id FROM research_export WHERE state = 'waiting' ORDER BY id LIMIT 1").fetchone()
    if row is None:
        return False
    research.make(conn, row[0], dt.datetime.now(SHANGHAI).date())
    return True


ROWS_A_STEP, STEPS_A_DAY = 5000, 100
"""As end_period (0410) removes in one step, and the steps of one rule on a day: the rest goes the day after."""
_RULES = b"SELECT code FROM retention_rule WHERE code <> 'record_change' ORDER BY code = 'care_digest', code"
"""Notices go before the digest that they are in; the history of records goes with :mod:`database.retention`."""
_NOTED = (
    b"SELECT note_retention('kept', %s), note_retention('person_copy_part', 0), note_retention('research_export', 0)"
)
_DUE: LiteralString = """
    SELECT (SELECT count(*) FROM research_export e JOIN research_project p ON p.id = e.project_id
            WHERE e.state IN ('done', 'empty') AND p.expires_on < (now() AT TIME ZONE 'Asia/Shanghai')::date
              AND NOT table_held('research_export')),
           end_person_copies()
"""


def end_periods(conn: psycopg.Connection[Any], turned: Callable[[], None] = lambda: None) -> int:
    """Remove what is over its period, and what law kept after erasures until its day; returns the rows of that.

    Nothing goes of whom or what a hold keeps. The audit has how many of each went, where any did; ``turned``: called
    after each step.
    """
    by_rule = {rule: rows for (rule,) in conn.execute(_RULES).fetchall() if (rows := _end(conn, rule, turned))}
    today = dt.datetime.now(SHANGHAI).date()
    planned = conn.execute("SELECT plan_ended_residents(%s)", (today,)).fetchone()
    if planned and planned[0]:
        by_rule["plans"] = planned[0]
    with conn.transaction():
        due = conn.execute(_DUE).fetchone()
        conn.execute("SELECT end_research_exports()")
        row = conn.execute("SELECT end_kept(%s)", (today,)).fetchone()
        kept = int(row[0]) if row else 0
        conn.execute(_NOTED, (kept,))
        counts = {"copies": due[1] if due else 0, "research": due[0] if due else 0, "rows": kept} | by_rule
        if any(counts.values()):
            conn.execute(
                "INSERT INTO audit (at, account_id, action, detail, origin) VALUES (%s, NULL, 'end_periods', %s, %s)",
                (dt.datetime.now(dt.UTC), Jsonb(counts), "maintenance"),
            )
    return kept


def _end(conn: psycopg.Connection[Any], rule: str, turned: Callable[[], None]) -> int:
    """Remove what is over by one rule, step by step; a rule that fails stops no other, and the page shows its age."""
    gone = 0
    try:
        for _ in range(STEPS_A_DAY):
            row = conn.execute("SELECT end_period(%s, %s)", (rule, dt.datetime.now(dt.UTC))).fetchone()
            turned()
            gone += (step := int(row[0]) if row else 0)
            if step < ROWS_A_STEP:
                break
    except psycopg.IntegrityError as error:
        log.error("privacy: a rule of periods could not remove", rule=rule, error=str(error).strip())
    return gone


def lift_limit(conn: psycopg.Connection[Any]) -> None:
    """Let this session delete any number of readings from compressed chunks.

    TimescaleDB (Community) refuses a transaction that decompresses more than 100,000 rows: a day of one person has as
    many. Elsewhere there is no such setting, and nothing is done.
    """
    conn.execute(
        "SELECT set_config(name, '0', false) FROM pg_settings"
        " WHERE name = 'timescaledb.max_tuples_decompressed_per_dml_transaction'"
    )


def erase(conn: psycopg.Connection[Any], number: int) -> bool:
    """Carry out one erasure, whole or not at all; False where it has not two votes, or was done before."""
    lift_limit(conn)
    with conn.transaction():
        row = conn.execute("SELECT erase_person(%s)", (number,)).fetchone()
        done = row is not None and bool(row[0])
        if done:
            conn.execute(
                "INSERT INTO audit (at, account_id, action, resident_id, detail, origin)"
                " SELECT %s, NULL, 'erase_person', resident_id, jsonb_build_object('number', id), 'maintenance'"
                " FROM erasure WHERE id = %s",
                (dt.datetime.now(dt.UTC), number),
            )
    if done:
        log.info("privacy: erased", number=number)
    return done
