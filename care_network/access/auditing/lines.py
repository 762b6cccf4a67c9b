"""Write lines of the audit: a look at somebody's data, or a change of it."""

import datetime as dt
from collections.abc import Collection
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from care_network.access.accounts import Account


def audit(
    conn: Connection[Any],
    account: Account | None,
    action: str,
    *,
    at: dt.datetime,
    resident_id: int | None = None,
    origin: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Record a look at a resident's data or a change of it; part of the caller's transaction if there is one.

    A ``resident_id`` that does not exist is recorded in ``detail`` instead: trying an invented id leaves a trace.
    """
    detail = dict(detail or {})
    if resident_id is not None and not 0 < resident_id < 2**31:
        detail["unknown_resident"] = str(resident_id)[:40]
        resident_id = None
    with conn.transaction():
        conn.execute(
            """
            INSERT INTO audit (at, account_id, action, resident_id, detail, origin)
            SELECT %(at)s, %(account)s, %(action)s, CASE WHEN known THEN %(resident)s::integer END,
                   CASE WHEN known OR %(resident)s::integer IS NULL THEN %(detail)s
                        ELSE %(detail)s || jsonb_build_object('unknown_resident', %(resident)s::text) END,
                   %(origin)s
            FROM (SELECT is_resident(%(resident)s::integer)) AS resident (known)
            """,
            {
                "at": at,
                "account": account.id if account else None,
                "action": str(action),
                "resident": resident_id,
                "detail": Jsonb(detail),
                "origin": origin,
            },
        )


def audit_each(
    conn: Connection[Any],
    account: Account | None,
    action: str,
    residents: Collection[int],
    *,
    at: dt.datetime,
    origin: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Record a look at several residents, whose ids come from the database: a line for each, in one statement."""
    if residents:
        conn.execute(
            "INSERT INTO audit (at, account_id, action, resident_id, detail, origin)"
            " SELECT %s, %s, %s, resident, %s, %s FROM unnest(%s::int[]) AS resident ORDER BY resident",
            (at, account.id if account else None, str(action), Jsonb(detail or {}), origin, list(residents)),
        )


def audit_home(
    conn: Connection[Any],
    account: Account | None,
    action: str,
    household_id: int,
    *,
    at: dt.datetime,
    origin: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Record a look at a home or a change of it: a line for each resident, so that a search by any of them finds it.

    A home without residents has one line.
    """
    found = conn.execute("SELECT id FROM resident WHERE household_id = %s ORDER BY id", (household_id,)).fetchall()
    if found:
        audit_each(conn, account, action, [row[0] for row in found], at=at, origin=origin, detail=detail)
    else:
        audit(conn, account, action, at=at, origin=origin, detail=detail)
