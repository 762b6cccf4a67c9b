"""Trace one event from the sensor to the telephone: every stamp that the platform has of it, in their order.

The stamps are of several clocks: the gateway's (the sensor's time), alerting's (received, raised) and the database's
(all others). A stamp before its forerunner shows how far they differ.
"""

import datetime as dt
import uuid
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row


class TraceStep(msgspec.Struct, frozen=True, kw_only=True):
    """One stamp. ``part``: the part of the platform that gave it; ``after_s``: seconds since the first stamp.

    ``zh`` and ``en`` are the same code for the steps of people: an action of an alert, or (``orders``) of an order.
    """

    at: dt.datetime
    part: str
    zh: str
    en: str
    detail: str = ""
    after_s: float = 0.0


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """The way of one event. ``alert_id``: None where no alert was raised of it; ``household_id``: whose it is."""

    alert_id: uuid.UUID | None
    event_ids: tuple[int, ...]
    household_id: int
    resident_id: int | None
    steps: tuple[TraceStep, ...]


_EVENTS = """
    SELECT e.time AS at, 'home' AS part, '传感器' AS zh, 'sensor' AS en, d.name || ' ' || e.kind AS detail
    FROM event e JOIN device d ON d.id = e.device_id WHERE e.id = ANY(%(events)s)
    UNION ALL
    SELECT e.received_at, 'ingest', '事件入库', 'event stored',
           format('%%s epoch %%s no. %%s, event %%s', g.name, e.epoch, e.seq, e.id)
    FROM event e JOIN gateway g ON g.id = e.gateway_id WHERE e.id = ANY(%(events)s)
"""
_ALERT = """
    UNION ALL
    SELECT t.at, t.part, t.zh, t.en, t.detail
    FROM alert a CROSS JOIN LATERAL (VALUES
        (a.sensed_at, 'home', '判定所依据的数据', 'sensed', a.subject),
        (a.received_at, 'alerting', '预警服务收到', 'received by alerting', ''),
        (a.raised_at, 'alerting', '发出预警', 'alert raised', a.rule || ', ' || a.severity),
        (a.stored_at, 'alerting', '预警入库', 'alert stored', '')) AS t (at, part, zh, en, detail)
    WHERE a.id = %(alert)s
    UNION ALL
    SELECT n.at, 'dispatch', '决定通知', 'to be told',
           format('step %%s, round %%s: %%s %%s', n.step, n.round + 1, n.recipient_kind, n.recipient_key)
    FROM notification n WHERE n.alert_id = %(alert)s
    UNION ALL
    SELECT t.at, 'notify', t.zh, t.en, format('%%s, message %%s, attempt %%s', d.channel, m.id, d.number) || t.more
    FROM (SELECT DISTINCT message_id AS id FROM notification WHERE alert_id = %(alert)s) m
    JOIN delivery_attempt d ON d.message_id = m.id CROSS JOIN LATERAL (VALUES
        (d.started_at, '开始发送', 'sending', ', ' || d.worker),
        (d.finished_at, '发送结果', 'result', ': ' || coalesce(d.outcome, '')),
        (d.receipt_at, '回执', 'receipt', ': ' || coalesce(d.receipt, ''))) AS t (at, zh, en, more)
    WHERE t.at IS NOT NULL
    UNION ALL
    SELECT at, 'people', action, action, concat_ws(', ', actor, nullif(origin, ''))
    FROM alert_event WHERE alert_id = %(alert)s AND action NOT IN ('raise', 'notify', 'call_out')
    UNION ALL
    SELECT w.at, 'orders', w.action, w.action, format('order %%s', o.number) || coalesce(': ' || s.code, '')
    FROM work_order o JOIN work_order_event w ON w.order_id = o.id LEFT JOIN staff s ON s.id = w.staff_id
    WHERE o.alert_id = %(alert)s
"""


def trace_alert(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> Trace | None:
    """Trace an alert, back to the events that decided it; None where there is no such alert."""
    row = conn.execute("SELECT household_id, resident_id FROM alert WHERE id = %s", (alert_id,)).fetchone()
    if row is None:
        return None
    events = conn.execute(
        """
        SELECT e.id FROM alert a JOIN gateway g ON g.household_id = a.household_id
        JOIN event e ON e.gateway_id = g.id AND e.time IN (a.onset, a.sensed_at)
        WHERE a.id = %s ORDER BY e.id
        """,
        (alert_id,),
    ).fetchall()
    ids = [event[0] for event in events]
    return Trace(
        alert_id=alert_id,
        event_ids=tuple(ids),
        household_id=row[0],
        resident_id=row[1],
        steps=_steps(conn, _EVENTS + _ALERT, {"events": ids, "alert": alert_id}),
    )


def trace_event(conn: psycopg.Connection[Any], event_id: int) -> Trace | None:
    """Trace an event, on to its alert where one was raised; None where there is no such event."""
    row = conn.execute(
        """
        SELECT g.household_id, (SELECT a.id FROM alert a
            WHERE a.household_id = g.household_id AND e.time IN (a.onset, a.sensed_at) ORDER BY a.raised_at LIMIT 1)
        FROM event e JOIN gateway g ON g.id = e.gateway_id WHERE e.id = %s
        """,
        (event_id,),
    ).fetchone()
    if row is None:
        return None
    if row[1] is not None:
        return trace_alert(conn, row[1])
    steps = _steps(conn, _EVENTS, {"events": [event_id]})
    return Trace(alert_id=None, event_ids=(event_id,), household_id=row[0], resident_id=None, steps=steps)


def _steps(conn: psycopg.Connection[Any], query: str, parameters: dict[str, Any]) -> tuple[TraceStep, ...]:
    with conn.cursor(row_factory=class_row(TraceStep)) as cursor:
        found = cursor.execute(f"{query} ORDER BY at", parameters).fetchall()
    return tuple(msgspec.structs.replace(step, after_s=(step.at - found[0].at).total_seconds()) for step in found)
