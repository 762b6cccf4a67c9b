"""Make an alert the work order of whoever took it by the link in their message, so that the desk sees who goes."""

import datetime as dt
import uuid
from typing import Any

import psycopg

from care_network.catalogues.services import SERVICES, service_for
from dispatch.alerts import lookup
from dispatch.core.history import Actor
from dispatch.orders import messages, store
from dispatch.orders.states import LIVE, answer_deadline
from dispatch.orders.store import NewOrder, Order, OrderFilter
from vocabulary.alert_state import OPEN
from vocabulary.rule_words import rule_words

MOST = 3
"""Orders that one tap makes: a storm's message may be about hundreds of alerts, and one person goes to one door."""


def take(
    conn: psycopg.Connection[Any], alert_id: uuid.UUID, staff_code: str, actor: Actor, at: dt.datetime
) -> Order | None:
    """Give the alert's order, a new one if there is none, to the person who took the alert; accepted.

    Part of the caller's transaction, which holds the alert. None where none fits: the person's role does not go to
    homes, or somebody else is on the way; the alert's own states are all there is then.
    """
    alert = lookup.load(conn, alert_id)
    person = conn.execute("SELECT id, kind FROM staff WHERE code = %s AND active", (staff_code,)).fetchone()
    if alert is None or alert["state"] not in OPEN or person is None:
        return None
    staff_id, role = person
    service = service_for(rule_words(alert["evidence"]).service, alert["severity"])
    if role not in SERVICES[service].roles:
        return None
    order = _open_order(conn, alert, service, staff_id, actor, at)
    if order is None or order.state == "accepted":
        return order
    if order.state == "open":
        order = store.change(
            conn, order, "offer", actor, at, staff_id=staff_id, next_at=answer_deadline(order.urgency, at, order.due_at)
        )
    return store.change(conn, order, "accept", actor, at)


def taken_by(conn: psycopg.Connection[Any], message_id: int, staff_code: str) -> list[uuid.UUID]:
    """List the orders about a message's alerts that this person has or had, those to work on first."""
    rows = conn.execute(
        """
        SELECT o.id FROM work_order o LEFT JOIN staff s ON s.id = o.staff_id
        WHERE o.alert_id IN (SELECT coalesce(a.merged_into, a.id) FROM notification n JOIN alert a ON a.id = n.alert_id
                             WHERE n.message_id = %(message)s AND NOT is_synthetic(a.id))
          AND EXISTS (SELECT FROM work_order_event e JOIN staff p ON p.id = e.staff_id
                      WHERE e.order_id = o.id AND e.action = 'accept' AND p.code = %(code)s)
        ORDER BY s.code IS NOT DISTINCT FROM %(code)s DESC, o.state IN ('done', 'cancelled'),
                 severity_rank(o.urgency), o.created_at DESC
        LIMIT 20
        """,
        {"message": message_id, "code": staff_code},
    ).fetchall()
    return [row[0] for row in rows]


def _open_order(
    conn: psycopg.Connection[Any],
    alert: dict[str, Any],
    service: str,
    staff_id: int,
    actor: Actor,
    at: dt.datetime,
) -> Order | None:
    """The alert's order, open for this person or accepted by them; None where somebody else is on the way with it."""
    live = store.list_orders(conn, OrderFilter(states=list(LIVE), alert_id=alert["id"], service=service))
    for one in live:
        order = store.lock(conn, one.id)
        if order.supports is not None or order.state not in LIVE:
            continue
        if order.staff_id == staff_id and order.state != "open":
            return order if order.state in ("offered", "accepted") else None
        if order.state in ("en_route", "arrived"):
            return None
        if order.state != "open":
            messages.tell_it_is_off(conn, order, at)
            order = store.change(conn, order, "reassign", actor, at, note=f"{actor.name} 已接警")
        return order
    new = NewOrder(
        alert_id=alert["id"], service=service, urgency=alert["severity"], household_id=alert["household_id"],
        resident_id=alert["resident_id"], due_at=at, reason_zh=alert["reason_zh"], reason_en=alert["reason_en"],
    )  # fmt: skip
    return store.load(conn, store.insert(conn, new, actor, at))
