"""``python -m tests.support.broken_ingest``: ingest with three faults, to show that the proof sees them.

It stores what it stored before (the marks are ignored), loses the last reading of every batch, and keeps nothing of
what it refuses.
"""

from ingest.__main__ import main
from ingest.batches.batch import Batch
from ingest.batches.marks import Mark
from ingest.quarantine import quarantine
from ingest.storing import writer

_take, _encode_rows = Mark.take, writer.encode_rows


def _take_always(self: Mark, seq: int) -> bool:
    _take(self, seq)
    return True


def _all_but_the_last(found: Batch) -> bytes:
    found.times_us, found.series_ids, found.values = found.times_us[:-1], found.series_ids[:-1], found.values[:-1]
    return _encode_rows(found)


if __name__ == "__main__":
    Mark.take = _take_always  # type: ignore[method-assign]
    writer.encode_rows = _all_but_the_last
    quarantine.Quarantine.store = lambda *_: None  # type: ignore[method-assign]
    main()
