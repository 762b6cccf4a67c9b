"""Read an event of which a part is bad: an emergency goes on with what can be read.

Texts are cleaned (``vocabulary.text``) and bounded; a value or a signal that is none is left out and named. Ingest and
alerting read every event here, so both hold the same.
"""

import math
import re
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

from firmware_profiles import wire
from firmware_profiles.errors import DecodeError, WrongGatewayError
from firmware_profiles.signal import MOST_BYTES, decode_signal
from vocabulary.text import clean_text

MOST_VALUES, LONGEST_NAME, LONGEST_VALUE = 64, 64, 500
SIGNALS = ("fall_suspected", "fall_confirmed", "fall_recovered")
"""Kinds whose evidence is a signal."""
_NOTHING = msgspec.Raw(b"\xc0")


class ReadEvent(msgspec.Struct, frozen=True):
    """An event as far as it can be read."""

    event: wire.Event
    lost: tuple[str, ...] = ()
    """Names, for a person, of what could not be read; the event is without it."""
    numbered: bool = True
    """Whether its number can be believed; else ``epoch``, ``boot`` and ``seq`` are 0."""


class _Parts(msgspec.Struct):
    """The fields of an event, none of them looked at."""

    version: msgspec.Raw = _NOTHING
    gateway: msgspec.Raw = _NOTHING
    epoch: msgspec.Raw = _NOTHING
    boot: msgspec.Raw = _NOTHING
    seq: msgspec.Raw = _NOTHING
    time_us: msgspec.Raw = _NOTHING
    device: msgspec.Raw = _NOTHING
    kind: msgspec.Raw = _NOTHING
    values: msgspec.Raw = _NOTHING
    evidence: msgspec.Raw = _NOTHING


def read_event(payload: bytes, gateway: str) -> ReadEvent:
    """Read an event that came under the topic of ``gateway``.

    Raises DecodeError, and nothing else, where not even its kind can be read, or (WrongGatewayError) where it names
    another gateway. A time
    that cannot be read becomes one long before 1970, the same in every process, so that the event is dated with its
    arrival.
    """
    try:
        event = wire.decode(wire.Event, payload)
    except DecodeError as error:
        return _bounded(_piece_by_piece(payload, gateway, str(error)))
    if event.gateway != gateway:
        raise WrongGatewayError(f"the message calls itself {event.gateway!r}; was a gateway's configuration copied?")
    return _bounded(ReadEvent(event))


def _bounded(read: ReadEvent) -> ReadEvent:
    """Clean the values, and leave out evidence that nothing could show."""
    values, lost = _clean_values(read.event.values)
    evidence = read.event.evidence
    try:
        if len(evidence) > MOST_BYTES:
            raise DecodeError(f"evidence of {len(evidence)} bytes is longer than {MOST_BYTES}")
        if evidence and read.event.kind in SIGNALS:
            decode_signal(evidence)
    except DecodeError as error:
        evidence, lost = b"", (*lost, str(error))
    event = msgspec.structs.replace(read.event, values=values, evidence=evidence)
    return ReadEvent(event, (*read.lost, *lost), read.numbered)


def _clean_values(values: Mapping[str, wire.Scalar]) -> tuple[dict[str, wire.Scalar], tuple[str, ...]]:
    cleaned: dict[str, wire.Scalar] = {}
    lost = []
    for name, value in values.items():
        named = clean_text(name, LONGEST_NAME)
        if len(cleaned) >= MOST_VALUES:
            lost.append(f"{len(values) - MOST_VALUES} of {len(values)} values: {MOST_VALUES} at most")
            break
        if isinstance(value, float) and not math.isfinite(value):
            lost.append(f"value {named}: not a finite number")
        else:
            cleaned[named] = clean_text(value, LONGEST_VALUE) if isinstance(value, str) else value
    return cleaned, tuple(lost)


def _piece_by_piece(payload: bytes, gateway: str, whole: str) -> ReadEvent:
    """The event field by field. ``whole``: why it cannot be read as a whole."""
    try:
        parts = msgspec.msgpack.decode(payload, type=_Parts)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(whole) from error
    named = _text(parts.gateway)
    if named is not None and named != gateway and wire.gateway_in(f"senml/v1/{named}"):
        raise WrongGatewayError(f"the message calls itself {named!r}; was a gateway's configuration copied?")
    kind = re.sub(r"[^a-z0-9_]", "", (_text(parts.kind) or "").lower())[:40]
    if not kind:
        raise DecodeError(whole)
    device = re.sub(r"[^A-Za-z0-9_:.-]", "", _text(parts.device) or "")[:64]
    head = {name: _whole(getattr(parts, name), low) for name, low in (("epoch", 0), ("boot", 0), ("seq", 1))}
    numbered = None not in head.values() and _whole(parts.version, 0) == wire.VERSION
    time_us = _whole(parts.time_us, -(2**53))
    values, lost = _values(parts.values)
    evidence = _of_type(parts.evidence, bytes) or b""
    event = wire.Event(
        version=wire.VERSION,
        gateway=gateway,
        **({name: number or 0 for name, number in head.items()} if numbered else {"epoch": 0, "boot": 0, "seq": 0}),
        time_us=-zlib.crc32(payload) if time_us is None else time_us,
        device=device,
        kind=kind,
        values=values,
        evidence=evidence,
    )
    return ReadEvent(event, (clean_text(whole, LONGEST_VALUE), *lost), numbered)


def _values(raw: msgspec.Raw) -> tuple[dict[str, wire.Scalar], tuple[str, ...]]:
    if raw == _NOTHING:
        return {}, ()
    entries = _of_type(raw, dict[str, msgspec.Raw])
    if entries is None:
        return {}, ("the values",)
    values: dict[str, wire.Scalar] = {}
    lost = []
    for name, entry in entries.items():
        scalar = _of_type(entry, str | int | float | bool)
        value = _text(entry) if scalar is None else scalar
        if value is None:
            lost.append(f"value {clean_text(name, LONGEST_NAME)}")
        else:
            values[name] = value
    return values, tuple(lost[:MOST_VALUES])


def _of_type(raw: msgspec.Raw, kind: Any) -> Any:
    """The content of a field; None where it is of another type."""
    try:
        return msgspec.msgpack.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _whole(raw: msgspec.Raw, low: int) -> int | None:
    number = _of_type(raw, int)
    return number if number is not None and low <= number <= 2**53 else None


def _text(raw: msgspec.Raw) -> str | None:
    """A text, or bytes in its place, however bad their UTF-8; None for anything else."""
    found: bytes | None = _of_type(raw, bytes)
    if found is None:
        data = bytes(raw)
        head = {0xD9: 2, 0xDA: 3, 0xDB: 5}.get(data[0], 1 if 0xA0 <= data[0] <= 0xBF else 0)
        found = data[head:] if head else None
    return None if found is None else found.decode("utf-8", "replace")
