"""Tell the roll-ups and other systems about late readings, in the transaction that stores them.

Hours that were rolled up already are listed as due again, and no reading is stored for a time whose readings are
removed. At the grade 'community' TimescaleDB makes the roll-ups: ``begin_storing()`` then declares nothing late.
"""

from typing import Any

import msgspec
import numpy as np
import psycopg
from numpy.typing import NDArray

from vocabulary.times import HOUR_US, SECOND_US

LATE_US = 300 * SECOND_US
"""A reading that is stored so long after it was measured is written down as late."""
_NEVER_US = -(2**62)
_US = f"coalesce((extract(epoch FROM nullif({{}}, '-infinity')) * 1000000)::bigint, {_NEVER_US})"
_BEGIN = f"SELECT {_US.format('late_before')}, {_US.format('kept_from')} FROM begin_storing()".encode()  # noqa: S608


class Horizon(msgspec.Struct, frozen=True):
    """µs since 1970. Readings before ``late_before_us`` are late; before ``kept_from_us`` they cannot be stored."""

    late_before_us: int
    kept_from_us: int


def begin_storing(cursor: psycopg.Cursor[Any]) -> Horizon:
    """Read the horizon and hold it until the transaction ends; the first step of each that stores readings."""
    row = cursor.execute(_BEGIN).fetchone()
    assert row is not None  # noqa: S101 - the function gives one row
    return Horizon(*row)


def kept_from_us(conn: psycopg.Connection[Any]) -> int:
    """Read the earliest time that can be stored now, µs since 1970. ``conn``: in autocommit."""
    with conn.cursor() as cursor:
        return begin_storing(cursor).kept_from_us


def late_hours(
    times_us: NDArray[np.int64], series_ids: NDArray[np.int32], before_us: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Find the (series, hours in µs since 1970) of the readings before ``before_us``, each pair once; shape [n].

    Cheap where neighbours share series and hour, as in a batch clustered by series.
    """
    late = times_us < before_us
    keys = times_us[late] // HOUR_US << 32 | series_ids[late]
    new = np.ones(len(keys), np.bool_)
    new[1:] = keys[1:] != keys[:-1]
    pairs = np.unique(keys[new])
    return (pairs & 0xFFFFFFFF).astype(np.int32), (pairs >> 32) * HOUR_US


def note_late(
    cursor: psycopg.Cursor[Any], times_us: NDArray[np.int64], series_ids: NDArray[np.int32], horizon: Horizon
) -> None:
    """List the hours that have to be rolled up again because of these readings."""
    ids, hours_us = late_hours(times_us, series_ids, horizon.late_before_us)
    if len(ids):
        cursor.execute(
            "INSERT INTO rollup_due (series_id, hour)"
            " SELECT series_id, timestamptz 'epoch' + us * INTERVAL '1 microsecond'"
            " FROM unnest(%s::int[], %s::bigint[]) AS late (series_id, us)",
            (ids.tolist(), hours_us.tolist()),
        )


def note_arrivals(
    cursor: psycopg.Cursor[Any], times_us: NDArray[np.int64], series_ids: NDArray[np.int32], now_us: int
) -> None:
    """Write down which homes' readings came more than LATE_US after they were measured, and of which times.

    Other systems ask for what is new since a moment (``_since``): they get these, too. Cheap where nothing is late.
    """
    late = times_us < now_us - LATE_US
    if not late.any():
        return
    order = np.argsort(series_ids[late], kind="stable")
    ids, times = series_ids[late][order], times_us[late][order]
    begins = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
    cursor.execute(
        """
        INSERT INTO late_arrival AS kept (gateway_id, arrived, first, last)
        SELECT d.gateway_id, date_bin('15 minutes', now(), timestamptz 'epoch'),
               min(timestamptz 'epoch' + n.first * INTERVAL '1 microsecond'),
               max(timestamptz 'epoch' + n.last * INTERVAL '1 microsecond')
        FROM unnest(%s::int[], %s::bigint[], %s::bigint[]) AS n (series_id, first, last)
        JOIN series s ON s.id = n.series_id JOIN device d ON d.id = s.device_id
        GROUP BY d.gateway_id ORDER BY d.gateway_id
        ON CONFLICT (gateway_id, arrived)
        DO UPDATE SET first = least(kept.first, EXCLUDED.first), last = greatest(kept.last, EXCLUDED.last)
        WHERE kept.first > EXCLUDED.first OR kept.last < EXCLUDED.last
        """,
        (
            ids[begins].tolist(),
            np.minimum.reduceat(times, begins).tolist(),
            np.maximum.reduceat(times, begins).tolist(),
        ),
    )
