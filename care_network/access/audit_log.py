"""Read the audit, and check the chain of hashes over it and over the history of alerts.

The database chains each entry to the one before at its commit (migration 0081). Somebody who owns the database could
write the whole chain anew; the maintenance service therefore writes its head to the log each hour, and a check that is
given such a head finds that it is no longer there.
"""

import datetime as dt
import hashlib
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, require
from database.rights.sealed import Head

MOST_FAULTS = 20
_BATCH = 5000


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit: somebody did or saw something."""

    id: int
    at: dt.datetime
    login: str | None
    """None: the system, or by a link without a login."""
    name_zh: str | None
    name_en: str | None
    action: str
    resident: str | None
    """The resident's code."""
    resident_zh: str | None
    resident_en: str | None
    detail: dict[str, Any]
    origin: str


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """The lines that somebody looks for; what is None does not bind."""

    since: dt.datetime | None = None
    until: dt.datetime | None = None
    login: str | None = None
    """Done by this account, or to it."""
    resident: str | None = None
    action: str | None = None
    origin: str | None = None
    before: int | None = None
    """Id of the line above the page."""


class AuditCheck(msgspec.Struct, frozen=True):
    """Result of a check of the chain."""

    entries: int
    head: Head | None
    faults: tuple[str, ...]
    """Empty: nothing was changed, removed or put in between. MOST_FAULTS at most."""


_LINES: LiteralString = """
    SELECT e.id, e.at, a.login, a.name_zh, a.name_en, e.action, r.code AS resident, r.name_zh AS resident_zh,
           r.name_en AS resident_en, e.detail, e.origin
    FROM audit e LEFT JOIN account a ON a.id = e.account_id LEFT JOIN resident r ON r.id = e.resident_id
    LEFT JOIN household h ON h.id = r.household_id LEFT JOIN area p ON p.id = h.area_id
"""
_SCOPE: LiteralString = """
    (CASE WHEN e.resident_id IS NOT NULL THEN coalesce(p.path <@ %(area)s::ltree, nlevel(%(area)s::ltree) <= 2)
          WHEN e.account_id IS NULL THEN nlevel(%(area)s::ltree) <= 2
          WHEN a.area_path IS NOT NULL THEN a.area_path <@ %(area)s::ltree
          ELSE NOT EXISTS (SELECT FROM family_member f JOIN resident fr ON fr.id = f.resident_id
                           JOIN household fh ON fh.id = fr.household_id JOIN area fp ON fp.id = fh.area_id
                           WHERE f.account_id = a.id AND NOT fp.path <@ %(area)s::ltree) END)
"""
"""Lines about residents of the area; about nobody: of accounts of the area. Those of the system, and of residents who
were removed, belong to the district."""
_BOUNDS: LiteralString = """
    (%(since)s::timestamptz IS NULL OR e.at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR e.at < %(until)s)
    AND (%(resident)s::integer IS NULL OR e.resident_id = %(resident)s)
    AND (%(action)s::text IS NULL OR e.action = %(action)s)
    AND (%(origin)s::text IS NULL OR e.origin = %(origin)s)
    AND (%(before)s::bigint IS NULL OR e.id < %(before)s)
"""


def search(conn: Connection[Any], account: Account, sought: Sought, most: int) -> list[AuditEntry]:
    """The newest lines that are sought, ``most`` at most, by what the account's area bounds.

    Raises NotPermittedError. The caller records the look.
    """
    require(account, Action.VIEW_AUDIT)
    resident = _number(conn, "SELECT id FROM resident WHERE code = %s", sought.resident)
    actor = _number(conn, "SELECT id FROM account WHERE login = %s", sought.login)
    if resident == 0:
        return []
    values = {
        **{name: getattr(sought, name) for name in ("since", "until", "action", "origin", "before", "login")},
        "resident": resident, "actor": actor, "area": account.area_path, "most": most,
    }  # fmt: skip
    with conn.cursor(row_factory=class_row(AuditEntry)) as cursor:
        if actor is None:
            query: LiteralString = (
                _LINES + " WHERE " + _BOUNDS + " AND " + _SCOPE + " ORDER BY e.id DESC LIMIT %(most)s"
            )
        else:  # each of the two ways has an index
            one: LiteralString = (
                "(" + _LINES + " WHERE e.account_id = %(actor)s AND " + _BOUNDS + " AND " + _SCOPE
                + " ORDER BY e.id DESC LIMIT %(most)s)"
            )  # fmt: skip
            other: LiteralString = (
                "(" + _LINES + " WHERE e.detail ? 'login' AND e.detail->>'login' = %(login)s"
                " AND e.account_id IS DISTINCT FROM %(actor)s AND " + _BOUNDS + " AND " + _SCOPE
                + " ORDER BY e.id DESC LIMIT %(most)s)"
            )  # fmt: skip
            query = one + " UNION ALL " + other + " ORDER BY id DESC LIMIT %(most)s"
        return cursor.execute(query, values).fetchall()


