"""Whom an account sees: the residents and homes of its area, or a family's own. Asked of the database each time."""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from psycopg import Connection

from care_network.access.accounts import Account

# The account's own row is read again each time, so that withdrawing an area or a consent takes effect at once.
_VISIBLE: LiteralString = """
    SELECT r.id
    FROM account me
    JOIN area mine ON mine.path = me.area_path
    JOIN area a ON a.path <@ mine.path
    JOIN household h ON h.area_id = a.id
    JOIN resident r ON r.household_id = h.id
    WHERE me.id = %(account)s AND me.active AND me.role <> 'family'
    UNION
    SELECT f.resident_id
    FROM account me JOIN family_member f ON f.account_id = me.id
    WHERE me.id = %(account)s AND me.active AND me.role = 'family' AND f.consent_at <= now()
"""

_VISIBLE_ONE: LiteralString = f"SELECT FROM ({_VISIBLE}) AS seen (id) WHERE id = %(resident)s"

VISIBLE_HOUSEHOLDS: LiteralString = """
    SELECT h.id
    FROM account me
    JOIN area a ON a.path <@ me.area_path
    JOIN household h ON h.area_id = a.id
    WHERE me.id = %(account)s AND me.active AND me.role <> 'family'
    UNION
    SELECT r.household_id
    FROM account me JOIN family_member f ON f.account_id = me.id JOIN resident r ON r.id = f.resident_id
    WHERE me.id = %(account)s AND me.active AND me.role = 'family' AND f.consent_at <= now()
"""
"""As a part of other queries: ids of the households that ``account`` may see."""


def visible_residents(conn: Connection[Any], account: Account) -> frozenset[int]:
    """Ids of the residents the account may see: staff those below their area, family their own with consent."""
    return _numbers(conn, _VISIBLE, {"account": account.id})


_VISIBLE_AMONG: LiteralString = f"SELECT id FROM ({VISIBLE_HOUSEHOLDS}) AS seen (id) WHERE id = ANY(%(among)s)"  # noqa: S608 - of constants


def visible_households(conn: Connection[Any], account: Account, among: Sequence[int] | None = None) -> frozenset[int]:
    """Ids of the households whose alerts the account may see where an alert names no resident (smoke, a gateway).

    ``among``: only these are looked up. A district has thousands.
    """
    if among is None:
        return _numbers(conn, VISIBLE_HOUSEHOLDS, {"account": account.id})
    return _numbers(conn, _VISIBLE_AMONG, {"account": account.id, "among": list(among)})


def _numbers(conn: Connection[Any], query: LiteralString, asked: Mapping[str, Any]) -> frozenset[int]:
    """The numbers that a query finds; as one array, which costs a third of as many rows."""
    row = conn.execute(f"SELECT ARRAY({query})", asked).fetchone()
    return frozenset(row[0] if row else ())


def may_see(conn: Connection[Any], account: Account, resident_id: int) -> bool:
    """Whether the account may see this resident. False for an id that does not exist, too."""
    asked = {"account": account.id, "resident": resident_id}
    return conn.execute(_VISIBLE_ONE, asked).fetchone() is not None
