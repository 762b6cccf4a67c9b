"""Ask the people of a shift, an hour before it begins, whether they are there; their answer is a tap on the link.

Every process of the dispatch service asks, and each person is asked once: the row of the test decides, and it comes
with its notification or not at all. All times are the database's.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from care_network.duty import spells
from care_network.duty.loading import load_roster
from care_network.duty.spells import ASK_AHEAD, BACK, DutyTest, Spell
from dispatch.channels.notifications import WAKE


def load(conn: psycopg.Connection[Any], since: dt.datetime, until: dt.datetime) -> list[DutyTest]:
    """Load the tests of spells that begin in [since, until)."""
    with conn.cursor(row_factory=class_row(DutyTest)) as cursor:
        return cursor.execute(
            "SELECT staff_id, starts_at, asked_at, answered_at FROM duty_test WHERE starts_at >= %s AND starts_at < %s",
            (since, until),
        ).fetchall()


def ask(conn: psycopg.Connection[Any], now: dt.datetime) -> tuple[int, frozenset[tuple[int, dt.datetime]]]:
    """Ask those whom nobody has asked; gives how many, and who has not answered in time: person and start."""
    roster = load_roster(conn, now - BACK, now + 2 * ASK_AHEAD)
    tests = load(conn, now - BACK, now + 2 * ASK_AHEAD)
    asked = _ask(conn, spells.unasked(roster, tests, now), now)
    missing = spells.silent(spells.spells(roster, now - BACK, now + ASK_AHEAD), tests, now)
    return asked, frozenset((spell.staff_id, spell.starts_at) for spell in missing)


def drop_old(conn: psycopg.Connection[Any]) -> None:
    """Drop the tests of thirty days ago with their messages."""
    conn.execute("SELECT drop_old_duty_tests()")


def listed(conn: psycopg.Connection[Any], under: str, since: dt.datetime, until: dt.datetime) -> list[dict[str, Any]]:
    """List the tests of the organisations below an area, by start: person, telephone, organisation, asked, ``state`` of
    the message, answered."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            SELECT t.starts_at, t.asked_at, t.answered_at, s.code, s.name_zh, s.name_en, s.phone,
                   o.name_zh AS organisation_zh, o.name_en AS organisation_en, coalesce(n.state, 'waiting') AS state
            FROM duty_test t JOIN staff s ON s.id = t.staff_id JOIN organisation o ON o.id = t.organisation_id
            JOIN area a ON a.id = o.area_id LEFT JOIN notification n ON n.duty_test_id = t.id
            WHERE a.path <@ %s::ltree AND t.starts_at >= %s AND t.starts_at < %s ORDER BY t.starts_at, s.code
            """,
            (under, since, until),
        ).fetchall()


def answered_for(conn: psycopg.Connection[Any], staff_code: str, under: str, now: dt.datetime) -> int:
    """Record that somebody was spoken to and is there, or will be; gives the number of tests that it answers.

    ``under``: only of an organisation below this area.
    """
    done = conn.execute(
        """
        UPDATE duty_test t SET answered_at = %(now)s FROM staff s JOIN organisation o ON o.id = s.organisation_id
        JOIN area a ON a.id = o.area_id
        WHERE s.id = t.staff_id AND s.code = %(code)s AND a.path <@ %(under)s::ltree AND t.answered_at IS NULL
          AND t.starts_at > %(now)s - %(back)s
        """,
        {"code": staff_code, "under": under, "now": now, "back": BACK},
    )
    return done.rowcount


def _ask(conn: psycopg.Connection[Any], each: Sequence[Spell], now: dt.datetime) -> int:
    if not each:
        return 0
    # One statement: the test and its notification are there together or not at all.
    row = conn.execute(
        """
        WITH asked AS (
            INSERT INTO duty_test (staff_id, organisation_id, starts_at, asked_at)
            SELECT w.staff, w.organisation, w.starts_at, %(now)s
            FROM unnest(%(staff)s::integer[], %(organisations)s::integer[], %(starts)s::timestamptz[])
                 AS w (staff, organisation, starts_at) JOIN staff s ON s.id = w.staff
            ON CONFLICT DO NOTHING RETURNING id, staff_id
        ), told AS (
            INSERT INTO notification (duty_test_id, reason, step, round, recipient_kind, recipient_key, at, due_at)
            SELECT a.id, 'duty_test', 0, 0, 'staff', s.code, %(now)s, %(now)s
            FROM asked a JOIN staff s ON s.id = a.staff_id ORDER BY a.id RETURNING id
        )
        SELECT count(*), pg_notify(%(wake)s, '') FROM told
        """,
        {
            "staff": [spell.staff_id for spell in each],
            "organisations": [spell.stints[0].organisation_id for spell in each],
            "starts": [spell.starts_at for spell in each],
            "now": now,
            "wake": WAKE,
        },
    ).fetchone()
    return 0 if row is None else int(row[0])
