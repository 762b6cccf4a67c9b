"""Raise and clear technical alerts of the platform itself, which belong to no home."""

import datetime as dt
import uuid
from typing import Any

import psycopg

from dispatch.alerts import lifecycle
from vocabulary.alert_state import OPEN

HOME = "PLATFORM"
"""Code of the household that stands for the platform."""
IDS = uuid.UUID("0d7c8b0e-54a7-5b0e-9b46-0c8f6c1f7a15")
"""Namespace of the alerts' ids (UUIDv5)."""


def platform_household(conn: psycopg.Connection[Any]) -> int | None:
    """Find or make the household that stands for the platform, in the smallest area around all homes: its staff see
    all of them. None where there is no home yet."""
    conn.execute(
        """
        INSERT INTO household (code, area_id, address_zh, address_en)
        SELECT %(code)s, a.id, '守望平台', 'the Shouwang platform'
        FROM (SELECT DISTINCT a.path FROM household h JOIN area a ON a.id = h.area_id) AS homes, area a
        GROUP BY a.id HAVING bool_and(homes.path <@ a.path) ORDER BY nlevel(a.path) DESC LIMIT 1
        ON CONFLICT (code) DO NOTHING
        """,
        {"code": HOME},
    )
    row = conn.execute("SELECT id FROM household WHERE code = %s", (HOME,)).fetchone()
    return None if row is None else int(row[0])


def running(conn: psycopg.Connection[Any], rule: str, subject: str) -> list[uuid.UUID]:
    """List the platform's open alerts of this rule and subject."""
    rows = conn.execute(
        "SELECT id FROM alert WHERE rule = %s AND subject = %s AND state = ANY(%s)", (rule, subject, list(OPEN))
    ).fetchall()
    return [row[0] for row in rows]


def raise_technical(
    conn: psycopg.Connection[Any], rule: str, subject: str, reason_zh: str, reason_en: str, evidence: dict[str, Any]
) -> bool:
    """Raise a technical alert of the platform unless one of this rule and subject is open; True where it is new.

    Processes that do so at the same time raise one. Part of the caller's transaction, which must be open.
    """
    conn.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"{rule} {subject}",))
    home = platform_household(conn)
    if home is None or running(conn, rule, subject):
        return False
    now = dt.datetime.now(dt.UTC)
    alert = lifecycle.NewAlert(
        id=uuid.uuid5(IDS, f"{subject}|{rule}|{now.isoformat()}"),
        rule=rule,
        rule_version=1,
        severity="technical",
        subject=subject,
        household_id=home,
        resident_id=None,
        onset=now,
        sensed_at=now,
        received_at=now,
        raised_at=now,
        reason_zh=reason_zh,
        reason_en=reason_en,
        evidence=evidence,
    )
    return lifecycle.raise_alert(conn, alert)


def clear_technical(conn: psycopg.Connection[Any], rule: str, subject: str, note_zh: str, note_en: str) -> None:
    """Clear the open alerts of this rule and subject, in the caller's transaction."""
    for number in running(conn, rule, subject):
        lifecycle.follow_up(conn, number, "clear", dt.datetime.now(dt.UTC), note_zh, note_en)
