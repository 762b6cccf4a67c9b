"""Meal arrangements of the demonstration: with a bed and without one, and meals that could not be ordered."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_services.meals.arrangements import making
from vocabulary.times import SHANGHAI

BEDS, OTHERS = 40, 10
_ACTOR = "何站长"


def fill(conn: Connection[Any], now: dt.datetime) -> None:
    """Arrange meals where nobody has any arrangement, and order them as the rounds do."""
    today = now.astimezone(SHANGHAI).date()
    if conn.execute("SELECT FROM meal_arrangement LIMIT 1").fetchone() is not None:
        return
    conn.execute(
        """
        WITH eaters AS (
            SELECT r.id, b.id AS bed_id, b.contract_until, b.state, c.id AS canteen_id,
                   row_number() OVER (PARTITION BY b.id IS NULL ORDER BY r.code) AS n
            FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic
            JOIN area a ON a.id = h.area_id
            JOIN organisation c ON c.kind = 'canteen' AND c.active
            JOIN area ca ON ca.id = c.area_id AND ca.path @> a.path
            LEFT JOIN home_bed b ON b.resident_id = r.id AND b.state IN ('in_service', 'suspended')
            WHERE r.gone IS NULL AND (b.id IS NOT NULL OR EXISTS (SELECT FROM meal_order m WHERE m.resident_id = r.id))
        ), made AS (
            INSERT INTO meal_arrangement (resident_id, bed_id, canteen_id, mode, lunch, dinner, first_day, last_day,
                                          state, made_at)
            SELECT id, bed_id, canteen_id, CASE WHEN n %% 5 = 4 THEN 'dine_in' ELSE 'delivery' END, '{1,2,3,4,5}',
                   CASE WHEN n %% 3 = 0 THEN '{1,3,5}' ELSE '{}' END::smallint[], %(since)s,
                   CASE WHEN contract_until >= %(today)s THEN contract_until END,
                   CASE WHEN state = 'suspended' THEN 'paused' ELSE 'active' END, %(at)s
            FROM eaters WHERE n <= CASE WHEN bed_id IS NULL THEN %(others)s ELSE %(beds)s END
            RETURNING id, resident_id, bed_id, lunch, dinner, state
        ), told AS (
            INSERT INTO meal_arrangement_event (arrangement_id, at, action, actor) SELECT id, %(at)s, 'make', %(by)s
            FROM made
            UNION ALL SELECT id, %(at)s, 'pause', %(by)s FROM made WHERE state = 'paused'
        )
        INSERT INTO home_bed_service (bed_id, contract_id, work, weekly, made_at, made_by)
        SELECT DISTINCT ON (m.bed_id) m.bed_id, c.id, 'meal', cardinality(m.lunch) + cardinality(m.dinner), %(at)s,
               %(by)s
        FROM made m JOIN home_bed_contract c ON c.bed_id = m.bed_id ORDER BY m.bed_id, c.id DESC
        ON CONFLICT (bed_id, work) DO NOTHING
        """,
        {
            "since": today - dt.timedelta(days=30), "today": today,
            "at": now - dt.timedelta(days=30), "by": _ACTOR, "others": OTHERS, "beds": BEDS,
        },
    )  # fmt: skip
    conn.execute(
        "UPDATE home_bed_step s SET detail = s.detail || jsonb_build_object('arrangement', m.id)"
        " FROM meal_arrangement m WHERE s.bed_id = m.bed_id AND s.step = 'suspend' AND m.state = 'paused'"
    )
    making.make(conn, now)
    conn.execute(
        "UPDATE meal_gap SET closed_at = %s, closed_as = 'otherwise', closed_by = %s, note = '家属送饭'"
        " WHERE closed_at IS NULL AND why = 'late'",
        (now, _ACTOR),
    )
