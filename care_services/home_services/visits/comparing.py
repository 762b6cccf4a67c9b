"""Planned against done: by month and provider, and by plan. Counted in SQL."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.permissions import Action
from care_services.core.acting import Acting
from vocabulary.times import SHANGHAI


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Visits of one provider (or plan) in a month. ``open``: their time has passed and nothing is known of them."""

    name_zh: str
    name_en: str
    key: str
    planned: int
    done: int
    missed: int
    refused: int
    cancelled: int
    open: int
    to_come: int
    planned_minutes: int
    done_minutes: int
    by_place: int
    by_code: int
    by_device: int
    by_station: int
    late: int
    """Begun more than 15 minutes after the planned time."""

    @property
    def percent(self) -> int | None:
        """Done of those whose time has passed and that were not cancelled; None: there are none."""
        base = self.done + self.missed + self.refused + self.open
        return None if base == 0 else round(100 * self.done / base)


def month_bounds(month: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """Begin and end of the month of a day, in Asia/Shanghai, as UTC."""
    first = month.replace(day=1)
    after = (first + dt.timedelta(days=32)).replace(day=1)
    begin, end = (dt.datetime.combine(one, dt.time(), SHANGHAI).astimezone(dt.UTC) for one in (first, after))
    return begin, end


_COUNTS = """
    count(*)::int AS planned,
    count(*) FILTER (WHERE o.state IN ('checked_out', 'confirmed'))::int AS done,
    count(*) FILTER (WHERE o.state = 'missed')::int AS missed,
    count(*) FILTER (WHERE o.state = 'refused_at_door')::int AS refused,
    count(*) FILTER (WHERE o.state = 'cancelled')::int AS cancelled,
    count(*) FILTER (WHERE o.state IN ('planned', 'assigned') AND o.planned_start < %(now)s)::int AS open,
    count(*) FILTER (WHERE o.state IN ('planned', 'assigned') AND o.planned_start >= %(now)s
                     OR o.state = 'checked_in')::int AS to_come,
    coalesce(sum(o.planned_minutes) FILTER (WHERE o.state <> 'cancelled'), 0)::int AS planned_minutes,
    coalesce(sum(o.done_minutes), 0)::int AS done_minutes,
    count(*) FILTER (WHERE o.checked_in_by = 'place')::int AS by_place,
    count(*) FILTER (WHERE o.checked_in_by = 'code')::int AS by_code,
    count(*) FILTER (WHERE o.checked_in_by = 'device')::int AS by_device,
    count(*) FILTER (WHERE o.checked_in_by = 'station')::int AS by_station,
    count(*) FILTER (WHERE o.checked_in_at > o.planned_start + INTERVAL '15 minutes')::int AS late
"""
_WHERE = """
    FROM service_order o JOIN resident r ON r.id = o.resident_id
    JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area a ON a.id = h.area_id
    JOIN organisation p ON p.id = o.organisation_id
    WHERE o.planned_start >= %(since)s AND o.planned_start < %(until)s AND a.path <@ %(area)s::ltree
"""


def by_provider(conn: Connection[Any], acting: Acting, month: dt.date) -> list[Compared]:
    """The month of each provider in the account's area, in the order of their names."""
    acting.require(Action.VIEW_CARE)
    since, until = month_bounds(month)
    with conn.cursor(row_factory=class_row(Compared)) as cursor:
        return cursor.execute(
            f"SELECT p.name_zh, p.name_en, p.code AS key, {_COUNTS} {_WHERE} GROUP BY p.id ORDER BY p.name_zh".encode(),
            {"since": since, "until": until, "now": acting.at, "area": acting.account.area_path},
        ).fetchall()


def by_plan(conn: Connection[Any], acting: Acting, month: dt.date, provider: str, after: int = 0) -> list[Compared]:
    """The month of each plan of a provider whose visits differ from what was planned, the worst first; at most 100."""
    acting.require(Action.VIEW_CARE)
    since, until = month_bounds(month)
    with conn.cursor(row_factory=class_row(Compared)) as cursor:
        return cursor.execute(
            f"SELECT r.name_zh || ' ' || c.name_zh AS name_zh, r.name_en || ', ' || c.name_en AS name_en,"
            f" o.plan_id::text AS key, {_COUNTS}"
            f" {_WHERE.replace('WHERE', 'JOIN care_service c ON c.code = o.service WHERE')}"
            " AND p.code = %(provider)s AND o.plan_id > %(after)s GROUP BY o.plan_id, r.id, c.code"
            " HAVING count(*) FILTER (WHERE o.state NOT IN ('checked_out', 'confirmed', 'cancelled')"
            "                         AND o.planned_start < %(now)s) > 0"
            " ORDER BY count(*) FILTER (WHERE o.state = 'missed') DESC, o.plan_id LIMIT 100".encode(),
            {"since": since, "until": until, "now": acting.at, "area": acting.account.area_path,
             "provider": provider, "after": after},
        ).fetchall()  # fmt: skip
