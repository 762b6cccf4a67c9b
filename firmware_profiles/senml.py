"""Decode SenML JSON (RFC 8428, application/senml+json): packs to resolved records, records to readings of our channels.

For devices and gateways of other makers. The time that relative times refer to is passed in.

A record's full name (base name + name) is ``<device>/<channel>`` or ``<device>:<channel>``: the channel is a code of
``channels.toml``, the device a name registered at the gateway (``urn:dev:ow:10e2073a01080063`` is a good one).
"""

import json
import math
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from firmware_profiles import wire
from firmware_profiles.channels import CHANNELS
from firmware_profiles.decoding import senml_units
from firmware_profiles.errors import DecodeError

VERSION = 10
"""RFC 8428, section 4.1: the version of a pack that names none."""
ABSOLUTE_FROM_S = float(2**28)
"""RFC 8428, section 4.5.3: smaller times are relative to now, in seconds."""
MAX_RECORDS = 10_000
MAX_NAME, MAX_UNIT = 256, 64
"""Characters. A base name stands in every record that follows: a long one would make a small pack a huge one."""
SUBSCRIPTION = "senml/v1/+"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*\Z")
"""RFC 8428, section 4.5.1."""
_BASE = frozenset({"bn", "bt", "bu", "bv", "bs", "bver"})
_NUMBERS = frozenset({"bt", "bv", "bs", "v", "s", "t", "ut"})
_TEXTS = frozenset({"bn", "bu", "n", "u", "vs", "vd"})
_VALUES = ("v", "vs", "vb", "vd")


class Record(msgspec.Struct, frozen=True):
    """A resolved record (RFC 8428, section 4.6). ``value`` is None where the record carries a sum alone."""

    name: str
    unit: str | None
    value: float | bool | str | None
    time_us: int
    """µs since 1970, UTC, a multiple of 1000: a double holds today's seconds to about 0.2 µs, our frames to 1 ms."""
    kind: str = "v"
    """'v' number, 'vb' boolean, 'vs' text, 'vd' data (base64url), 's' sum alone."""
    sum: float | None = None
    """Integral of the value over time, in unit × s."""


class Measurement(msgspec.Struct, frozen=True):
    """A record as a reading: ``value`` in the channel's own unit."""

    device: str
    channel: str
    time_us: int
    value: float


class Faulty(msgspec.Struct, frozen=True):
    """A record that cannot be understood, with the base fields that were in force, and the reason."""

    fields: Any
    reason: str


class Pack(msgspec.Struct, frozen=True):
    """The good records of a pack in chronological order (section 4.6), whether any of them had a relative time, and the
    others."""

    records: list[Record]
    relative: bool
    faulty: list[Faulty] = []


class _PackError(DecodeError):
    """A fault of the whole pack, in whatever record it stands."""


class MeasurementError(DecodeError):
    """A record is no reading of ours; ``kind`` names the reason: 'name', 'channel', 'unit' or 'value'."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def topic(gateway: str) -> str:
    """The MQTT topic that a gateway publishes its packs to."""
    return f"senml/v1/{gateway}"


def parse_topic(name: str) -> str:
    """The gateway of a topic. Raises DecodeError where it is no SenML topic."""
    gateway = wire.gateway_in(name)
    if gateway is None or name != topic(gateway):
        raise DecodeError(f"{name!r} is not senml/v1/<gateway>")
    return gateway


def decode(payload: bytes, now_us: int) -> Pack:
    """Resolve a SenML JSON pack. ``now_us`` (µs since 1970) is what its relative times refer to.

    A record of base fields alone changes what follows and measures nothing. A record that is wrong costs itself alone;
    wrong base fields cost those that follow, too. Raises DecodeError, and nothing else, where the text is no SenML of a
    version up to 10, or where no record is good; the text says which record is wrong, counting from 1.
    """
    pack = _parse(payload)
    if not isinstance(pack, list) or not pack:
        raise DecodeError("a SenML pack is a JSON array of at least one record (RFC 8428, section 5)")
    if len(pack) > MAX_RECORDS:
        raise DecodeError(f"{len(pack)} records; a pack may have {MAX_RECORDS}: send several")
    base: dict[str, Any] = {}
    records: list[Record] = []
    faulty: list[Faulty] = []
    relative = False
    lost = ""
    for number, fields in enumerate(pack, 1):
        try:
            if not isinstance(fields, dict):
                raise DecodeError(f"a record is a JSON object, not {type(fields).__name__}")
            if lost:
                raise DecodeError(lost)
            new = {label: fields[label] for label in _BASE & fields.keys()}
            lost = f"the base fields of record {number} cannot be understood"
            _check_fields(new)
            lost = ""
            base.update(new)
            _check_fields(fields)
            _check_version(base)
            if not fields.keys() - _BASE:
                continue
            record, is_relative = _resolve(fields, base, now_us)
        except _PackError as error:
            raise DecodeError(f"record {number}: {error}") from error
        except DecodeError as error:
            whole = {**base, **fields} if isinstance(fields, dict) else fields
            faulty.append(Faulty(whole, f"record {number}: {error}"))
            continue
        records.append(record)
        relative |= is_relative
    if faulty and not records:
        raise DecodeError(faulty[0].reason)
    records.sort(key=lambda record: record.time_us)
    return Pack(records, relative, faulty)


def _parse(payload: bytes) -> Any:
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        strict = error
    try:  # NaN and Infinity, which JSON does not have: they must cost their own record alone
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"not JSON: {strict}") from error


def measure(record: Record) -> Measurement:
    """The record as a reading. Raises MeasurementError where it names no channel of ours, its unit is not one of the
    channel's, or it carries no number."""
    at = max(record.name.rfind("/"), record.name.rfind(":"))
    device, channel = record.name[:at], record.name[at + 1 :]
    if at < 1 or not channel:
        raise MeasurementError("name", f"{record.name!r}: name records <device>/<channel> or <device>:<channel>")
    if channel not in CHANNELS:
        raise MeasurementError("channel", f"{record.name!r}: no channel {channel!r} in channels.toml")
    if record.kind not in ("v", "vb"):
        what = {"vs": "a text", "vd": "data", "s": "a sum alone"}[record.kind]
        raise MeasurementError(
            "value", f"{record.name!r} carries {what}; a reading is a number ('v') or a state ('vb')"
        )
    assert isinstance(record.value, (bool, int, float))  # noqa: S101 - what kinds v and vb are
    if record.kind == "vb" and CHANNELS[channel].range != (0, 1):
        raise MeasurementError("value", f"{record.name!r} carries a boolean; {channel} is a number")
    conversion = senml_units.conversion(channel, record.unit)
    if conversion is None:
        known = ", ".join(repr(unit) if unit else "none" for unit in senml_units.accepted(channel))
        text = f"{record.name!r}: unit {record.unit!r} is not one of {channel}, which is accepted in: {known}"
        raise MeasurementError("unit", text)
    factor, offset = conversion
    return Measurement(device, channel, record.time_us, float(record.value) * factor + offset)


