"""Messages that the broker has taken, kept for a while: a broker that lost some can have them again.

Files of one megabyte each in a folder, the oldest deleted first when the budget is reached. They are not synced: a
power cut may cost the newest messages, and the answer to ``resend`` says so. Every message carries a CRC.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import structlog

from edge_agent.files import private

log = structlog.get_logger(__name__)

SEGMENT_BYTES = 1024 * 1024
STREAMS = ("events", "live", "backfill")
_HEAD = struct.Struct("<qBqII")  # epoch, stream, number, bytes, CRC of head and payload
_Key = tuple[int, str]


class Numbered(msgspec.Struct, frozen=True):
    """A message with its place in its stream."""

    epoch: int
    stream: str
    seq: int
    payload: bytes


class SentMessages:
    """The archive of one gateway; used from one thread. A disk that fails costs messages; nothing raises."""

    def __init__(self, folder: Path, budget_bytes: int) -> None:
        self._folder, self._segments_at_most = folder, max(2, budget_bytes // SEGMENT_BYTES)
        self._spans: dict[int, dict[_Key, tuple[int, int]]] = {}  # by segment: lowest and highest number
        self._size = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for number in self._numbers():
                self._spans[number] = {}
                for message in self._read(number):
                    self._note(number, message)
        except OSError as error:
            log.warning("what was sent cannot be kept", error=str(error))
        self._newest = max(self._spans, default=0) + 1  # nothing is appended to a torn end

    def keep(self, message: Numbered) -> None:
        """Archive a message that the broker has taken."""
        try:
            if self._size >= SEGMENT_BYTES:
                self._newest, self._size = self._newest + 1, 0
            data = _packed(message)
            with private(self._path(self._newest)).open("ab") as file:
                file.write(data)
        except OSError as error:
            log.warning("what was sent cannot be kept", error=str(error))
            return
        self._size += len(data)
        self._spans.setdefault(self._newest, {})
        self._note(self._newest, message)
        while len(self._spans) > self._segments_at_most:
            oldest = min(self._spans)
            del self._spans[oldest]
            self._path(oldest).unlink(missing_ok=True)

    def find(self, epoch: int, stream: str, first: int, behind: int) -> list[Numbered]:
        """The archived messages with numbers from ``first`` up to below ``behind``, in order, each once."""
        by_number: dict[int, Numbered] = {}
        for number, spans in self._spans.items():
            low, high = spans.get((epoch, stream), (0, -1))
            if low < behind and high >= first:
                for message in self._read(number):
                    if (message.epoch, message.stream) == (epoch, stream) and first <= message.seq < behind:
                        by_number[message.seq] = message
        return [by_number[seq] for seq in sorted(by_number)]

    def _note(self, number: int, message: Numbered) -> None:
        spans, key = self._spans[number], (message.epoch, message.stream)
        low, high = spans.get(key, (message.seq, message.seq))
        spans[key] = min(low, message.seq), max(high, message.seq)

    def _read(self, number: int) -> Iterator[Numbered]:
        """The sound messages of a segment, up to the first that a power cut or a worn card has damaged."""
        try:
            data = self._path(number).read_bytes()
        except OSError as error:
            log.warning("what was sent cannot be read", error=str(error))
            return
        at = 0
        while at + _HEAD.size <= len(data):
            epoch, stream, seq, size, crc = _HEAD.unpack_from(data, at)
            payload = data[at + _HEAD.size : at + _HEAD.size + size]
            if len(payload) < size or stream >= len(STREAMS) or crc != _crc(epoch, stream, seq, payload):
                log.warning("what was sent is spoilt from here on", segment=number, at=at)
                return
            yield Numbered(epoch, STREAMS[stream], seq, payload)
            at += _HEAD.size + size

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08d}.sent"

    def _numbers(self) -> list[int]:
        return sorted(int(path.stem) for path in self._folder.glob("*.sent") if path.stem.isdecimal())


def _packed(message: Numbered) -> bytes:
    stream = STREAMS.index(message.stream)
    crc = _crc(message.epoch, stream, message.seq, message.payload)
    return _HEAD.pack(message.epoch, stream, message.seq, len(message.payload), crc) + message.payload


def _crc(epoch: int, stream: int, seq: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(struct.pack("<qBq", epoch, stream, seq)))
