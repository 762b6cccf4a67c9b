"""Make deliveries of what happened to alerts: in the order in which it was committed, each once, none left out.

``sealed_entry`` has the events of alerts in the order of their commits (migration 0081: its position is given under a
lock that ends with the transaction), so a position that was passed can never be filled later.
"""

import datetime as dt
import uuid
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from care_network.access.webhooks import GIVE_UP
from exchange.fhir.search import instant

AT_ONCE = 500
CLOSING = frozenset({"resolved", "cancelled", "cleared"})
_EVENTS = "SELECT * FROM webhook_events(%(id)s, %(position)s, %(until)s)"
"""By a function of the database's owner: whoever did not agree cannot be seen here, and is asked all the same."""


def queue_all(conn: psycopg.Connection[Any], now: dt.datetime) -> int:
    """Make the deliveries of all webhooks that are behind, a transaction each; returns how many were made."""
    behind = conn.execute(
        """
        SELECT w.id FROM webhook w, (SELECT max(position) AS head FROM sealed_entry) s
        WHERE w.removed_at IS NULL AND w.position < s.head
        """
    ).fetchall()
    return sum(_queue(conn, number, now) for (number,) in behind)


def _queue(conn: psycopg.Connection[Any], number: int, now: dt.datetime) -> int:
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        hook = cursor.execute(
            "SELECT id, events, position FROM webhook WHERE id = %s AND removed_at IS NULL FOR UPDATE SKIP LOCKED",
            (number,),
        ).fetchone()
        if hook is None:
            return 0
        head = cursor.execute(
            "SELECT max(position) AS position FROM (SELECT position FROM sealed_entry WHERE position > %s"
            " ORDER BY position LIMIT %s) s",
            (hook["position"], AT_ONCE),
        ).fetchone()
        if head is None or head["position"] is None:
            return 0
        asked = {**hook, "until": head["position"]}
        rows = [
            (number, row["alert_id"], row["id"], _message_id(number, row), kind,
             body_of(kind, row), now, now, now + GIVE_UP)
            for row in cursor.execute(_EVENTS, asked).fetchall()
            if (kind := kind_of(row)) in hook["events"]
        ]  # fmt: skip
        cursor.executemany(
            """
            INSERT INTO webhook_delivery (webhook_id, alert_id, event_id, message_id, kind, body, created_at, next_at,
                                          give_up_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (webhook_id, event_id) DO NOTHING
            """,
            rows,
        )
        cursor.execute("UPDATE webhook SET position = %s WHERE id = %s", (head["position"], number))
    return len(rows)


def _message_id(number: int, row: dict[str, Any]) -> str:
    """The same for the same event and webhook."""
    return f"msg_{uuid.uuid5(row['alert_id'], str((number, row['id'])))}"


def kind_of(event: dict[str, Any]) -> str:
    """The webhook's event of a step in an alert's history; "" for one that changes nothing about it."""
    if event["action"] == "raise":
        return "alert.raised"
    if event["from_state"] == event["to_state"]:
        return "alert.changed" if event["action"] == "escalate" else ""
    return "alert.closed" if event["to_state"] in CLOSING else "alert.changed"


def body_of(kind: str, event: dict[str, Any]) -> str:
    """The message, as it is signed: the alert as it was at that step."""
    resident = None if event["resident_id"] is None else f"Patient/{event['resident_id']}"
    data = {
        "alert": str(event["alert_id"]), "event": event["id"], "action": event["action"], "state": event["to_state"],
        "severity": event["severity"], "rule": event["rule"], "onset": instant(event["onset"]), "patient": resident,
        "resident": event["resident"], "home": event["home"], "reason_zh": event["reason_zh"],
        "reason_en": event["reason_en"],
    }  # fmt: skip
    return msgspec.json.encode({"type": kind, "timestamp": instant(event["at"]), "data": data}).decode()
