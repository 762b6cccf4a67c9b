"""The family of a resident, in the order of calling; only contacts to whom the resident has consented."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row


class FamilyMember(msgspec.Struct, frozen=True):
    """A contact of somebody who lives in a household."""

    resident: str
    """The resident's code."""
    phone: str
    name_zh: str
    name_en: str
    language: str

    @property
    def key(self) -> str:
        """The contact's key in records and notifications: ``<resident code>/<telephone>``."""
        return f"{self.resident}/{self.phone}"


def family_of(
    conn: Connection[Any], household_id: int, resident_id: int | None, at: dt.datetime
) -> tuple[FamilyMember, ...]:
    """Contacts to call about one resident, or (None) about the whole household, in their order.

    Each has the resident's consent at that time, and each telephone comes once.
    """
    with conn.cursor(row_factory=class_row(FamilyMember)) as cursor:
        rows = cursor.execute(
            """
            SELECT r.code AS resident, c.phone, c.name_zh, c.name_en, c.language
            FROM contact c JOIN resident r ON r.id = c.resident_id
            WHERE r.household_id = %s AND (%s::integer IS NULL OR r.id = %s) AND c.consent_at <= %s
            ORDER BY c.call_order, r.code
            """,
            (household_id, resident_id, resident_id, at),
        ).fetchall()
    each: dict[str, FamilyMember] = {}
    for member in rows:
        each.setdefault(member.phone, member)
    return tuple(each.values())
