"""List messages with their state, newest first. Called by the console."""

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import dict_row

from dispatch.channels.render import words_of
from dispatch.channels.wording import alert_words

LIMIT = 200


def messages(conn: Connection[Any], households: Sequence[int], language: str) -> list[dict[str, Any]]:
    """List messages about these households alone, newest first: recipient, channel, time, text, and state (``waiting``,
    ``sent``, ``failed``, ``acknowledged``, ``withdrawn``), step and round from 1. Text and link are those of the
    demonstration's outbox where the message lies there."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            SELECT m.id, m.recipient_kind, m.recipient_key, m.name_zh, m.name_en, m.severity, m.reason, m.channel,
                   m.content, m.created_at, m.due_at, m.state AS sending, m.attempts,
                   n.acknowledged, n.withdrawn, n.many, n.step, n.round,
                   o.text, o.link, o.at AS sent_at, o.channel AS sent_by, u.used_at
            FROM message m
            JOIN LATERAL (
                SELECT bool_or(state = 'acknowledged') AS acknowledged, bool_and(state = 'withdrawn') AS withdrawn,
                       count(DISTINCT alert_id) AS many, min(step) AS step, min(round) + 1 AS round
                FROM notification WHERE message_id = m.id
            ) n ON true
            LEFT JOIN LATERAL (
                SELECT text, link, at, channel FROM outbox_entry WHERE message_id = m.id ORDER BY at DESC LIMIT 1
            ) o ON true
            LEFT JOIN LATERAL (SELECT max(settled_at) AS used_at FROM notification
                               WHERE message_id = m.id AND state = 'acknowledged') u ON true
            WHERE NOT EXISTS (
                SELECT FROM notification x JOIN alert a ON a.id = x.alert_id
                WHERE x.message_id = m.id AND a.household_id <> ALL(%(households)s))
              AND NOT EXISTS (
                SELECT FROM notification x JOIN duty_warning w ON w.id = x.warning_id
                JOIN area ar ON ar.path = ANY(w.areas) JOIN household h ON h.area_id = ar.id
                WHERE x.message_id = m.id AND h.id <> ALL(%(households)s))
              AND NOT EXISTS (
                SELECT FROM notification x JOIN duty_test t ON t.id = x.duty_test_id
                JOIN organisation o ON o.id = t.organisation_id JOIN area post ON post.id = o.area_id
                JOIN area ar ON ar.path <@ post.path JOIN household h ON h.area_id = ar.id
                WHERE x.message_id = m.id AND h.id <> ALL(%(households)s))
            ORDER BY m.created_at DESC, m.id DESC LIMIT %(most)s
            """,
            {"households": list(households), "most": LIMIT},
        ).fetchall()
    for row in rows:
        row["state"] = _state(row)
        if not row["text"]:
            content = msgspec.convert(row["content"], alert_words.Content)
            row["text"] = words_of(content).short(content, "en" if language == "en" else "zh", "")
    return rows


def _state(row: dict[str, Any]) -> str:
    if row["acknowledged"]:
        return "acknowledged"
    if row["sending"] in ("sent", "delivered"):
        return "sent"
    if row["sending"] == "failed":
        return "failed"
    return "withdrawn" if row["sending"] == "withdrawn" or row["withdrawn"] else "waiting"
