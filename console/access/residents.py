"""Load a resident for an account."""

import datetime as dt
from typing import Any

import psycopg
from fastapi import HTTPException

from care_network.access import permissions
from care_network.access.accounts import Account
from care_network.access.visible import may_see
from care_network.records import residents


def load_resident(
    conn: psycopg.Connection[Any], account: Account, code: str, action: str, origin: str, *, audited: bool = True
) -> dict[str, Any]:
    """A resident by code; the look is in the audit as ``action``, and committed.

    Raises 404 for one that does not exist or that the account may not see; a refused look is audited, too, and always:
    ``audited`` False is for a page that was audited a moment ago and looks again.
    """
    number, resident = residents.number_of(conn, code), residents.profile(conn, code)
    if number is None:
        raise HTTPException(404)
    allowed = resident is not None and may_see(conn, account, number)
    if audited or not allowed:
        permissions.audit(
            conn, account, action if allowed else f"refused_{action}", at=dt.datetime.now(dt.UTC), resident_id=number,
            origin=origin,
        )  # fmt: skip
    conn.commit()
    if resident is None or not allowed:
        raise HTTPException(404)
    return resident
