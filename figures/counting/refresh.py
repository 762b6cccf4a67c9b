"""Refresh the roll-ups: the months that are new, that run, or in which something was changed later; idempotent."""

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any, LiteralString

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
        devices.count_running(conn, now)
        assert marks is not None  # noqa: S101 - a SELECT without FROM has a row
        conn.execute(
            """
            INSERT INTO figure_mark (alert_event, call_attempt, counted_at, took_ms, began_at)
            VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (one) DO UPDATE SET alert_event = excluded.alert_event, took_ms = excluded.took_ms,
                call_attempt = excluded.call_attempt, counted_at = excluded.counted_at, began_at = excluded.began_at
            """,
            (*marks, now, round((time.monotonic() - began) * 1000), _began(conn)),
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
        else:
            people.follow(conn, month)
            staff.follow(conn, month)
        devices.count(conn, month, now)  # a silence may be closed in a later month
        conn.execute(
            """
            INSERT INTO figure_month (month, counted_at, until, people_at, registry_at, alerts)
            VALUES (%s, %s, %s, %s, %s, %s)
            ON CONFLICT (month) DO UPDATE SET counted_at = excluded.counted_at, alerts = excluded.alerts,
                until = excluded.until,
                people_at = coalesce(excluded.people_at, figure_month.people_at),
                registry_at = coalesce(excluded.registry_at, figure_month.registry_at)
            """,
            (month, now, min(now, end), people_at, registry_at, found),
        )
    return found


def _due(conn: psycopg.Connection[Any], now: dt.datetime, *, every: bool) -> list[dt.date]:
    """The months to count, the oldest first."""
    present = months.month_at(now)
    first = _began(conn)
    oldest = max(months.after(present, -OLDEST), present if first is None else months.month_at(first))
    whole = set(months.between(oldest, present))
    if every or conn.execute("SELECT FROM figure_mark").fetchone() is None:
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
    again |= {row[0] for row in conn.execute(_BESIDE, {"oldest": months.begin(oldest)})}
    return sorted(((whole - counted) | again) & whole)


def _began(conn: psycopg.Connection[Any]) -> dt.datetime | None:
    """When the district began: its first home, its first alert, or the first look at a home."""
    row = conn.execute(
        """
        SELECT least((SELECT min(a.raised_at) FROM alert a JOIN household h ON h.id = a.household_id
                      WHERE NOT h.synthetic),
                     (SELECT min(g.registered_at) FROM gateway g JOIN household h ON h.id = g.household_id
                      WHERE NOT h.synthetic AND g.state <> 'never seen'),
                     (SELECT min(at) FROM protection_change))
        """
    ).fetchone()
    return row[0] if row else None


_BESIDE: LiteralString = """
    SELECT DISTINCT f.month FROM figure_alert f JOIN household h ON h.id = f.household_id WHERE h.area_id <> f.area_id
    UNION
    SELECT DISTINCT f.month FROM figure_person f JOIN household h ON h.id = f.household_id WHERE h.area_id <> f.area_id
    UNION
    SELECT m.month FROM figure_month m
    WHERE m.alerts <> (SELECT count(*) FROM figure_alert f WHERE f.month = m.month)
       OR (SELECT coalesce(sum(p.residents), 0) FROM figure_people p JOIN area a ON a.id = p.area_id
           WHERE p.month = m.month AND nlevel(a.path) = 1)
          <> (SELECT count(*) FROM figure_person p WHERE p.month = m.month AND p.registered)
    UNION
    SELECT m.month FROM figure_month m
    LEFT JOIN (SELECT month, sum(orders) AS n FROM figure_worker GROUP BY 1) f USING (month)
    LEFT JOIN (SELECT date_trunc('month', o.done_at AT TIME ZONE 'Asia/Shanghai')::date AS month, count(*) AS n
               FROM work_order o JOIN household h ON h.id = o.household_id
               WHERE o.state = 'done' AND o.staff_id IS NOT NULL AND o.done_at >= %(oldest)s AND NOT h.synthetic
               GROUP BY 1) o USING (month)
    WHERE coalesce(f.n, 0) <> coalesce(o.n, 0)
"""
"""Months that say something else than what they were counted from, without any entry in a history: homes that lie in
another area now, people and areas that were taken out of the registry, orders that were told of late."""
