"""Read the last sign of life of residents: what a person moved at home. A home without such devices is blind."""

import datetime as dt
from collections.abc import Collection
from typing import Any

import msgspec
from psycopg import Connection

LIVING = ("motion", "presence", "in_bed", "door_open", "step_count", "body_movement")
"""Channels that only a person makes rise above nothing."""
SINCE = dt.timedelta(days=2)
"""How far back it is looked for."""


class Sign(msgspec.Struct, frozen=True):
    """The newest sign of a home's devices. ``at`` None: none in two days, or nothing can give one."""

    at: dt.datetime | None
    room: str
    watched: bool


UNWATCHED = Sign(None, "", watched=False)


def last_signs(conn: Connection[Any], resident_ids: Collection[int], now: dt.datetime) -> dict[int, Sign]:
    """The last sign of life at home of each of some residents, by id; of whom no device can tell, it says so.

    Where several people live together, it is anybody's: the devices of a room cannot tell them apart.
    """
    rows = conn.execute(
        """
        SELECT r.id, seen.at, seen.room, seen.n
        FROM resident r CROSS JOIN LATERAL (
            SELECT max(l.time) AS at, (array_agg(d.room ORDER BY l.time DESC NULLS LAST))[1] AS room, count(*) AS n
            FROM gateway g JOIN device d ON d.gateway_id = g.id AND d.retired_at IS NULL
            JOIN series s ON s.device_id = d.id AND s.channel = ANY (%(channels)s)
            LEFT JOIN LATERAL (
                SELECT time FROM newest_readings(
                    s.id, %(since)s, %(now)s::timestamptz + INTERVAL '1 microsecond', 1, 1e-37)) l ON true
            WHERE g.household_id = r.household_id AND (d.resident_id IS NULL OR d.resident_id = r.id)
        ) seen
        WHERE r.id = ANY (%(ids)s)
        """,
        {"channels": list(LIVING), "since": now - SINCE, "now": now, "ids": list(resident_ids)},
    ).fetchall()
    return {row[0]: Sign(row[1], row[2] or "", watched=row[3] > 0) for row in rows}
