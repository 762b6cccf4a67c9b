"""Remembers on disk what the database has confirmed, so that an alert whose row is lost with the database comes back.

After a restore, or a fail-over to a standby that had not got the last commits, rows are missing that were there. A
record stays here for a day, and for as long as its alert is open.
"""

import errno
import io
import os
import uuid
from collections.abc import Iterable
from pathlib import Path

import msgspec
import structlog

from alerting.core.finding import FindingAction
from alerting.service.storing.record import Record
from database.local_copy import private_folder
from vocabulary.times import DAY_US

log = structlog.get_logger(__name__)

KEPT_US = DAY_US
LONGEST_US = 90 * DAY_US
"""Even an alert that is open is forgotten after so long."""
WASTE_BYTES = 4 * 1024 * 1024
"""The file is written anew when so much of it is forgotten."""


class _Line(msgspec.Struct, frozen=True):
    record: Record
    applied: bool


class WrittenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record that the database confirmed; its contents are on disk."""

    action: FindingAction
    raised_us: int
    applied: bool
    """Whether it changed the database; else another process had written the same before."""
    at: int
    size: int
    line: bytes | None
    """The line itself, where the disk did not take it."""


class Written:
    """The records by alert, in the order in which they were written. Not thread-safe: the writer's own."""

    def __init__(self, folder: Path) -> None:
        private_folder(folder)
        self._path = folder / "written.jsonl"
        self._records: dict[uuid.UUID, list[WrittenRecord]] = {}
        self._waste = 0
        self._full = False
        self._file = self._open(self._path)
        at = 0
        for line in self._path.read_bytes().splitlines(keepends=True):
            try:
                known = msgspec.json.decode(line, type=_Line)
                self._index(known.record, known.applied, at, len(line), None)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:  # torn by a power cut
                log.error("torn line among the written alerts", error=str(error))
            at += len(line)
        if not self._path.read_bytes().endswith(b"\n") and at:
            self._file.write(b"\n")

    def __contains__(self, alert_id: uuid.UUID) -> bool:
        return alert_id in self._records

    @property
    def alerts(self) -> dict[uuid.UUID, list[WrittenRecord]]:
        """The records, by alert."""
        return self._records

    def add(self, record: Record, *, applied: bool) -> None:
        """Remember a record that the database has confirmed. Where the disk takes nothing it is kept in memory."""
        line = msgspec.json.encode(_Line(record, applied)) + b"\n"
        at = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(line) < len(line):
                self._file.truncate(at)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            if not self._full:
                log.error("the disk takes nothing; written alerts are remembered in memory alone", error=str(error))
            self._full = True
            self._index(record, applied, at, 0, line)
            return
        self._full = False
        self._index(record, applied, at, len(line), None)

    def load(self, known: WrittenRecord) -> Record:
        """Read a record back. Raises ValueError or OSError where the disk has lost it."""
        line = os.pread(self._file.fileno(), known.size, known.at) if known.line is None else known.line
        return msgspec.json.decode(line, type=_Line).record

    def forget(self, alert_ids: Iterable[uuid.UUID], now_us: int) -> None:
        """Forget those of these alerts, closed in the database, that are older than a day, and all of long ago."""
        closed = set(alert_ids)
        for alert_id, known in list(self._records.items()):
            age_us = now_us - known[-1].raised_us
            if age_us > LONGEST_US or (age_us > KEPT_US and alert_id in closed):
                self._waste += sum(one.size for one in known)
                del self._records[alert_id]
        if self._waste > WASTE_BYTES:
            self._rewrite()

    def close(self) -> None:
        self._file.close()

    def _index(self, record: Record, applied: bool, at: int, size: int, line: bytes | None) -> None:
        finding = record.finding
        known = WrittenRecord(
            action=finding.action, raised_us=record.raised_us, applied=applied, at=at, size=size, line=line
        )
        self._records.setdefault(finding.alert_id, []).append(known)

    def _rewrite(self) -> None:
        fresh, at = self._path.with_suffix(".new"), 0
        records: dict[uuid.UUID, list[WrittenRecord]] = {}
        try:
            fresh.unlink(missing_ok=True)
            with self._open(fresh) as file:
                for alert_id, known in self._records.items():
                    for one in known:
                        line = os.pread(self._file.fileno(), one.size, one.at) if one.line is None else one.line
                        if file.write(line) < len(line):
                            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                        moved = msgspec.structs.replace(one, at=at, size=len(line), line=None)
                        records.setdefault(alert_id, []).append(moved)
                        at += len(line)
            fresh.replace(self._path)
            file = self._open(self._path)
        except OSError as error:
            log.error("the written alerts cannot be rewritten", error=str(error))
            return
        self._file.close()
        self._file, self._records, self._waste = file, records, 0

    @staticmethod
    def _open(path: Path) -> io.FileIO:
        return open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+b", buffering=0)
