"""Describe a refused payload for people: its decoded content and its bytes. Pure."""

import string
from typing import Any

import msgspec

from firmware_profiles import senml, wire
from firmware_profiles.errors import DecodeError
from ingest.batches.batch import utc

SHOWN = 40
"""Lines of series or records at most."""
_KINDS: dict[str, type[Any]] = {"readings": wire.Frame, "events": wire.Event, "status": wire.Status}
_PRINTABLE = frozenset((string.ascii_letters + string.digits + string.punctuation + " ").encode())


def describe(topic: str, payload: bytes, arrived_us: int) -> list[str]:
    """Describe the payload in lines; of a damaged one, the readable part. Relative times refer to ``arrived_us``."""
    if topic.startswith("senml/"):
        return _senml(payload, arrived_us)
    kind = _KINDS.get(topic.rsplit("/", 1)[-1])
    if kind is not None:
        try:
            return _message(wire.decode(kind, payload))
        except DecodeError as error:
            return [f"damaged: {error}", *_loose(payload)]
    return _loose(payload)


def hexdump(payload: bytes, most: int) -> list[str]:
    """Dump the first ``most`` bytes: offset, 16 bytes in hexadecimal, the same as ASCII."""
    lines = []
    for start in range(0, min(len(payload), most), 16):
        row = payload[start : start + min(16, most - start)]
        text = "".join(chr(byte) if byte in _PRINTABLE else "." for byte in row)
        lines.append(f"{start:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  |{text}|")
    if len(payload) > most:
        lines.append(f"… {len(payload) - most} more bytes")
    return lines


def _message(message: wire.Frame | wire.Event | wire.Status) -> list[str]:
    if isinstance(message, wire.Event):
        return [
            f"event {message.kind} of {message.gateway}/{message.device} at {utc(message.time_us)},"
            f" number {message.seq} of epoch {message.epoch}",
            f"values {dict(message.values)}, {len(message.evidence)} bytes of evidence",
        ]
    if isinstance(message, wire.Status):
        return [f"{message.gateway} is {message.state} since {utc(message.time_us)}, software {message.software!r}"]
    lines = [
        f"frame {message.seq} of {message.gateway}, stream {message.stream}, epoch {message.epoch},"
        f" base time {utc(message.base_us)}"
    ]
    for series in message.series[:SHOWN]:
        values = series.floats()
        first, last = (
            utc(message.base_us + int(ms) * 1000) for ms in (series.offsets_ms().min(), series.offsets_ms().max())
        )
        lines.append(
            f"  {series.device}/{series.channel}: {len(series)} readings, {first} to {last},"
            f" {values.min():g} to {values.max():g}"
        )
    return lines + _more(len(message.series))


def _senml(payload: bytes, arrived_us: int) -> list[str]:
    try:
        records = senml.decode(payload, arrived_us).records
    except DecodeError as error:
        return [f"damaged: {error}"]
    lines = [f"SenML pack of {len(records)} records, resolved:"]
    for record in records[:SHOWN]:
        value = f"sum {record.sum}" if record.value is None else f"{record.value!r:.60}"
        lines.append(f"  {record.name} = {value} {record.unit or ''} at {utc(record.time_us)}".rstrip())
    return lines + _more(len(records))


def _loose(payload: bytes) -> list[str]:
    """Decode as JSON or MessagePack without a schema."""
    for name, decode in (("JSON", msgspec.json.decode), ("MessagePack", msgspec.msgpack.decode)):
        try:
            found = decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
            continue
        return [f"as {name} without a schema: {found!r:.400}"]
    return ["neither MessagePack nor JSON"]


def _more(number: int) -> list[str]:
    return [f"  … {number - SHOWN} more"] if number > SHOWN else []
