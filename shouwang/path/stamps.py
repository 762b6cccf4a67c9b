"""Read from the database where a press has arrived."""

import datetime as dt
import uuid
from typing import Any

import msgspec
import psycopg

from database.reports import path_proofs
from shouwang.path.judge import Stamps, Surroundings

AT_WORK_S = 15.0
"""A console that said nothing for so long is not at work."""


class Press(msgspec.Struct, kw_only=True):
    """A synthetic press or fall on its way. ``time_us``: by the gateway's clock; ``begun``: by the monotonic one."""

    device: str
    kind: str
    time_us: int
    begun: float
    stamps: Stamps
    told: set[str] = msgspec.field(default_factory=set)
    """Consoles that have the notice."""
    ended: bool = False
    """It was taken back."""


def look(conn: psycopg.Connection[Any], gateway: str, press: Press) -> Surroundings:
    """Bring the stamps of a press up to date. Raises psycopg.Error while the database is away."""
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=press.time_us)
    row = conn.execute(
        """
        SELECT EXISTS (SELECT FROM event e JOIN device d ON d.id = e.device_id JOIN gateway g ON g.id = e.gateway_id
                       WHERE g.name = %(gateway)s AND d.name = %(device)s AND e.kind = %(kind)s AND e.time = %(at)s),
               a.id,
               EXISTS (SELECT FROM notification n WHERE n.alert_id = a.id),
               EXISTS (SELECT FROM notification n JOIN delivery_attempt d ON d.message_id = n.message_id
                       WHERE n.alert_id = a.id),
               EXISTS (SELECT FROM notification n JOIN message m ON m.id = n.message_id
                       WHERE n.alert_id = a.id AND m.state = 'delivered'),
               EXISTS (SELECT FROM pg_stat_activity WHERE application_name LIKE 'shouwang-ingest%%'),
               (SELECT pg_has_role('pg_read_all_stats', 'usage'))
        FROM (SELECT) one LEFT JOIN (
            alert a JOIN household h ON h.id = a.household_id AND h.synthetic
        ) ON a.onset = %(at)s AND a.rule IN ('sos', 'fall')
        """,
        {"gateway": gateway, "device": press.device, "kind": press.kind, "at": moment},
    ).fetchone()
    assert row is not None  # noqa: S101 - one row at least
    stored, alert, called, claimed, received, ingest, all_sessions = row
    at_work = _consoles(conn, press, alert)
    stamps = press.stamps
    stamps.stored |= stored
    stamps.raised |= alert is not None
    stamps.called |= called
    stamps.claimed |= claimed
    stamps.received |= received
    stamps.shown |= bool(at_work) and at_work <= press.told
    return Surroundings(
        database=True, ingest_connected=ingest if all_sessions else None, console_connected=bool(at_work)
    )


def _consoles(conn: psycopg.Connection[Any], press: Press, alert: uuid.UUID | None) -> set[str]:
    at_work = set()
    for console in path_proofs.consoles(conn):
        if alert is not None and console.alert_id == alert:
            press.told.add(console.worker)
        if console.looked_s <= AT_WORK_S:
            at_work.add(console.worker)
    return at_work


def silence_arrived(conn: psycopg.Connection[Any], gateway: str, since_s: float) -> bool:
    """Whether an alert that this gateway is silent was raised within the last ``since_s`` seconds, has climbed the
    ladder and is at its receipt."""
    row = conn.execute(
        """
        SELECT EXISTS (SELECT FROM alert a JOIN notification n ON n.alert_id = a.id
                       JOIN message m ON m.id = n.message_id WHERE a.rule = 'gateway_silent' AND a.subject = %s
                       AND m.state = 'delivered' AND a.raised_at > clock_timestamp() - make_interval(secs => %s))
        """,
        (f"gateway:{gateway}", since_s),
    ).fetchone()
    return bool(row and row[0])


SAID_AGAIN_S = 2400.0
"""Alerting says half an hour after it last heard of one at the earliest that a gateway is silent again, and six times a
day (``alerting.detection.detectors.silence``)."""
SAID_A_DAY, RARE_S = 5, 14400.0


def silence_rests_s(conn: psycopg.Connection[Any], gateway: str) -> float:
    """Seconds for which alerting would not say that this gateway is silent, as there was something of it a short while
    ago: that it was silent, that it came back."""
    row = conn.execute(
        """
        SELECT extract(epoch FROM greatest(max(a.raised_at), max(e.at)) - clock_timestamp())::float8,
               count(DISTINCT a.id)
        FROM alert a LEFT JOIN alert_event e ON e.alert_id = a.id
        WHERE a.rule = 'gateway_silent' AND a.subject = %s AND a.raised_at > clock_timestamp() - INTERVAL '1 day'
        """,
        (f"gateway:{gateway}",),
    ).fetchone()
    if row is None or row[0] is None:
        return 0.0
    return max(0.0, float(row[0]) + (SAID_AGAIN_S if row[1] < SAID_A_DAY else RARE_S))
