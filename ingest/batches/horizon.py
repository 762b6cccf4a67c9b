"""What storing readings owes to the roll-ups: late hours are listed in the same transaction, and nothing is stored for
a time whose readings are gone. Where TimescaleDB keeps the roll-ups nothing is ever late: the database says so."""

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
    """µs since 1970. Readings before ``late_before_us`` are late; before ``kept_from_us`` they can not be stored."""

    late_before_us: int
    kept_from_us: int


def begin_storing(cursor: psycopg.Cursor[Any]) -> Horizon:
    """Call it first in a transaction that stores readings: until its end the horizon stays."""
    row = cursor.execute(_BEGIN).fetchone()
    assert row is not None  # noqa: S101 - the function gives one row
    return Horizon(*row)


def kept_from_us(conn: psycopg.Connection[Any]) -> int:
    """The earliest time that can be stored now, µs since 1970. ``conn``: in autocommit."""
    with conn.cursor() as cursor:
        return begin_storing(cursor).kept_from_us


def late_hours(
    times_us: NDArray[np.int64], series_ids: NDArray[np.int32], before_us: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """(series, hours in µs since 1970) of the readings before ``before_us``, each pair once; all of shape [n].

    Cheap where neighbours share series and hour, as they do in a batch clustered by series.
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
