"""The page of one professional: what is recorded, what they did, how they were rated, and what ends when."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.permissions import Action, in_area, may_do
from care_network.duty.loading import load_roster
from care_network.duty.roster import stints
from care_network.errors import NotFoundError
from care_services.core.connected import Connected
from care_services.workforce.hours import WEEK, Span, Week, merged, midnight, monday_of, month_hours, weeks
from care_services.workforce.people import Professional, find

AVAILABLE = dt.timedelta(days=7)
WEEKS_BEFORE, WEEKS_AFTER = 4, 1
"""Weeks of the roster that are shown, besides this one."""
WEEKS = WEEKS_BEFORE + 1 + WEEKS_AFTER
MONTHS = 12
"""Of ratings and of the places where somebody worked."""
LEAST_RATINGS = 5
"""Below it a mean says little: the page says so."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts that only the profile has. ``version`` 0: nobody has filled it in."""

    education: str | None = None
    level: int | None = None
    title: str = ""
    first_registered_on: dt.date | None = None
    version: int = 0


class Employment(msgspec.Struct, frozen=True):
    """An earlier employer."""

    id: int
    employer: str
    post: str
    since: dt.date
    until: dt.date | None


class Rating(msgspec.Struct, frozen=True):
    """Ratings of visits. ``mean`` None: there is none."""

    n: int
    mean: float | None

    @property
    def few(self) -> bool:
        """Whether they are too few for the mean to say much."""
        return self.n < LEAST_RATINGS


class Passed(msgspec.Struct, frozen=True):
    """A course that was passed."""

    number: str
    title_zh: str
    title_en: str
    issued_on: dt.date
    expires_on: dt.date | None
    revoked: bool


class Place(msgspec.Struct, frozen=True):
    """An area where somebody went to homes."""

    zh: str
    en: str
    visits: int


class Away(msgspec.Struct, frozen=True):
    """A leave, of now or to come."""

    starts_at: dt.datetime
    ends_at: dt.datetime
    reason: str


class Change(msgspec.Struct, frozen=True):
    """A change of the profile."""

    at: dt.datetime
    actor: str
    what: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    actor_en: str | None = None


