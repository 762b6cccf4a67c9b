"""Make the roll-ups of the grades 'plain' and 'apache', in small transactions; the process may be killed in any.

``late_before`` (a full hour, in the table ``storage``) divides the readings. The views roll up later readings in each
query; earlier ones stand in ``rollup_minute`` and ``rollup_hour``, except for the hours listed in ``rollup_due``, which
the views roll up in each query, too. So the views are right before, between and after the steps, and late readings only
have to be listed, in the transaction that stores them.

Lock order: a transaction that stores readings holds STORING shared (``begin_storing()``); one that moves
``late_before`` or ``kept_from`` holds it exclusively, and is short. Nothing else here locks anything that ingest uses.
"""

import datetime as dt
from typing import Any

import psycopg

STORING = 0x53544F5245
"""'STORE': advisory lock of ``begin_storing()`` (migration 0040)."""
GRACE = dt.timedelta(minutes=5)
"""An hour is rolled up this long after its end; readings that come later are late."""
SERIES_A_STEP = 500
BACKLOG = 100_000
"""Hours of series due at which no further hour is added."""
LOCK_TIMEOUT = "2s"
"""Longest wait for a lock, because ingest waits behind us meanwhile: give up and try again."""
HOUR = dt.timedelta(hours=1)


def advance(conn: psycopg.Connection[Any], now: dt.datetime) -> bool:
    """Declare the next complete hour of every series to be due; False where there is none yet.

    Raises psycopg.errors.LockNotAvailable where a transaction takes long to store readings: try again.
    """
    target = full_hour(now - GRACE)
    row = conn.execute(
        "SELECT nullif(late_before, '-infinity') FROM storage"
        " WHERE late_before < %s AND (SELECT count(*) FROM (SELECT FROM rollup_due LIMIT %s) d) < %s",
        (target, BACKLOG, BACKLOG),
    ).fetchone()
    if row is None:
        return False
    with conn.transaction():
        lock_storing(conn)
        # None: nothing was ever rolled up. The lock keeps older readings from coming in meanwhile.
        hour = row[0] or _first_hour(conn) or target
        if hour >= target:
            conn.execute("UPDATE storage SET late_before = %s", (target,))
            return True
        conn.execute("INSERT INTO rollup_due (series_id, hour) SELECT id, %s FROM series", (hour,))
        conn.execute("UPDATE storage SET late_before = %s", (hour + HOUR,))
    return True


def roll_up(conn: psycopg.Connection[Any]) -> int:
    """Roll up the oldest hour that is due, of at most SERIES_A_STEP series; returns the number of series."""
    row = conn.execute(
        "SELECT min(hour), (SELECT kept_from FROM storage) > min(hour), (SELECT packed_before FROM storage) > min(hour)"
        " FROM rollup_due"
    ).fetchone()
    if row is None or row[0] is None:
        return 0
    hour, gone, packed = row
    rows = conn.execute(
        "SELECT DISTINCT series_id FROM rollup_due WHERE hour = %s ORDER BY series_id LIMIT %s", (hour, SERIES_A_STEP)
    ).fetchall()
    series = [row[0] for row in rows]
    # An hour whose readings are gone keeps the roll-ups it has.
    conn.execute(
        _FORGET if gone else _ROLL_UP_PACKED if packed else _ROLL_UP, {"hour": hour, "series": series, **_place(hour)}
    )
    return len(series)


def mark_due(conn: psycopg.Connection[Any], since: dt.datetime, until: dt.datetime) -> int:
    """Have the hours from ``since`` to ``until`` of every series rolled up anew from the stored readings.

    For programs that write into ``reading`` without ``begin_storing()``. Returns the number of hours.
    """
    row = conn.execute(
        """
        WITH hours AS (
            SELECT h FROM storage, generate_series(date_trunc('hour', %s::timestamptz, 'UTC'), %s, INTERVAL '1 hour') h
            WHERE h < late_before AND h >= kept_from
        ), added AS (INSERT INTO rollup_due (series_id, hour) SELECT id, h FROM series, hours)
        SELECT count(*) FROM hours
        """,
        (since, until - dt.timedelta(microseconds=1)),
    ).fetchone()
    return int(row[0]) if row else 0


def lock_storing(conn: psycopg.Connection[Any]) -> None:
    """Stop the storing of readings until this transaction ends. Raises psycopg.errors.LockNotAvailable."""
    conn.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'".encode())
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (STORING,))


