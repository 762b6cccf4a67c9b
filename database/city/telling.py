"""Tell the city: compare the district's database with the feed, and write into the feed only what differs.

Nothing hangs on a trigger in the way of an alert, and nothing has to be remembered: a feed that was away, restored or
made anew agrees with the district again after one turn. The maintenance service runs it.
"""

import datetime as dt
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
import psycopg
import structlog
from psycopg import sql

from database.city.feed import slots
from database.city.schema import KEYS
from database.city.settings import FeedSettings
from database.pool import connect_options
from database.settings import DatabaseSettings
from observability import metrics
from observability.liveness import Part

log = structlog.get_logger(__name__)

KEPT = dt.timedelta(days=400)
"""Age at which the feed forgets; a city that joins gets so much, and what it has it keeps."""
WINDOW = dt.timedelta(days=10)
"""Alerts that are compared at a time, where all are."""
OVERLAP = 500
"""Entries of the history that are looked at again: a transaction that began earlier may be committed later."""
AT_ONCE = 2000
ALL_EVERY_S = 24 * 3600.0
AFTER_TROUBLE_S = 5.0
TURN_S = 240.0
GRACE = dt.timedelta(minutes=10)
"""After the end of an hour, when its roll-ups are made."""
LATE = dt.timedelta(hours=25)
"""An hour is told again so long after its beginning, with the readings that came late."""
HOURS_BACK = 7 * 24
HOURS_A_TURN = 2
HOUR_S = 100
"""Longest query for the roll-ups of an hour: a district has 200,000 series."""
FEWEST_HOMES = 10
"""A mean of fewer homes would be about persons."""
HOUR = dt.timedelta(hours=1)

_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "community": ("community", "level", "name_zh", "name_en", "homes", "people", "people_watched", "gateways",
                      "gateways_offline"),
        "alert": ("id", "community", "rule", "severity", "state", "onset", "raised_at", "acknowledged_at",
                  "on_scene_at", "closed_at", "verdict"),
        "hour": ("hour", "told_at", "people", "people_watched", "gateways", "gateways_offline"),
        "reading_hour": ("hour", "channel", "homes", "readings", "mean"),
    }
)  # fmt: skip
"""Of each table, after the district."""
Rows = Iterable[Sequence[Any]]


class Told(msgspec.Struct):
    """How far the district's history is told. ``event_id`` None: compare everything."""

    event_id: int | None = None
    rows: int = 0
    """Written into the feed so far."""
    all_at: float = 0.0
    """When everything is compared again, by time.monotonic()."""


def tell(main: psycopg.Connection[Any], feed: psycopg.Connection[Any], told: Told) -> None:
    """Bring the feed up to date, and say so in it: who has that row has all before it; then some hours. In autocommit.

    ``main``: of the district's database, as the role of maintenance. Raises psycopg.Error, LookupError where the feed
    belongs to no district yet.
    """
    row = feed.execute("SELECT district FROM city.district").fetchone()
    if row is None:
        raise LookupError("the feed is of no district yet: run 'shouwang city publish'")
    code = str(row[0])
    now, last = _now_and_last_event(main)
    told.rows += _alerts(main, feed, code, told.event_id, now)
    told.event_id = last
    told.rows += _communities(main, feed, code)
    feed.execute("UPDATE city.district SET told_at = %s", (now,))
    for hour in _due_hours(feed, now)[:HOURS_A_TURN]:
        told.rows += _hour(main, feed, code, hour, now)


def forget(feed: psycopg.Connection[Any], now: dt.datetime) -> int:
    """Remove from the feed what is older than KEPT; the city is not told. Returns the number of rows."""
    old = now - KEPT
    rows = feed.execute("DELETE FROM city.alert WHERE raised_at < %s AND closed_at IS NOT NULL", (old,)).rowcount
    rows += feed.execute("DELETE FROM city.hour WHERE hour < %s", (old,)).rowcount
    return rows + feed.execute("DELETE FROM city.reading_hour WHERE hour < %s", (old,)).rowcount


def run(database: DatabaseSettings, settings: FeedSettings, stop: threading.Event, part: Part) -> None:
    """Tell the city until ``stop``. A feed that is away is tried again; no other work of the district waits for it."""
    told = Told()
    while not stop.is_set():
        try:
            with (
                psycopg.connect(database.url, autocommit=True, **connect_options(database, "feed")) as main,
                psycopg.connect(settings.url or "", autocommit=True, **connect_options(database, "feed")) as feed,
            ):
                _run(main, feed, settings, stop, part, told)
        except (psycopg.Error, LookupError) as error:
            reason = str(error).strip()
            part.held_up(f"the city is told nothing: {reason}")
            log.warning("feed for the city: again in a moment", error=reason)
            stop.wait(AFTER_TROUBLE_S)


def _run(
    main: psycopg.Connection[Any],
    feed: psycopg.Connection[Any],
    settings: FeedSettings,
    stop: threading.Event,
    part: Part,
    told: Told,
) -> None:
    while not stop.is_set():
        if time.monotonic() >= told.all_at:
            told.event_id = None
            told.all_at = time.monotonic() + ALL_EVERY_S
            forget(feed, dt.datetime.now(dt.UTC))
        tell(main, feed, told)
        for slot in slots(feed):
            metrics.slot_held.labels(slot.name).set(slot.held_bytes)
            metrics.slot_lost.labels(slot.name).set(slot.lost)
        part.turned()
        stop.wait(settings.every_s)


