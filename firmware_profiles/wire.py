"""The messages between a home gateway and the district, and their MQTT topics.

MessagePack, one struct a message, as arrays (frames) or maps (the rest); a receiver ignores trailing fields it does
not know, so a newer gateway can talk to an older district. Frames are columnar: a series holds its time offsets and
values as little-endian bytes that numpy reads without a loop.

Sequence numbers rise by one per (gateway, epoch, stream). ``epoch`` is about the time (µs) at which the
gateway began to count: with a new SD card, or after a power cut that may have cost it the last numbers, it starts a new
epoch instead of being taken for a repetition of the old one.
"""

import hashlib
import re
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from firmware_profiles.errors import DecodeError
from vocabulary.text import clean_text

VERSION = 1
MAX_PAYLOAD = 256 * 1024
"""Bytes; a longer message is refused unread. The largest frame the agent builds is well below half of it."""

MOST_STREAMS = 16
"""Streams of which a status tells; more are cut off."""

Stream = Literal["live", "backfill"]
Leaf = Literal["readings", "events", "status", "commands", "replies", "certificates", "alarm", "panel", "observations"]
LEAVES: tuple[Leaf, ...] = get_args(Leaf)

EXCHANGE_EPOCH = 0
"""The epoch of readings that other systems bring: the exchange publishes them as frames of the home's gateway under the
leaf ``observations``. No gateway began to count in 1970. They are no sign of life of the gateway or its devices."""

PANEL = "panel"
"""Name of the device in the events of a home's panel, the page with the call button for a tablet or a television. The
console publishes them under the leaf of that name for the home's gateway, and may publish nothing else of a home."""

ENDS_ALARM = frozenset({"alert_received", "help_coming"})
"""Kinds of commands that end the local alarm. They have a topic of their own, on which alerting alone may publish: a
console or an ingest that somebody has taken over cannot make a home silent while its alert is held back."""

_GATEWAY_NAME = re.compile(r"^[a-z0-9][a-z0-9-]{1,62}\Z")
GatewayName = Annotated[str, msgspec.Meta(pattern=_GATEWAY_NAME.pattern)]
DeviceName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_:.-]{0,63}\Z")]
Code = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{1,39}\Z")]
Natural = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Time = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
"""µs since 1970, UTC. Negative ones are times of a clock that was never set (1970 by the local clock is 1969 in UTC): a
message must be readable whatever its date, to be refused in words."""
Sequence = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
Scalar = str | int | float | bool


