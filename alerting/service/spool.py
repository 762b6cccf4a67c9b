"""Stores findings on disk, in their order and synced, until the database has them.

While the disk takes nothing they wait in memory alone: an alert must reach the database all the same.
"""

import errno
import io
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from alerting.service.storing.record import Record
from database.local_copy import private_folder

log = structlog.get_logger(__name__)


_encoder, _decoder = msgspec.json.Encoder(), msgspec.json.Decoder(Record)
AGAIN_S = 1.0
"""Time between two tries on a disk that takes nothing."""


class Spool:
    """A queue of records that survives ``kill -9``: one JSON line each, and a second file that counts the settled ones.

    Thread-safe. After the last record is settled the file begins anew. A torn line (power cut, full disk) was not yet
    promised to anyone: it is dropped with a log entry.
    """

    def __init__(self, folder: Path) -> None:
        private_folder(folder)
        self.folder = folder
        self._file, self._mark = folder / "spool.jsonl", folder / "spool.settled"
        self._lock = threading.Condition()
        self._records: list[Record] = []
        self._settled = 0
        self._out: io.FileIO | None = None
        self._behind, self._again_at = False, 0.0
        if self._file.exists():
            for line in self._file.read_bytes().splitlines()[self._already_settled() :]:
                try:
                    self._records.append(_decoder.decode(line))
                except msgspec.DecodeError as error:
                    log.error("torn line in the spool", error=str(error))
        self._try(self._rewrite)

    def __len__(self) -> int:
        return len(self._records)

    def waiting(self) -> list[Record]:
        """Records that are not settled yet, the oldest first."""
        with self._lock:
            return list(self._records)

    def put(self, records: list[Record]) -> None:
        """Append records: on disk when this returns, if the disk takes them."""
        with self._lock:
            self._records += records
            if not self._behind:
                self._try(lambda: self._append(records))
            self._catch_up()
            self._lock.notify_all()

    def wait(self, timeout_s: float) -> Record | None:
        """The oldest record, when there is one within ``timeout_s``; it stays until :meth:`settle`."""
        with self._lock:
            self._catch_up()
            self._lock.wait_for(lambda: bool(self._records), timeout_s)
            return self._records[0] if self._records else None

    def settle(self) -> None:
        """Remove the oldest record: the database has it, or has refused it for good."""
        with self._lock:
            self._records.pop(0)
            self._settled += 1
            self._try(self._mark_settled if self._records and not self._behind else self._rewrite)

    def postpone(self) -> None:
        """Put the oldest record, and those of the same alert, behind the others: they must not wait for it."""
        with self._lock:
            if self._records:
                first = self._records[0].finding.alert_id
                self._records.sort(key=lambda record: record.finding.alert_id == first)  # stable
                self._try(self._rewrite)

    def close(self) -> None:
        if self._out is not None:
            self._out.close()

    def _already_settled(self) -> int:
        text = self._mark.read_text() if self._mark.exists() else ""
        return int(text) if text.isdecimal() else 0

    def _append(self, records: list[Record]) -> None:
        data = b"".join(_encoder.encode(record) + b"\n" for record in records)
        if self._out is None or self._out.write(data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(self._out.fileno())

    def _mark_settled(self) -> None:
        self._mark.write_text(str(self._settled))

    def _rewrite(self) -> None:
        """Write the file anew, with the waiting records alone."""
        fresh = self._file.with_suffix(".new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.writelines(_encoder.encode(record) + b"\n" for record in self._records)
            file.flush()
            os.fsync(file.fileno())
        # the mark first: a count too low writes an alert twice, which changes nothing
        self._mark.touch(mode=0o600)
        self._mark.write_text("0")
        fresh.replace(self._file)
        self.close()
        self._settled = 0
        self._out = open(self._file, "ab", buffering=0)  # noqa: SIM115 - open until close()
        if self._behind:
            self._behind = False
            log.info("the spool is on disk again", waiting=len(self._records))

    def _catch_up(self) -> None:
        if self._behind and time.monotonic() >= self._again_at:
            self._try(self._rewrite)

    def _try(self, write: Callable[[], None]) -> None:
        """Run a write; after a failure the file is behind the memory, and is written anew when the disk takes it."""
        try:
            write()
        except OSError as error:
            if not self._behind:
                log.error("the spool's disk takes nothing; alerts wait in memory alone", error=str(error))
            self._behind, self._again_at = True, time.monotonic() + AGAIN_S
