"""Read stored readings back, in order, a page in memory at a time."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import psycopg

StoredReading = tuple[dt.datetime, str, str, str, float]
"""time (UTC), device, room, channel, value"""


def readings_of(
    conn: psycopg.Connection[Any], resident_id: int, since: dt.datetime, until: dt.datetime, at_once: int
) -> Iterator[list[StoredReading]]:
    """Yield a resident's readings with since <= time < until by time, ``at_once`` rows in a list.

    They are those of the devices the resident wears, and of the home's where nobody else lives there.
    """
    with conn.transaction(), conn.cursor(name="readings") as cursor:
        cursor.itersize = at_once
        cursor.execute(
            """
            WITH theirs AS MATERIALIZED (
                SELECT s.id, d.name, d.room, s.channel
                FROM resident r JOIN gateway g ON g.household_id = r.household_id
                JOIN device d ON d.gateway_id = g.id JOIN series s ON s.device_id = d.id
                WHERE r.id = %(resident)s AND (d.resident_id = r.id OR (d.resident_id IS NULL
                      AND (SELECT count(*) FROM resident other WHERE other.household_id = r.household_id) = 1)))
            SELECT m.time, t.name, t.room, t.channel, m.value
            FROM theirs t CROSS JOIN LATERAL readings(t.id, %(since)s, %(until)s) m
            ORDER BY m.time, t.name, t.channel
            """,
            {"resident": resident_id, "since": since, "until": until},
        )
        while some := cursor.fetchmany(at_once):
            yield some
