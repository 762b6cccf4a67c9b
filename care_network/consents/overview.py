"""Read the register of an area: how many said yes and no to each purpose, and the latest steps."""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, require
from care_network.below import people_below
from care_network.consents.purposes import PURPOSES, Purpose

_HERE: LiteralString = people_below("e.resident_id")


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How a purpose stands in an area. A resident is counted once: yes where they agree to at least one recipient."""

    purpose: Purpose
    yes: int
    no: int
    """Said no, or took it back, towards everybody."""
    unknown: int
    """Were never asked."""


class Latest(msgspec.Struct, frozen=True, kw_only=True):
    """A step, with its resident."""

    id: int
    code: str
    resident_zh: str
    resident_en: str
    purpose: str
    name_zh: str
    name_en: str
    given: bool
    at: dt.datetime
    by_whom: str
    how: str
    writer_zh: str | None
    writer_en: str | None


def counts(conn: Connection[Any], account: Account) -> list[Count]:
    """Count residents of the account's area by what they said, for each purpose. Raises NotPermittedError."""
    require(account, Action.GIVE_CONSENTS)
    said = {
        purpose: (yes, no)
        for purpose, yes, no in conn.execute(
            f"""
            SELECT purpose, count(*) FILTER (WHERE yes)::int, count(*) FILTER (WHERE NOT yes)::int FROM (
                SELECT purpose, resident_id, bool_or(given) AS yes FROM (
                    SELECT DISTINCT ON (e.resident_id, e.purpose, e.recipient) e.resident_id, e.purpose, e.given
                    FROM consent_event e WHERE {_HERE}
                    ORDER BY e.resident_id, e.purpose, e.recipient, e.id DESC) newest
                GROUP BY purpose, resident_id) each_person
            GROUP BY purpose
            """,  # noqa: S608 - of constants
            {"area": account.area_path},
        )
    }
    row = conn.execute(
        "SELECT count(*)::int FROM resident r WHERE " + people_below("r.id"),  # noqa: S608 - of constants
        {"area": account.area_path},
    ).fetchone()
    everybody = row[0] if row else 0
    found = []
    for purpose in PURPOSES.values():
        if purpose.asked:
            yes, no = said.get(purpose.code, (0, 0))
            found.append(Count(purpose=purpose, yes=yes, no=no, unknown=max(everybody - yes - no, 0)))
    return found


def latest(
    conn: Connection[Any], account: Account, *, purpose: str = "", given: bool | None = None, after: int = 0,
    limit: int = 50,
) -> list[Latest]:  # fmt: skip
    """The steps of an area, the newest first, from below the number ``after``. Raises NotPermittedError."""
    require(account, Action.GIVE_CONSENTS)
    with conn.cursor(row_factory=class_row(Latest)) as cursor:
        return cursor.execute(
            f"""
            SELECT e.id, r.code, r.name_zh AS resident_zh, r.name_en AS resident_en, e.purpose, e.name_zh, e.name_en,
                   e.given, e.at, e.by_whom, e.how, w.name_zh AS writer_zh, w.name_en AS writer_en
            FROM consent_event e JOIN resident r ON r.id = e.resident_id LEFT JOIN account w ON w.id = e.account_id
            WHERE {_HERE} AND (%(purpose)s = '' OR e.purpose = %(purpose)s)
              AND (%(given)s::boolean IS NULL OR e.given = %(given)s) AND (%(after)s = 0 OR e.id < %(after)s)
            ORDER BY e.id DESC LIMIT %(limit)s
            """,  # noqa: S608 - of constants
            {"area": account.area_path, "purpose": purpose, "given": given, "after": after, "limit": limit},
        ).fetchall()
