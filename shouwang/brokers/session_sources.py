"""Read what the brokers tell of their clients: NATS by its monitoring port, mosquitto by its log and its store."""

import mmap
import re
import struct
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from shouwang.brokers.sessions import Sighting

TIMEOUT_S = 10.0
PAGE = 1024
"""Connections that NATS tells of in one answer."""
LONGEST_LOG_LINE = 999
"""Bytes at which mosquitto 2.0 cuts a line of its log off, with the identity at its end."""

_CAME = re.compile(
    r"(?:\d+: )?New client connected from (?P<address>\S+) as (?P<id>.*)"
    r" \(p\d+, c(?P<clean>[01]), k\d+, u'(?P<identity>[a-z0-9-]+)'\)\.",
    re.DOTALL,
)
_CUT_OFF = re.compile(r"(?:\d+: )?New client connected from (?P<address>\S+):\d+ as ", re.DOTALL)
_WENT = re.compile(
    r"(?:\d+: )?Client (?P<id>.*)"
    r"(?: disconnected(?: due to [a-z ]+|, [a-z ]+)?| closed its connection| has exceeded timeout, disconnecting)\.",
    re.DOTALL,
)
_MAGIC = b"\x00\xb5\x00mosquitto db"
_VERSION, _CLIENT = 6, 6


class _Connection(msgspec.Struct, frozen=True):
    cid: int
    mqtt_client: str = ""
    authorized_user: str = ""


class _Connections(msgspec.Struct, frozen=True):
    connections: Annotated[list[_Connection], msgspec.Meta(max_length=PAGE)]
    total: int


class NatsMonitor:
    """The connections of one NATS server, by its monitoring port (``http`` of nats.conf, on loopback)."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._read = msgspec.json.Decoder(_Connections)
        self._seen: frozenset[int] = frozenset()

    def look(self) -> tuple[list[Sighting], list[Sighting]]:
        """Return (connections that ended since the last look, those that are open). NATS remembers 10,000 that ended.

        Raises OSError where the server does not answer, ValueError where it answers something else.
        """
        ended = list(self._ended())
        opened = [one for page in self._pages("open", "cid") for one in page]
        return _sightings(ended, "closed"), _sightings(opened, "open")

    def _ended(self) -> Iterator[_Connection]:
        seen: set[int] = set()
        for page in self._pages("closed", "stop"):  # the newest first
            new = [one for one in page if one.cid not in self._seen]
            seen.update(one.cid for one in page)
            yield from new
            if len(new) < len(page):
                break
        self._seen = frozenset(seen)

    def _pages(self, state: str, order: str) -> Iterator[list[_Connection]]:
        offset = 0
        while True:
            url = f"{self._url}/connz?state={state}&sort={order}&auth=1&limit={PAGE}&offset={offset}"
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the operator's setting
                page = self._read.decode(answer.read())
            yield page.connections
            offset += PAGE
            if offset >= page.total or not page.connections:
                return


def _sightings(connections: list[_Connection], state: str) -> list[Sighting]:
    return [
        Sighting(one.authorized_user, one.mqtt_client, "open" if state == "open" else "closed")
        for one in connections
        if one.mqtt_client and one.authorized_user
    ]


def read_log_line(line: bytes) -> Sighting | str | None:
    """Read one notice of mosquitto's log: a client that came or went, or the address of one whose client id is so long
    that the line ends before its identity. None for every other line."""
    text = line.decode(errors="replace")
    if len(line) >= LONGEST_LOG_LINE:  # its end may be made up by the client
        cut = _CUT_OFF.match(text)
        return cut["address"] if cut else None
    came = _CAME.fullmatch(text)
    if came is not None:
        return Sighting(came["identity"], came["id"], "open", came["clean"] == "1")
    went = _WENT.fullmatch(text)
    return None if went is None else Sighting("", went["id"], "closed")


def read_store(file: Path) -> list[Sighting]:
    """Read the persistent sessions in mosquitto's store, which it writes every 10 s (mosquitto 2, format 6).

    Raises OSError where the file cannot be read, ValueError where it has another format.
    """
    with file.open("rb") as handle:
        if handle.seek(0, 2) == 0:
            raise ValueError(f"{file} is empty")
        with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return list(_clients(data))
            except (struct.error, IndexError) as error:
                raise ValueError(f"{file} is no whole store of mosquitto: {error}") from error


def _clients(data: mmap.mmap) -> Iterator[Sighting]:
    at = len(_MAGIC)
    (version,) = struct.unpack_from(">I", data, at + 4)
    if data[:at] != _MAGIC or version != _VERSION:
        raise ValueError("not the format of mosquitto 2")
    at += 8
    while at < len(data):
        chunk, length = struct.unpack_from(">II", data, at)
        at += 8
        if chunk == _CLIENT:
            (id_length,) = struct.unpack_from(">H", data, at + 14)
            (name_length,) = struct.unpack_from(">H", data, at + 18)
            texts = data[at + 24 : at + 24 + id_length + name_length]
            identity, client_id = texts[id_length:].decode(errors="replace"), texts[:id_length].decode(errors="replace")
            if identity and client_id:
                yield Sighting(identity, client_id, "stored")
        at += length