def full_hour(time: dt.datetime) -> dt.datetime:
    """Round down to the beginning of the hour."""
    return time.replace(minute=0, second=0, microsecond=0)


def _place(hour: dt.datetime) -> dict[str, Any]:
    at = hour.astimezone(dt.UTC)
    return {"day": at.replace(hour=0), "of_day": at.hour}


def _first_hour(conn: psycopg.Connection[Any]) -> dt.datetime | None:
    # One index lookup for each series, since the table may hold years.
    row = conn.execute(
        """
        SELECT min(first.time) FROM series s CROSS JOIN LATERAL (
            SELECT r.time FROM reading_row r WHERE r.series_id = s.id ORDER BY r.time LIMIT 1) first
        """
    ).fetchone()
    return None if row is None or row[0] is None else full_hour(row[0].astimezone(dt.UTC))


_FORGET = "DELETE FROM rollup_due WHERE hour = %(hour)s AND series_id = ANY(%(series)s)"

# One statement, so one snapshot: a reading that it does not see has an entry in rollup_due that it does not delete.
_TEXT = """
WITH done AS (
    DELETE FROM rollup_due WHERE hour = %(hour)s AND series_id = ANY(%(series)s)
), minutes AS MATERIALIZED (
    SELECT series_id, floor(extract(epoch FROM time - %(hour)s) / 60)::smallint AS slot, count(*)::integer AS n,
           sum(value::double precision) AS total, min(value) AS low, max(value) AS high
    FROM {}
    GROUP BY 1, 2
), packs AS (
    INSERT INTO pack_due (series_id, day)
    SELECT unnest(%(series)s::integer[]), %(day)s FROM storage WHERE packed_before > %(hour)s
), minute_rows AS (
    INSERT INTO rollup_minute (series_id, hour, slot, n, mean, low, high)
    SELECT series_id, %(hour)s, array_agg(slot), array_agg(n), array_agg({MEAN_OF_MINUTE}), array_agg(low),
           array_agg(high)
    FROM (SELECT * FROM minutes ORDER BY series_id, slot) AS in_order GROUP BY series_id
    ON CONFLICT (series_id, hour) DO UPDATE SET slot = EXCLUDED.slot, n = EXCLUDED.n, mean = EXCLUDED.mean,
                                                low = EXCLUDED.low, high = EXCLUDED.high
), hours AS (
    SELECT series_id, %(of_day)s::smallint AS slot, sum(n)::integer AS n, {MEAN_OF_HOUR} AS mean,
           min(low) AS low, max(high) AS high
    FROM minutes GROUP BY series_id
), whole_days AS (
    SELECT * FROM hours
    UNION ALL
    SELECT p.series_id, other.*
    FROM rollup_hour p JOIN hours USING (series_id)
    CROSS JOIN LATERAL unnest(p.slot, p.n, p.mean, p.low, p.high) AS other (slot, n, mean, low, high)
    WHERE p.day = %(day)s AND other.slot <> %(of_day)s
)
INSERT INTO rollup_hour (series_id, day, slot, n, mean, low, high)
SELECT series_id, %(day)s, array_agg(slot), array_agg(n), array_agg(mean), array_agg(low), array_agg(high)
FROM (SELECT * FROM whole_days ORDER BY series_id, slot) AS in_order GROUP BY series_id
ON CONFLICT (series_id, day) DO UPDATE SET slot = EXCLUDED.slot, n = EXCLUDED.n, mean = EXCLUDED.mean,
                                           low = EXCLUDED.low, high = EXCLUDED.high
"""
# A mean of denormal values may be too small for float4, and the cast would raise an underflow: it is 0 then.
_MEAN = "(CASE WHEN abs({0}) <= 7.1e-46::double precision THEN 0 ELSE {0} END)::real"
_TEXT = _TEXT.replace("{MEAN_OF_MINUTE}", _MEAN.format("total / n")).replace(
    "{MEAN_OF_HOUR}", _MEAN.format("sum(total) / sum(n)")
)
_ROLL_UP = _TEXT.replace(
    "{}",
    "reading_row WHERE series_id = ANY(%(series)s) AND time >= %(hour)s AND time < %(hour)s + INTERVAL '1 hour'",
)
_ROLL_UP_PACKED = _TEXT.replace(
    "{}",
    "unnest(%(series)s::integer[]) AS one (series_id)"
    " CROSS JOIN LATERAL readings(one.series_id, %(hour)s, %(hour)s + INTERVAL '1 hour')",
)
"""Late readings of an hour that is packed: its day is packed again, too."""
