"""Stores the engine's memory on disk: a snapshot now and then, and every message since.

The broker never repeats an acknowledged message; so a message is in the journal before it is acknowledged. The engine
is deterministic: the snapshot and the messages after it lead to the same state, and to the same alerts with the same
ids, which the receivers know already. A killed process loses nothing; a power cut may lose the last messages that the
system had not yet written. Nothing else depends on those: alerts have a synced spool of their own.
"""

import contextlib
import errno
import io
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import structlog

from alerting.detection.engine.memory import Memory, decode_memory
from database.local_copy import private_folder

log = structlog.get_logger(__name__)
_HEAD = struct.Struct("<qHI")  # received at (µs), bytes of the topic, bytes of the payload


class Journal:
    """Files ``engine-<n>.snapshot`` and ``engine-<n>.journal`` in a folder; the highest n is the newest.

    Not thread-safe. A snapshot is written in a thread of its own.
    """

    def __init__(self, folder: Path) -> None:
        private_folder(folder)
        self._folder = folder
        self._number = max((*self._numbers("journal"), *self._numbers("snapshot")), default=0)
        self._file = self._open(self._number)
        self._file.truncate(_intact(self._path(self._number, "journal").read_bytes()))  # torn by a power cut
        self._writing: threading.Thread | None = None
        self._full = False

    def remembered(self) -> Memory | None:
        """The newest snapshot that this program can read, if any."""
        for number in sorted(self._numbers("snapshot"), reverse=True):
            path = self._path(number, "snapshot")
            try:
                return decode_memory(_unpacked(path.read_bytes()))
            except (ValueError, zlib.error) as error:
                log.warning("snapshot not usable; the engine learns anew", file=path.name, reason=str(error))
        return None

    def repeated(self) -> Iterator[tuple[int, str, bytes]]:
        """(received at, topic, payload) of every message since the newest snapshot, in the order of arrival."""
        since = max(self._numbers("snapshot"), default=0)
        for number in sorted(n for n in self._numbers("journal") if n >= since):
            yield from _records(self._path(number, "journal").read_bytes())

    def append(self, received_us: int, messages: Iterable[tuple[str, bytes]]) -> None:
        """Hand (topic, payload) messages to the operating system, where they survive this process.

        A full disk is logged and stops nothing; a restart before the next snapshot would forget the messages.
        """
        records: list[bytes] = []
        for topic, payload in messages:
            name = topic.encode()
            records += (_HEAD.pack(received_us, len(name), len(payload)), name, payload)
        record = b"".join(records)
        try:
            end = self._file.seek(0, os.SEEK_END)
            if self._file.write(record) < len(record):
                self._file.truncate(end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            if not self._full:
                log.error("the journal's disk takes nothing; a restart would forget what comes now", error=str(error))
            self._full = True
            return
        if self._full:
            self._full = False
            log.info("the journal is written again")

    def snapshot(self, remember: Callable[[], bytes | bytearray], *, packed: bool = True) -> None:
        """Write the memory that ``remember`` gives as the state a restart begins with.

        A district's 47 MB are 1.3 MB ``packed``: written as they are three times a minute, they hold up every other
        commit of the disk, an alert's too. The last one of a run is not packed, so that the release before can read it.
        Skipped while the last snapshot is still being written (its memory may not change so long), and where no file
        can be opened: the journal just grows.
        """
        if self._writing is not None and self._writing.is_alive():
            return
        memory = remember()
        try:
            file = self._open(self._number + 1)
        except OSError as error:
            log.error("snapshot not written", error=str(error))
            return
        self._file.close()
        self._file, self._number = file, self._number + 1
        self._writing = threading.Thread(target=self._write, args=(self._number, memory, packed), name="snapshot")
        self._writing.start()

    def close(self) -> None:
        if self._writing is not None:
            self._writing.join(30)
        self._file.close()

    def _write(self, number: int, memory: bytes | bytearray, packed: bool) -> None:
        fresh = self._folder / "engine.new"
        try:
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(zlib.compress(memory, 1) if packed else memory)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path(number, "snapshot"))
        except OSError as error:  # a full disk: the journal goes on, the next snapshot tries again
            log.error("snapshot not written", error=str(error))
            return
        for kind in ("snapshot", "journal"):
            for old in self._numbers(kind):
                if old < number:
                    with contextlib.suppress(FileNotFoundError):
                        self._path(old, kind).unlink()

    def _open(self, number: int) -> io.FileIO:
        path = self._path(number, "journal")
        return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab", buffering=0)

    def _path(self, number: int, kind: str) -> Path:
        return self._folder / f"engine-{number}.{kind}"

    def _numbers(self, kind: str) -> list[int]:
        names = (path.stem.removeprefix("engine-") for path in self._folder.glob(f"engine-*.{kind}"))
        return [int(name) for name in names if name.isdecimal()]


def _unpacked(snapshot: bytes) -> bytes:
    """The memory in a snapshot: a map of MessagePack, which never begins with zlib's first byte (RFC 1950)."""
    return zlib.decompress(snapshot) if snapshot[:1] == b"\x78" else snapshot


def _records(data: bytes) -> Iterator[tuple[int, str, bytes]]:
    """The whole records; a torn one was not acknowledged, and the broker repeats it."""
    at, end = 0, _intact(data)
    while at < end:
        received_us, topic, payload = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield received_us, data[at : at + topic].decode(), data[at + topic : at + topic + payload]
        at += topic + payload


def _intact(data: bytes) -> int:
    """Bytes of a journal that are whole records."""
    at = 0
    while at + _HEAD.size <= len(data):
        _, topic, payload = _HEAD.unpack_from(data, at)
        if at + _HEAD.size + topic + payload > len(data):
            break
        at += _HEAD.size + topic + payload
    return at
