"""What an operator should know about roll-ups and room: for ``shouwang storage status`` and ``shouwang doctor``."""

import datetime as dt
from typing import Any

import msgspec
import psycopg

from database.grade import Grade, schema_grade
from database.rollup import GRACE, HOUR, full_hour

LAGS_AFTER = dt.timedelta(hours=2)
NOT_RUN_YET = (
    "TimescaleDB's policies have not run yet; they begin within minutes of 'shouwang migrate' or a change of the"
    " retention (if not: raise max_worker_processes)"
)


class StorageState(msgspec.Struct, frozen=True):
    """``lag``: for how long roll-ups that should be there have been missing; nothing is wrong with what they show."""

    grade: Grade
    lag: dt.timedelta
    text: str

    @property
    def lagging(self) -> bool:
        return self.lag > LAGS_AFTER


def examine_storage(conn: psycopg.Connection[Any], now: dt.datetime) -> StorageState:
    """Look, and change nothing. Raises RuntimeError where there is no schema."""
    grade = schema_grade(conn)
    if grade is None:
        raise RuntimeError("there is no schema yet: run 'shouwang migrate'")
    if grade is Grade.COMMUNITY:
        return _policies(conn, now)
    row = conn.execute(
        """
        SELECT nullif(late_before, '-infinity'), (SELECT min(hour) FROM rollup_due),
               (SELECT count(*) FROM (SELECT FROM rollup_due LIMIT 1000000) d),
               EXISTS (SELECT FROM series s CROSS JOIN LATERAL (
                   SELECT FROM reading r WHERE r.series_id = s.id AND r.time < %s LIMIT 1) old)
        FROM storage
        """,
        (now - LAGS_AFTER - GRACE,),
    ).fetchone()
    assert row is not None  # noqa: S101 - the migration puts the one row in
    late_before, oldest, due, old_readings = row
    if late_before is None:
        if not old_readings:
            return StorageState(grade, dt.timedelta(0), "nothing to roll up yet")
        return StorageState(grade, dt.timedelta.max, "never made: is 'shouwang maintain' running?")
    lag = max(full_hour(now - GRACE) - late_before, dt.timedelta(0))
    text = f"made up to {late_before:%Y-%m-%d %H:%M} UTC"
    if due:
        text += f"; {due:,} hours of series are due (again), the oldest of {oldest:%Y-%m-%d %H:%M}"
    if lag > LAGS_AFTER:
        text += f"; {lag // HOUR} hours behind: is 'shouwang maintain' running?"
    return StorageState(grade, lag, text)


def sizes(conn: psycopg.Connection[Any], grade: Grade) -> dict[str, int]:
    """Bytes with indexes: readings, and apart from them the roll-ups."""
    if grade is Grade.COMMUNITY:
        names = {"reading": "readings", "reading_minute": "minutes", "reading_hour": "hours"}
        query = "SELECT hypertable_size(%s::regclass)"
    else:
        names = {"reading": "readings", "rollup_minute": "minutes", "rollup_hour": "hours"}
        query = "SELECT pg_total_relation_size(%s::regclass)"
    found = {}
    for table, name in names.items():
        hypertable = grade is Grade.APACHE and table == "reading"
        row = conn.execute("SELECT hypertable_size(%s::regclass)" if hypertable else query, (table,)).fetchone()
        found[name] = int(row[0] or 0) if row else 0
    return found


def _policies(conn: psycopg.Connection[Any], now: dt.datetime) -> StorageState:
    rows = conn.execute(
        """
        SELECT nullif(s.last_successful_finish, '-infinity') FROM timescaledb_information.jobs j
        LEFT JOIN timescaledb_information.job_stats s USING (job_id)
        WHERE j.proc_name = 'policy_refresh_continuous_aggregate'
        """
    ).fetchall()
    done = [row[0] for row in rows if row[0] is not None]
    if len(done) < len(rows) or not rows:
        return StorageState(Grade.COMMUNITY, dt.timedelta(0), NOT_RUN_YET)
    lag = now - min(done)
    return StorageState(
        Grade.COMMUNITY, lag, f"by TimescaleDB's policies, last refreshed {min(done):%Y-%m-%d %H:%M} UTC"
    )
