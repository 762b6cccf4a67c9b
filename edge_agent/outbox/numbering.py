"""Sequence numbers: epochs, and in each epoch one count per stream that rises by one."""

import secrets
from collections.abc import Mapping

import msgspec

from edge_agent.outbox.file import Row
from edge_agent.timekeeping.clock import Clock


class Numbering:
    """The numbers of one epoch. ``last``: the last number given, by stream; it is updated in place."""

    def __init__(self, epoch: int, last: dict[str, int]) -> None:
        self.epoch, self._last = epoch, last

    def number(self, row: Row, stream: str, shifts: Mapping[int, int]) -> Row:
        """The row with the next number of the stream, its time corrected by the shift (µs) of its boot."""
        seq = self._last[stream] = self._last.get(stream, 0) + 1
        made_us = max(0, row.made_us + shifts.get(row.boot, 0))
        return msgspec.structs.replace(row, made_us=made_us, epoch=self.epoch, stream=stream, seq=seq)


def new_epoch(clock: Clock, previous: int) -> int:
    """The time plus a random part of a second, never ``previous``: a clock that wakes twice at the same time begins two
    different epochs."""
    drawn = clock.now_us() + secrets.randbelow(1_000_000)
    return drawn if drawn != previous else drawn + 1


def id_without_file(clock: Clock) -> int:
    """The id behind which a process counts that cannot read its file: above all that a file counts, and rising with the
    time; the random part keeps two starts apart whose clock begins at the same time, as that of a gateway without a
    battery does."""
    return (1 << 62) + (clock.now_us() // 1_000_000 << 30) + secrets.randbelow(1 << 29)
