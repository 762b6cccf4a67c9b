"""Whom to call for a resident, in order: only those to whose being told the resident has agreed."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row


class Contact(msgspec.Struct, frozen=True):
    """Family, a neighbour, a friend. Its columns are those of ``staff_records.NewContact``."""

    id: int
    name_zh: str
    name_en: str
    relation_zh: str
    relation_en: str
    phone: str
    call_order: int
    language: str
    has_key: bool
    account_id: int | None


def contacts_to_call(conn: Connection[Any], resident_id: int, at: dt.datetime) -> list[Contact]:
    """In the order in which to call them; those without consent at that time are left out."""
    with conn.cursor(row_factory=class_row(Contact)) as cursor:
        return cursor.execute(
            """
            SELECT id, name_zh, name_en, relation_zh, relation_en, phone, call_order, language, has_key, account_id
            FROM contact WHERE resident_id = %s AND consent_at <= %s ORDER BY call_order
            """,
            (resident_id, at),
        ).fetchall()


class FamilyMember(msgspec.Struct, frozen=True):
    """Somebody to be told of what happens in a household."""

    resident: str
    """Code of whom they belong to."""
    phone: str
    name_zh: str
    name_en: str
    language: str

    @property
    def key(self) -> str:
        """As the care network names a contact."""
        return f"{self.resident}/{self.phone}"


def family_of(
    conn: Connection[Any], household_id: int, resident_id: int | None, at: dt.datetime
) -> tuple[FamilyMember, ...]:
    """Whom to call about one resident, or (None) about what concerns the whole household; in call order, with consent
    at that time, each telephone once."""
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
