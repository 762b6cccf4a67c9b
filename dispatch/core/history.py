"""The history of an alert: append-only ``alert_event`` rows, written by people and by the system."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row


class Actor(msgspec.Struct, frozen=True):
    """Somebody who acts on an alert; ``origin``: the address, command or service from which they do."""

    account_id: int | None
    name: str
    origin: str = ""
    name_en: str = ""
    """Empty: that of the account, else ``name``."""


SYSTEM = Actor(None, "system", "alerting")


def record(
    conn: psycopg.Connection[Any],
    alert_ids: Sequence[uuid.UUID],
    at: dt.datetime,
    action: str,
    note: str,
    note_en: str = "",
) -> None:
    """Append an event of the system ("notify") to the histories of these alerts; their state and version stay."""
    conn.execute(
        """
        INSERT INTO alert_event (alert_id, at, action, from_state, to_state, actor, origin, note, note_en)
        SELECT id, %s, %s, state, state, %s, %s, %s, %s FROM alert WHERE id = ANY(%s)
        """,
        (at, action, SYSTEM.name, SYSTEM.origin, note, note_en, list(alert_ids)),
    )


def append(
    conn: psycopg.Connection[Any],
    alert_id: uuid.UUID,
    at: dt.datetime,
    action: str,
    from_state: str | None,
    to_state: str,
    actor: Actor,
    *,
    outcome: str | None = None,
    note: str = "",
    note_en: str = "",
) -> None:
    """Append an event with the states before and after it; the caller writes the alert's row."""
    conn.execute(
        """
        INSERT INTO alert_event (alert_id, at, action, from_state, to_state, account_id, actor, origin, outcome, note,
                                 note_en)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            alert_id,
            at,
            action,
            from_state,
            to_state,
            actor.account_id,
            actor.name,
            actor.origin,
            outcome,
            note,
            note_en,
        ),
    )


def events_of(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> list[dict[str, Any]]:
    """List the history of an alert in order. ``actor_en`` and ``note_en`` are empty where there is no English text."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            SELECT e.at, e.action, e.from_state, e.to_state, e.actor, coalesce(a.name_en, '') AS actor_en, e.origin,
                   e.outcome, e.note, e.note_en
            FROM alert_event e LEFT JOIN account a ON a.id = e.account_id WHERE e.alert_id = %s ORDER BY e.id
            """,
            (alert_id,),
        ).fetchall()


def happened(conn: psycopg.Connection[Any], alert_id: uuid.UUID, action: str) -> bool:
    """Whether the history of an alert has such an action."""
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM alert_event WHERE alert_id = %s AND action = %s)", (alert_id, action)
    ).fetchone()
    return row is not None and bool(row[0])
