"""Gather what a street elder center or a community station has to know of its area: concerns, duty, figures."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Literal, LiteralString

import msgspec
import psycopg
from psycopg.rows import class_row

from care_network.below import AREAS
from care_network.catalogues.workforce import ROLES
from care_network.duty.loading import load_roster
from care_network.duty.roster import KIND_WORDS, Person, Post, stints
from care_network.protection import picture
from care_network.protection.functions import WORDS, Function, Level
from care_network.protection.reasons import Reason, unpack
from care_network.search.pinyin import by_name
from dispatch.core.headline import address
from dispatch.core.notice import AlertNotice
from dispatch.desk.statistics import Case
from dispatch.sla.clock import Milestone, ReportLine
from vocabulary.area_path import within
from vocabulary.severity import SEVERITIES
from vocabulary.times import SHANGHAI

LAPSES = 2
"""An alert that was taken and left so often is a concern of its own."""
OFFLINE_S = 3600
GUARDS = (Function.FALL, Function.HELP)
"""Functions without which nobody would hear of an accident: who lacks them is a concern."""
MOST = 100
"""Residents of concern on the page."""
Why = Literal["open", "left", "paused", "offline", "blind"]
_ORDER: tuple[Why, ...] = ("open", "left", "offline", "blind", "paused")


class Cause(msgspec.Struct, frozen=True):
    """Why somebody is a concern. ``alert``: of 'open'; ``times``: of 'left'; ``reason``: of the picture; ``until``: of
    a pause; ``functions``: the words of what is blind."""

    why: Why
    alert: AlertNotice | None = None
    times: int = 0
    reason: Reason | None = None
    until: dt.datetime | None = None
    functions: tuple[tuple[str, str], ...] = ()


class Concern(msgspec.Struct, kw_only=True):
    """A resident, or a home where an alert names none."""

    code: str
    name_zh: str
    name_en: str
    place_zh: str
    place_en: str
    causes: list[Cause] = []

    @property
    def rank(self) -> tuple[int, int, str]:
        """The gravest first."""
        severities = [SEVERITIES.index(cause.alert.severity) for cause in self.causes if cause.alert]
        first = min(_ORDER.index(cause.why) for cause in self.causes)
        return min(severities, default=len(SEVERITIES)), first, self.code


class _Row(msgspec.Struct, frozen=True):
    id: int
    code: str
    household: int
    name_zh: str
    name_en: str
    area_zh: str
    area_en: str
    address_zh: str
    address_en: str
    levels: list[int] | None
    resting: list[bool] | None
    reasons: Any
    paused: dt.datetime | None


def concerns(
    conn: psycopg.Connection[Any], under: str, alerts: Iterable[AlertNotice], now: dt.datetime
) -> tuple[list[Concern], int]:
    """Residents of concern below an area, the gravest first, at most MOST; and how many there are.

    ``alerts``: the open ones that the reader may see; technical ones are device jobs and no concern.
    """
    looked = picture.look(conn, now).known
    grave = [alert for alert in alerts if alert.severity != "technical"]
    left = _left(conn, [alert.id for alert in grave])
    found: dict[str, Concern] = {}
    with conn.cursor(row_factory=class_row(_Row)) as cursor:
        rows = cursor.execute(
            _OF_CONCERN,
            {
                "area": under, "now": now, "looked": looked, "blind": int(Level.BLIND),
                "residents": [alert.resident_id for alert in grave if alert.resident_id is not None],
                "homes": [alert.household_id for alert in grave if alert.resident_id is None],
            },
        ).fetchall()  # fmt: skip
    for row in rows:
        zh, en = address((row.area_zh, row.area_en), (row.address_zh, row.address_en))
        concern = Concern(code=row.code, name_zh=row.name_zh, name_en=row.name_en, place_zh=zh, place_en=en)
        for alert in grave:
            of_home = alert.resident_id is None and alert.household_id == row.household
            if alert.resident_id == row.id or of_home:
                concern.causes.append(Cause("open", alert=alert))
                if left.get(alert.id, 0) >= LAPSES:
                    concern.causes.append(Cause("left", times=left[alert.id]))
        if row.paused is not None:
            concern.causes.append(Cause("paused", until=row.paused))
        if looked and row.levels is not None:
            concern.causes += _unguarded(row, now)
        if concern.causes:
            found[concern.code] = concern
    every = sorted(found.values(), key=lambda concern: concern.rank)
    return every[:MOST], len(every)


def _unguarded(row: _Row, now: dt.datetime) -> list[Cause]:
    """Say that nothing reaches the platform for an hour, or that the resident lacks a guard."""
    reasons = [unpack(reason) for reason in row.reasons]
    functions = list(Function)
    blind = [
        function
        for function in GUARDS
        if row.levels
        and row.resting
        and row.levels[at := functions.index(function)] == Level.BLIND
        and not row.resting[at]
    ]
    if not blind:
        return []
    reason = reasons[functions.index(blind[0])]
    if reason.code in ("offline", "never_online", "no_gateway"):
        lasts = now.timestamp() - reason.at
        return [Cause("offline", reason=reason)] if reason.code != "offline" or lasts >= OFFLINE_S else []
    return [Cause("blind", reason=reason, functions=tuple(WORDS[function] for function in blind))]


def _left(conn: psycopg.Connection[Any], alerts: Sequence[str]) -> dict[str, int]:
    """How often each of these alerts was taken and left."""
    return dict(
        conn.execute(
            "SELECT alert_id::text, count(*) FROM alert_event WHERE action = 'lapse' AND alert_id = ANY(%s::uuid[])"
            " GROUP BY alert_id",
            (list(alerts),),
        ).fetchall()
    )


_OF_CONCERN: LiteralString = f"""
    SELECT r.id, r.code, h.id AS household, r.name_zh, r.name_en, a.name_zh AS area_zh, a.name_en AS area_en,
           h.address_zh, h.address_en, p.levels, p.resting, p.reasons, rest.until AS paused
    FROM resident r JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
    LEFT JOIN protection_now p ON p.resident_id = r.id
    LEFT JOIN (SELECT household_id, max(until) AS until FROM pause WHERE device_id IS NULL
               AND since <= %(now)s AND until > %(now)s AND ended_at IS NULL GROUP BY household_id) rest
        ON rest.household_id = h.id
    WHERE (h.area_id IN {AREAS}) IS TRUE AND NOT h.synthetic
      AND (r.id = ANY(%(residents)s::int[]) OR h.id = ANY(%(homes)s::int[]) OR rest.until IS NOT NULL
           OR (%(looked)s AND (p.levels[1] = %(blind)s AND NOT p.resting[1]
                               OR p.levels[2] = %(blind)s AND NOT p.resting[2])))
