"""The family circle of a resident: who sees what, and the way out of it. Every change is in the audit."""

import datetime as dt
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import audit
from care_network.errors import NotFoundError
from care_network.records.history.changes import act_as


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of the circle, without their telephone number."""

    name_zh: str
    name_en: str
    relation_zh: str
    relation_en: str
    sees: bool
    """Has an account that shows the resident."""
    called: bool
    """Is called when there is an alarm."""
    myself: bool


class Mine(msgspec.Struct, frozen=True):
    """One's own place in the circle."""

    relation_zh: str
    relation_en: str
    called: bool
    """One's telephone is called when there is an alarm."""


def members(conn: psycopg.Connection[Any], account: Account, resident_id: int) -> list[Member]:
    """List everybody whom the resident has agreed to: accounts that see, telephones that are called."""
    with conn.cursor(row_factory=class_row(Member)) as cursor:
        return cursor.execute(
            """
            SELECT coalesce(a.name_zh, c.name_zh) AS name_zh, coalesce(a.name_en, c.name_en) AS name_en,
                   coalesce(f.relation_zh, c.relation_zh) AS relation_zh,
                   coalesce(f.relation_en, c.relation_en) AS relation_en,
                   coalesce(f.consent_at <= now(), false) AS sees,
                   coalesce(c.consent_at <= now(), false) AS called,
                   coalesce(a.id = %(me)s, false) AS myself
            FROM (SELECT * FROM family_member WHERE resident_id = %(resident)s) f
            JOIN account a ON a.id = f.account_id AND a.active
            FULL JOIN (SELECT * FROM contact WHERE resident_id = %(resident)s AND consent_at <= now()) c
                ON c.account_id = f.account_id
            ORDER BY myself DESC, coalesce(c.call_order, 99), 1
            """,
            {"resident": resident_id, "me": account.id},
        ).fetchall()


def mine(conn: psycopg.Connection[Any], account: Account, resident_id: int) -> Mine:
    """One's own place in it. Raises NotFoundError for somebody who is not in it."""
    row = conn.execute(
        """
        SELECT f.relation_zh, f.relation_en, EXISTS (
            SELECT FROM contact c WHERE c.resident_id = f.resident_id AND c.account_id = f.account_id
              AND c.consent_at <= now())
        FROM family_member f WHERE f.account_id = %s AND f.resident_id = %s
        """,
        (account.id, resident_id),
    ).fetchone()
    if row is None:
        raise _none()
    return Mine(*row)


def stop_calls(conn: psycopg.Connection[Any], account: Account, resident_id: int, at: dt.datetime, origin: str) -> None:
    """Take back the agreement that one's telephone is called for this resident; one still sees.

    Raises NotFoundError where it is not called.
    """
    with conn.transaction():
        act_as(conn, account, origin)
        done = conn.execute(
            "UPDATE contact SET consent_at = NULL, version = version + 1"
            " WHERE resident_id = %s AND account_id = %s AND consent_at IS NOT NULL",
            (resident_id, account.id),
        )
        if not done.rowcount:
            raise _none()
        audit(conn, account, "withdraw_calls", at=at, resident_id=resident_id, origin=origin)


def leave(conn: psycopg.Connection[Any], account: Account, resident_id: int, at: dt.datetime, origin: str) -> None:
    """Leave the circle: one sees the resident no more, and is not called. The audit keeps the looks.

    Raises NotFoundError for somebody who is not in it.
    """
    with conn.transaction():
        act_as(conn, account, origin)
        # before the circle is left: afterwards this account sees the resident's contacts no more
        conn.execute(
            "UPDATE contact SET consent_at = NULL, version = version + 1"
            " WHERE resident_id = %s AND account_id = %s AND consent_at IS NOT NULL",
            (resident_id, account.id),
        )
        row = conn.execute(
            "DELETE FROM family_member WHERE resident_id = %s AND account_id = %s RETURNING consent_at",
            (resident_id, account.id),
        ).fetchone()
        if row is None:
            raise _none()
        audit(
            conn, account, "leave_circle", at=at, resident_id=resident_id, origin=origin,
            detail={"consent_at": row[0].isoformat()},
        )  # fmt: skip


def _none() -> NotFoundError:
    return NotFoundError(en="you are not in this circle", zh="您不在这个家庭圈中")