def _number(conn: Connection[Any], query: LiteralString, key: str | None) -> int | None:
    """The id of what was named; 0 for what does not exist, None where nothing was named."""
    if not key:
        return None
    row = conn.execute(query, (key,)).fetchone()
    return int(row[0]) if row else 0


def about_account(conn: Connection[Any], account: Account, login: str, most: int) -> list[AuditEntry]:
    """The newest lines of what an account did and what was done to it, for whoever keeps it."""
    require(account, Action.MANAGE_ACCOUNTS)
    return search(conn, account, Sought(login=login), most)


def entries(
    conn: Connection[Any],
    account: Account,
    since: dt.datetime,
    until: dt.datetime,
    *,
    login: str | None = None,
    resident: str | None = None,
    most: int = 200,
) -> list[AuditEntry]:
    """The newest lines between two moments; see :func:`search`. Raises NotPermittedError."""
    return search(conn, account, Sought(since=since, until=until, login=login, resident=resident), most)


_CHAIN: LiteralString = """
    SELECT s.position, s.log, s.entry_id, s.previous, s.hash, jsonb_strip_nulls(coalesce(
           (SELECT to_jsonb(a) FROM audit a WHERE s.log = 'audit' AND a.id = s.entry_id),
           (SELECT to_jsonb(e) FROM alert_event e WHERE s.log = 'alert_event' AND e.id = s.entry_id)))::text
    FROM sealed_entry s ORDER BY s.position
"""
_UNSEALED: LiteralString = """
    SELECT 'audit', id FROM audit a
    WHERE NOT EXISTS (SELECT FROM sealed_entry s WHERE s.log = 'audit' AND s.entry_id = a.id)
    UNION ALL
    SELECT 'alert_event', id FROM alert_event e
    WHERE NOT EXISTS (SELECT FROM sealed_entry s WHERE s.log = 'alert_event' AND s.entry_id = e.id)
      AND NOT is_synthetic(e.alert_id)
    LIMIT %s
"""


def check(conn: Connection[Any], known: Head | None = None) -> AuditCheck:
    """Compute the chain anew over every entry; ``known``: a head that the log or a paper has, which must be in it.

    Reads everything: a second per 20,000 entries.
    """
    faults: list[str] = []
    count, previous, head, met = 0, b"", None, known is None
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        conn.execute("SET LOCAL timezone = 'UTC'")
        with conn.cursor("chain") as cursor:
            cursor.itersize = _BATCH
            for position, log, entry_id, before, sealed, text in cursor.execute(_CHAIN):
                count += 1
                name = f"{log} {entry_id}"
                if bytes(before) != previous:
                    faults.append(f"{name}: the chain is broken before it (an entry was removed or put in)")
                if text is None:
                    faults.append(f"{name}: it was removed")
                elif hashlib.sha256(bytes(before) + log.encode() + text.encode()).digest() != bytes(sealed):
                    faults.append(f"{name}: it was changed")
                previous, head = bytes(sealed), Head(position, bytes(sealed).hex())
                met = met or head == known
                if len(faults) >= MOST_FAULTS:
                    return AuditCheck(count, head, tuple(faults))
        faults += [f"{log} {number}: it was written around the chain" for log, number in conn.execute(_UNSEALED, (20,))]
    if not met:
        faults.append("the head that you gave is not in the chain: it was written anew, or cut before that")
    return AuditCheck(count, head, tuple(faults))