def _now_and_last_event(main: psycopg.Connection[Any]) -> tuple[dt.datetime, int]:
    row = main.execute("SELECT clock_timestamp(), (SELECT coalesce(max(id), 0) FROM alert_event)").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    return row[0], int(row[1])


def _alerts(
    main: psycopg.Connection[Any], feed: psycopg.Connection[Any], code: str, since: int | None, now: dt.datetime
) -> int:
    query = f"SELECT {', '.join(_COLUMNS['alert'])} FROM city_alert WHERE "  # noqa: S608 - fixed names

    def compare(where: str, *values: object) -> int:
        rows = main.execute((query + where).encode(), values).fetchall()
        held = feed.execute(
            f"SELECT {', '.join(_COLUMNS['alert'])} FROM city.alert WHERE id = ANY (%s)".encode(),  # noqa: S608
            ([row[0] for row in rows],),
        ).fetchall()
        return _write(feed, "alert", code, rows, held)

    if since is not None:
        # in two steps: joined, the planner reads the alerts of all years
        rows = main.execute("SELECT DISTINCT alert_id FROM alert_event WHERE id > %s", (since - OVERLAP,)).fetchall()
        ids = [row[0] for row in rows]
        parts = (ids[first : first + AT_ONCE] for first in range(0, len(ids), AT_ONCE))
        return sum(compare("alert_id = ANY (%s)", part) for part in parts)
    written, start = compare("raised_at < %s AND alert_is_open(state)", now - KEPT), now - KEPT
    while start < now:
        written += compare("raised_at >= %s AND raised_at < %s", start, min(start + WINDOW, now))
        start += WINDOW
    # a gateway's clock may be ahead of ours
    return written + compare("raised_at >= %s", now)


def _communities(main: psycopg.Connection[Any], feed: psycopg.Connection[Any], code: str) -> int:
    columns = ", ".join(_COLUMNS["community"])
    rows = main.execute(f"SELECT {columns} FROM city_community".encode()).fetchall()  # noqa: S608 - fixed names
    held = feed.execute(f"SELECT {columns} FROM city.community".encode()).fetchall()  # noqa: S608 - fixed names
    there = {row[0] for row in rows}
    # no delete reaches the city: a community without homes has zeros
    emptied = [(*row[:4], 0, 0, 0, 0, 0) for row in held if row[0] not in there]
    return _write(feed, "community", code, [*rows, *emptied], held)


def _due_hours(feed: psycopg.Connection[Any], now: dt.datetime) -> list[dt.datetime]:
    """Hours that are over and not told, or told before late readings came; oldest first."""
    rows = feed.execute(
        """
        SELECT h FROM generate_series(date_trunc('hour', %(now)s - %(back)s * INTERVAL '1 hour', 'UTC'),
                                      %(now)s - INTERVAL '1 hour' - %(grace)s, INTERVAL '1 hour') h
        LEFT JOIN city.hour t ON t.hour = h
        WHERE t.hour IS NULL OR (t.told_at < h + %(late)s AND %(now)s >= h + %(late)s)
        ORDER BY h
        """,
        {"now": now, "back": HOURS_BACK, "grace": GRACE, "late": LATE},
    )
    return [row[0] for row in rows]


def _hour(
    main: psycopg.Connection[Any], feed: psycopg.Connection[Any], code: str, hour: dt.datetime, now: dt.datetime
) -> int:
    with main.transaction():
        main.execute(f"SET LOCAL statement_timeout = '{HOUR_S}s'".encode())
        rows = main.execute(_READINGS, {"hour": hour, "fewest": FEWEST_HOMES}).fetchall()
    held = feed.execute(
        f"SELECT {', '.join(_COLUMNS['reading_hour'])} FROM city.reading_hour WHERE hour = %s".encode(),  # noqa: S608
        (hour,),
    ).fetchall()
    with feed.transaction():
        written = _write(feed, "reading_hour", code, rows, held)
        written += feed.execute(
            """
            INSERT INTO city.hour SELECT %s, %s, %s, coalesce(sum(people), 0), coalesce(sum(people_watched), 0),
                coalesce(sum(gateways), 0), coalesce(sum(gateways_offline), 0) FROM city.community
            ON CONFLICT (district, hour) DO UPDATE SET told_at = EXCLUDED.told_at
            """,
            (code, hour, now),
        ).rowcount
    return written


def _write(feed: psycopg.Connection[Any], table: str, code: str, rows: Rows, held: Rows) -> int:
    """Write the rows that are not held already; returns their number."""
    same = {tuple(row) for row in held}
    new = [(code, *row) for row in rows if tuple(row) not in same]
    if not new:
        return 0
    columns = ("district", *_COLUMNS[table])
    changed = [column for column in columns if column not in KEYS[table]]
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}").format(
        sql.Identifier("city", table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join([sql.Placeholder()] * len(columns)),
        sql.SQL(", ").join(map(sql.Identifier, KEYS[table])),
        sql.SQL(", ").join(sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(column)) for column in changed),
    )
    with feed.transaction(), feed.cursor() as cursor:
        cursor.executemany(statement, new)
    return len(new)


_READINGS = """
    SELECT %(hour)s, s.channel, count(DISTINCT s.household_id)::integer, sum(r.n)::bigint,
           CASE WHEN count(DISTINCT s.household_id) >= %(fewest)s THEN (sum(r.n * r.mean) / sum(r.n))::real END
    FROM reading_hours(ARRAY(SELECT series_id FROM city_series), %(hour)s, %(hour)s + INTERVAL '1 hour') r
    JOIN city_series s USING (series_id) GROUP BY s.channel
"""
