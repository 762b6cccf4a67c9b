"""The ceiling of one recipient: from so many open emergencies on, one message a minute that lists what is open.

A ladder that nobody answers goes round for ever. With hundreds of them a telephone that rings every second is of no
use to the person who holds it. Nothing is left out: each notification waits for the next message, less than a minute.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
from psycopg import Connection

from dispatch.channels.config import Channels
from dispatch.channels.recipients import Card, Key


class Storm(msgspec.Struct, frozen=True):
    """The state of a recipient at the ceiling: their open emergencies, and when the next message may go."""

    open: int
    next_at: dt.datetime


def load_storms(
    conn: Connection[Any], wanted: Iterable[Key], cards: Mapping[Key, Card], channels: Channels, now: dt.datetime
) -> dict[Key, Storm]:
    """Find the recipients at the ceiling. Only telephones have one: where a recipient's first channel is another one
    (Web Push, a robot), it counts once that channel fails and their telephone is called instead."""
    # the words of the index alert_open; few alerts are open on most days, and then this is all
    total = conn.execute(
        "SELECT count(*) FROM alert WHERE state NOT IN ('resolved', 'cancelled', 'cleared') AND severity = 'emergency'"
    ).fetchone()
    if total is None or total[0] < channels.ceiling.emergencies:
        return {}
    telephones = [name for name in channels.channels if channels.address(name) == "phone"]
    keys = [key for key in dict.fromkeys(wanted) if key in cards]
    window = dt.timedelta(seconds=channels.ceiling.seconds)
    rows = conn.execute(
        """
        SELECT w.kind, w.key, (
                   SELECT count(*) FROM alert a
                   WHERE a.state NOT IN ('resolved', 'cancelled', 'cleared') AND a.severity = 'emergency' AND EXISTS (
                       SELECT FROM notification n WHERE n.alert_id = a.id AND n.state <> 'withdrawn'
                         AND n.recipient_kind = w.kind AND n.recipient_key = w.key)
               ), last.at, coalesce(last.telephone, false)
        FROM unnest(%(kinds)s::text[], %(keys)s::text[]) AS w (kind, key)
        LEFT JOIN LATERAL (
            SELECT max(m.created_at) AS at, bool_or(m.channel = ANY(%(telephones)s)) AS telephone FROM message m
            WHERE m.recipient_kind = w.kind AND m.recipient_key = w.key AND m.created_at > %(since)s
              AND m.severity = 'emergency' AND m.state <> 'withdrawn' AND m.content -> 'page' = 'null'::jsonb
        ) last ON true
        """,
        {
            "kinds": [kind for kind, _ in keys],
            "keys": [key for _, key in keys],
            "telephones": telephones,
            "since": now - window,
        },
    ).fetchall()
    storms = {}
    for kind, key, count, last, on_the_telephone in rows:
        first = cards[kind, key].route[0]
        if count >= channels.ceiling.emergencies and (first in telephones or on_the_telephone):
            storms[kind, key] = Storm(count, now if last is None else last + window)
    return storms


def hold(conn: Connection[Any], notifications: Collection[int], until: dt.datetime) -> None:
    """Keep notifications out of the planner's sight until their recipient's next message may go."""
    conn.execute("UPDATE notification SET due_at = %s WHERE id = ANY(%s)", (until, list(notifications)))
