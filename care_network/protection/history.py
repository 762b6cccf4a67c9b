"""Tell who was blind for how long: durations of each level between two moments, from the changes that were written.

A time in which nobody looked counts as unknown, and so does the time before the first look at a resident.
"""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from psycopg import Connection

from care_network.errors import ProvisioningError
from care_network.protection.functions import Function, Level
from vocabulary.times import SHANGHAI

Span = tuple[dt.datetime, dt.datetime]


class Course(msgspec.Struct, frozen=True):
    """Seconds of a resident's function at each level, in the order of Level, and how often it became blind."""

    code: str
    name_zh: str
    name_en: str
    area_zh: str
    area_en: str
    function: Function
    seconds: list[float]
    times_blind: int

    @property
    def blind_s(self) -> float:
        return self.seconds[Level.BLIND]

    @property
    def unknown_s(self) -> float:
        return self.seconds[Level.UNKNOWN]


def month_of(month: str, now: dt.datetime) -> Span:
    """The month 'YYYY-MM' in Shanghai, from its first moment to that of the next; empty: this one. Pure.

    Raises ProvisioningError for no month, and for one that has not begun.
    """
    here = now.astimezone(SHANGHAI)
    if month and not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", month):
        raise ProvisioningError(en="a month is written 2026-11", zh="月份写作 2026-11", field="month")
    year, number = (int(part) for part in month.split("-")) if month else (here.year, here.month)
    later = (year + 1, 1) if number == 12 else (year, number + 1)
    since = dt.datetime(year, number, 1, tzinfo=SHANGHAI)
    if since > now:
        raise ProvisioningError(en="that month has not begun", zh="该月份尚未开始", field="month")
    return since.astimezone(dt.UTC), dt.datetime(*later, 1, tzinfo=SHANGHAI).astimezone(dt.UTC)


def durations(
    changes: Sequence[tuple[dt.datetime, Level]], gaps: Iterable[Span], since: dt.datetime, until: dt.datetime
) -> tuple[list[float], int]:
    """Seconds at each level in [since, until), and how often a blind time began in it. Pure.

    ``changes``: in the order of their times; the last one before ``since`` holds then.
    """
    seconds = [0.0] * len(Level)
    level, at, times = Level.UNKNOWN, since, 0
    gaps = [(max(start, since), min(end, until)) for start, end in gaps if start < until and end > since]
    for changed, new in [*changes, (until, level)]:
        time = min(max(changed, since), until)
        if time > at:
            blank = (
                sum(max(0.0, (min(end, time) - max(start, at)).total_seconds()) for start, end in gaps) if gaps else 0
            )
            seconds[level] += (time - at).total_seconds() - blank
            seconds[Level.UNKNOWN] += blank
            at = time
        if new == Level.BLIND and level != Level.BLIND and since <= changed < until:
            times += 1
        level = new
    return seconds, times


def course(
    conn: Connection[Any],
    under: str,
    since: dt.datetime,
    until: dt.datetime,
    function: Function | None = None,
) -> list[Course]:
    """Every resident and function below an area that was blind or unknown in [since, until); longest blind first."""
    gaps = _gaps(conn, since, until)
    places = [list(Function).index(function)] if function else list(range(len(Function)))
    found = []
    for code, zh, en, area_zh, area_en, place, times, levels in conn.execute(
        """
        SELECT r.code, r.name_zh, r.name_en, a.name_zh, a.name_en, c.function,
               array_agg(c.at ORDER BY c.at, c.id), array_agg(c.level ORDER BY c.at, c.id)
        FROM resident r JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
        JOIN LATERAL (
            (SELECT DISTINCT ON (function) id, at, function, level FROM protection_change
             WHERE resident_id = r.id AND at < %(since)s ORDER BY function, at DESC, id DESC)
            UNION ALL
            SELECT id, at, function, level FROM protection_change
            WHERE resident_id = r.id AND at >= %(since)s AND at < %(until)s) c ON c.function = ANY(%(places)s)
        WHERE a.path <@ %(under)s::ltree AND NOT h.synthetic
        GROUP BY r.id, a.id, c.function
        -- whoever was covered all the time is not counted one by one
        HAVING %(gaps)s OR min(c.at) > %(since)s OR bool_or(c.level = ANY(%(wanted)s))
        """,
        {
            "under": under, "since": since, "until": until, "places": places, "gaps": bool(gaps),
            "wanted": [int(Level.BLIND), int(Level.UNKNOWN)],
        },
    ):  # fmt: skip
        changes = [(time, _LEVELS[level]) for time, level in zip(times, levels, strict=True)]
        seconds, began = durations(changes, gaps, since, until)
        if seconds[Level.BLIND] or seconds[Level.UNKNOWN]:
            found.append(Course(code, zh, en, area_zh, area_en, list(Function)[place], seconds, began))
    return sorted(found, key=lambda one: (-one.blind_s, -one.unknown_s, one.code, one.function))


def looked_before(conn: Connection[Any], until: dt.datetime) -> bool:
    """Whether anybody was looked at before ``until``: if not, an empty course is no good news."""
    return conn.execute("SELECT 1 FROM protection_change WHERE at < %s LIMIT 1", (until,)).fetchone() is not None


_LEVELS = {int(level): level for level in Level}


def _gaps(conn: Connection[Any], since: dt.datetime, until: dt.datetime) -> list[Span]:
    """Times without a look, with the present one where nobody looks."""
    gaps: list[Span] = conn.execute(
        "SELECT since, until FROM protection_gap WHERE since < %(until)s AND until > %(since)s ORDER BY since",
        {"since": since, "until": until},
    ).fetchall()
    last = conn.execute("SELECT at FROM protection_look").fetchone()
    if last is not None and last[0] < until:
        gaps.append((last[0], until))
    return gaps
