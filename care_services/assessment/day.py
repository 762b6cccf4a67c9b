"""Drafts that an assessor takes along for the day, onto a tablet that may be without a line."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_services.assessment import reach
from care_services.assessment.store import Assessment

MOST = 40
"""More than anybody sees in a day."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A draft of the account's area."""

    id: int
    name_zh: str
    name_en: str
    area_zh: str
    area_en: str
    reason: str
    changed_at: dt.datetime
    changed_zh: str
    changed_en: str
    mine: bool
    """Begun, or saved last, by the account."""


def drafts(conn: Connection[Any], account: Account, at: dt.datetime, origin: str) -> list[Draft]:
    """Drafts of the area, the account's own first, then the newest. The look is in the audit."""
    require(account, Action.ASSESS)
    with conn.cursor(row_factory=class_row(Draft)) as cursor:
        rows = cursor.execute(
            """
            SELECT x.id, r.name_zh, r.name_en, a.name_zh AS area_zh, a.name_en AS area_en, x.reason, x.changed_at,
                   x.changed_zh, x.changed_en, coalesce(%(me)s IN (x.begun_by, x.changed_by), false) AS mine
            FROM assessment x JOIN resident r ON r.id = x.resident_id JOIN household h ON h.id = r.household_id
            JOIN area a ON a.id = h.area_id
            WHERE x.state = 'draft' AND a.path <@ %(under)s::ltree AND NOT h.synthetic
            ORDER BY mine DESC, x.changed_at DESC, x.id LIMIT %(most)s
            """,
            {"me": account.id, "under": account.area_path, "most": MOST},
        ).fetchall()
    audit(conn, account, "list_assessments", at=at, origin=origin,
          detail={"under": account.area_path, "count": len(rows), "view": "today"})  # fmt: skip
    return rows


def take(
    conn: Connection[Any], account: Account, numbers: Sequence[int], at: dt.datetime, origin: str
) -> list[Assessment]:
    """The chosen drafts, each a look of its own; what is signed meanwhile is left out.

    Raises NotFoundError for one beyond the account's area.
    """
    require(account, Action.ASSESS)
    found = [
        reach.assessment(conn, account, number, at, origin, "take_assessment") for number in dict.fromkeys(numbers)
    ]
    return [one for one in found if one.state == "draft"]
