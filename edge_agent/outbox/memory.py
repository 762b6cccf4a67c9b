"""The outbox's fallback while the disk takes nothing: the newest messages, in memory only."""

from collections.abc import Container, Iterator, Mapping

from edge_agent.outbox.file import Lane, Row
from edge_agent.outbox.numbering import Numbering, new_epoch
from edge_agent.timekeeping.clock import Clock

CAPACITY: dict[Lane, int] = {"events": 256, "frames": 300}
"""Messages kept at most, beside those that were handed out."""


class MemoryFallback:
    """Rows in the order of putting, numbered in an epoch of their own that no file knows.

    That epoch lasts as long as the process: numbers given here are never given again, even after the file is back.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[int, Row] = {}
        self._numbering: Numbering | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def __contains__(self, id_: int) -> bool:
        return id_ in self._rows

    def epoch(self, file_epoch: int) -> int:
        """The epoch of the numbers given here; it is drawn at the first use and differs from the file's."""
        return self._own_numbering(file_epoch).epoch

    def number(self, row: Row, stream: str, shifts: Mapping[int, int], file_epoch: int) -> Row:
        """The row with its number; a row that is kept here keeps it."""
        numbered = self._own_numbering(file_epoch).number(row, stream, shifts)
        if row.id in self._rows:
            self._rows[row.id] = numbered
        return numbered

    def add(self, row: Row, handed_out: Container[int]) -> Row | None:
        """Keep a row. The oldest of its lane that was not handed out is given up, and returned, beyond CAPACITY."""
        self._rows[row.id] = row
        waiting = self.waiting(row.lane, handed_out)
        return self._rows.pop(waiting[0].id) if len(waiting) > CAPACITY[row.lane] else None

    def waiting(self, lane: Lane, handed_out: Container[int]) -> list[Row]:
        """The rows of a lane that were not handed out."""
        return [row for row in self._rows.values() if row.lane == lane and row.id not in handed_out]

    def numbers(self, epoch: int, stream: str, first: int, behind: int) -> set[int]:
        """The numbers from ``first`` up to below ``behind`` that rows here have."""
        return {
            row.seq
            for row in self._rows.values()
            if (row.epoch, row.stream) == (epoch, stream) and first <= row.seq < behind
        }

    def remove(self, id_: int) -> bool:
        """Forget a row; False: it was not here."""
        return self._rows.pop(id_, None) is not None

    def replace(self, id_: int, row: Row) -> None:
        """Keep ``row`` in place of the one of an id, as the newest."""
        del self._rows[id_]
        self._rows[row.id] = row

    def clear(self) -> None:
        self._rows.clear()

    def _own_numbering(self, file_epoch: int) -> Numbering:
        if self._numbering is None:
            self._numbering = Numbering(new_epoch(self._clock, file_epoch), {})
        return self._numbering
