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
