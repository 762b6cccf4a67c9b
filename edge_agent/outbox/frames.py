"""Collect readings in columns and cut frames from them. No clock, no I/O."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from firmware_profiles import wire

MAX_READINGS = 4096
"""Readings in one frame at most: 32 KiB of columns."""
_LONGEST_US = 0xFFFFFFFF * 1000


class FrameCutter:
    """Collects readings and cuts them into frames; the order within a series is kept."""

    def __init__(self) -> None:
        self._columns: dict[tuple[str, str], list[tuple[NDArray[np.int64], NDArray[np.float32]]]] = {}

    def add(self, device: str, channel: str, times_us: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        """Add readings of one channel, shapes [n] and [n]. Raises ValueError where the shapes differ."""
        times, numbers = np.asarray(times_us, np.int64), np.asarray(values, np.float32)
        if times.shape != numbers.shape or times.ndim != 1:
            raise ValueError(f"{device}/{channel}: {times.shape} times and {numbers.shape} values")
        if times.size:
            self._columns.setdefault((device, channel), []).append((times, numbers))

    def cut(self) -> Iterator[tuple[int, list[wire.Series]]]:
        """(base time, series) of each frame with the readings added since the last cut."""
        columns, self._columns = self._columns, {}
        pieces = [
            (device, channel, np.concatenate([t for t, _ in parts]), np.concatenate([v for _, v in parts]))
            for (device, channel), parts in columns.items()
        ]
        pending: list[tuple[str, str, NDArray[np.int64], NDArray[np.float32]]] = []
        size = 0
        for device, channel, times, values in pieces:
            for part in _parts(times):
                piece = (device, channel, times[part], values[part])
                if size + len(piece[2]) > MAX_READINGS or _span(pending, piece) > _LONGEST_US:
                    if pending:
                        yield _frame(pending)
                    pending, size = [], 0
                pending.append(piece)
                size += len(piece[2])
        if pending:
            yield _frame(pending)


def _parts(times: NDArray[np.int64]) -> Iterator[slice]:
    """Consecutive parts that fit into a frame: not too many readings, and not too far apart (a meter's memory holds
    months)."""
    begin = 0
    while begin < len(times):
        piece = times[begin : begin + MAX_READINGS]
        apart = np.maximum.accumulate(piece) - np.minimum.accumulate(piece) > _LONGEST_US
        end = begin + (int(apart.argmax()) if apart.any() else len(piece))
        yield slice(begin, end)
        begin = end


_Piece = tuple[str, str, NDArray[np.int64], NDArray[np.float32]]


def _span(pieces: list[_Piece], new: _Piece) -> int:
    times = [piece[2] for piece in (*pieces, new)]
    return int(max(t.max() for t in times) - min(t.min() for t in times))


def _frame(pieces: list[_Piece]) -> tuple[int, list[wire.Series]]:
    base = int(min(piece[2].min() for piece in pieces))
    return base, [wire.make_series(d, c, base, t, v) for d, c, t, v in pieces]
