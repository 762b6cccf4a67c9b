"""Pack readings of a series into the columns of ``reading_pack`` (migration 0442), and encode them as binary COPY data.

A pack holds at most MOST readings of one series and one day (UTC), in order of time. Times are multiples of ``unit`` µs
after the first; values are ``(low + step * place) / scale`` where that gives each stored value back bit by bit, and the
values themselves where it does not. SQL unpacks them (``readings()``): an ``unnest`` of arrays, no loop.
"""

import struct
from collections.abc import Iterator
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from vocabulary.times import DAY_US

COPY_PACKS = (
    "COPY reading_pack (series_id, since, until, n, unit, low, step, scale, t2, t4, turns, v1, v2, v4)"
    " FROM STDIN (FORMAT BINARY)"
)
MOST = 4096
"""Readings of a pack: who asks for an hour of a series that speaks each second unpacks little more than that hour."""
SCALES = (1, 10, 100, 1000)
_SPAN2, _SPAN4 = 2**16, 2**32
_POSTGRES_EPOCH_US = 946_684_800_000_000
"""2000-01-01 UTC in µs since 1970."""
_HEAD = struct.Struct(">hiiiqiqiiiqidiiii")
_KINDS = {"t2": (21, ">i2"), "t4": (23, ">i4"), "turns": (23, ">i4"), "v1": (18, "i1"), "v2": (21, ">i2"),
          "v4": (700, ">f4")}  # fmt: skip
"""Oid and byte format of each column's elements: int2, int4, "char" (a signed byte), float4."""
_NULL = struct.pack(">i", -1)


class Pack(msgspec.Struct):
    """A row of ``reading_pack``; ``since_us``, ``until_us``: first and last time, µs since 1970; arrays: in its order.

    Time of a reading: ``since_us + unit * offset``, its offset ``t2 + 2**15``, or ``t4 + 2**31 + 2**32`` for each of
    ``turns`` (places, from 1) up to it, or its place where there is neither. Its value: ``v4``, or
    ``(low + step * x) / scale`` as float32, ``x`` being ``v1 + 2**7``, ``v2 + 2**15``, or 0 where there is neither.
    """

    since_us: int
    until_us: int
    n: int
    unit: int
    low: float = 0.0
    step: int = 1
    scale: int = 1
    t2: NDArray[np.int16] | None = None
    t4: NDArray[np.int32] | None = None
    turns: NDArray[np.int32] | None = None
    v1: NDArray[np.int8] | None = None
    v2: NDArray[np.int16] | None = None
    v4: NDArray[np.float32] | None = None


def packs_of(
    series_id: NDArray[np.int32], time_us: NDArray[np.int64], value: NDArray[np.float32]
) -> Iterator[tuple[int, Pack]]:
    """Pack readings (columns of shape [n], in any order; µs since 1970): yields the series and each of its packs."""
    changed = np.diff(series_id) != 0
    if (np.diff(series_id)[changed] < 0).any() or (np.diff(time_us)[~changed] < 0).any():  # seldom: as they were stored
        order = np.lexsort((time_us, series_id))
        series_id, time_us, value = series_id[order], time_us[order], value[order]
        changed = np.diff(series_id) != 0
    changes = np.flatnonzero(changed | (np.diff(time_us // DAY_US) != 0)) + 1
    borders = [0, *changes.tolist(), len(time_us)]
    for first, behind in pairwise(borders):
        for at in range(first, behind, MOST):
            end = min(at + MOST, behind)
            yield int(series_id[at]), pack(time_us[at:end], value[at:end])


def pack(time_us: NDArray[np.int64], value: NDArray[np.float32]) -> Pack:
    """Pack readings of one series, n > 0, in order of time, all of one day."""
    offset = time_us - time_us[0]
    unit = max(int(np.gcd.reduce(offset)), 1)
    made = Pack(since_us=int(time_us[0]), until_us=int(time_us[-1]), n=len(time_us), unit=unit)
    _pack_values(made, value)
    _pack_times(made, offset // unit)
    return made


def copy_row(series_id: int, made: Pack) -> bytes:
    """Encode a row of COPY_PACKS, without header and trailer."""
    since, until = made.since_us - _POSTGRES_EPOCH_US, made.until_us - _POSTGRES_EPOCH_US
    parts = [
        _HEAD.pack(
            14, 4, series_id, 8, since, 8, until, 4, made.n, 8, made.unit, 8, made.low, 4, made.step, 4, made.scale
        )
    ]
    for name, (oid, kind) in _KINDS.items():
        array = getattr(made, name)
        if array is None:
            parts.append(_NULL)
            continue
        width = np.dtype(kind).itemsize
        items = np.empty(len(array), [("bytes", ">i4"), ("value", kind)])
        items["bytes"], items["value"] = width, array
        parts += [struct.pack(">iiiiii", 20 + items.nbytes, 1, 0, oid, len(array), 1), items.tobytes()]
    return b"".join(parts)


def _pack_times(made: Pack, offset: NDArray[np.int64]) -> None:
    if int(offset[-1]) < _SPAN2:
        varied = made.v1 is not None or made.v2 is not None or made.v4 is not None
        # evenly spaced: the place says the time, where an array of values has places
        if not varied or not np.array_equal(offset, np.arange(made.n)):
            made.t2 = (offset - _SPAN2 // 2).astype(np.int16)
        return
    made.t4 = (offset % _SPAN4 - _SPAN4 // 2).astype(np.int32)
    if int(offset[-1]) >= _SPAN4:
        made.turns = (np.searchsorted(offset, np.arange(_SPAN4, int(offset[-1]) + 1, _SPAN4)) + 1).astype(np.int32)


def _pack_values(made: Pack, value: NDArray[np.float32]) -> None:
    exact = value.astype(np.float64)
    if np.isfinite(exact).all() and np.abs(exact).max() < 2**31:
        for scale in SCALES:
            scaled = np.rint(exact * scale)
            low = scaled.min()
            places = (scaled - low).astype(np.int64)
            step = int(np.gcd.reduce(places))
            if step == 0:
                places, step = places, 1
            places //= step
            most = int(places.max())
            # as SQL does it: in float64, then rounded to float32; a zero's sign must stay, too
            back = ((low + float(step) * places) / scale).astype(np.float32)
            if most < _SPAN2 and step < 2**31 and np.array_equal(back.view(np.int32), value.view(np.int32)):
                made.low, made.step, made.scale = float(low), step, scale
                if 0 < most < 256:
                    made.v1 = (places - 128).astype(np.int8)
                elif most:
                    made.v2 = (places - _SPAN2 // 2).astype(np.int16)
                return
    made.v4 = value
