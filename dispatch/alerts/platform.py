"""Raise and clear technical alerts of the platform itself, once however many processes see the cause."""

import datetime as dt
import uuid
from typing import Any

import psycopg

from dispatch.alerts import lifecycle
from vocabulary.alert_state import OPEN
from vocabulary.synthetic import PLATFORM_HOME
from vocabulary.times import SECOND_US

NAMESPACE = uuid.UUID("0d7c8b0e-54a7-5b0e-9b46-0c8f6c1f7a15")
"""Namespace of the ids (UUIDv5)."""


def running(conn: psycopg.Connection[Any], rule: str, subject: str) -> list[Any]:
    """List the ids of the open alerts of this rule and subject, each in a row."""
    return conn.execute(
        "SELECT id FROM alert WHERE rule = %s AND subject = %s AND state = ANY(%s)", (rule, subject, list(OPEN))
    ).fetchall()


def platform_household(conn: psycopg.Connection[Any]) -> int | None:
    """Find the household that stands for the platform, in the smallest area around all homes: its staff see them all.

    None in a district without homes.
    """
    conn.execute(
        """
        INSERT INTO household (code, area_id, address_zh, address_en)
        SELECT %(code)s, a.id, '守望平台', 'the Shouwang platform'
        FROM (SELECT DISTINCT a.path FROM household h JOIN area a ON a.id = h.area_id WHERE NOT h.synthetic) AS homes,
             area a
        GROUP BY a.id HAVING bool_and(homes.path <@ a.path) ORDER BY nlevel(a.path) DESC LIMIT 1
        ON CONFLICT (code) DO NOTHING
        """,
        {"code": PLATFORM_HOME},
    )
    row = conn.execute("SELECT id FROM household WHERE code = %s", (PLATFORM_HOME,)).fetchone()
    return None if row is None else int(row[0])


def raise_once(
    conn: psycopg.Connection[Any],
    rule: str,
    subject: str,
    reason: tuple[str, str],
    evidence: dict[str, Any],
    since: dt.datetime | None = None,
) -> bool:
    """Raise the alert unless one is open; whether it was raised. In a transaction of its own.

    ``reason``: in Chinese and English; ``since``: when it began, now by the database's clock unless given.
    """
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"{rule}|{subject}",))
        household = platform_household(conn)
        if household is None or running(conn, rule, subject):
            return False
        row = conn.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None  # noqa: S101 - it gives one row
        now, begin = row[0], since or row[0]
        return lifecycle.raise_alert(
            conn,
            lifecycle.NewAlert(
                id=uuid.uuid5(NAMESPACE, f"{subject}|{rule}|{round(begin.timestamp() * SECOND_US)}"),
                rule=rule,
                rule_version=1,
                severity="technical",
                subject=subject,
                household_id=household,
                resident_id=None,
                onset=begin,
                sensed_at=begin,
                received_at=now,
                raised_at=now,
                reason_zh=reason[0],
                reason_en=reason[1],
                evidence=evidence,
            ),
        )


def follow_up(conn: psycopg.Connection[Any], rule: str, subject: str, action: str, words: tuple[str, str]) -> None:
    """Clear the open alerts of this rule and subject, or (``action`` "note") add to their stories."""
    for (number,) in running(conn, rule, subject):
        now = conn.execute("SELECT clock_timestamp()").fetchone()
        assert now is not None  # noqa: S101
        lifecycle.follow_up(conn, number, "clear" if action == "clear" else "note", now[0], *words)
