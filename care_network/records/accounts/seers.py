"""List family accounts and other systems that may see a resident by consent, beside the staff."""

import datetime as dt
from collections.abc import Collection
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, require
from care_network.access.visible import may_see


class Seer(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may see a resident since the resident agreed to it."""

    login: str
    name_zh: str
    name_en: str
    is_family: bool
    """Else another system."""
    as_zh: str
    """Of family the relation; of a system the purpose."""
    as_en: str
    since: dt.datetime
    active: bool
    """The account is not switched off."""


_SEERS: LiteralString = """
    SELECT a.login, a.name_zh, a.name_en, true AS is_family, f.relation_zh AS as_zh, f.relation_en AS as_en,
           f.consent_at AS since, a.active
    FROM family_member f JOIN account a ON a.id = f.account_id WHERE f.resident_id = %(resident)s
    UNION ALL
    SELECT a.login, a.name_zh, a.name_en, false, c.purpose, c.purpose, c.given_at, a.active
    FROM exchange_consent c JOIN account a ON a.id = c.account_id
    WHERE c.resident_id = %(resident)s AND c.withdrawn_at IS NULL
    ORDER BY is_family DESC, since, login
"""


def seers_of(conn: Connection[Any], account: Account, resident_id: int) -> list[Seer]:
    """Family accounts and systems that may see a resident, in the order of their consents; the caller audits the look.

    Nobody for a resident outside the account's area. Raises NotPermittedError.
    """
    require(account, Action.VIEW_NETWORK)
    if not may_see(conn, account, resident_id):
        return []
    with conn.cursor(row_factory=class_row(Seer)) as cursor:
        return cursor.execute(_SEERS, {"resident": resident_id}).fetchall()


def names_of(conn: Connection[Any], residents: Collection[str]) -> dict[str, tuple[str, str]]:
    """Names of residents (Chinese, English) by code."""
    rows = conn.execute(
        "SELECT code, name_zh, name_en FROM resident WHERE code = ANY (%s)", (list(residents),)
    ).fetchall()
    return {code: (zh, en) for code, zh, en in rows}
