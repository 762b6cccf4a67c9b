"""Read alerts as they are stored: one, the open ones, a resident's; and the one on which people act.

With an open alert comes a word of its home or family that waits for somebody at the desk: "she does not answer", the
button pressed once more. It is an event of the history, and waits until a person's next event: a note, a call, a step.
A hand-over is none: whoever comes has to look, too.
"""

import uuid
from typing import Any

import psycopg
from psycopg.rows import dict_row

from vocabulary.alert_state import OPEN

FAMILY = "family_no_contact"
"""The event of a family that reaches nobody."""


def lead_of(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> uuid.UUID:
    """The alert that people act on in place of this one: the one it is merged into, else itself."""
    row = conn.execute("SELECT merged_into FROM alert WHERE id = %s", (alert_id,)).fetchone()
    return alert_id if row is None or row[0] is None else row[0]


def is_open(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> bool:
    """Whether the alert exists and nobody has closed it."""
    row = conn.execute("SELECT state FROM alert WHERE id = %s", (alert_id,)).fetchone()
    return row is not None and row[0] in OPEN


def list_open(conn: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """List every open alert of people, the gravest and then the oldest first, with names and addresses."""
    return _select(conn, "WHERE alert_is_open(a.state) AND NOT h.synthetic")


def load(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> dict[str, Any] | None:
    """Load one alert, as :func:`list_open` gives it; None where there is none."""
    rows = _select(conn, "WHERE a.id = %s", (alert_id,))
    return rows[0] if rows else None


def known(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> tuple[bool, int | None]:
    """Whether there is an alert of that id, seen or not, and its resident: for the audit of a look in vain."""
    row = conn.execute("SELECT known, resident_id FROM alert_is_known(%s)", (alert_id,)).fetchone()
    return (False, None) if row is None else (row[0], row[1])


def of_resident(conn: psycopg.Connection[Any], resident_id: int, limit: int = 50) -> list[dict[str, Any]]:
    """List the resident's latest alerts, newest first."""
    rows = _select(conn, "WHERE a.resident_id = %s AND a.onset > now() - INTERVAL '1 year'", (resident_id,))
    return sorted(rows, key=lambda alert: alert["onset"], reverse=True)[:limit]


_COLUMNS = """
    SELECT a.id, a.rule, a.rule_version, a.severity, a.state, a.version, a.subject, a.onset, a.sensed_at, a.received_at,
           a.raised_at, a.reason_zh, a.reason_en, a.evidence, a.outcome,
           a.owner_id, a.owner_zh, a.owner_en, a.merged_into, a.snoozed_until, a.closed_at,
           (SELECT count(*) FROM alert f WHERE f.merged_into = a.id) AS merged,
           w.at AS word_at, w.note AS word_zh, w.note_en AS word_en,
           h.id AS household_id, h.code AS household_code, h.address_zh, h.address_en, h.phone,
           ar.path::text AS area_path, ar.name_zh AS area_zh, ar.name_en AS area_en,
           r.id AS resident_id, r.code AS resident_code, r.name_zh AS resident_zh, r.name_en AS resident_en,
           r.sex AS resident_sex, r.lives_alone, date_part('year', age(r.birth_date))::int AS resident_age
    FROM alert a JOIN household h ON h.id = a.household_id JOIN area ar ON ar.id = h.area_id
    LEFT JOIN resident r ON r.id = coalesce(a.resident_id, CASE WHEN a.severity = 'technical' THEN (
        SELECT min(one.id) FROM resident one WHERE one.household_id = h.id HAVING count(*) = 1) END)
    LEFT JOIN LATERAL (
        SELECT e.at, e.note, e.note_en, e.action FROM alert_event e
        WHERE e.alert_id = a.id AND (e.action IN ('family_no_contact', 'again')
            OR (e.actor <> 'system' AND e.action NOT IN ('family_told', 'family_coming', 'take_over')))
        ORDER BY e.id DESC LIMIT 1) w ON alert_is_open(a.state) AND w.action IN ('family_no_contact', 'again')
"""
_ORDER = """
    ORDER BY severity_rank(a.severity), a.onset LIMIT 1000
"""


def _select(conn: psycopg.Connection[Any], where: str, parameters: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_COLUMNS + where + _ORDER, parameters).fetchall()