"""  # noqa: S608 - constants


SHOWN, LEAST_SHOWN = 120, 6
"""Times on duty on one page, of all teams together, and at least of each."""


class Duty(msgspec.Struct, frozen=True):
    """A time on duty. ``now``: it has begun."""

    person: Person
    role: tuple[str, str]
    starts_at: dt.datetime
    ends_at: dt.datetime
    now: bool


class Team(msgspec.Struct, frozen=True):
    """An organisation of the area and its people until tomorrow morning."""

    post: Post
    kind: tuple[str, str]
    phone: str
    duties: list[Duty]
    first: list[Duty]
    """Those of them that a page shows, by when they begin. A district has a thousand, and each team its roster."""

    @property
    def there(self) -> int:
        """People on duty now."""
        return sum(duty.now for duty in self.duties)


def teams(conn: psycopg.Connection[Any], under: str, now: dt.datetime) -> list[Team]:
    """The organisations below an area with those on duty now and until 9 o'clock of the next morning."""
    here = now.astimezone(SHANGHAI)
    until = (here.replace(hour=9, minute=0, second=0, microsecond=0) + dt.timedelta(days=1)).astimezone(dt.UTC)
    roster = load_roster(conn, now, until)
    phones = dict(conn.execute("SELECT id, phone FROM organisation").fetchall())
    of_post: dict[int, list[Duty]] = defaultdict(list)
    for stint in stints(roster, now, until):
        person = roster.people[stint.staff_id]
        role = ROLES[person.role]
        of_post[stint.organisation_id].append(
            Duty(person, (role.zh, role.en), stint.starts_at, stint.ends_at, stint.starts_at <= now < stint.ends_at)
        )
    kinds = list(KIND_WORDS)
    mine = [post for post in roster.posts.values() if within(post.path, under)]
    each = max(LEAST_SHOWN, SHOWN // max(len(mine), 1))
    return [
        Team(post, KIND_WORDS[post.kind], phones.get(post.id, ""), of_post[post.id], of_post[post.id][:each])
        for post in sorted(mine, key=lambda post: (-kinds.index(post.kind), post.path, post.code))
    ]


class Kept(msgspec.Struct, frozen=True):
    """How many of the alerts whose target is over were in time. ``pending``: still in time."""

    severity: str
    milestone: Milestone
    target_s: float
    met: int
    judged: int
    pending: int


def kept(lines: Iterable[ReportLine]) -> list[Kept]:
    """Add the report's lines up over organisations. Pure."""
    sums: dict[tuple[str, Milestone, float], list[int]] = defaultdict(lambda: [0, 0, 0])
    for line in lines:
        total = sums[line.severity, line.milestone, line.target_s]
        total[0] += line.met
        total[1] += line.met + line.late + line.missed
        total[2] += line.pending
    return [Kept(*key, *total) for key, total in sums.items()]


class Month(msgspec.Struct, frozen=True):
    """Figures of a month, or of one so far."""

    alerts: dict[str, int]
    true: int
    false: int
    answered: int
    """Taken within a minute, of ``waiting_over`` that were taken or still wait."""
    waiting_over: int
    visits: int
    ratings: int
    stars: float | None


def today(now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """The begin of the day on the wall and that of the next one. Pure."""
    day = now.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    return day.astimezone(dt.UTC), (day + dt.timedelta(days=1)).astimezone(dt.UTC)


def months(now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """The begins of the last month and of this one, by the calendar on the wall. Pure."""
    first = now.astimezone(SHANGHAI).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last = (first - dt.timedelta(days=1)).replace(day=1)
    return last.astimezone(dt.UTC), first.astimezone(dt.UTC)


def month(
    conn: psycopg.Connection[Any],
    under: str,
    since: dt.datetime,
    until: dt.datetime,
    cases: Sequence[Case],
    answer_s: float,
) -> Month:
    """Count visits and ratings from ``since`` to before ``until``, and the alerts and outcomes of ``cases``."""
    row = conn.execute(
        """
        SELECT count(*) FILTER (WHERE o.state = 'done'), count(w.stars), avg(w.stars)::float8
        FROM work_order o JOIN household h ON h.id = o.household_id JOIN area a ON a.id = h.area_id
        LEFT JOIN LATERAL (SELECT stars FROM work_order_rating
                           WHERE order_id = o.id ORDER BY rated_by LIMIT 1) w ON true
        WHERE a.path <@ %s::ltree AND NOT h.synthetic AND o.done_at >= %s AND o.done_at < %s
        """,
        (under, since, until),
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate has a row
    told = [case for case in cases if case.acknowledged_s is not None or case.state == "raised"]
    people = [case for case in told if case.severity != "technical"]
    return Month(
        alerts={s: n for s in SEVERITIES if (n := sum(case.severity == s for case in cases))},
        true=sum(case.verdict == "true" for case in cases),
        false=sum(case.verdict == "false" for case in cases),
        answered=sum(case.acknowledged_s is not None and case.acknowledged_s <= answer_s for case in people),
        waiting_over=len(people),
        visits=row[0], ratings=row[1], stars=row[2],
    )  # fmt: skip


class Telephone(msgspec.Struct, frozen=True):
    """A line of the telephone list."""

    organisation_zh: str
    organisation_en: str
    name_zh: str
    name_en: str
    role: str
    phone: str


def telephones(conn: psycopg.Connection[Any], under: str) -> list[Telephone]:
    """Organisations that serve the area or lie in it, and the people of those within; by organisation and name."""
    rows: list[tuple[str, int, str, str, str, str, str, str]] = conn.execute(
        """
        SELECT a.path::text, 0, o.name_zh, o.name_en, '', '', '', o.phone
        FROM organisation o JOIN area a ON a.id = o.area_id
        WHERE o.active AND (a.path <@ %(under)s::ltree OR a.path @> %(under)s::ltree)
        UNION ALL
        SELECT a.path::text, 1, o.name_zh, o.name_en, s.name_zh, s.name_en, s.kind, s.phone
        FROM staff s JOIN organisation o ON o.id = s.organisation_id JOIN area a ON a.id = o.area_id
        WHERE o.active AND s.active AND a.path <@ %(under)s::ltree
        """,
        {"under": under},
    ).fetchall()
    rows.sort(key=lambda row: (row[0], by_name(row[2]), row[1], row[6], by_name(row[4])))
    return [Telephone(*row[2:]) for row in rows]
