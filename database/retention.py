"""Set how long readings and roll-ups are stored, and remove old ones at the grades 'plain' and 'apache'."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg

from database.grade import Grade
from database.rollup import LOCK_TIMEOUT, lock_storing

ROWS_A_STEP = 20_000
SERIES_A_STEP = 200
WAIT = dt.timedelta(hours=6)
"""Default wait: longer than any step of a caller that makes retention wait, short against the whole days removed."""


class Retention(msgspec.Struct, frozen=True):
    """Days for which readings, minutes and hours are stored.

    Raises ValueError for fewer than 4 days of readings, or where a level is stored for a shorter time than the one
    before.
    """

    raw_days: int = 90
    minute_days: int = 730
    hour_days: int = 3650

    def __post_init__(self) -> None:
        if self.raw_days < 4:
            raise ValueError(f"readings have to be kept for 4 days at least, not {self.raw_days}: late ones come")
        if not self.raw_days <= self.minute_days <= self.hour_days:
            raise ValueError(
                f"readings ({self.raw_days} days), minutes ({self.minute_days}), hours ({self.hour_days}):"
                " each must be kept at least as long as the one before"
            )


def load_retention(conn: psycopg.Connection[Any]) -> Retention:
    """Read the retention in force."""
    row = conn.execute(
        "SELECT extract(day FROM raw_for)::int, extract(day FROM minutes_for)::int, extract(day FROM hours_for)::int"
        " FROM storage"
    ).fetchone()
    assert row is not None  # noqa: S101 - the migration puts the one row in
    return Retention(*row)


def set_retention(conn: psycopg.Connection[Any], wanted: Retention) -> None:
    """Set the retention, at every grade. Removed readings do not come back."""
    with conn.transaction():
        conn.execute(
            "UPDATE storage SET raw_for = make_interval(days => %s), minutes_for = make_interval(days => %s),"
            " hours_for = make_interval(days => %s)",
            (wanted.raw_days, wanted.minute_days, wanted.hour_days),
        )
        conn.execute("SELECT apply_retention()")


def hold_back(conn: psycopg.Connection[Any], span: dt.timedelta = WAIT) -> None:
    """Let no reading be removed for ``span`` from now on, at every grade; 0 ends this connection's wait.

    The wait ends by itself, since its caller may be killed; a caller that needs longer calls again. Each ``conn`` has a
    wait of its own; retention goes on after the last.
    """
    conn.execute("SELECT retention_waits(%s)", (span,))


def retire(conn: psycopg.Connection[Any], grade: Grade, now: dt.datetime) -> Iterator[int]:
    """Remove readings and roll-ups older than their retention, in steps; yields the rows, packs or chunks of each.

    A day of readings goes only when all of it is rolled up, and none while retention waits (:func:`hold_back`). At
    'community' TimescaleDB's policies remove; after the retention was made longer, this extends day by day how far they
    look back. ``conn``: in autocommit. Raises psycopg.errors.LockNotAvailable where a lock is held for long: try again.
    The history of records (migration 0166), requests to machines and test messages (0204) go after their own time, at
    every grade. While a legal hold is on a resident or on the readings (0410), no reading and no roll-up goes.
    """
    conn.execute("SELECT drop_old_record_changes(), drop_old_requests()")
    held = conn.execute("SELECT readings_wait()").fetchone()
    if held is not None and held[0]:
        return
    if grade is Grade.COMMUNITY:
        conn.execute("SELECT apply_retention() FROM storage WHERE looks_back < refresh_span()")
        return
    keep = load_retention(conn)
    with conn.transaction():
        lock_storing(conn)
        conn.execute(
            "UPDATE storage SET kept_from = %(end)s WHERE kept_from < %(end)s AND late_before >= %(end)s"
            " AND waits_until <= %(now)s AND NOT EXISTS (SELECT FROM rollup_due WHERE hour < %(end)s)",
            {"end": midnight(now - dt.timedelta(days=keep.raw_days)), "now": now},
        )
    gone = 0
    for step in _removed(conn, grade, keep, now):
        gone += step
        yield step
    conn.execute("SELECT note_retention('reading', %s)", (gone,))


def _removed(conn: psycopg.Connection[Any], grade: Grade, keep: Retention, now: dt.datetime) -> Iterator[int]:
    row = conn.execute("SELECT kept_from FROM storage WHERE kept_from > '-infinity'").fetchone()
    if row is not None and grade is Grade.APACHE:
        yield _drop_chunks(conn)
    elif row is not None:
        yield from _delete(conn, "reading_row", "time", row[0])
    if row is not None:
        yield from _delete(conn, "reading_pack", "since", row[0])
    yield from _delete(conn, "rollup_minute", "hour", midnight(now - dt.timedelta(days=keep.minute_days)))
    yield from _delete(conn, "rollup_hour", "day", midnight(now - dt.timedelta(days=keep.hour_days)))


def midnight(time: dt.datetime) -> dt.datetime:
    """Round down to the beginning of the day, UTC."""
    return time.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _drop_chunks(conn: psycopg.Connection[Any]) -> int:
    with conn.transaction():
        conn.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'".encode())
        row = conn.execute("SELECT drop_old_readings()").fetchone()
        return int(row[0]) if row else 0


def _delete(conn: psycopg.Connection[Any], table: str, column: str, before: dt.datetime) -> Iterator[int]:
    """Delete series by series, by the index that the charts use: no second index is needed, and each step is short."""
    row = conn.execute("SELECT coalesce(max(id), 0) FROM series").fetchone()
    last = row[0] if row else 0
    query = (
        f"DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table}"  # noqa: S608 - fixed names
        f" WHERE series_id = ANY (%s) AND {column} < %s LIMIT {ROWS_A_STEP}))"
    ).encode()
    for first in range(1, last + 1, SERIES_A_STEP):
        series = list(range(first, first + SERIES_A_STEP))
        while gone := conn.execute(query, (series, before)).rowcount:
            yield gone
