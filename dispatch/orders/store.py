"""Load and change work orders in the database: rows, their history, and the one function that changes a row."""

import datetime as dt
import uuid
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from care_network.access.visible import VISIBLE_HOUSEHOLDS
from dispatch.alerts import lifecycle
from dispatch.core.history import Actor
from dispatch.orders.states import OrderAction, OrderChanged, OrderError, OrderState, next_state
from vocabulary.times import SHANGHAI


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A work order with the facts needed to go there. Degrees CGCS2000; the household's place, else its compound's."""

    id: uuid.UUID
    number: int
    alert_id: uuid.UUID | None
    round: int
    service: str
    urgency: str
    due_at: dt.datetime
    reason_zh: str
    reason_en: str
    state: OrderState
    version: int
    staff_id: int | None
    asked: int
    next_at: dt.datetime | None
    told_nobody: bool
    created_at: dt.datetime
    done_at: dt.datetime | None
    household_id: int
    address_zh: str
    address_en: str
    phone: str
    longitude: float | None
    latitude: float | None
    area_path: str
    area_zh: str
    area_en: str
    resident_id: int | None
    resident_code: str | None
    resident_zh: str | None
    resident_en: str | None
    languages: list[str]
    staff_code: str | None
    staff_zh: str | None
    staff_en: str | None
    staff_phone: str | None
    alert_state: str | None
    supports: uuid.UUID | None
    """The order that this one supports: a second person for the same door."""


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order to be made for an alert (``alert_id``), or for a planned service."""

    alert_id: uuid.UUID | None
    service: str
    urgency: str
    household_id: int
    resident_id: int | None
    due_at: dt.datetime
    reason_zh: str
    reason_en: str
    supports: uuid.UUID | None = None


def insert(conn: psycopg.Connection[Any], new: NewOrder, actor: Actor, at: dt.datetime) -> uuid.UUID:
    """Insert an order in the state ``open``, to be matched now; part of the caller's transaction.

    Raises OrderError where the alert has a live order of the same service already.
    """
    order_id = uuid.uuid4()
    row = conn.execute(
        """
        INSERT INTO work_order (id, alert_id, round, service, urgency, household_id, resident_id, due_at, reason_zh,
                                reason_en, next_at, created_at, created_by, supports)
        SELECT %(id)s, %(alert)s, (SELECT count(*) + 1 FROM work_order WHERE alert_id = %(alert)s), %(service)s,
               %(urgency)s, %(household)s, %(resident)s, %(due)s, %(zh)s, %(en)s, %(at)s, %(at)s, %(by)s,
               %(supports)s
        ON CONFLICT DO NOTHING RETURNING id
        """,
        {
            "id": order_id,
            "alert": new.alert_id,
            "service": new.service,
            "urgency": new.urgency,
            "household": new.household_id,
            "resident": new.resident_id,
            "due": new.due_at,
            "zh": new.reason_zh,
            "en": new.reason_en,
            "at": at,
            "by": actor.account_id,
            "supports": new.supports,
        },
    ).fetchone()
    if row is None:
        raise OrderError(zh="该预警已有同类工单在办", en="this alert has a work order of that service already")
    _append(conn, order_id, at=at, action="create", from_state=None, to_state="open", actor=actor)
    return order_id


def load(conn: psycopg.Connection[Any], order_id: uuid.UUID) -> Order:
    """Load an order. Raises OrderError for none."""
    return _one(conn, order_id, b"")


def known(conn: psycopg.Connection[Any], order_id: uuid.UUID) -> tuple[bool, int | None]:
    """Whether there is an order of that id, seen or not, and its resident: for the audit of a look in vain."""
    row = conn.execute("SELECT known, resident_id FROM order_is_known(%s)", (order_id,)).fetchone()
    return (False, None) if row is None else (row[0], row[1])


def lock(conn: psycopg.Connection[Any], order_id: uuid.UUID) -> Order:
    """Load an order that nobody else changes until the caller's transaction ends. Raises OrderError for none.

    Its alert is locked before it, and the alert's lead before that: all of dispatch locks in this order, alerts, then
    orders, then people, so that no two wait for each other. A step on an order is one on its alert, too.
    """
    row = conn.execute("SELECT alert_id FROM work_order WHERE id = %s", (order_id,)).fetchone()
    if row is not None and row[0] is not None:
        lifecycle.lock(conn, row[0])
    return _one(conn, order_id, b" FOR UPDATE OF o")


def _one(conn: psycopg.Connection[Any], order_id: uuid.UUID, how: bytes) -> Order:
    rows = _select(conn, b"WHERE o.id = %(id)s" + how, {"id": order_id})
    if not rows:
        raise OrderError(zh="没有这张工单", en="there is no such work order")
    return rows[0]


def load_by_number(conn: psycopg.Connection[Any], number: int) -> Order:
    """Load the order with a number. Raises OrderError where there is none."""
    row = conn.execute("SELECT id FROM work_order WHERE number = %s", (number,)).fetchone()
    if row is None:
        raise OrderError(zh=f"没有工单 {number}", en=f"there is no work order {number}; see: shouwang orders list")
    return load(conn, row[0])


class OrderFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions on orders; None: any."""

    states: list[str] | None = None
    urgency: str | None = None
    service: str | None = None
    staff_id: int | None = None
    alert_id: uuid.UUID | None = None
    households: list[int] | None = None
    seen_by: int | None = None
    """Id of an account: of the households that it may see."""
    under: str | None = None
    """Of homes below this area; synthetic ones are nobody's."""
    residents: list[int] | None = None
    due_before: dt.datetime | None = None
    done_since: dt.datetime | None = None
    """Done at this time or later."""
    limit: int | None = 200


def list_orders(conn: psycopg.Connection[Any], conditions: OrderFilter) -> list[Order]:
    """List orders: the gravest first, then the one due first; finished ones newest first at the end."""
    values = msgspec.structs.asdict(conditions)
    where = " AND ".join(said for name, said in _CONDITIONS.items() if values[name] is not None) or "true"
    return _select(conn, f" WHERE {where} {_ORDERED}".encode(), values)


class WayIn(msgspec.Struct, frozen=True):
    """The way to a door as far as it is known; None and empty: nobody has said."""

    floor: int | None
    has_lift: bool | None
    way_in: str
    key_safe: bool | None


def way_in(conn: psycopg.Connection[Any], household_id: int) -> WayIn:
    """The way to the door of a home."""
    with conn.cursor(row_factory=class_row(WayIn)) as cursor:
        row = cursor.execute(
            "SELECT floor, has_lift, way_in, key_safe FROM household WHERE id = %s", (household_id,)
        ).fetchone()
    return row or WayIn(None, None, "", None)


def visits_to_rate(conn: psycopg.Connection[Any], resident_id: int, limit: int = 3) -> list[Order]:
    """List visits of the last month that the family has not rated yet, newest first."""
    return _select(
        conn,
        b"WHERE o.resident_id = %(resident)s AND o.state = 'done' AND o.done_at > now() - INTERVAL '31 days'"
        b" AND NOT EXISTS (SELECT FROM work_order_rating w WHERE w.order_id = o.id AND w.rated_by = 'family')"
        b" ORDER BY o.done_at DESC LIMIT %(limit)s",
        {"resident": resident_id, "limit": limit},
    )


def due(conn: psycopg.Connection[Any], now: dt.datetime, limit: int) -> list[Order]:
    """List orders that are due for the sweeper: the person is silent, or nobody fitted yet. The gravest first; without
    those of alerts that are over, for which nobody else is asked."""
    return _select(
        conn,
        b"WHERE o.state IN ('open', 'offered') AND o.next_at <= %(now)s"
        b" AND (a.state IS NULL OR alert_is_open(a.state)) ORDER BY severity_rank(o.urgency),"
        b" o.next_at LIMIT %(limit)s",
        {"now": now, "limit": limit},
    )


def history(conn: psycopg.Connection[Any], order_id: uuid.UUID) -> list[dict[str, Any]]:
    """List the events of an order, in order."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            SELECT e.at, e.action, e.from_state, e.to_state, e.actor, e.origin, e.note, e.detail,
                   s.code AS staff_code, s.name_zh AS staff_zh, s.name_en AS staff_en
            FROM work_order_event e LEFT JOIN staff s ON s.id = e.staff_id WHERE e.order_id = %s ORDER BY e.id
            """,
            (order_id,),
        ).fetchall()


def change(
    conn: psycopg.Connection[Any],
    order: Order,
    action: OrderAction,
    actor: Actor,
    at: dt.datetime,
    *,
    staff_id: int | None = None,
    next_at: dt.datetime | None = None,
    note: str = "",
    detail: dict[str, Any] | None = None,
) -> Order:
    """Apply a step to the order as it was read; part of the caller's transaction.

    ``staff_id``: of an offer, the person who is asked. ``next_at``: when the sweeper looks at an open or offered order
    again; None: now. Raises OrderError where the step is not possible, OrderChanged where the order is no longer at
    the version that was read.
    """
    target = next_state(order.state, action)
    if action == "note":
        next_at = order.next_at
    elif target in ("open", "offered"):
        next_at = next_at or at
    elif next_at is not None:
        raise ValueError(f"{action} leads to {target}, where nothing is looked at later")
    holder = staff_id if action == "offer" else None if target == "open" else order.staff_id
    row = conn.execute(
        """
        UPDATE work_order SET state = %(state)s, version = version + 1, staff_id = %(staff)s,
               asked = asked + %(asked)s, next_at = %(next)s,
               told_nobody = CASE WHEN %(action)s = 'unmatched' THEN true WHEN %(action)s = 'note' THEN told_nobody
                                  ELSE false END,
               done_at = CASE WHEN %(state)s = 'done' THEN coalesce(done_at, %(at)s) END
        WHERE id = %(id)s AND version = %(version)s RETURNING id
        """,
        {
            "id": order.id,
            "version": order.version,
            "state": target,
            "staff": holder,
            "asked": int(action == "offer"),
            "next": next_at,
            "action": action,
            "at": at,
        },
    ).fetchone()
    if row is None:
        raise change_error(conn, order.id)
    person = staff_id if staff_id is not None else order.staff_id
    _append(
        conn, order.id, at=at, action=action, from_state=order.state, to_state=target, actor=actor, staff_id=person,
        note=note, detail=detail,
    )  # fmt: skip
    return load(conn, order.id)


