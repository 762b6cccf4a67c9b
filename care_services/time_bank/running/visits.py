"""Visits of the rounds for company: made ahead, caught up after days of standing still, planned anew after a change."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from care_services.time_bank import store
from care_services.time_bank.books import day_of
from care_services.time_bank.requests import ELSEWHERE, PURPOSE, SYSTEM, Person, event, set_state, trace
from care_services.time_bank.running import ending, telling
from care_services.time_bank.store import Request
from vocabulary.times import SHANGHAI

AHEAD = 8
"""Days for which visits are made ahead: everybody knows the week to come."""
CATCH_UP = 14
"""Days of standing still that are made good: their visits are there, open, and shown as those to which nobody came."""
PAUSE_MINUTES = 10
"""Between two visits of a pair."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The hours of a round."""

    id: int
    code: str
    weekday: int
    starts: int
    minutes: int
    made_until: dt.date | None = None


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """Visits that were made, and how many of them have no pair."""

    visits: int = 0
    alone: int = 0

    def with_more(self, more: "Made") -> "Made":
        """Both together."""
        return Made(visits=self.visits + more.visits, alone=self.alone + more.alone)


class _Visited(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    agreed: bool | None


class _Going(msgspec.Struct, frozen=True, kw_only=True):
    pair: int
    id: int
    resident_id: int | None


def make_ahead(conn: Connection[Any], now: dt.datetime) -> int:
    """Make the visits of all rounds for the days to come; how many. For the rounds of care; safe to repeat.

    Each round remembers up to which day its visits are made, so that none is made twice and none forgotten.
    """
    today = day_of(now)
    last = today + dt.timedelta(days=AHEAD)
    due = conn.cursor(row_factory=class_row(Plan)).execute(
        "SELECT o.id, o.code, o.weekday, o.starts, o.minutes, o.made_until FROM time_round o WHERE o.active"
        " AND (o.made_until IS NULL OR o.made_until < %s) ORDER BY o.id",
        (last,),
    ).fetchall()  # fmt: skip
    total = 0
    for one in due:
        first = today if one.made_until is None else one.made_until + dt.timedelta(days=1)
        with conn.transaction():
            made = make_days(conn, one, max(first, today - dt.timedelta(days=CATCH_UP)), last, now, SYSTEM)
            total += made.visits
    return total


def make_days(
    conn: Connection[Any], one: Plan, first: dt.date, last: dt.date, now: dt.datetime, person: Person
) -> Made:
    """Make the visits of a round from a day to a day, in the caller's transaction; those that are there stay."""
    conn.execute("SELECT FROM time_round WHERE id = %s FOR UPDATE", (one.id,))
    made, day = Made(), first
    while day <= last:
        if day.isoweekday() == one.weekday:
            made = made.with_more(_make_day(conn, one, day, now, person))
        day += dt.timedelta(days=1)
    conn.execute(
        "UPDATE time_round SET made_until = greatest(made_until, %(last)s) WHERE id = %(id)s"
        " AND (made_until >= %(first)s - 1 OR made_until IS NULL AND %(first)s <= %(today)s)",
        {"last": last, "id": one.id, "first": first, "today": day_of(now)},
    )
    if made.visits:
        told = conn.execute(
            "SELECT v.code, q.wanted_from FROM time_request q JOIN time_volunteer v"
            " ON v.id IN (q.volunteer_id, q.partner_id) WHERE q.round_id = %s AND q.state = 'accepted'"
            " AND q.wanted_from > %s AND (q.wanted_from AT TIME ZONE 'Asia/Shanghai')::date BETWEEN %s AND %s",
            (one.id, now, first, last),
        ).fetchall()
        telling.visits_made(conn, one.code, [(row[0], row[1]) for row in told], now)
        note_round(conn, one.id, "make", person, now, {"from": str(first), "to": str(last), "visits": made.visits,
                                                       "alone": made.alone})  # fmt: skip
    return made


def note_round(
    conn: Connection[Any], round_id: int, action: str, person: Person, now: dt.datetime, detail: dict[str, Any]
) -> None:
    """Add a line to the history of a round."""
    conn.execute(
        "INSERT INTO time_round_event (round_id, at, action, account_id, actor, detail)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (round_id, now, action, person.account_id, person.name, Jsonb(detail)),
    )


def _make_day(conn: Connection[Any], one: Plan, day: dt.date, now: dt.datetime, person: Person) -> Made:
    made = alone = 0
    visited = _visited(conn, one.id)
    pairs = _pairs(conn, one.id, day)
    for place, member in enumerate(visited):
        at = _hour(one, day, place, len(pairs))
        ends = at + dt.timedelta(minutes=one.minutes)
        two = _two(pairs, place, member) if ends > now else None  # nobody is sent into the past
        number = uuid.uuid4()
        state = "accepted" if two else "open"
        done = conn.execute(
            "INSERT INTO time_request (id, resident_id, kind, state, wanted_from, wanted_until, minutes, asked_as,"
            " asked_by, asked_at, volunteer_id, partner_id, round_id)"
            " SELECT %s, %s, 'round', %s, %s, %s, %s, 'round', %s, %s, %s, %s, %s"
            " WHERE NOT EXISTS (SELECT FROM time_request WHERE round_id = %s AND resident_id = %s"
            " AND (wanted_from AT TIME ZONE 'Asia/Shanghai')::date = %s)",
            (
                number, member.id, state, at, ends, one.minutes, person.account_id, now, two[0] if two else None,
                two[1] if two else None, one.id, one.id, member.id, day,
            ),
        )  # fmt: skip
        if done.rowcount:
            made += 1
            alone += two is None
            event(conn, number, "plan", None, state, person, now, two[0] if two else None,
                  detail={} if member.agreed else {"agreed": member.agreed})  # fmt: skip
    return Made(visits=made, alone=alone)


def _visited(conn: Connection[Any], round_id: int) -> list[_Visited]:
    return conn.cursor(row_factory=class_row(_Visited)).execute(
        "SELECT r.id, consent_of(r.id, %s) AS agreed FROM time_round_member m JOIN resident r ON r.id = m.resident_id"
        " JOIN household h ON h.id = r.household_id WHERE m.round_id = %s AND NOT h.synthetic AND r.gone IS NULL"
        " ORDER BY m.place",
        (PURPOSE, round_id),
    ).fetchall()  # fmt: skip


def _pairs(conn: Connection[Any], round_id: int, day: dt.date) -> list[list[_Going]]:
    """Pairs of which both may help on that day."""
    rows = conn.cursor(row_factory=class_row(_Going)).execute(
        "SELECT c.pair, v.id, v.resident_id FROM time_round_crew c JOIN time_volunteer v ON v.id = c.volunteer_id"
        " WHERE c.round_id = %s AND v.state = 'active' AND time_papers_until(v.id) >= %s ORDER BY c.pair, v.code",
        (round_id, day),
    ).fetchall()  # fmt: skip
    pairs: dict[int, list[_Going]] = {}
    for row in rows:
        pairs.setdefault(row.pair, []).append(row)
    return [both for both in pairs.values() if len(both) == 2]


def _hour(one: Plan, day: dt.date, place: int, pairs: int) -> dt.datetime:
    begins = dt.datetime.combine(day, dt.time(), SHANGHAI) + dt.timedelta(minutes=one.starts)
    turn = place // pairs if pairs else place
    return (begins + turn * dt.timedelta(minutes=one.minutes + PAUSE_MINUTES)).astimezone(dt.UTC)


def _two(pairs: Sequence[Sequence[_Going]], place: int, member: _Visited) -> tuple[int, int] | None:
    """The pair for a visit: by turns, never of the resident, and none where the resident has not agreed."""
    if not member.agreed:
        return None
    for step in range(len(pairs)):
        both = pairs[(place + step) % len(pairs)]
        if member.id not in [one.resident_id for one in both]:
            return both[0].id, both[1].id
    return None


def ahead_of(conn: Connection[Any], round_id: int, now: dt.datetime) -> list[Request]:
    """Visits of a round from now on that have not ended."""
    rows = conn.execute(
        "SELECT id FROM time_request WHERE round_id = %s AND closed_at IS NULL AND wanted_from > %s"
        " AND state IN ('open', 'offered', 'accepted')",
        (round_id, now),
    ).fetchall()
    return store.by_ids(conn, [row[0] for row in rows])


def drop(
    conn: Connection[Any], visits: Sequence[Request], person: Person, now: dt.datetime, note: str
) -> int:  # fmt: skip
    """Cancel visits that will not be, in the caller's transaction; how many."""
    for one in visits:
        ending.close(conn, one, "not_needed", person, now, note)
    return len(visits)


def plan_anew(conn: Connection[Any], one: Plan, now: dt.datetime, person: Person) -> dict[str, int]:
    """Bring the visits ahead in line with who is visited, who goes and when, in the caller's transaction.

    Visits of residents who left are cancelled, those of volunteers who left get another pair or are open, hours move.
    Somebody who was asked for one visit alone keeps it. Returns what was done to how many.
    """
    members = [member.id for member in _visited(conn, one.id)]
    gone = [visit for visit in ahead_of(conn, one.id, now) if visit.resident_id not in members]
    done = {"cancelled": drop(conn, gone, person, now, "老人退出巡访"), "moved": 0, "paired": 0}
    crew = {row[0] for row in conn.execute("SELECT volunteer_id FROM time_round_crew WHERE round_id = %s", (one.id,))}
    past = {
        row[0]
        for row in conn.execute(
            "SELECT (jsonb_array_elements_text(detail -> 'out'))::integer FROM time_round_event WHERE round_id = %s"
            " AND action = 'people'", (one.id,),
        )
    }  # fmt: skip
    agreed = {member.id: member for member in _visited(conn, one.id)}
    for visit in ahead_of(conn, one.id, now):
        old = visit.wanted_from.astimezone(SHANGHAI).date()
        day = old - dt.timedelta(days=old.isoweekday() - one.weekday)
        pairs = _pairs(conn, one.id, day)
        place = members.index(visit.resident_id)
        at = _hour(one, day, place, len(pairs))
        two = _two(pairs, place, agreed[visit.resident_id])
        left = {visit.volunteer_id, visit.partner_id} & (past - crew)
        changed: dict[str, Any] = {}
        if at > now and (at != visit.wanted_from or one.minutes != visit.minutes):
            changed = {
                "wanted_from": at,
                "wanted_until": at + dt.timedelta(minutes=one.minutes),
                "minutes": one.minutes,
            }
            done["moved"] += 1
        state = visit.state
        if left or (visit.state == "open" and two):
            changed |= {"volunteer_id": two[0] if two else None, "partner_id": two[1] if two else None}
            state = "accepted" if two else "open"
            done["paired"] += 1
        if changed:
            set_state(conn, visit, visit.version, state, **changed)
            event(conn, visit.id, "plan_anew", visit.state, state, person, now, changed.get("volunteer_id"))
            trace(conn, visit, state, person, now)
            if left:
                telling.over(conn, visit, now, ELSEWHERE)
    today = day_of(now)
    row = conn.execute("SELECT made_until FROM time_round WHERE id = %s", (one.id,)).fetchone()
    if row is not None and row[0] is not None and row[0] >= today:
        made = make_days(conn, one, today, row[0], now, person)
        done["made"] = made.visits
    return done