def encode(records: Iterable[dict[str, Any]]) -> bytes:
    """A pack as the bytes to publish; for senders and for parts of packs that were refused."""
    return msgspec.json.encode(list(records))


def resolved_fields(record: Record) -> dict[str, Any]:
    """A resolved record as JSON fields, its time absolute."""
    fields: dict[str, Any] = {"n": record.name, "t": record.time_us / 1e6}
    if record.unit is not None:
        fields["u"] = record.unit
    if record.value is not None:
        fields[record.kind] = record.value
    if record.sum is not None:
        fields["s"] = record.sum
    return fields


def _check_fields(fields: dict[str, Any]) -> None:
    for label, value in fields.items():
        if label in _NUMBERS and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise DecodeError(f"{label!r} is a number, not {value!r:.40}")
        if label in _TEXTS and not isinstance(value, str):
            raise DecodeError(f"{label!r} is a text, not {value!r:.40}")
        if label == "vb" and not isinstance(value, bool):
            raise DecodeError(f"'vb' is true or false, not {value!r:.40}")
        if label.endswith("_"):  # section 4.4: must be understood
            raise _PackError(f"the field {label!r} must be understood, and is not known here")


def _check_version(base: dict[str, Any]) -> None:
    version = base.get("bver", VERSION)
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= VERSION:
        raise _PackError(f"version {version!r:.40}; versions up to {VERSION} are understood")


def _resolve(fields: dict[str, Any], base: dict[str, Any], now_us: int) -> tuple[Record, bool]:
    name = base.get("bn", "") + fields.get("n", "")
    if len(name) > MAX_NAME:
        raise DecodeError(f"a name of {len(name)} characters; it may have {MAX_NAME}")
    if not _NAME.match(name):
        raise DecodeError(f"{name!r:.80} is not a name as RFC 8428, section 4.5.1, wants it")
    kinds = [label for label in _VALUES if label in fields]
    if len(kinds) > 1:
        raise DecodeError(f"one value only, not {' and '.join(kinds)}")
    kind = kinds[0] if kinds else "v" if "bv" in base else "s"
    total = None
    if "s" in fields or "bs" in base:
        total = _finite(base.get("bs", 0) + fields.get("s", 0), "s")
    if kind == "s" and total is None:
        raise DecodeError("it has neither a value nor a sum")
    value: float | bool | str | None = fields.get(kind)
    if kind == "v":
        value = _finite(base.get("bv", 0) + fields.get("v", 0), "v")
    if kind == "s":
        value = None
    seconds = _finite(base.get("bt", 0) + fields.get("t", 0), "t")
    relative = seconds < ABSOLUTE_FROM_S
    time_us = round(seconds * 1000) * 1000 + (now_us // 1000 * 1000 if relative else 0)
    unit = fields.get("u", base.get("bu")) or None
    if unit is not None and len(unit) > MAX_UNIT:
        raise DecodeError(f"a unit of {len(unit)} characters; it may have {MAX_UNIT}")
    return Record(name, unit, value, time_us, kind, total), relative


def _finite(number: float, label: str) -> float:
    try:
        number = float(number)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or (label == "t" and abs(number) > 2**53 / 1e6):
        raise DecodeError(f"{label!r} with its base is out of range")
    return number
