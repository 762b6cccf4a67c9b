"""Tell the roll-ups about late readings, in the transaction that stores them.

Hours that were rolled up already are listed as due again, and no reading is stored for a time whose readings are
removed. At the grade 'community' TimescaleDB makes the roll-ups: ``begin_storing()`` then declares nothing late.
"""

from typing import Any

import msgspec
import numpy as np
import psycopg
from numpy.typing import NDArray

from vocabulary.times import HOUR_US

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