class Series(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Consecutive readings of one channel of one device."""

    device: DeviceName
    channel: Code
    offsets: bytes
    """uint32, little-endian: ms since the frame's ``base_us``."""
    values: bytes
    """float32, little-endian, in the channel's unit."""

    def __len__(self) -> int:
        return len(self.offsets) // 4

    def offsets_ms(self) -> NDArray[np.uint32]:
        """Shape [n], ms since the frame's base; a read-only view."""
        return np.frombuffer(self.offsets, dtype="<u4")

    def floats(self) -> NDArray[np.float32]:
        """Shape [n], in the channel's unit; a read-only view."""
        return np.frombuffer(self.values, dtype="<f4")


class Frame(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A batch of readings from one gateway."""

    version: int
    gateway: GatewayName
    epoch: Natural
    boot: Natural
    """About the µs at which the agent process started or its clock was set back; rises from one to the next."""
    stream: Stream
    seq: Sequence
    base_us: Time
    """µs since 1970, UTC."""
    series: Annotated[list[Series], msgspec.Meta(min_length=1, max_length=1024)]


class _SeriesOfAnyName(Series, frozen=True, array_like=True, gc=False):
    device: str
    channel: str


class _FrameOfAnyName(Frame, frozen=True, array_like=True, gc=False):
    gateway: str
    series: Annotated[list[_SeriesOfAnyName], msgspec.Meta(min_length=1, max_length=1024)]  # type: ignore[assignment]


class Event(msgspec.Struct, frozen=True):
    """Something that happened at one device; sent at once, numbered in its own stream."""

    version: int
    gateway: GatewayName
    epoch: Natural
    boot: Natural
    seq: Sequence
    time_us: Time
    device: DeviceName
    kind: Code
    values: dict[str, Scalar] = {}
    evidence: bytes = b""
    """A window of the raw signal, as the event kind documents it (falls: see ``edge_agent.fall``)."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Birth (online) or death (offline: the broker's last will), retained by the broker."""

    version: int
    gateway: GatewayName
    state: Literal["online", "offline"]
    time_us: Natural
    epoch: Natural
    boot: Natural
    software: str = ""
    buffered: Natural = 0
    """Messages in the buffer that the broker has not acknowledged."""
    lost_readings: Natural = 0
    """Readings this gateway gave up because the disk budget was reached, over its buffer's life."""
    lost_events: Natural = 0
    """The same for events: the very last resort."""
    buffer_fault: str = ""
    """Why the disk takes nothing; "" where it does."""
    clock_synced: bool | None = None
    """A time server steers the gateway's clock; None: it does not tell."""
    clock_offset_ms: float = 0.0
    """The gateway's clock minus its system's wall clock: not 0 while a step back is being worn off."""
    clock_steps: Natural = 0
    """How often the wall clock was set since the boot."""
    acknowledged: dict[str, Natural] = {}
    """By stream ('events', too): the highest number of this epoch that the broker has acknowledged to this process. It
    shows what the broker lost behind the last number that the district knows."""
    certificate_until_us: Natural = 0
    """End of the gateway's certificate; 0: it has none, or does not tell."""
    signed_commands: Natural = 0
    """Services whose commands have to be signed; 0: the gateway knows no key, and takes commands as they come."""
    refused_commands: Natural = 0
    """Commands refused since the start: unsigned, another gateway's, or sent once more."""
    firmware: dict[str, str] = {}
    """By device: the version of its own program, as it told it; a device that tells none is missing."""


class Command(msgspec.Struct, frozen=True):
    """An order from the district to one gateway."""

    version: int
    id: str
    kind: Code
    time_us: Natural
    args: dict[str, Scalar] = {}
    body: bytes = b""
    """Data that does not fit into scalars; the kind says which (``update_config``: a signed configuration)."""
    signature: bytes = b""
    """By the service that may give it (:mod:`firmware_profiles.signed_command`); empty: unsigned."""


class Reply(msgspec.Struct, frozen=True):
    """A gateway's answer to the command of the same id."""

    version: int
    id: str
    gateway: GatewayName
    ok: bool
    time_us: Natural
    detail: str = ""
    final: bool = True
    """False: what was begun takes its time, and another reply with this id tells how it ended."""


class CertificateRequest(msgspec.Struct, frozen=True):
    """A gateway's wish for a renewed certificate of the same key; the answer is a command ``certificate``."""

    version: int
    gateway: GatewayName
    request: Annotated[bytes, msgspec.Meta(max_length=8192)]
    """Certificate signing request (PKCS #10, PEM)."""


Message = Frame | Event | Status | Command | Reply | CertificateRequest
_M = TypeVar("_M", Frame, Event, Status, Command, Reply, CertificateRequest)

_encoder = msgspec.msgpack.Encoder()
_decoders: dict[type[Any], msgspec.msgpack.Decoder[Any]] = {
    kind: msgspec.msgpack.Decoder(kind) for kind in (Frame, Event, Status, Command, Reply, CertificateRequest)
}
_any_names = msgspec.msgpack.Decoder(_FrameOfAnyName)


def encode(message: Message) -> bytes:
    """The message as MessagePack bytes."""
    return _encoder.encode(message)


def decode(kind: type[_M], payload: bytes) -> _M:
    """The message in ``payload``.

    Raises DecodeError, and nothing else, whatever the bytes: too long, truncated, another version, a wrong type, a
    name outside the allowed alphabet, or columns of unequal length. A status has clean texts; an event of which a part
    is bad is read by :func:`firmware_profiles.event_reading.read_event`.
    """
    if len(payload) > MAX_PAYLOAD:
        raise DecodeError(f"{kind.__name__.lower()} of {len(payload)} bytes is longer than {MAX_PAYLOAD}")
    try:
        message: _M = _decoders[kind].decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not a valid {kind.__name__.lower()}: {error}") from error
    if message.version != VERSION:
        raise DecodeError(f"{kind.__name__.lower()} of version {message.version}; this side speaks {VERSION}")
    if isinstance(message, Frame):
        _check_columns(message)
    if isinstance(message, Status):
        message = msgspec.structs.replace(
            message,
            software=clean_text(message.software),
            buffer_fault=clean_text(message.buffer_fault),
            acknowledged={clean_text(name, 40): seq for name, seq in list(message.acknowledged.items())[:MOST_STREAMS]},
        )
    return message


def read_frame(payload: bytes) -> Frame:
    """The frame in ``payload``, with names of any alphabet: for a reader that knows all names it takes.

    A district's ingest reads thousands of frames a second, and looking at each letter of their names takes longer than
    all else (5 series: 10 µs, and 2 without). Raises DecodeError as :func:`decode` does, for all else.
    """
    if len(payload) > MAX_PAYLOAD:
        raise DecodeError(f"frame of {len(payload)} bytes is longer than {MAX_PAYLOAD}")
    try:
        frame = _any_names.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not a valid frame: {error}") from error
    if frame.version != VERSION:
        raise DecodeError(f"frame of version {frame.version}; this side speaks {VERSION}")
    _check_columns(frame)
    return frame


def _check_columns(frame: Frame) -> None:
    for series in frame.series:
        size = len(series.offsets)
        if not size or size & 3 or size != len(series.values):
            where = f"series {frame.series.index(series)} ({series.device}/{series.channel})"
            if not size:
                raise DecodeError(f"{where} is empty")
            raise DecodeError(
                f"{where}: {len(series.offsets)} bytes of offsets and {len(series.values)} of values;"
                " both must be the same multiple of 4"
            )


def make_series(
    device: str, channel: str, base_us: int, times_us: NDArray[np.int64], values: NDArray[np.float32]
) -> Series:
    """A series from absolute times (µs, shape [n]) and values (shape [n]).

    Times are rounded to the millisecond. Raises ValueError where a time lies before ``base_us`` or more than
    2^32 ms (49 days) after it.
    """
    offsets = (np.asarray(times_us, dtype=np.int64) - base_us) // 1000
    if offsets.size and (offsets.min() < 0 or offsets.max() > 0xFFFFFFFF):
        raise ValueError("a reading lies before the frame's base time or 49 days after it")
    return Series(device, channel, offsets.astype("<u4").tobytes(), np.asarray(values).astype("<f4").tobytes())


def shard_of(gateway: str) -> str:
    """Two hexadecimal digits, a stable hash of the gateway's name: 256 shares to divide among workers."""
    return hashlib.sha256(gateway.encode()).hexdigest()[:2]


def topic(gateway: str, leaf: Leaf) -> str:
    """The MQTT topic of one gateway's messages of one sort."""
    return f"care/v1/{shard_of(gateway)}/{gateway}/{leaf}"


def subscription(leaf: Leaf, shard: str = "+") -> str:
    """The topic filter for the messages of one sort from all gateways (of one shard)."""
    return f"care/v1/{shard}/+/{leaf}"


def leaf_of(kind: str) -> Leaf:
    """The topic of commands of this kind."""
    return "alarm" if kind in ENDS_ALARM else "commands"


@lru_cache(maxsize=50_000)
def parse_topic(name: str) -> tuple[str, Leaf]:
    """(gateway, leaf) of a topic. Raises DecodeError where it is none of ours or the shard is not the gateway's."""
    parts = name.split("/")
    if (
        len(parts) != 5
        or parts[:2] != ["care", "v1"]
        or parts[4] not in LEAVES
        or not _GATEWAY_NAME.match(parts[3])  # also: no lone surrogate, of which no shard could be made
    ):
        raise DecodeError(f"{name!r} is not a topic of this project")
    gateway = parts[3]
    if parts[2] != shard_of(gateway):
        raise DecodeError(f"shard {parts[2]!r} in {name!r} is not {shard_of(gateway)!r}, the shard of {gateway!r}")
    leaf: Leaf = parts[4]
    return gateway, leaf


def gateway_in(name: str) -> str | None:
    """The gateway that a topic names, were it otherwise wrong: the broker's access list vouches for it. None where no
    gateway's name stands in its place (``care/v1/<shard>/<gateway>/…``, ``senml/v1/<gateway>``)."""
    parts = name.split("/")
    place = {"care": 3, "senml": 2}.get(parts[0], 0)
    found = parts[place] if 0 < place < len(parts) else ""
    return found if _GATEWAY_NAME.match(found) else None
