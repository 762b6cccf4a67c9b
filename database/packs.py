"""Encode roll-ups of readings as binary COPY data for ``rollup_minute`` and ``rollup_hour`` (migration 0040).

For readings that are loaded in bulk with their roll-ups. Array format by PostgreSQL's ``array_send``: int32 dimensions,
flags, element type; per dimension int32 length and lower bound; per element int32 length and its bytes, big-endian.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from vocabulary.times import HOUR_US, MINUTE_US

COPY_MINUTES = "COPY rollup_minute (series_id, hour, slot, n, mean, low, high) FROM STDIN (FORMAT BINARY)"
COPY_HOURS = "COPY rollup_hour (series_id, day, slot, n, mean, low, high) FROM STDIN (FORMAT BINARY)"

_POSTGRES_EPOCH_US = 946_684_800_000_000
"""2000-01-01 UTC in µs since 1970."""
_ELEMENTS: dict[str, tuple[int, str]] = {
    "slot": (21, ">i2"),
    "n": (23, ">i4"),
    "mean": (700, ">f4"),
    "low": (700, ">f4"),
    "high": (700, ">f4"),
}
"""Oid and byte format of each column's elements: int2, int4, float4."""


class Buckets(msgspec.Struct):
    """Roll-ups in columns of shape [n], ordered by series and time; ``time_us``: beginning of each, µs since 1970."""

    series_id: NDArray[np.int32]
    time_us: NDArray[np.int64]
    n: NDArray[np.int64]
    total: NDArray[np.float64]
    low: NDArray[np.float32]
    high: NDArray[np.float32]


def minutes(series_id: NDArray[np.int32], time_us: NDArray[np.int64], value: NDArray[np.float32]) -> Buckets:
    """Roll up readings, ordered by series and time, by the minute."""
    one = np.ones(len(time_us), np.int64)
    return _merged(Buckets(series_id, time_us, one, value.astype(np.float64), value, value), MINUTE_US)


def hours(minute_buckets: Buckets) -> Buckets:
    """Roll up minutes by the hour."""
    return _merged(minute_buckets, HOUR_US)


def copy_rows(buckets: Buckets, slot_us: int, pack_us: int) -> Iterator[bytes]:
    """Encode rows of COPY_MINUTES (MINUTE_US, HOUR_US) or COPY_HOURS (HOUR_US, DAY_US), without header and trailer."""
    pack = buckets.time_us // pack_us
    starts = np.flatnonzero(_changes(buckets.series_id, pack))
    sizes = np.diff(starts, append=len(pack))
    columns: dict[str, NDArray[Any]] = {
        "slot": buckets.time_us % pack_us // slot_us,
        "n": buckets.n,
        "mean": buckets.total / buckets.n,
        "low": buckets.low,
        "high": buckets.high,
    }
    # Rows of one size are one array of fixed layout: no loop over rows.
    for size in np.unique(sizes).tolist():
        first = starts[sizes == size]
        inside = first[:, None] + np.arange(size)
        rows = np.zeros(len(first), _layout(size))
        rows["fields"] = 7
        rows["series_bytes"], rows["series_id"] = 4, buckets.series_id[first]
        rows["time_bytes"], rows["time"] = 8, pack[first] * pack_us - _POSTGRES_EPOCH_US
        for name, (oid, kind) in _ELEMENTS.items():
            array, width = rows[name], np.dtype(kind).itemsize
            array["bytes"], array["dimensions"], array["oid"] = 20 + size * (4 + width), 1, oid
            array["length"], array["lower"] = size, 1
            array["items"]["bytes"], array["items"]["value"] = width, columns[name][inside]
        yield rows.tobytes()


def _merged(buckets: Buckets, width_us: int) -> Buckets:
    at = buckets.time_us // width_us * width_us
    starts = np.flatnonzero(_changes(buckets.series_id, at))
    if not len(starts):
        return buckets
    return Buckets(
        buckets.series_id[starts],
        at[starts],
        np.add.reduceat(buckets.n, starts),
        np.add.reduceat(buckets.total, starts),
        np.minimum.reduceat(buckets.low, starts),
        np.maximum.reduceat(buckets.high, starts),
    )


def _changes(series_id: NDArray[np.int32], at: NDArray[np.int64]) -> NDArray[np.bool_]:
    changes = np.ones(len(at), np.bool_)
    changes[1:] = (series_id[1:] != series_id[:-1]) | (at[1:] != at[:-1])
    return changes


def _layout(size: int) -> np.dtype[np.void]:
    fields: list[tuple[str, Any]] = [
        ("fields", ">i2"),
        ("series_bytes", ">i4"),
        ("series_id", ">i4"),
        ("time_bytes", ">i4"),
        ("time", ">i8"),
    ]
    head = [(name, ">i4") for name in ("bytes", "dimensions", "flags", "oid", "length", "lower")]
    for name, (_, kind) in _ELEMENTS.items():
        fields.append((name, np.dtype([*head, ("items", [("bytes", ">i4"), ("value", kind)], (size,))])))
    return np.dtype(fields)
