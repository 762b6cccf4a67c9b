"""Findings on disk until the database has them: append-only, synced before anyone relies on it, in order."""

import os
import threading
from pathlib import Path

import msgspec
import structlog

from alerting.finding import Finding

log = structlog.get_logger(__name__)


class Record(msgspec.Struct, frozen=True):
    """A finding and the times that belong to it, µs since 1970."""

    finding: Finding
    received_us: int
    raised_us: int


_encoder, _decoder = msgspec.json.Encoder(), msgspec.json.Decoder(Record)


class Spool:
    """A queue of records that survives ``kill -9``: one JSON line each, a second file with how many are settled.

    Thread-safe. After the last record is settled the file begins anew. A torn last line (power cut) is what was not
    yet promised to anyone: it is dropped with a log entry.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file, self._mark = folder / "spool.jsonl", folder / "spool.settled"
        self._lock = threading.Condition()
        self._records: list[Record] = []
        if self._file.exists():
            settled = int(self._mark.read_text() or 0) if self._mark.exists() else 0
            for line in self._file.read_bytes().splitlines()[settled:]:
                try:
                    self._records.append(_decoder.decode(line))
                except msgspec.DecodeError as error:
                    log.error("torn line in the spool", error=str(error))
        self._rewrite()

    def __len__(self) -> int:
        return len(self._records)

    def waiting(self) -> list[Record]:
        """What is not settled yet, the oldest first."""
        with self._lock:
            return list(self._records)

    def put(self, records: list[Record]) -> None:
        """On disk when this returns."""
        with self._lock:
            self._out.write(b"".join(_encoder.encode(record) + b"\n" for record in records))
            self._out.flush()
            os.fsync(self._out.fileno())
            self._records += records
            self._lock.notify_all()

    def wait(self, timeout_s: float) -> Record | None:
        """The oldest record, when there is one within ``timeout_s``; it stays until :meth:`settle`."""
        with self._lock:
            self._lock.wait_for(lambda: bool(self._records), timeout_s)
            return self._records[0] if self._records else None

    def settle(self) -> None:
        """The oldest record is in the database (or was put into quarantine)."""
        with self._lock:
            self._records.pop(0)
            self._settled += 1
            if self._records:
                self._mark.write_text(str(self._settled))
            else:
                self._rewrite()

    def close(self) -> None:
        self._out.close()

    def _rewrite(self) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_bytes(b"".join(_encoder.encode(record) + b"\n" for record in self._records))
        # the mark first: counting too few settles something twice, and writing an alert twice changes nothing
        self._mark.write_text("0")
        fresh.replace(self._file)
        self._settled = 0
        self._out = self._file.open("ab")
