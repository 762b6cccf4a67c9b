"""``python -m tests.support.broken_ingest``: ingest with three faults, to show that the proof sees them.

It stores what it stored before (the marks are ignored), loses the last reading of every batch, and keeps nothing of
what it refuses.
"""

from ingest import batch, quarantine, writer
from ingest.__main__ import main

_take, _encode_rows = batch.Batcher._take, writer.encode_rows


def _take_always(self: batch.Batcher, key: batch.StreamKey, seq: int, into: batch.Batch) -> bool:
    _take(self, key, seq, into)
    return True


def _all_but_the_last(found: batch.Batch) -> bytes:
    found.times_us, found.series_ids, found.values = found.times_us[:-1], found.series_ids[:-1], found.values[:-1]
    return _encode_rows(found)


if __name__ == "__main__":
    batch.Batcher._take = _take_always  # type: ignore[method-assign]
    writer.encode_rows = _all_but_the_last
    quarantine.Quarantine.store = lambda *_: None  # type: ignore[method-assign]
    main()
