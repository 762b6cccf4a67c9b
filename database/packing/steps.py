"""Pack the readings of days that ended a day ago, at the grades 'plain' and 'apache', in small transactions.

``packed_before`` (a midnight UTC, in the table ``storage``) divides the readings: what is older is packed, or its
series and day stand in ``pack_due``. A step takes the loose rows of some series and a day out of ``reading_row``, and
what is packed of them already, and stores both as new packs, in one transaction: a reading is in exactly one place at
any moment, and none that comes meanwhile is lost. Late readings come back by way of ``rollup_due``: who rolls their
hour up lists their day.

Not sooner than after a day: what most pages ask for, the newest of the last day, is then never in a pack.
"""

import datetime as dt
from typing import Any

import numpy as np
import psycopg

from database.grade import Grade
from database.packing.form import COPY_PACKS, copy_row, packs_of
from database.rollup import LOCK_TIMEOUT

AFTER = dt.timedelta(days=1)
"""A day is packed when it ended this long ago."""
SERIES_A_STEP = 100
READINGS_A_STEP = 1_000_000
"""About the most that a step has in memory, but for a single series: a day of a dozen that speak each second."""
TRIES = 3
_DAY = dt.timedelta(days=1)
_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"
_POSTGRES_EPOCH_US = 946_684_800_000_000


def border(now: dt.datetime) -> dt.datetime:
    """The midnight (UTC) before which readings are packed at ``now``."""
    return (now - AFTER).astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def advance(conn: psycopg.Connection[Any], now: dt.datetime) -> bool:
    """Declare the next day of every series to be packed; False where none is ready: ended, and rolled up."""
    row = conn.execute(
        "SELECT nullif(packed_before, '-infinity') FROM storage WHERE packed_before < %(border)s"
        " AND late_before >= %(border)s AND NOT EXISTS (SELECT FROM pack_due)",
        {"border": border(now)},
    ).fetchone()
    if row is None:
        return False
    day = row[0] or _first_day(conn)
    with conn.transaction():
        if day is None or day >= border(now):
            conn.execute("UPDATE storage SET packed_before = %s", (border(now),))
            return False
        if conn.execute("SELECT FROM rollup_due WHERE hour < %s LIMIT 1", (day + _DAY,)).fetchone() is not None:
            return False
        conn.execute("INSERT INTO pack_due (series_id, day) SELECT id, %s FROM series", (day,))
        conn.execute("UPDATE storage SET packed_before = %s", (day + _DAY,))
    return True


def list_due(conn: psycopg.Connection[Any], series: list[int], since: dt.datetime, until: dt.datetime) -> None:
    """Have the days of these series between two times packed again; for programs that write old readings."""
    conn.execute(
        """
        INSERT INTO pack_due (series_id, day)
        SELECT s.id, d.day FROM storage, unnest(%s::int[]) s (id),
             generate_series(date_trunc('day', %s::timestamptz, 'UTC'), %s, INTERVAL '24 hours') d (day)
        WHERE d.day < packed_before AND d.day >= kept_from
        """,
        (series, since, until),
    )


def pack_some(conn: psycopg.Connection[Any]) -> int:
    """Pack the oldest day that is due, some series and about READINGS_A_STEP readings; returns the number of series."""
    row = conn.execute("SELECT min(day), (SELECT kept_from FROM storage) > min(day) FROM pack_due").fetchone()
    if row is None or row[0] is None:
        return 0
    day, gone = row
    rows = conn.execute(_WHICH, {"day": day, "series": SERIES_A_STEP, "readings": READINGS_A_STEP}).fetchall()
    values = {"series": [row[0] for row in rows], "day": day, "end": day + _DAY}
    if gone:  # retention takes what there is
        conn.execute(_FORGET, values)
        return len(rows)
    for more in reversed(range(TRIES)):
        try:
            _pack(conn, values)
            break
        except psycopg.errors.SerializationFailure:  # somebody erased readings of these meanwhile
            if not more:
                raise
    return len(rows)


