"""Report how the dispatch service is doing: overdue steps, open ladders, and the workers that climb them."""

import datetime as dt
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from vocabulary.severity import SEVERITIES


class Ladders(msgspec.Struct, frozen=True):
    """Numbers of open alerts: all, those with a next step, and those whose step is due."""

    open: int
    climbing: int
    due: int


class Worker(msgspec.Struct, frozen=True):
    """A process of the dispatch service, as it last reported."""

    name: str
    age_s: float
    """Since its last report."""
    steps: int
    """Done since it started."""
    latest_s: float
    """Greatest delay of a step in its last report."""


def count_ladders(conn: psycopg.Connection[Any]) -> Ladders:
    """Count open alerts by the state of their ladder."""
    with conn.cursor(row_factory=class_row(Ladders)) as cursor:
        counts = cursor.execute(
            """
            SELECT count(*) AS open, count(*) FILTER (WHERE next_step_at IS NOT NULL) AS climbing,
                   count(*) FILTER (WHERE next_step_at <= clock_timestamp()) AS due
            FROM alert a JOIN household h ON h.id = a.household_id WHERE alert_is_open(state) AND NOT h.synthetic
            """
        ).fetchone()
    assert counts is not None  # noqa: S101 - an aggregate has a row
    return counts


def open_alerts(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """Count open alerts by severity; every severity has its number."""
    rows = conn.execute(
        "SELECT severity, count(*) FROM alert a JOIN household h ON h.id = a.household_id"
        " WHERE alert_is_open(state) AND NOT h.synthetic GROUP BY severity"
    ).fetchall()
    return {**dict.fromkeys(SEVERITIES, 0), **dict(rows)}


def oldest_overdue_s(conn: psycopg.Connection[Any]) -> float:
    """Seconds by which the longest overdue step is late; 0 where none is."""
    row = conn.execute(
        "SELECT extract(epoch FROM clock_timestamp() - min(next_step_at)) FROM alert WHERE next_step_at IS NOT NULL"
    ).fetchone()
    return 0.0 if row is None or row[0] is None else max(0.0, float(row[0]))


def workers(conn: psycopg.Connection[Any]) -> list[Worker]:
    """List the workers that reported within a day, by name."""
    with conn.cursor(row_factory=class_row(Worker)) as cursor:
        return cursor.execute(
            "SELECT name, extract(epoch FROM clock_timestamp() - seen_at)::float8 AS age_s, steps, latest_s"
            " FROM dispatch_worker ORDER BY name"
        ).fetchall()


def report_worker(
    conn: psycopg.Connection[Any], name: str, started_at: dt.datetime, steps: int, latest_s: float
) -> None:
    """Store this worker's report, and drop reports older than a day."""
    conn.execute(
        """
        INSERT INTO dispatch_worker (name, started_at, seen_at, steps, latest_s)
        VALUES (%s, %s, clock_timestamp(), %s, %s)
        ON CONFLICT (name)
        DO UPDATE SET seen_at = excluded.seen_at, steps = excluded.steps, latest_s = excluded.latest_s
        """,
        (name, started_at, steps, latest_s),
    )
    conn.execute("DELETE FROM dispatch_worker WHERE seen_at < clock_timestamp() - INTERVAL '1 day'")
