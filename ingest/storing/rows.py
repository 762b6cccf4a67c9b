"""Encode readings in PostgreSQL's binary COPY format, from columns, without a loop over rows.

Format: PostgreSQL documentation, COPY, "Binary Format": an 11-byte signature, two int32 (flags, header extension), per
row an int16 field count and per field an int32 length and its bytes, an int16 -1 at the end; all big-endian.
A timestamptz is an int64: µs since 2000-01-01.
"""

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import psycopg
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
POSTGRES_EPOCH_US = 946_684_800_000_000
"""2000-01-01 UTC in µs since 1970."""

ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("time_length", ">i4"),
        ("time", ">i8"),
        ("series_length", ">i4"),
        ("series_id", ">i4"),
        ("value_length", ">i4"),
        ("value", ">f4"),
    ]
)
"""A row of :func:`copy_readings`, and of ``COPY … TO STDOUT`` of the same columns."""
_TARGETS: WeakKeyDictionary[psycopg.Connection[Any], str] = WeakKeyDictionary()


def copy_readings(conn: psycopg.Connection[Any]) -> str:
    """Make the statement that stores readings: into ``reading_row``, or ``reading`` where TimescaleDB compresses it."""
    target = _TARGETS.get(conn)
    if target is None:
        row = conn.execute("SELECT to_regclass('reading_row') IS NOT NULL").fetchone()
        target = _TARGETS[conn] = "reading_row" if row is not None and row[0] else "reading"
    return f"COPY {target} (time, series_id, value) FROM STDIN (FORMAT BINARY)"


def readings(times_us: NDArray[np.int64], series_ids: NDArray[np.int32], values: NDArray[np.float32]) -> bytes:
    """Encode rows to copy, without header and trailer; columns of shape [n], times in µs since 1970."""
    rows = np.empty(len(times_us), ROW)
    rows["fields"] = 3
    rows["time_length"] = 8
    rows["time"] = times_us - POSTGRES_EPOCH_US
    rows["series_length"] = 4
    rows["series_id"] = series_ids
    rows["value_length"] = 4
    rows["value"] = values
    return rows.tobytes()
