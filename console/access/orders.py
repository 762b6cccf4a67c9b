"""Load a work order for an account."""

import datetime as dt
import uuid
from typing import Any

import psycopg
from fastapi import HTTPException

from care_network.access import permissions
from care_network.access.accounts import Account
from care_network.access.visible import visible_households
from dispatch.orders import store
from dispatch.orders.states import OrderError
from dispatch.orders.store import Order


def load_order(conn: psycopg.Connection[Any], account: Account, order_id: uuid.UUID, origin: str) -> Order:
    """An order of the account's area; the look is in the audit, and committed.

    Raises 404 for one that does not exist or lies outside the area; a refused look is audited, too.
    """
    try:
        order = store.load(conn, order_id)
    except OrderError as error:
        known, resident_id = store.known(conn, order_id)  # another's is no row of this account's
        if known:
            _audit(conn, account, "refused_view_order", order_id, resident_id, origin)
            conn.commit()
        raise HTTPException(404) from error
    allowed = order.household_id in visible_households(conn, account, [order.household_id])
    audit_order(conn, account, "view_order" if allowed else "refused_view_order", order, origin)
    conn.commit()
    if not allowed:
        raise HTTPException(404)
    return order


def audit_order(
    conn: psycopg.Connection[Any], account: Account, action: str, order: Order, origin: str, **detail: Any
) -> None:
    """Record what an account did with an order, in the caller's transaction."""
    _audit(conn, account, action, order.id, order.resident_id, origin, **detail)


def _audit(
    conn: psycopg.Connection[Any], account: Account, action: str, order_id: uuid.UUID, resident_id: int | None,
    origin: str, **detail: Any,
) -> None:  # fmt: skip
    permissions.audit(
        conn, account, action, at=dt.datetime.now(dt.UTC), resident_id=resident_id, origin=origin,
        detail={"order": str(order_id), **detail},
    )  # fmt: skip