class Inner(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the page for the person and for who manages them, and for nobody else."""

    weeks: list[Week]
    """By the roster, the oldest first."""
    at_doors: list[float]
    """Hours at doors in the same weeks, as visits were checked in and out."""
    month_h: float
    """Of this calendar month, by the roster."""
    done: int
    """Work orders and visits that ended this month."""
    done_h: float
    """Hours at doors in them, as they were pressed."""
    ratings: Rating
    leave: list[Away]
    changes: list[Change]


class File(msgspec.Struct, frozen=True, kw_only=True):
    """All of a professional's page."""

    person: Professional
    account_id: int | None
    facts: Facts
    history: list[Employment]
    courses: list[Passed]
    places: list[Place]
    available: list[Span]
    """On duty in the time AVAILABLE, by the roster without leave."""
    inner: Inner | None
    """None: the account may not see it."""
    may_edit: bool

    @property
    def bound(self) -> bool:
        """Whether the law's limits of working hours are theirs: volunteers have none."""
        return self.person.kind != "volunteer"


def load(acting: Connected, code: str) -> File:
    """The page of one professional; the look is audited. Raises NotFoundError where the account does not see them."""
    conn = acting.conn
    person = find(acting, code)
    if person is None:
        raise NotFoundError(en=f"there is no {code!r} in your area", zh=f"您的管辖区域内没有 {code}", field="staff")
    row = conn.execute("SELECT account_id FROM staff WHERE id = %s", (person.id,)).fetchone()
    account_id = row[0] if row else None
    manages = may_do(acting.account, Action.MANAGE_STAFF) and in_area(acting.account, person.path)
    own = account_id is not None and account_id == acting.account.id
    spans = _spans(acting, person.id)
    acting.audit("view_professional", staff=code)
    return File(
        person=person, account_id=account_id, facts=facts_of(conn, person.id), history=employments(conn, person.id),
        available=_available(spans, acting.now),
        courses=_courses(conn, person.id, account_id), places=_places(conn, person.id, acting.now),
        inner=_inner(acting, person.id, spans) if manages or own else None, may_edit=manages,
    )  # fmt: skip


def facts_of(conn: Connection[Any], staff_id: int) -> Facts:
    """The profile; an empty one where nobody has filled it in."""
    with conn.cursor(row_factory=class_row(Facts)) as cursor:
        found = cursor.execute(
            "SELECT education, level, title, first_registered_on, version FROM staff_profile WHERE staff_id = %s",
            (staff_id,),
        ).fetchone()
    return found or Facts()


def employments(conn: Connection[Any], staff_id: int) -> list[Employment]:
    """Earlier employers, the newest first."""
    with conn.cursor(row_factory=class_row(Employment)) as cursor:
        return cursor.execute(
            "SELECT id, employer, post, since, until FROM staff_employment WHERE staff_id = %s"
            " ORDER BY since DESC, id DESC LIMIT 50",
            (staff_id,),
        ).fetchall()


def planned(
    conn: Connection[Any], since: dt.datetime, until: dt.datetime, among: Collection[int] | None = None
) -> Mapping[int, list[Span]]:
    """The times on duty of everybody, or of those ``among``, by staff id; whole stints, also beyond the bounds."""
    found: dict[int, list[Span]] = {}
    roster = load_roster(conn, since, until, among=among)
    for stint in stints(roster, since, until):
        found.setdefault(stint.staff_id, []).append((stint.starts_at, stint.ends_at))
    return found


def _first_week(today: dt.date) -> dt.date:
    return monday_of(today) - WEEKS_BEFORE * WEEK


def _spans(acting: Connected, staff_id: int) -> Sequence[Span]:
    """Times on duty over all that a page shows: its weeks, this month, and the days ahead."""
    first, month = _first_week(acting.today), acting.today.replace(day=1)
    ends = (midnight(first + WEEKS * WEEK), midnight(month) + dt.timedelta(days=32), acting.now + AVAILABLE)
    return planned(acting.conn, midnight(min(first, month)), max(ends), [staff_id]).get(staff_id, [])


def _available(spans: Sequence[Span], now: dt.datetime) -> list[Span]:
    until = now + AVAILABLE
    return [(max(start, now), min(end, until)) for start, end in merged(spans) if start < until and end > now]


_RATINGS: LiteralString = """
    SELECT count(*)::integer, avg(stars)::float8 FROM (
        SELECT t.stars FROM work_order o JOIN work_order_rating t ON t.order_id = o.id
        WHERE o.staff_id = %(staff)s AND t.at > %(since)s
        UNION ALL
        SELECT t.stars FROM service_order o JOIN service_rating t ON t.order_id = o.id
        WHERE o.staff_id = %(staff)s AND o.planned_start > %(since)s) AS rated
"""
"""Of work orders and of service orders; a visit by the day it was planned for, which its index by staff finds."""
_DONE: LiteralString = """
    SELECT count(*)::integer, coalesce(sum(hours), 0)::float8 FROM (
        SELECT extract(epoch FROM o.done_at - d.at) / 3600 AS hours
        FROM work_order o LEFT JOIN LATERAL (
            SELECT max(e.at) AS at FROM work_order_event e WHERE e.order_id = o.id AND e.to_state = 'arrived'
              AND e.from_state <> 'arrived') d ON true
        WHERE o.staff_id = %(staff)s AND o.state = 'done' AND o.done_at >= %(since)s
        UNION ALL
        SELECT o.done_minutes / 60.0 FROM service_order o
        WHERE o.staff_id = %(staff)s AND o.state IN ('checked_out', 'confirmed') AND o.planned_start >= %(since)s
    ) AS done
"""
"""Visits that ended, with the hours at doors: of work orders, and of service orders of their planned day."""
_AT_DOORS: LiteralString = """
    SELECT d.at, o.done_at FROM work_order o JOIN LATERAL (
        SELECT max(e.at) AS at FROM work_order_event e WHERE e.order_id = o.id AND e.to_state = 'arrived'
          AND e.from_state <> 'arrived') d ON d.at < o.done_at
    WHERE o.staff_id = %(staff)s AND o.state = 'done' AND o.done_at >= %(since)s
    UNION ALL
    SELECT o.checked_in_at, o.checked_out_at FROM service_order o
    WHERE o.staff_id = %(staff)s AND o.state IN ('checked_out', 'confirmed') AND o.checked_out_at >= %(since)s
      AND o.planned_start >= %(since)s::timestamptz - interval '1 day' AND o.checked_in_at < o.checked_out_at
"""
"""A visit may end on the day after the one it was planned for; the bound lets the index by staff find it."""


def _inner(acting: Connected, staff_id: int, spans: Sequence[Span]) -> Inner:
    conn, now, today = acting.conn, acting.now, acting.today
    first, month = _first_week(today), midnight(today.replace(day=1))
    done = conn.execute(_DONE, {"staff": staff_id, "since": month}).fetchone() or (0, 0.0)
    doors: list[Span] = conn.execute(_AT_DOORS, {"staff": staff_id, "since": midnight(first)}).fetchall()
    year = now - dt.timedelta(days=30 * MONTHS)
    rated = conn.execute(_RATINGS, {"staff": staff_id, "since": year}).fetchone() or (0, None)
    with conn.cursor(row_factory=class_row(Away)) as cursor:
        leave = cursor.execute(
            "SELECT starts_at, ends_at, reason FROM roster_exception WHERE staff_id = %s AND kind = 'absent'"
            " AND ends_at > %s ORDER BY starts_at LIMIT 20",
            (staff_id, now),
        ).fetchall()
    with conn.cursor(row_factory=class_row(Change)) as cursor:
        changes = cursor.execute(
            "SELECT c.at, c.actor, c.what, c.before, c.after,"
            " (SELECT n.name_en FROM account n WHERE n.id = c.account_id) AS actor_en"
            " FROM staff_profile_change c WHERE c.staff_id = %s ORDER BY c.id DESC LIMIT 20",
            (staff_id,),
        ).fetchall()
    return Inner(
        weeks=weeks(spans, first, WEEKS), at_doors=[one.hours for one in weeks(doors, first, WEEKS)],
        month_h=month_hours(spans, today), done=done[0], done_h=done[1],
        ratings=Rating(*rated), leave=leave, changes=changes,
    )  # fmt: skip


def _courses(conn: Connection[Any], staff_id: int, account_id: int | None) -> list[Passed]:
    with conn.cursor(row_factory=class_row(Passed)) as cursor:
        return cursor.execute(
            "SELECT number, title_zh, title_en, issued_on, expires_on, revoked_at IS NOT NULL AS revoked"
            " FROM course_certificate WHERE staff_id = %s OR account_id = %s ORDER BY issued_on DESC, id DESC LIMIT 50",
            (staff_id, account_id),
        ).fetchall()


def _places(conn: Connection[Any], staff_id: int, now: dt.datetime) -> list[Place]:
    """Communities where somebody was at homes within a year, the most visits first."""
    with conn.cursor(row_factory=class_row(Place)) as cursor:
        return cursor.execute(
            """
            SELECT c.name_zh AS zh, c.name_en AS en, sum(o.visits)::integer AS visits
            FROM (
                SELECT household_id, count(*) AS visits FROM work_order
                WHERE staff_id = %(staff)s AND state = 'done' AND done_at > %(since)s
                GROUP BY household_id
                UNION ALL
                SELECT r.household_id, s.visits FROM (
                    SELECT resident_id, count(*) AS visits FROM service_order
                    WHERE staff_id = %(staff)s AND state IN ('checked_out', 'confirmed') AND planned_start > %(since)s
                    GROUP BY resident_id
                ) s JOIN resident r ON r.id = s.resident_id
            ) o JOIN household h ON h.id = o.household_id AND NOT h.synthetic
            JOIN area a ON a.id = h.area_id JOIN area c ON c.level = 'community' AND a.path <@ c.path
            GROUP BY c.id ORDER BY visits DESC, c.id LIMIT 8
            """,
            {"staff": staff_id, "since": now - dt.timedelta(days=30 * MONTHS)},
        ).fetchall()
