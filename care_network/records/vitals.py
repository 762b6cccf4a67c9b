"""Read what a home's devices measured of a resident: newest values, charts, devices, last movement."""

import datetime as dt
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from firmware_profiles.channels import CHANNELS

CHARTED = ("heart_rate", "spo2", "respiration_rate", "systolic_bp", "body_temperature")


class Level(msgspec.Struct, frozen=True):
    """The source of charts of up to this length, and its step: about a thousand points at any length."""

    up_to: dt.timedelta
    source: str
    step: dt.timedelta


LEVELS = (
    Level(dt.timedelta(hours=1), "reading", dt.timedelta(0)),
    Level(dt.timedelta(days=2), "reading_minutes", dt.timedelta(minutes=1)),
    Level(dt.timedelta(days=10), "reading_minutes", dt.timedelta(minutes=10)),
    Level(dt.timedelta(days=60), "reading_hours", dt.timedelta(hours=1)),
    Level(dt.timedelta.max, "reading_hours", dt.timedelta(hours=8)),
)


def series_of(conn: psycopg.Connection[Any], resident_id: int, channel: str | None = None) -> list[dict[str, Any]]:
    """Series of this resident: those of worn devices, and of the household's if nobody else lives there."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            SELECT s.id, s.channel, d.name AS device, d.model, d.room
            FROM resident r JOIN gateway g ON g.household_id = r.household_id
            JOIN device d ON d.gateway_id = g.id JOIN series s ON s.device_id = d.id
            WHERE r.id = %s AND (%s::text IS NULL OR s.channel = %s) AND (d.resident_id = r.id OR (d.resident_id IS NULL
                  AND (SELECT count(*) FROM resident other WHERE other.household_id = r.household_id) = 1))
            """,
            (resident_id, channel, channel),
        ).fetchall()


def newest(conn: psycopg.Connection[Any], resident_id: int) -> list[dict[str, Any]]:
    """The newest value of each vital sign in the last day: channel, value, time."""
    series = {
        row["id"]: row["channel"] for row in series_of(conn, resident_id) if CHANNELS[row["channel"]].kind == "vital"
    }
    if not series:
        return []
    rows = conn.execute(
        """
        SELECT s.id, r.time, r.value FROM unnest(%s::int[]) AS s(id) CROSS JOIN LATERAL (
            SELECT time, value FROM reading WHERE series_id = s.id AND time > now() - INTERVAL '1 day'
            ORDER BY time DESC LIMIT 1) r
        """,
        (list(series),),
    ).fetchall()
    found: dict[str, dict[str, Any]] = {}
    for series_id, time, value in rows:
        channel = series[series_id]
        if channel not in found or time > found[channel]["time"]:
            found[channel] = {"channel": channel, "value": value, "time": time}
    return [found[code] for code in CHANNELS if code in found]


def chart(
    conn: psycopg.Connection[Any], resident_id: int, channel: str, since: dt.datetime, until: dt.datetime
) -> dict[str, list[Any]]:
    """Columns for a chart: time (s since 1970), mean, low, high; readings, minutes or hours by its length.

    Where readings are kept no longer the minutes are shown, and then the hours.
    """
    series = [row["id"] for row in series_of(conn, resident_id, channel)]
    fitting = [level for level in LEVELS if until - since <= level.up_to]
    rows: list[tuple[Any, ...]] = []
    for level in fitting:
        rows = _points(conn, series, level, since, until)
        if rows:
            break
    columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], []]
    return {
        "time": columns[0],
        "mean": [round(float(value), 2) for value in columns[1]],
        "low": columns[2],
        "high": columns[3],
    }


def _points(
    conn: psycopg.Connection[Any], series: list[int], level: Level, since: dt.datetime, until: dt.datetime
) -> list[tuple[Any, ...]]:
    """(s since 1970, mean, low, high) of each step that has any."""
    if level.source == "reading":
        return conn.execute(
            """
            SELECT extract(epoch FROM time)::double precision, avg(value), min(value), max(value) FROM reading
            WHERE series_id = ANY (%s) AND time >= %s AND time < %s GROUP BY time ORDER BY time
            """,
            (series, since, until),
        ).fetchall()
    return conn.execute(
        f"""
        SELECT extract(epoch FROM date_bin(%s, time, timestamptz '2000-01-01 00:00:00+00'))::bigint AS at,
               sum(mean * n) / sum(n), min(low), max(high)
        FROM {level.source}(%s::int[], %s, %s) GROUP BY at ORDER BY at
        """,  # noqa: S608 - one of two fixed names
        (level.step, series, since, until),
    ).fetchall()


def devices(conn: psycopg.Connection[Any], resident_id: int) -> list[dict[str, Any]]:
    """The household's devices and when each was last heard (a reading or an event of the last week)."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            SELECT d.name, d.model, d.room, g.name AS gateway, g.state,
                   greatest(
                       (SELECT max(l.time) FROM series s CROSS JOIN LATERAL (
                            SELECT time FROM reading WHERE series_id = s.id AND time > now() - INTERVAL '7 days'
                            ORDER BY time DESC LIMIT 1) l WHERE s.device_id = d.id),
                       (SELECT max(e.time) FROM event e WHERE e.device_id = d.id)) AS heard_at
            FROM resident r JOIN gateway g ON g.household_id = r.household_id JOIN device d ON d.gateway_id = g.id
            WHERE r.id = %s AND (d.resident_id IS NULL OR d.resident_id = r.id) ORDER BY d.room, d.name
            """,
            (resident_id,),
        ).fetchall()


def presence(conn: psycopg.Connection[Any], resident_id: int) -> dict[str, Any]:
    """Where the home last saw its resident: room of the last motion, in bed or not, last door event."""
    series = series_of(conn, resident_id)
    last: dict[str, Any] = {}
    for channel in ("motion", "in_bed"):
        ids = {row["id"]: row["room"] for row in series if row["channel"] == channel}
        row = conn.execute(
            """
            SELECT s.id, r.time, r.value FROM unnest(%s::int[]) AS s(id) CROSS JOIN LATERAL (
                SELECT time, value FROM reading WHERE series_id = s.id AND time > now() - INTERVAL '1 day'
                ORDER BY time DESC LIMIT 1) r ORDER BY r.time DESC LIMIT 1
            """,
            (list(ids),),
        ).fetchone()
        if row is not None:
            last[channel] = {"room": ids[row[0]], "time": row[1], "value": row[2]}
    return last
