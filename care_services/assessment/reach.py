"""Find a resident or an assessment for an account: within its area, and the look is in the audit.

To be called before a transaction is begun: a refusal is committed.
"""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.access.visible import may_see
from care_network.errors import NotFoundError
from care_network.records import residents
from care_services.assessment import store
from care_services.assessment.store import Assessment


def resident(
    conn: Connection[Any], account: Account, code: str, at: dt.datetime, origin: str, what: str = "view_assessments"
) -> dict[str, Any]:
    """The profile of a resident, looked at as ``what``. Raises NotFoundError beyond the account's area; audited."""
    require(account, Action.VIEW_CARE)
    number, found = residents.number_of(conn, code), residents.profile(conn, code)
    if found is None or number is None or not may_see(conn, account, number):
        if number is not None:
            _refused(conn, account, what, number, at, origin, {})
        raise NotFoundError(en=f"there is no resident {code!r} in your area", zh=f"您的管辖区域内没有老人 {code}")
    audit(conn, account, what, at=at, resident_id=number, origin=origin)
    return found


def assessment(
    conn: Connection[Any], account: Account, number: int, at: dt.datetime, origin: str, what: str = "view_assessment"
) -> Assessment:
    """An assessment, looked at as ``what`` ('': no look of its own, an act follows). Raises as :func:`resident`."""
    require(account, Action.VIEW_CARE)
    found = store.by_number(conn, number) if 0 < number < 2**63 else None
    if found is None or not may_see(conn, account, found.resident_id):
        if found is not None:
            _refused(conn, account, what or "view_assessment", found.resident_id, at, origin, {"number": number})
        raise NotFoundError(en=f"there is no assessment {number} in your area", zh=f"您的管辖区域内没有评估 {number}")
    if what:
        audit(conn, account, what, at=at, resident_id=found.resident_id, origin=origin, detail={"number": number})
    return found


def _refused(
    conn: Connection[Any], account: Account, what: str, resident_id: int, at: dt.datetime, origin: str,
    detail: dict[str, Any],
) -> None:  # fmt: skip
    """Write down that somebody was refused, and keep it: the caller's refusal takes everything else back."""
    audit(conn, account, f"refused_{what}", at=at, resident_id=resident_id, origin=origin, detail=detail)
    conn.commit()
