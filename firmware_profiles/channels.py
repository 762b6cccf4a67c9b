"""The channel and event tables (``channels.toml``, ``events.toml``), loaded once and checked strictly."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from firmware_profiles.errors import ProfileError
from vocabulary.toml import read_toml

_HERE = Path(__file__).parent


class Channel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A measured quantity. ``range`` is what is physically possible, in ``unit`` (UCUM)."""

    code: str
    zh: str
    en: str
    unit: str
    range: tuple[float, float]
    resolution: float
    kind: Literal["vital", "motion", "ambient", "device"]
    loinc: str | None = None

    @property
    def low(self) -> float:
        return self.range[0]

    @property
    def high(self) -> float:
        return self.range[1]


class EventKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that can happen, with its labels."""

    code: str
    zh: str
    en: str


def load_channels(text: str, file: str = "channels.toml") -> dict[str, Channel]:
    """The channels of a TOML text. Raises ProfileError naming the file and the key that is wrong."""
    channels: dict[str, Channel] = _load(text, file, Channel)
    for channel in channels.values():
        if not channel.low < channel.high:
            raise ProfileError(f"{file}: {channel.code}: range must rise")
        if channel.resolution <= 0:
            raise ProfileError(f"{file}: {channel.code}: resolution must be above 0")
    return channels


def load_events(text: str, file: str = "events.toml") -> dict[str, EventKind]:
    """The event kinds of a TOML text. Raises ProfileError naming the file and the key that is wrong."""
    return _load(text, file, EventKind)


def _load(text: str, file: str, kind: type[Any]) -> dict[str, Any]:
    try:
        tables = read_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{file}: {error}") from error
    entries = {}
    for code, table in tables.items():
        try:
            entries[code] = msgspec.convert({**table, "code": code}, kind, strict=False)
        except (msgspec.ValidationError, TypeError) as error:
            raise ProfileError(f"{file}: {code}: {error}") from error
    return entries


CHANNELS: Mapping[str, Channel] = MappingProxyType(load_channels((_HERE / "channels.toml").read_text("utf-8")))
EVENTS: Mapping[str, EventKind] = MappingProxyType(load_events((_HERE / "events.toml").read_text("utf-8")))