def add_note(
    conn: psycopg.Connection[Any],
    order: Order,
    actor: Actor,
    at: dt.datetime,
    note: str,
    detail: dict[str, Any] | None = None,
) -> None:
    """Append a note to the history of an order in any state; its row stays as it is."""
    _append(
        conn, order.id, at=at, action="note", from_state=order.state, to_state=order.state, actor=actor,
        staff_id=order.staff_id, note=note, detail=detail,
    )  # fmt: skip


def change_error(conn: psycopg.Connection[Any], order_id: uuid.UUID) -> OrderChanged:
    """Make the error for the second of two people, with the name of the first."""
    row = conn.execute(
        "SELECT at, actor FROM work_order_event WHERE order_id = %s ORDER BY id DESC LIMIT 1", (order_id,)
    ).fetchone()
    if row is None:
        return OrderChanged(zh="没有这张工单", en="there is no such work order")
    at, actor = row
    clock = at.astimezone(SHANGHAI).strftime("%H:%M:%S")
    return OrderChanged(
        zh=f"{actor} 已于 {clock} 更新了这张工单，请查看最新状态",
        en=f"{actor} changed this order at {clock}; look at it again",
    )


def _append(
    conn: psycopg.Connection[Any],
    order_id: uuid.UUID,
    *,
    at: dt.datetime,
    action: str,
    from_state: str | None,
    to_state: str,
    actor: Actor,
    staff_id: int | None = None,
    note: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    conn.execute(
        """
        INSERT INTO work_order_event (order_id, at, action, from_state, to_state, staff_id, account_id, actor, origin,
                                      note, detail)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            order_id,
            at,
            action,
            from_state,
            to_state,
            staff_id,
            actor.account_id,
            actor.name,
            actor.origin,
            note,
            Jsonb(detail or {}),
        ),
    )


_COLUMNS: LiteralString = """
    SELECT o.id, o.number, o.alert_id, o.round, o.service, o.urgency, o.due_at, o.reason_zh, o.reason_en, o.state,
           o.version, o.staff_id, o.asked, o.next_at, o.told_nobody, o.created_at, o.done_at, o.household_id,
           h.address_zh, h.address_en, h.phone,
           coalesce(h.longitude, ar.longitude) AS longitude, coalesce(h.latitude, ar.latitude) AS latitude,
           ar.path::text AS area_path, ar.name_zh AS area_zh, ar.name_en AS area_en,
           o.resident_id, r.code AS resident_code, r.name_zh AS resident_zh, r.name_en AS resident_en,
           coalesce(r.languages, '{}') AS languages,
           s.code AS staff_code, s.name_zh AS staff_zh, s.name_en AS staff_en, s.phone AS staff_phone,
           a.state AS alert_state, o.supports
    FROM work_order o JOIN household h ON h.id = o.household_id JOIN area ar ON ar.id = h.area_id
    LEFT JOIN resident r ON r.id = o.resident_id LEFT JOIN staff s ON s.id = o.staff_id
    LEFT JOIN alert a ON a.id = o.alert_id
"""
_CONDITIONS: dict[str, LiteralString] = {
    "states": "o.state = ANY (%(states)s)",
    "urgency": "o.urgency = %(urgency)s",
    "service": "o.service = %(service)s",
    "staff_id": "o.staff_id = %(staff_id)s",
    "alert_id": "o.alert_id = %(alert_id)s",
    # a set, and no list that is planned for: a district has thousands
    "households": "o.household_id IN (SELECT unnest(%(households)s::integer[]))",
    "seen_by": f"o.household_id IN ({VISIBLE_HOUSEHOLDS.replace('%(account)s', '%(seen_by)s')})",
    "under": "ar.path <@ %(under)s::ltree AND NOT h.synthetic",
    "residents": "o.resident_id = ANY (%(residents)s)",
    "due_before": "o.due_at < %(due_before)s",
    "done_since": "o.done_at >= %(done_since)s",
}
"""By field of OrderFilter. Only those that are asked for are said, so that an index can answer them."""
_ORDERED: LiteralString = """
    ORDER BY o.state IN ('done', 'cancelled'),
             CASE WHEN o.state NOT IN ('done', 'cancelled') THEN
                 severity_rank(o.urgency) END,
             CASE WHEN o.state NOT IN ('done', 'cancelled') THEN o.due_at END, o.due_at DESC
    LIMIT %(limit)s
"""


def _select(conn: psycopg.Connection[Any], where: bytes, parameters: dict[str, Any]) -> list[Order]:
    with conn.cursor(row_factory=class_row(Order)) as cursor:
        return cursor.execute(_COLUMNS.encode() + where, parameters).fetchall()
