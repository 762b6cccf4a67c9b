"""Store rows without sequence numbers, each once: rows of the same series and time are the same reading."""

from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from ingest.batches.senml_rows import SenmlRow, SenmlRows, refusal_of
from ingest.quarantine.refusals import Code, Refusal
from ingest.storing import rows as copy_format

LOCK_SPACE = 0x53454E4D  # "SENM"
NO_GATEWAY = 0
"""Stands for a gateway in the lock of :func:`stored_before`, which is not one gateway's."""
ARRIVALS_KEPT = "7 days"


def store(cursor: psycopg.Cursor[Any], senml: SenmlRows) -> tuple[int, list[Refusal]]:
    """Store the rows that are not stored yet, in the caller's transaction.

    Returns how many were stored, and a refusal for each row that contradicts another value for its series and time,
    stored before or earlier in the same batch.
    """
    # One transaction at a time for a gateway: two that look at once would both find nothing.
    for gateway_id in sorted(senml.gateways):
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", (LOCK_SPACE, gateway_id))
    stored_values = _stored_values(cursor, senml.rows)
    fresh: list[SenmlRow] = []
    refusals: list[Refusal] = []
    for row in senml.rows:
        stored = stored_values.get((row.series_id, row.time_us))
        if stored is None:
            stored_values[row.series_id, row.time_us] = row.value
            fresh.append(row)
        elif stored != row.value:
            text = (
                f"{row.record.name}: {stored:g} is stored for this time already: two sources, or a clock that stands?"
            )
            refusals.append(refusal_of(row.topic, [row.record], Code.CONTRADICTION, text))
    if fresh:
        data = copy_format.readings(
            np.array([row.time_us for row in fresh], np.int64),
            np.array([row.series_id for row in fresh], np.int32),
            np.array([row.value for row in fresh], np.float32),
        )
        with cursor.copy(copy_format.copy_readings(cursor.connection).encode()) as copy:
            copy.write(copy_format.HEADER + data + copy_format.TRAILER)
    _store_arrivals(cursor, senml.arrivals)
    return len(fresh), refusals


def stored_before(
    cursor: psycopg.Cursor[Any], times_us: NDArray[np.int64], series_ids: NDArray[np.int32], values: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Find which of these readings (columns of shape [n], n > 0, times in µs since 1970) are stored already.

    Holds a lock until the caller's transaction ends, so that its answer stays true.
    """
    cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", (LOCK_SPACE, NO_GATEWAY))
    places = cursor.execute(
        # The bounds spare the planner the chunks outside them.
        """
        SELECT n.place - 1
        FROM unnest(%s::int[], %s::bigint[], %s::real[]) WITH ORDINALITY AS n(series_id, us, value, place)
        WHERE EXISTS (
            SELECT FROM readings(n.series_id, timestamptz 'epoch' + n.us * interval '1 microsecond',
                                 timestamptz 'epoch' + (n.us + 1) * interval '1 microsecond') r
            WHERE r.value = n.value
            AND r.time BETWEEN timestamptz 'epoch' + %s * interval '1 microsecond'
                           AND timestamptz 'epoch' + %s * interval '1 microsecond')
        """,
        (series_ids.tolist(), times_us.tolist(), values.tolist(), int(times_us.min()), int(times_us.max())),
    ).fetchall()
    stored = np.zeros(len(times_us), np.bool_)
    stored[[place for (place,) in places]] = True
    return stored


def _stored_values(cursor: psycopg.Cursor[Any], rows: list[SenmlRow]) -> dict[tuple[int, int], float]:
    if not rows:
        return {}
    times = [row.time_us for row in rows]
    rows_ = cursor.execute(
        # The bounds spare the planner the chunks outside them.
        """
        SELECT n.series_id, (extract(epoch FROM r.time) * 1000000)::bigint, r.value
        FROM unnest(%s::int[], %s::bigint[]) AS n(series_id, us)
        CROSS JOIN LATERAL readings(n.series_id, timestamptz 'epoch' + n.us * interval '1 microsecond',
                                    timestamptz 'epoch' + (n.us + 1) * interval '1 microsecond') r
        WHERE r.time BETWEEN timestamptz 'epoch' + %s * interval '1 microsecond'
                         AND timestamptz 'epoch' + %s * interval '1 microsecond'
        """,
        ([row.series_id for row in rows], times, min(times), max(times)),
    ).fetchall()
    return {(series_id, time_us): float(np.float32(value)) for series_id, time_us, value in rows_}


def _store_arrivals(cursor: psycopg.Cursor[Any], arrivals: dict[tuple[int, bytes], int]) -> None:
    if not arrivals:
        return
    cursor.executemany(
        """
        INSERT INTO senml_arrival (gateway_id, sha256, arrived_at)
        VALUES (%s, %s, timestamptz 'epoch' + %s * interval '1 microsecond')
        ON CONFLICT (gateway_id, sha256) DO UPDATE SET arrived_at = EXCLUDED.arrived_at
        """,
        [(gateway_id, digest, at) for (gateway_id, digest), at in sorted(arrivals.items())],
    )
    cursor.execute(f"DELETE FROM senml_arrival WHERE arrived_at < now() - INTERVAL '{ARRIVALS_KEPT}'")  # noqa: S608