def _pack(conn: psycopg.Connection[Any], values: dict[str, Any]) -> None:
    with conn.transaction(), conn.cursor(binary=True) as cursor:
        # One snapshot for all statements: a late reading that they do not see has an entry that they do not delete,
        # and where another transaction deleted what they see, this one fails.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(_PAGES_IN_ORDER)
        taken = cursor.execute(_ROWS, values).fetchall() + cursor.execute(_PACKED, values).fetchall()
        for forget in (_FORGET, _FORGET_ROWS, _FORGET_PACKS):
            cursor.execute(forget, values)
        packs = [copy_row(*one) for one in _packs(taken)]
        if packs:
            with cursor.copy(COPY_PACKS.encode()) as copy:
                copy.write(_HEADER)
                copy.write(b"".join(packs))
                copy.write(_TRAILER)


def drop_empty(conn: psycopg.Connection[Any], grade: Grade) -> int:
    """Drop the chunks that packing left empty; returns their number. Raises psycopg.errors.LockNotAvailable."""
    if grade is not Grade.APACHE:
        return 0
    with conn.transaction():
        conn.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'".encode())
        row = conn.execute("SELECT drop_packed_chunks()").fetchone()
        return int(row[0]) if row else 0


def _packs(taken: list[tuple[int, bytes, bytes]]) -> Any:
    if not taken:
        return ()
    taken.sort(key=lambda of_series: of_series[0])
    counts = [len(values) // 4 for _, _, values in taken]
    series = np.repeat(np.array([one for one, _, _ in taken], np.int32), counts)
    times = np.frombuffer(b"".join(times for _, times, _ in taken), ">i8").astype(np.int64) + _POSTGRES_EPOCH_US
    return packs_of(series, times, np.frombuffer(b"".join(values for *_, values in taken), ">f4").astype(np.float32))


def _first_day(conn: psycopg.Connection[Any]) -> dt.datetime | None:
    # One index lookup for each series: the table may hold months.
    row = conn.execute(
        """
        SELECT date_trunc('day', min(first.time), 'UTC') FROM series s CROSS JOIN LATERAL (
            SELECT r.time FROM reading_row r WHERE r.series_id = s.id ORDER BY r.time LIMIT 1) first
        """
    ).fetchone()
    return None if row is None or row[0] is None else row[0].astimezone(dt.UTC)


# Those with as many readings as a step may take, as the roll-ups of the day count them.
_WHICH = """
SELECT series_id FROM (
    SELECT d.series_id, sum(d.n) OVER (ORDER BY d.series_id) - d.n AS before
    FROM (SELECT s.series_id, coalesce((SELECT sum(one) FROM rollup_hour h, unnest(h.n) one
                                        WHERE h.series_id = s.series_id AND h.day = %(day)s), 0) AS n
          FROM (SELECT DISTINCT series_id FROM pack_due WHERE day = %(day)s ORDER BY series_id LIMIT %(series)s) s) d
) counted WHERE before < %(readings)s ORDER BY series_id
"""
_FORGET = "DELETE FROM pack_due WHERE day = %(day)s AND series_id = ANY(%(series)s)"

# The rows of a step lie all over the pages of a day: each page is visited once, not once for each row, and what is read
# and what is deleted are two statements: a DELETE … RETURNING keeps its rows aside, at twice the cost of both.
_PAGES_IN_ORDER = "SELECT set_config('enable_indexscan', 'off', true), set_config('work_mem', '64MB', true)"
# Columns as bytes, a row for each series: a row for each reading would cost ten times as much on its way.
_ROWS = """
SELECT series_id, string_agg(timestamptz_send(time), ''), string_agg(float4send(value), '')
FROM reading_row WHERE series_id = ANY(%(series)s) AND time >= %(day)s AND time < %(end)s GROUP BY series_id
"""
_PACKED = """
SELECT p.series_id, string_agg(timestamptz_send(pack_time(p.since, p.unit, u.place, u.t2, u.t4, p.turns)), ''),
       string_agg(float4send(pack_value(p.low, p.step, p.scale, u.v1, u.v2, u.v4)), '')
FROM reading_pack p
CROSS JOIN LATERAL unnest(p.t2, p.t4, p.v1, p.v2, p.v4) WITH ORDINALITY AS u (t2, t4, v1, v2, v4, place)
WHERE p.series_id = ANY(%(series)s) AND p.since >= %(day)s AND p.since < %(end)s GROUP BY p.series_id
"""
_FORGET_ROWS = "DELETE FROM reading_row WHERE series_id = ANY(%(series)s) AND time >= %(day)s AND time < %(end)s"
_FORGET_PACKS = "DELETE FROM reading_pack WHERE series_id = ANY(%(series)s) AND since >= %(day)s AND since < %(end)s"
