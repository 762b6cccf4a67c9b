"""Describe a refused payload for people, in Chinese and English: its decoded content and its bytes. Pure."""

import datetime as dt
import string
from typing import Any

import msgspec

from firmware_profiles import senml, wire
from firmware_profiles.errors import DecodeError

SHOWN = 40
"""Lines of series or records at most."""
Words = tuple[str, str]
"""A line in Chinese and in English."""
_KINDS: dict[str, type[Any]] = {"readings": wire.Frame, "events": wire.Event, "status": wire.Status}
_PRINTABLE = frozenset((string.ascii_letters + string.digits + string.punctuation + " ").encode())
_NEITHER = ("既不是 MessagePack，也不是 JSON", "neither MessagePack nor JSON")


def describe(topic: str, payload: bytes, arrived_us: int) -> list[Words]:
    """Describe the payload in lines; of a damaged one, the readable part. Relative times refer to ``arrived_us``."""
    if topic.startswith("senml/"):
        return _senml(payload, arrived_us)
    kind = _KINDS.get(topic.rsplit("/", 1)[-1])
    if kind is not None:
        try:
            return _message(wire.decode(kind, payload))
        except DecodeError as error:
            return [(f"已损坏：{error}", f"damaged: {error}"), *_loose(payload)]
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


def utc(time_us: int) -> str:
    """Write a time for a person; numbers beyond the calendar as µs."""
    try:
        return dt.datetime.fromtimestamp(time_us / 1e6, dt.UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return f"{time_us} µs"


def _message(message: wire.Frame | wire.Event | wire.Status) -> list[Words]:
    if isinstance(message, wire.Event):
        where, at, told = f"{message.gateway}/{message.device}", utc(message.time_us), dict(message.values)
        return [
            (
                f"事件 {message.kind}，{where}，{at}，第 {message.epoch} 期第 {message.seq} 号",
                f"event {message.kind} of {where} at {at}, number {message.seq} of epoch {message.epoch}",
            ),
            (
                f"内容 {told}，证据 {len(message.evidence)} 字节",
                f"values {told}, {len(message.evidence)} bytes of evidence",
            ),
        ]
    if isinstance(message, wire.Status):
        at = utc(message.time_us)
        return [
            (
                f"{message.gateway} 自 {at} 起 {message.state}，程序 {message.software}",
                f"{message.gateway} is {message.state} since {at}, software {message.software!r}",
            )
        ]
    base = utc(message.base_us)
    lines = [
        (
            f"{message.gateway} 的第 {message.seq} 帧，{message.stream} 流，第 {message.epoch} 期，基准时间 {base}",
            f"frame {message.seq} of {message.gateway}, stream {message.stream}, epoch {message.epoch},"
            f" base time {base}",
        )
    ]
    for series in message.series[:SHOWN]:
        values = series.floats()
        first, last = (
            utc(message.base_us + int(ms) * 1000) for ms in (series.offsets_ms().min(), series.offsets_ms().max())
        )
        low, high, name = values.min(), values.max(), f"{series.device}/{series.channel}"
        lines.append(
            (
                f"  {name}：{len(series)} 个读数，{first} 至 {last}，{low:g} 至 {high:g}",
                f"  {name}: {len(series)} readings, {first} to {last}, {low:g} to {high:g}",
            )
        )
    return lines + _more(len(message.series))


def _senml(payload: bytes, arrived_us: int) -> list[Words]:
    try:
        records = senml.decode(payload, arrived_us).records
    except DecodeError as error:
        return [(f"已损坏：{error}", f"damaged: {error}")]
    lines = [(f"SenML 包，{len(records)} 条记录：", f"SenML pack of {len(records)} records, resolved:")]
    for record in records[:SHOWN]:
        value = f"sum {record.sum}" if record.value is None else f"{record.value!r:.60}"
        line = f"  {record.name} = {value} {record.unit or ''} at {utc(record.time_us)}".rstrip()
        lines.append((line, line))
    return lines + _more(len(records))


def _loose(payload: bytes) -> list[Words]:
    """Decode as JSON or MessagePack without a schema."""
    for name, decode in (("JSON", msgspec.json.decode), ("MessagePack", msgspec.msgpack.decode)):
        try:
            found = decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
            continue
        return [(f"按 {name} 读出：{found!r:.400}", f"as {name} without a schema: {found!r:.400}")]
    return [_NEITHER]


def _more(number: int) -> list[Words]:
    return [(f"  …… 另有 {number - SHOWN} 条", f"  … {number - SHOWN} more")] if number > SHOWN else []
