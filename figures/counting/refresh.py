"""Refresh the roll-ups: the months that are new, that run, or in which something was changed later; idempotent."""

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg

from figures.core import months
from figures.counting import alerts, devices, people, staff

ONE_OF_US = 0x46494755_52455300
"""'FIGURES': advisory lock of the refresh that runs; a second one finds the first at work and leaves."""
OVERLAP = 5000
"""Entries below the mark that are looked at again: one that was written late may have a lower number."""
OLDEST = 60
"""Months back that are counted at the first refresh."""


class CountedMonth(msgspec.Struct, frozen=True):
    """A month that was counted; ``left``: months that wait."""

    month: dt.date
    alerts: int
    left: int


def refresh(conn: psycopg.Connection[Any], now: dt.datetime, *, every: bool = False) -> Iterator[CountedMonth]:
    """Count what is due, one transaction a month; ``every``: all months anew.

    ``conn``: in autocommit. Ends at once where another refresh runs. Interrupted, the months that were done are right,
    and the next refresh counts the others.
    """
    if conn.execute("SELECT pg_try_advisory_lock(%s)", (ONE_OF_US,)).fetchone() != (True,):
        return
    try:
        began = time.monotonic()
        marks = conn.execute(
            "SELECT (SELECT coalesce(max(id), 0) FROM alert_event), (SELECT coalesce(max(id), 0) FROM call_attempt)"
        ).fetchone()
        due = _due(conn, now, every=every)
        for number, month in enumerate(due):
            yield CountedMonth(month, _count(conn, month, now), len(due) - number - 1)
        assert marks is not None  # noqa: S101 - a SELECT without FROM has a row
        conn.execute(
            """
            INSERT INTO figure_mark (alert_event, call_attempt, counted_at, took_ms) VALUES (%s, %s, %s, %s)
            ON CONFLICT (one) DO UPDATE SET alert_event = excluded.alert_event, took_ms = excluded.took_ms,
                call_attempt = excluded.call_attempt, counted_at = excluded.counted_at
            """,
            (*marks, now, round((time.monotonic() - began) * 1000)),
        )
    finally:
        conn.execute("SELECT pg_advisory_unlock(%s)", (ONE_OF_US,))


def _count(conn: psycopg.Connection[Any], month: dt.date, now: dt.datetime) -> int:
    """Count one month in a transaction of its own; people, devices and staff only while they may still change."""
    end = months.begin(months.after(month))
    with conn.transaction():
        found = alerts.count(conn, month, now)
        before = conn.execute("SELECT people_at FROM figure_month WHERE month = %s", (month,)).fetchone()
        people_at, registry_at = None, None
        if before is None or before[0] is None or before[0] < end:
            registry_at = now if people.count(conn, month, now) else None
            staff.count(conn, month, now)
            people_at = now
        devices.count(conn, month, now)  # a silence may be closed in a later month
        conn.execute(
            """
            INSERT INTO figure_month (month, counted_at, people_at, registry_at, alerts) VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (month) DO UPDATE SET counted_at = excluded.counted_at, alerts = excluded.alerts,
                people_at = coalesce(excluded.people_at, figure_month.people_at),
                registry_at = coalesce(excluded.registry_at, figure_month.registry_at)
            """,
            (month, now, people_at, registry_at, found),
        )
    return found


def _due(conn: psycopg.Connection[Any], now: dt.datetime, *, every: bool) -> list[dt.date]:
    """The months to count, the oldest first."""
    present = months.month_at(now)
    oldest = max(months.after(present, -OLDEST), _first(conn) or present)
    whole = set(months.between(oldest, present))
    if every:
        return sorted(whole)
    counted = {row[0] for row in conn.execute("SELECT month FROM figure_month")}
    again = {
        present,
        *(row[0] for row in conn.execute("SELECT DISTINCT month FROM figure_alert WHERE ending = 'open'")),
    }
    again |= {
        row[0]
        for row in conn.execute(
            # their people were counted before they were over
            "SELECT month FROM figure_month WHERE people_at < (month + INTERVAL '1 month') AT TIME ZONE 'Asia/Shanghai'"
        )
    }
    again |= {
        row[0]
        for row in conn.execute(
            """
        SELECT DISTINCT date_trunc('month', a.raised_at AT TIME ZONE 'Asia/Shanghai')::date FROM (
            SELECT alert_id FROM alert_event WHERE id > (SELECT alert_event - %(overlap)s FROM figure_mark)
            UNION SELECT alert_id FROM call_attempt WHERE id > (SELECT call_attempt - %(overlap)s FROM figure_mark)
            UNION SELECT alert_id FROM alert_finding WHERE at > (SELECT counted_at - INTERVAL '1 hour' FROM figure_mark)
        ) e JOIN alert a ON a.id = e.alert_id JOIN household h ON h.id = a.household_id WHERE NOT h.synthetic
        """,
            {"overlap": OVERLAP},
        )
    }
    return sorted(((whole - counted) | again) & whole)


def _first(conn: psycopg.Connection[Any]) -> dt.date | None:
    row = conn.execute(
        """
        SELECT (SELECT min(a.raised_at) FROM alert a JOIN household h ON h.id = a.household_id WHERE NOT h.synthetic),
               (SELECT min(at) FROM protection_change)
        """
    ).fetchone()
    found = [months.month_at(moment) for moment in row or () if moment is not None]
    return min(found, default=None)
