"""Load the people who might go: the crew of a moment, from the day's roster in memory and the orders in hand.

A day is computed once and used until one of its tables changes; the tables are asked each time (counts and sums over
all rows' transaction numbers, 2 ms among 1,000 people), so that an absence counts at once. Rows are counted in by their
own number, too: two viewers who see as many people see different ones. Only the changed parts of a
roster are read again.
"""

import datetime as dt
import threading
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import psycopg

from care_network.duty.loading import TABLES, load_roster
from care_network.duty.roster import Roster
from care_network.matching.crew import Crew, Day, bounds, crew_of, day_of
from care_network.matching.locations import present_locations
from care_network.matching.matching import Job
from dispatch.orders.states import IN_HAND, OFFER_ANEW_AFTER
from dispatch.orders.store import Order
from vocabulary.times import SHANGHAI

DAYS_IN_MEMORY = 16
_Marks = dict[str, str]
"""By table: a text that differs after every change of the table."""
SAME_TIME = dt.timedelta(hours=2)
"""Planned services whose times are closer than this get in each other's way."""


class Crews:
    """A cache of the latest days. One for a process; threads share it, and viewers who see the same people."""

    def __init__(self) -> None:
        self._days: dict[tuple[dt.date, str], tuple[_Marks, Roster, Day]] = {}
        self._lock = threading.Lock()

    def crew(self, conn: psycopg.Connection[Any], at: dt.datetime, now: dt.datetime) -> Crew:
        """Load everybody at the time ``at`` (now, or when a planned service is due), with their orders in hand."""
        day = self._day(conn, at.astimezone(SHANGHAI).date())
        soon = at - now < SAME_TIME
        shared = {}
        if soon:
            moment = at.timestamp()
            busy = day.stint_person[(day.stint_start <= moment) & (moment < day.stint_end)]
            places = present_locations(conn, [day.people[row].id for row in set(busy.tolist())], now)
            shared = {staff: (place.longitude, place.latitude) for staff, place in places.items()}
        load = conn.execute(_LOAD, {"states": list(IN_HAND), "at": at, "near": SAME_TIME, "soon": soon}).fetchall()
        return crew_of(day, at, shared, load)

    def _day(self, conn: psycopg.Connection[Any], date: dt.date) -> Day:
        marks: _Marks = dict(conn.execute(_MARKS).fetchall())
        with self._lock:
            # of whoever sees the same people, else the newest of that day, of which the unchanged parts serve
            others = [one for (day_known, _), one in self._days.items() if day_known == date]
            known = self._days.get((date, marks["staff"])) or (others[-1] if others else None)
        if known is not None and known[0] == marks:
            return known[2]
        # A change between reading the marks and the roster changes a mark, too: the next call sees it.
        if known is None:
            roster = load_roster(conn, *bounds(date))
        else:
            changed = {part for table, parts in TABLES.items() if known[0][table] != marks[table] for part in parts}
            roster = load_roster(conn, *bounds(date), known=known[1], changed=changed)
        places = {row[0]: (row[1], row[2]) for row in conn.execute(_PLACES)}
        day = day_of(roster, date, places)
        with self._lock:
            self._days.pop((date, marks["staff"]), None)
            self._days[date, marks["staff"]] = (marks, roster, day)
            while len(self._days) > DAYS_IN_MEMORY:
                self._days.pop(next(iter(self._days)))
        return day


def staff_of_account(conn: psycopg.Connection[Any], account_id: int) -> int | None:
    """Id of the active staff member with that login; None where there is none."""
    row = conn.execute("SELECT id FROM staff WHERE account_id = %s AND active", (account_id,)).fetchone()
    return None if row is None else int(row[0])


def active_staff(conn: psycopg.Connection[Any], code: str) -> tuple[int, str, str, str | None] | None:
    """(id, Chinese and English name, login of the account or None) of an active staff member; None where there is
    none."""
    return conn.execute(
        "SELECT s.id, s.name_zh, s.name_en, c.login"
        " FROM staff s LEFT JOIN account c ON c.id = s.account_id AND c.active WHERE s.code = %s AND s.active",
        (code,),
    ).fetchone()


def job_of(order: Order, visits: dict[int, int], asked: frozenset[int]) -> Job:
    """Describe an order to matching; ``visits`` and ``asked``: by and of staff ids."""
    return Job(
        key=str(order.id),
        service=order.service,
        urgency=order.urgency,
        path=order.area_path,
        longitude=order.longitude,
        latitude=order.latitude,
        languages=tuple(order.languages),
        visits=visits,
        asked=asked,
    )


def jobs_of(conn: psycopg.Connection[Any], orders: Sequence[Order], now: dt.datetime) -> list[Job]:
    """Describe orders to matching, with earlier visits and the people asked before (also those silent just now)."""
    asked: dict[object, set[int]] = defaultdict(set)
    for order_id, staff_id in conn.execute(
        _ASKED, {"orders": [order.id for order in orders], "silent_since": now - OFFER_ANEW_AFTER}
    ):
        asked[order_id].add(staff_id)
    for order in orders:
        if order.staff_id is not None:
            asked[order.id].add(order.staff_id)
    supported = {order.supports: order.id for order in orders if order.supports is not None}
    if supported:  # whoever is at the door is no help for themselves
        rows = conn.execute("SELECT id, staff_id FROM work_order WHERE id = ANY (%s)", (list(supported),))
        for order_id, staff_id in rows:
            asked[supported[order_id]].add(staff_id)
    known = earlier_visits(conn, [order.resident_id for order in orders if order.resident_id is not None], now)
    return [job_of(order, known.get(order.resident_id or 0, {}), frozenset(asked[order.id])) for order in orders]


def earlier_visits(
    conn: psycopg.Connection[Any], residents: Sequence[int], now: dt.datetime
) -> dict[int, dict[int, int]]:
    """Count visits within a year: resident id → staff id → visits."""
    visits: dict[int, dict[int, int]] = defaultdict(dict)
    if residents:
        for resident, staff, number in conn.execute(_VISITS, (list(residents), now - dt.timedelta(days=365))):
            visits[resident][staff] = number
    return visits


_MARKS = " UNION ALL ".join(
    f"SELECT '{table}', concat_ws(' ', count(*), sum(xmin::text::bigint), sum(hashint4extended(id, 0))) FROM {table}"  # noqa: S608 - ours
    for table in TABLES
)
_PLACES = """
    SELECT o.id, coalesce(o.longitude, a.longitude), coalesce(o.latitude, a.latitude)
    FROM organisation o JOIN area a ON a.id = o.area_id WHERE coalesce(o.longitude, a.longitude) IS NOT NULL
"""
_LOAD = """
    SELECT staff_id, urgency, count(*)::integer FROM order_in_hand
    WHERE state = ANY (%(states)s)
      AND CASE WHEN urgency = 'planned' THEN due_at BETWEEN %(at)s - %(near)s AND %(at)s + %(near)s ELSE %(soon)s END
    GROUP BY staff_id, urgency
"""
_ASKED = """
    SELECT DISTINCT order_id, staff_id FROM work_order_event
    WHERE order_id = ANY (%(orders)s) AND staff_id IS NOT NULL
      AND (action IN ('decline', 'reassign') OR (action = 'expire' AND at > %(silent_since)s))
"""
_VISITS = """
    SELECT resident_id, staff_id, count(*)::integer FROM work_order
    WHERE state = 'done' AND resident_id = ANY (%s) AND done_at > %s GROUP BY resident_id, staff_id
"""
