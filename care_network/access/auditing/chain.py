"""Check the chain of hashes over the audit and the histories of alerts: both are sealed in one.

The database chains each entry to the one before at its commit (migration 0081). Somebody who owns the database could
write the whole chain anew; the maintenance service therefore writes its head to the log each hour, and a check that is
given such a head finds that it is no longer there.
"""

import hashlib
from typing import Any, LiteralString

import msgspec
from psycopg import Connection

from database.rights.sealed import Head

MOST_FAULTS = 20
_BATCH = 5000


class AuditCheck(msgspec.Struct, frozen=True):
    """Result of a check of the chain."""

    entries: int
    steps: int
    """Of the entries: those of the alerts' histories."""
    head: Head | None
    faults: tuple[str, ...]
    """Empty: nothing was changed, removed or put in between. MOST_FAULTS at most."""


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
    count, steps, previous, head, met = 0, 0, b"", None, known is None
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        conn.execute("SET LOCAL timezone = 'UTC'")
        with conn.cursor("chain") as cursor:
            cursor.itersize = _BATCH
            for position, log, entry_id, before, sealed, text in cursor.execute(_CHAIN):
                count += 1
                steps += log == "alert_event"
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
                    return AuditCheck(count, steps, head, tuple(faults))
        faults += [f"{log} {number}: it was written around the chain" for log, number in conn.execute(_UNSEALED, (20,))]
    if not met:
        faults.append("the head that you gave is not in the chain: it was written anew, or cut before that")
    return AuditCheck(count, steps, head, tuple(faults))
