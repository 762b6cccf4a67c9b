"""Look into readings and events for what devices of a home told since a test began."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_services.home_beds.acceptance import Heard

MOST = 50
"""Readings of each series, and events, that are looked at: the first since the test began."""


class HomeDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device in a home that a line of the plan may stand for."""

    id: int
    name: str
    model: str
    room: str
    gateway: str


def devices_of_home(conn: Connection[Any], household_id: int) -> list[HomeDevice]:
    """The devices in use in a home."""
    with conn.cursor(row_factory=class_row(HomeDevice)) as cursor:
        return cursor.execute(
            "SELECT d.id, d.name, d.model, d.room, g.name AS gateway"
            " FROM device d JOIN gateway g ON g.id = d.gateway_id"
            " WHERE g.household_id = %s AND d.retired_at IS NULL ORDER BY g.name, d.name",
            (household_id,),
        ).fetchall()


def heard_since(conn: Connection[Any], devices: Sequence[int], since: dt.datetime) -> dict[int, list[Heard]]:
    """Readings and events of devices, by device, that are later than ``since`` by their own time.

    An event counts by the earlier of its time and its arrival. The first of each series are enough to judge by.
    """
    found: dict[int, list[Heard]] = {device: [] for device in devices}
    if not devices:
        return found
    for device, at, what, value in conn.execute(
        """
        SELECT s.device_id, r.time, s.channel, r.value::double precision
        FROM series s CROSS JOIN LATERAL (
            SELECT time, value FROM oldest_readings(
                s.id, %(since)s::timestamptz + INTERVAL '1 microsecond', 'infinity', %(most)s)
        ) r WHERE s.device_id = ANY(%(devices)s)
        UNION ALL
        SELECT e.device_id, least(e.time, e.received_at), e.kind, NULL
        FROM unnest(%(devices)s::integer[]) AS asked (id) CROSS JOIN LATERAL (
            SELECT device_id, time, received_at, kind FROM event
            WHERE device_id = asked.id AND time > %(since)s AND received_at > %(since)s ORDER BY time LIMIT %(most)s
        ) e
        """,
        {"since": since, "devices": list(devices), "most": MOST},
    ):
        found[device].append(Heard(at, what, value))
    return found


def newest_of(conn: Connection[Any], device: int) -> dt.datetime | None:
    """The time of the newest reading or event that is there of a device; None where it was never heard."""
    row = conn.execute(
        """
        SELECT greatest(
            (SELECT max(l.time) FROM series s CROSS JOIN LATERAL (
                SELECT time FROM newest_readings(s.id, '-infinity', 'infinity', 1)) l
             WHERE s.device_id = %(device)s),
            (SELECT time FROM event WHERE device_id = %(device)s ORDER BY time DESC LIMIT 1))
        """,
        {"device": device},
    ).fetchone()
    return None if row is None else row[0]
