"""Figures of professionals in an area: how many of which, for how many home care beds, and how it went by month."""

import datetime as dt
from typing import LiteralString

import msgspec
from psycopg.rows import class_row

from care_network.access.permissions import Action
from care_services.core.connected import Connected
from care_services.workforce.hours import WEEK, midnight, monday_of, weeks
from care_services.workforce.profile import planned

MONTHS = 12


class Count(msgspec.Struct, frozen=True):
    """How many there are of something."""

    what: str
    key: str
    n: int


class Month(msgspec.Struct, frozen=True):
    """A month: people who were on duty, and their hours by the roster."""

    month: dt.date
    people: int
    hours: float
    new: int
    """First registered in it, as far as profiles say."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    people: int
    counts: list[Count]
    """By what: kind, level ('': not recorded), organisation (its kind), language, skill."""
    beds: int
    """Residents with a home care bed."""
    hands_on: int
    """Care workers and nurses."""
    with_profile: int
    months: list[Month]
    """The oldest first; of this one what is counted so far."""
    too_long: int
    """People whose roster of this week has more hours than the law allows on average."""
    no_rest: int
    """People without a day off this week."""

    @property
    def per_100_beds(self) -> float | None:
        """Care workers and nurses for 100 home care beds; None: there is no bed."""
        return self.hands_on * 100 / self.beds if self.beds else None

    def of(self, what: str) -> list[Count]:
        """The counts of one sort, the most first."""
        return sorted((one for one in self.counts if one.what == what), key=lambda one: (-one.n, one.key))


_MINE: LiteralString = """
    WITH mine AS MATERIALIZED (
        SELECT s.id, s.kind, s.skills, s.languages, o.kind AS organisation, p.level, p.staff_id
        FROM staff s JOIN organisation o ON o.id = s.organisation_id JOIN area a ON a.id = o.area_id
        LEFT JOIN staff_profile p ON p.staff_id = s.id
        WHERE s.active AND a.path <@ %(area)s::ltree)
"""
_COUNTS: LiteralString = """
    SELECT 'kind' AS what, kind AS key, count(*)::integer AS n FROM mine GROUP BY kind
    UNION ALL SELECT 'level', coalesce(level::text, ''), count(*)::integer FROM mine WHERE kind = 'carer' GROUP BY level
    UNION ALL SELECT 'organisation', organisation, count(*)::integer FROM mine GROUP BY organisation
    UNION ALL SELECT 'language', l, count(*)::integer FROM mine, unnest(languages) l GROUP BY l
    UNION ALL SELECT 'skill', k, count(*)::integer FROM mine, unnest(skills) k GROUP BY k
    UNION ALL SELECT 'profile', '', count(staff_id)::integer FROM mine
"""
_MONTHS: LiteralString = """
    SELECT m::date AS month, coalesce(w.people, 0)::integer AS people, coalesce(w.hours, 0)::float8 AS hours,
           coalesce(r.n, 0)::integer AS new
    FROM generate_series(%(since)s::date, %(today)s::date, interval '1 month') m
    LEFT JOIN (
        SELECT f.month, count(*) FILTER (WHERE f.duty_s > 0) AS people, sum(f.duty_s) / 3600 AS hours
        FROM figure_worker f JOIN area a ON a.id = f.area_id
        WHERE f.month >= %(since)s AND a.path <@ %(area)s::ltree GROUP BY f.month) w ON w.month = m::date
    LEFT JOIN (
        SELECT date_trunc('month', p.first_registered_on)::date AS month, count(*) AS n
        FROM staff_profile p JOIN staff s ON s.id = p.staff_id JOIN organisation o ON o.id = s.organisation_id
        JOIN area a ON a.id = o.area_id
        WHERE a.path <@ %(area)s::ltree AND p.first_registered_on >= %(since)s GROUP BY 1) r ON r.month = m::date
    ORDER BY m
"""


def figures(acting: Connected) -> Figures:
    """The figures of the account's area, now."""
    acting.require(Action.VIEW_CARE)
    first = acting.today.replace(day=1)
    back = first.year * 12 + first.month - 1 - (MONTHS - 1)
    asks = {
        "area": acting.account.area_path, "today": acting.today, "since": dt.date(back // 12, back % 12 + 1, 1),
    }  # fmt: skip
    with acting.conn.cursor(row_factory=class_row(Count)) as cursor:
        counts = cursor.execute(_MINE + _COUNTS, asks).fetchall()
    with acting.conn.cursor(row_factory=class_row(Month)) as cursor:
        months = cursor.execute(_MONTHS, asks).fetchall()
    beds = acting.conn.execute(
        "SELECT count(*)::integer FROM resident r JOIN household h ON h.id = r.household_id"
        " JOIN area a ON a.id = h.area_id WHERE r.home_care_bed AND r.gone IS NULL AND NOT h.synthetic"
        " AND a.path <@ %(area)s::ltree",
        asks,
    ).fetchone()
    kinds = {one.key: one.n for one in counts if one.what == "kind"}
    too_long, no_rest = _long_weeks(acting)
    return Figures(
        people=sum(kinds.values()), counts=[one for one in counts if one.what != "profile"],
        beds=beds[0] if beds else 0,
        hands_on=kinds.get("carer", 0) + kinds.get("nurse", 0),
        with_profile=next((one.n for one in counts if one.what == "profile"), 0), months=months, too_long=too_long,
        no_rest=no_rest,
    )  # fmt: skip


def _long_weeks(acting: Connected) -> tuple[int, int]:
    """People of the area whose week is too long, and those without a day off; volunteers have no such limit."""
    monday = monday_of(acting.today)
    mine = {
        row[0]
        for row in acting.conn.execute(
            "SELECT s.id FROM staff s JOIN organisation o ON o.id = s.organisation_id JOIN area a ON a.id = o.area_id"
            " WHERE s.active AND s.kind <> 'volunteer' AND a.path <@ %s::ltree",
            (acting.account.area_path,),
        )
    }
    spans = planned(acting.conn, midnight(monday), midnight(monday + WEEK), mine)
    found = [weeks(one, monday, 1)[0] for one in spans.values()]
    return sum(week.too_long for week in found), sum(week.no_rest for week in found)
