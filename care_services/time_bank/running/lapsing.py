"""Promises that do not hold any more: a check that lapsed, a consent that is gone, an offer without an answer, a past.

Steps of people free what a volunteer had promised in the same transaction (:func:`free_of`). The rounds look for the
rest: papers that lapse at midnight, and silence.
"""

import datetime as dt
import uuid
from typing import Any, LiteralString

import msgspec
from psycopg import Connection

from care_services.time_bank import store
from care_services.time_bank.requests import LATE, PURPOSE, SYSTEM, Person, free
from care_services.time_bank.running import ending, telling
from care_services.time_bank.store import Request

ANSWER_WITHIN = dt.timedelta(hours=24)
"""An offer without an answer goes back to the list after so long, or when its time has come."""
LOOKED_FOR = dt.timedelta(hours=24)
"""So long after its time a request that nobody took is closed: nobody was found."""
BATCH = 200

_UNFIT: LiteralString = """
    q.state IN ('offered', 'accepted') AND q.wanted_from > %(now)s AND q.kind <> 'alarm' AND EXISTS (
        SELECT FROM time_volunteer v WHERE v.id IN (q.volunteer_id, q.partner_id) AND (v.state <> 'active'
            OR time_papers_until(v.id) < (q.wanted_from AT TIME ZONE 'Asia/Shanghai')::date))
"""
_NOT_AGREED: LiteralString = """
    q.state IN ('offered', 'accepted') AND q.wanted_from > %(now)s AND q.kind <> 'alarm'
    AND consent_of(q.resident_id, %(purpose)s) IS NOT TRUE
"""
_SILENT: LiteralString = """
    q.state = 'offered' AND (q.wanted_from <= %(now)s OR %(now)s - %(answer)s >= (
        SELECT max(e.at) FROM time_request_event e WHERE e.request_id = q.id AND e.action = 'offer'))
"""
_NOBODY: LiteralString = "q.state IN ('open', 'offered') AND q.wanted_until < %(now)s - %(looked)s"
_UNTOLD: LiteralString = (
    "q.state = 'accepted' AND q.reminded_at IS NULL AND q.wanted_until < %(now)s - interval '3 hours'"
)
_UNSAID: LiteralString = (
    "q.state = 'done' AND q.told_at < %(now)s - interval '3 days' AND (q.reminded_at IS NULL OR"
    " q.reminded_at < q.told_at)"
)
_NO_WORD: LiteralString = "q.state = 'accepted' AND q.wanted_until < %(now)s - %(late)s"


class Lapsed(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of requests that a look touched."""

    unfit: int = 0
    not_agreed: int = 0
    silent: int = 0
    nobody: int = 0
    no_word: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.unfit + self.not_agreed + self.silent + self.nobody + self.no_word


def look(conn: Connection[Any], now: dt.datetime) -> Lapsed:
    """Free and close what does not hold any more, each in a transaction of its own; how many of each kind."""
    return Lapsed(
        unfit=_each(conn, _UNFIT, now, lambda one: free(conn, one, "lapse_check", SYSTEM, now)),
        not_agreed=_each(conn, _NOT_AGREED, now, lambda one: free(conn, one, "lapse_consent", SYSTEM, now)),
        nobody=_each(conn, _NOBODY, now, lambda one: ending.close(conn, one, "nobody_found", SYSTEM, now)),
        silent=_each(conn, _SILENT, now, lambda one: free(conn, one, "lapse_answer", SYSTEM, now)),
        no_word=_each(conn, _NO_WORD, now, lambda one: ending.close(conn, one, "no_word", SYSTEM, now)),
    )


def remind(conn: Connection[Any], now: dt.datetime) -> int:
    """Remind, once each, volunteers of minutes that they have not told, and families of their word about them."""
    done = 0
    for condition, again in ((_UNTOLD, False), (_UNSAID, True)):
        for one in _due(conn, condition, now):
            with conn.transaction():
                held = conn.execute(
                    "UPDATE time_request SET reminded_at = %s WHERE id = %s AND version = %s",
                    (now, one.id, one.version),
                )
                if held.rowcount:
                    if again:
                        telling.to_confirm(conn, one, one.told_minutes or 0, now, again=True)
                    else:
                        telling.remind_of_word(conn, one, now)
                    done += 1
    return done


def free_of(conn: Connection[Any], volunteer_id: int, person: Person, now: dt.datetime) -> int:
    """Free what a volunteer has promised and may not keep, at once, in the caller's transaction; how many.

    As far as the account sees the residents; the rounds free the others within a minute, and no link tells their door.
    """
    freed = 0
    for one in _due(conn, f"{_UNFIT} AND %(who)s IN (q.volunteer_id, q.partner_id)", now, volunteer_id):
        free(conn, one, "lapse_check", person, now)
        freed += 1
    return freed


def promised(conn: Connection[Any], volunteer_id: int, now: dt.datetime) -> tuple[int, int]:
    """Count the promises of a volunteer from now on: (offers and visits, rounds that they go on)."""
    row = conn.execute(
        "SELECT (SELECT count(*) FROM time_request q WHERE %(who)s IN (q.volunteer_id, q.partner_id)"
        " AND q.state IN ('offered', 'accepted') AND q.wanted_from > %(now)s),"
        " (SELECT count(*) FROM time_round_crew c JOIN time_round o ON o.id = c.round_id AND o.active"
        " WHERE c.volunteer_id = %(who)s)",
        {"who": volunteer_id, "now": now},
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _each(conn: Connection[Any], condition: LiteralString, now: dt.datetime, act: Any) -> int:
    done = 0
    for seen in _due(conn, condition, now):
        with conn.transaction():
            held = conn.execute(
                "SELECT FROM time_request WHERE id = %s AND version = %s FOR UPDATE SKIP LOCKED",
                (seen.id, seen.version),
            )
            if held.rowcount:  # else somebody is at it, and the next turn looks again
                act(seen)
                done += 1
    return done


def _due(conn: Connection[Any], condition: LiteralString, now: dt.datetime, who: int | None = None) -> list[Request]:
    asked: dict[str, Any] = {
        "now": now, "who": who, "purpose": PURPOSE, "answer": ANSWER_WITHIN, "looked": LOOKED_FOR, "late": LATE,
    }  # fmt: skip
    found: list[uuid.UUID] = [
        row[0]
        for row in conn.execute(
            f"SELECT q.id FROM time_request q WHERE q.closed_at IS NULL AND {condition}"  # noqa: S608
            f" ORDER BY q.wanted_from, q.id LIMIT {BATCH}",
            asked,
        )
    ]
    return store.by_ids(conn, found)
