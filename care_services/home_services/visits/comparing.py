"""Planned against done: by month and provider, and by plan.

A provider's month is a sum over ``service_tally``, which each change of a visit keeps in its own transaction; only what
hangs on the hour, the visits of today whose time has passed, is counted in the visits themselves.
"""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.permissions import Action
from care_network.below import AREAS, people_below
from care_network.search.pinyin import by_name
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


_HERE: LiteralString = people_below("o.resident_id")
_BY_PROVIDER: LiteralString = f"""
    WITH overdue AS MATERIALIZED (
        SELECT o.organisation_id, count(*) AS n
        FROM service_order o
        WHERE o.planned_start >= greatest(%(since)s, %(morning)s) AND o.planned_start < least(%(until)s, %(now)s)
          AND o.state IN ('planned', 'assigned') AND {_HERE}
        GROUP BY o.organisation_id
    ), month AS MATERIALIZED (
        SELECT t.organisation_id, sum(planned) AS planned, sum(done) AS done, sum(missed) AS missed,
               sum(refused) AS refused, sum(cancelled) AS cancelled,
               coalesce(sum(waiting) FILTER (WHERE t.day < %(today)s), 0) AS past,
               coalesce(sum(waiting) FILTER (WHERE t.day >= %(today)s), 0) AS ahead, sum(at_home) AS at_home,
               sum(planned_minutes) AS planned_minutes, sum(done_minutes) AS done_minutes, sum(by_place) AS by_place,
               sum(by_code) AS by_code, sum(by_device) AS by_device, sum(by_station) AS by_station, sum(late) AS late
        FROM service_tally t
        WHERE t.day >= %(first)s AND t.day < %(after)s
          AND t.area_id IN {AREAS}
        GROUP BY t.organisation_id HAVING sum(planned) > 0
    )
    SELECT p.name_zh, p.name_en, p.code AS key, m.planned::int, m.done::int, m.missed::int, m.refused::int,
           m.cancelled::int, (m.past + coalesce(v.n, 0))::int AS open,
           (m.ahead - coalesce(v.n, 0) + m.at_home)::int AS to_come, m.planned_minutes::int, m.done_minutes::int,
           m.by_place::int, m.by_code::int, m.by_device::int, m.by_station::int, m.late::int
    FROM month m JOIN organisation p ON p.id = m.organisation_id LEFT JOIN overdue v USING (organisation_id)
    ORDER BY p.id
"""  # noqa: S608 - of constants


def by_provider(conn: Connection[Any], acting: Acting, month: dt.date) -> list[Compared]:
    """The month of each provider in the account's area, in the order of their names."""
    acting.require(Action.VIEW_CARE)
    since, until = month_bounds(month)
    first = month.replace(day=1)
    asked = {
        "since": since, "until": until, "now": acting.at, "area": acting.account.area_path, "today": acting.today,
        "morning": dt.datetime.combine(acting.today, dt.time(), SHANGHAI), "first": first,
        "after": (first + dt.timedelta(days=32)).replace(day=1),
    }  # fmt: skip
    with conn.cursor(row_factory=class_row(Compared)) as cursor:
        return sorted(cursor.execute(_BY_PROVIDER, asked).fetchall(), key=lambda one: by_name(one.name_zh))


_BY_PLAN: LiteralString = f"""
    WITH amiss AS MATERIALIZED (
        SELECT o.plan_id, count(*) FILTER (WHERE o.state = 'missed') AS missed
        FROM service_order o
        WHERE o.organisation_id = (SELECT p.id FROM organisation p WHERE p.code = %(provider)s)
          AND o.planned_start >= %(since)s AND o.planned_start < least(%(until)s, %(now)s)
          AND o.state IN ('planned', 'assigned', 'checked_in', 'missed', 'refused_at_door')
          AND coalesce(o.plan_id, 0) > %(after)s AND {_HERE}
        GROUP BY o.plan_id ORDER BY missed DESC, o.plan_id LIMIT 100
    )
    SELECT r.name_zh || ' ' || c.name_zh AS name_zh, r.name_en || ', ' || c.name_en AS name_en, o.plan_id::text AS key,
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
    FROM amiss m JOIN service_order o ON o.plan_id = m.plan_id AND o.planned_start >= %(since)s
      AND o.planned_start < %(until)s
    JOIN organisation p ON p.id = o.organisation_id AND p.code = %(provider)s
    JOIN care_service c ON c.code = o.service JOIN resident r ON r.id = o.resident_id
    JOIN household h ON h.id = r.household_id AND NOT h.synthetic
    GROUP BY o.plan_id, r.id, c.code, m.missed
    ORDER BY m.missed DESC, o.plan_id LIMIT 100
"""  # noqa: S608 - of constants


def by_plan(conn: Connection[Any], acting: Acting, month: dt.date, provider: str, after: int = 0) -> list[Compared]:
    """The month of each plan of a provider whose visits differ from what was planned, the worst first; at most 100."""
    acting.require(Action.VIEW_CARE)
    since, until = month_bounds(month)
    with conn.cursor(row_factory=class_row(Compared)) as cursor:
        return cursor.execute(
            _BY_PLAN,
            {"since": since, "until": until, "now": acting.at, "area": acting.account.area_path,
             "provider": provider, "after": after},
        ).fetchall()  # fmt: skip


DAYS_A_TURN = 20
"""Days that are counted anew in one transaction."""


def count_anew(conn: Connection[Any], now: dt.datetime, most: int = 400) -> int:
    """Count the days anew whose visits have changed, into one row for each provider and community; how many."""
    days = [row[0] for row in conn.execute(
        "SELECT day FROM (SELECT DISTINCT day FROM service_tally GROUP BY day, organisation_id, area_id"
        " HAVING count(*) > 1) d ORDER BY day DESC LIMIT %s", (most,),
    ).fetchall()]  # fmt: skip
    for begin in range(0, len(days), DAYS_A_TURN):
        conn.execute("SELECT service_tally_anew(%s::date[])", (days[begin : begin + DAYS_A_TURN],))
    return len(days)
