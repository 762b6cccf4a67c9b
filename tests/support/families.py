"""A home whose devices speak, for tests of what its family sees."""

import datetime as dt

import psycopg

from care_network.records import provisioning
from care_network.records.records import NewDevice
from database.reports import alerting_workers


def furnish(conn: psycopg.Connection, gateway: str = "gw-1") -> None:
    """A motion sensor and a radar over the bed, registered and never heard."""
    conn.execute("UPDATE household SET phone = '0755-1111' WHERE code = 'H1'")
    for name, model, room in (("pir", "aqara-rtcgq11lm", "living_room"), ("radar", "seeed-mr60bha2", "bedroom")):
        provisioning.add_device(conn, NewDevice(gateway=gateway, name=name, model=model, room=room))


def speak(conn: psycopg.Connection, at: dt.datetime, gateway: str = "gw-1") -> None:
    """Its gateway is online, both devices say at ``at`` that somebody is there, and detection is at work."""
    alerting_workers.tell(conn, "alerting-0", 0.0, 0)
    conn.execute("UPDATE gateway SET state = 'online', state_at = %s WHERE name = %s", (at, gateway))
    for device, channel, value in (("pir", "motion", 1.0), ("radar", "heart_rate", 68.0)):
        conn.execute(
            """
            WITH s AS (
                INSERT INTO series (device_id, channel)
                SELECT d.id, %(channel)s FROM device d JOIN gateway g ON g.id = d.gateway_id
                WHERE d.name = %(device)s AND g.name = %(gateway)s
                ON CONFLICT (device_id, channel) DO UPDATE SET channel = excluded.channel RETURNING id)
            INSERT INTO reading (time, series_id, value) SELECT %(at)s, id, %(value)s FROM s
            """,
            {"device": device, "gateway": gateway, "channel": channel, "at": at, "value": value},
        )
