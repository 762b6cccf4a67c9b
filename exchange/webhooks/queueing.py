"""Make deliveries of what happened to alerts: in the order in which it was committed, each once, none left out.

``sealed_entry`` has the events of alerts in the order of their commits (migration 0081: its position is given under a
lock that ends with the transaction), so a position that was passed can never be filled later.
"""

import datetime as dt
import uuid
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg.rows import dict_row

from care_network.access.webhooks import GIVE_UP
from exchange.fhir.search import instant

AT_ONCE = 500
CLOSING = frozenset({"resolved", "cancelled", "cleared"})
_EVENTS: LiteralString = """
    SELECT s.position, e.id, e.alert_id, e.at, e.action, e.from_state, e.to_state,
           a.rule, a.severity, a.onset, a.reason_zh, a.reason_en, r.id AS resident_id, r.code AS resident,
           h.code AS home,
           p.path <@ %(area)s::text::ltree AND p.path <@ (SELECT area_path FROM account WHERE id = %(account)s)
             AND EXISTS (SELECT FROM resident x WHERE x.household_id = h.id)
             AND NOT EXISTS (
                SELECT FROM resident x WHERE x.household_id = h.id AND (a.resident_id IS NULL OR x.id = a.resident_id)
                  AND NOT EXISTS (SELECT FROM exchange_consent c WHERE c.resident_id = x.id
                                  AND c.account_id = %(account)s AND c.withdrawn_at IS NULL)) AS given
    FROM sealed_entry s JOIN alert_event e ON e.id = s.entry_id JOIN alert a ON a.id = e.alert_id
    JOIN household h ON h.id = a.household_id JOIN area p ON p.id = h.area_id
    LEFT JOIN resident r ON r.id = a.resident_id
    WHERE s.log = 'alert_event' AND s.position > %(position)s AND s.position <= %(until)s ORDER BY s.position
"""


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
            "SELECT id, account_id, events, area_path::text AS area, position FROM webhook"
            " WHERE id = %s AND removed_at IS NULL FOR UPDATE SKIP LOCKED",
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
        asked = {**hook, "account": hook["account_id"], "until": head["position"]}
        rows = [
            (number, row["alert_id"], row["id"], _message_id(number, row), kind,
             body_of(kind, row), now, now, now + GIVE_UP)
            for row in cursor.execute(_EVENTS, asked).fetchall()
            if row["given"] and (kind := kind_of(row)) in hook["events"]
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
