"""Compare what was written with what the database has, and find what it lost."""

import datetime as dt
import uuid
from typing import Any

import msgspec
import psycopg

from alerting.core.finding import CLOSING
from alerting.service.storing.written import Written, WrittenRecord
from vocabulary.alert_state import OPEN

AT_ONCE = 2000
"""Alerts in one query."""


class Losses(msgspec.Struct, frozen=True):
    """The written changes that the database does not have any more, and those that may be forgotten."""

    alerts: list[list[WrittenRecord]]
    """Everything written of each alert whose row is missing, in order."""
    follow_ups: list[WrittenRecord]
    """Changes that are missing in the history of alerts that are there and open."""
    closed: list[uuid.UUID]
    """Alerts that are there and closed."""


def time_of(us: int) -> dt.datetime:
    """The moment of µs since 1970. Raises nothing: what lies outside the calendar becomes its end."""
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=min(max(us, 0), _END_US))


_END_US = 250_000_000_000_000_000  # the year 9892


def compare(conn: psycopg.Connection[Any], written: Written) -> Losses:
    """Look every written alert up. Raises psycopg.Error while the database is away."""
    losses = Losses([], [], [])
    everything = list(written.alerts.items())
    for start in range(0, len(everything), AT_ONCE):
        known = dict(everything[start : start + AT_ONCE])
        states = dict(conn.execute("SELECT id, state FROM alert WHERE id = ANY(%s)", (list(known),)).fetchall())
        changed: dict[uuid.UUID, list[WrittenRecord]] = {}
        for alert_id, records in known.items():
            state = states.get(alert_id)
            if state is None:
                if any(record.action == "open" for record in records):
                    losses.alerts.append(records)
            elif state not in OPEN:
                losses.closed.append(alert_id)
            elif follow_ups := [record for record in records if _has_to_show(record)]:
                changed[alert_id] = follow_ups
        if changed:
            history = set(
                conn.execute(
                    "SELECT alert_id, at FROM alert_event WHERE alert_id = ANY(%s) AND actor = 'system'",
                    (list(changed),),
                ).fetchall()
            )
            losses.follow_ups.extend(
                record
                for alert_id, follow_ups in changed.items()
                for record in follow_ups
                if (alert_id, time_of(record.raised_us)) not in history
            )
    return losses


def _has_to_show(record: WrittenRecord) -> bool:
    """Whether an open alert must have this change in its history.

    One that ended the alert must in any case: where it changed nothing the alert was closed already, and what is closed
    never opens again.
    """
    return record.action in CLOSING or (record.applied and record.action != "open")
