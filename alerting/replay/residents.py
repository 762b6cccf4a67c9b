"""Reads RESIDENTS.toml: the residents of a recording, their limits and parameters, their devices."""

import tomllib
from collections import Counter
from collections.abc import Mapping, Set
from pathlib import Path

import msgspec

from alerting.detection.detectors.limits import DEFAULTS
from alerting.detection.kit.context import District, Person, Source
from alerting.replay.rooms import room_by, room_for
from alerting.tuning.catalogue import check, tuned
from firmware_profiles.devices import MODELS
from vocabulary.labels import room_of
from vocabulary.toml import read_toml

NEVER_S = 1e9
"""Heartbeat of a device of which no model is known: it is never called silent."""


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Own limits of a vital sign."""

    low: float | None = None
    high: float | None = None


class DeviceEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device. ``model``: a file of firmware_profiles/devices, for its heartbeat; '' where silence does not matter.
    ``shared``: in a home of several it belongs to no one resident."""

    name: str
    model: str = ""
    room: str = ""
    shared: bool = False


class ResidentEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A resident. ``household``: the same word for people who live together; by default each has an own home."""

    code: str
    household: str = ""
    spo2_scale: int = 1
    on_oxygen: bool = False
    limits: dict[str, Bounds] = {}
    tuning: dict[str, float] = {}
    device: list[DeviceEntry] = []


class ResidentsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    resident: list[ResidentEntry]


def read_residents(file: Path) -> ResidentsFile:
    """Read the file. Raises ValueError that names the file, the resident and the remedy."""
    try:
        found = msgspec.convert(read_toml(file.read_text("utf-8")), ResidentsFile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: {error}; an example is in docs/replay.md") from error
    for code, count in Counter(entry.code for entry in found.resident).items():
        if count > 1 or not code:
            raise ValueError(f"{file}: resident {code!r} stands there {count} times; give each a code of its own")
    for entry in found.resident:
        _check(file, entry)
    return found


def _check(file: Path, entry: ResidentEntry) -> None:
    where = f"{file}: resident {entry.code}"
    if entry.spo2_scale not in (1, 2):
        raise ValueError(f"{where}: spo2_scale is 1, or 2 where it is prescribed, not {entry.spo2_scale}")
    for channel in entry.limits:
        if channel not in DEFAULTS:
            raise ValueError(f"{where}: no limits for {channel!r}; there are: {', '.join(DEFAULTS)}")
    for name, value in entry.tuning.items():
        try:
            check(name, value, entry.tuning)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
    for device in entry.device:
        if device.model and device.model not in MODELS:
            raise ValueError(f"{where}: device {device.name}: no model {device.model!r} in firmware_profiles/devices")


DOOR = frozenset({"door_open", "door_opened", "door_closed"})


def district_of(
    file: ResidentsFile, said: Mapping[tuple[str, str], Set[str]], paced: Set[tuple[str, str]] = frozenset()
) -> District:
    """Build the detectors' district: the file's residents and devices, and others that only the rows name.

    ``said``: the channels and events of each (resident, device) in the rows; ``paced``: those that, by their rows,
    measure all the time. Residents and devices that the file does
    not name get defaults: an own home, a room by the name (:mod:`alerting.replay.rooms`), no heartbeat.
    """
    known = {entry.code for entry in file.resident}
    strangers = dict.fromkeys(code for code, _ in said if code not in known)
    file = ResidentsFile([*file.resident, *(ResidentEntry(code=code) for code in strangers)])
    households = list(dict.fromkeys(_household(entry) for entry in file.resident))
    several = {h for h, n in Counter(_household(entry) for entry in file.resident).items() if n > 1}
    number = {household: i + 1 for i, household in enumerate(households)}
    people = [
        tuned(
            Person(
                id=i + 1,
                code=entry.code,
                household_id=number[_household(entry)],
                spo2_scale=entry.spo2_scale,
                on_oxygen=entry.on_oxygen,
                limits={channel: (bounds.low, bounds.high) for channel, bounds in entry.limits.items()},
            ),
            entry.tuning,
        )
        for i, entry in enumerate(file.resident)
    ]
    row_of = {entry.code: row for row, entry in enumerate(file.resident)}
    home_of: dict[str, int] = {_household(entry): row_of[entry.code] for entry in file.resident}
    for household in households:
        if household in several:
            home_of[household] = len(people)
            people.append(Person(id=None, code=household, household_id=number[household]))
    entries = {entry.code: entry for entry in file.resident}
    wanted = {(entry.code, device.name): device for entry in file.resident for device in entry.device}
    for code, name in said:
        wanted.setdefault((code, name), DeviceEntry(name))
    doors = {device for device, kinds in said.items() if kinds & DOOR}
    fronts = {code for code, name in doors if room_by(wanted[code, name].room or name) == "hall"}
    sources = {}
    for (code, name), device in wanted.items():
        household = _household(entries[code])
        here = room_for(name, device.room, (code, name) in doors, code in fronts)
        room = room_of(here)
        model = MODELS.get(device.model)
        sources[gateway_of(entries[code]), key_of(code, name)] = Source(
            gateway=gateway_of(entries[code]),
            name=key_of(code, name),
            model=device.model,
            household_id=number[household],
            person=None if device.shared and household in several else row_of[code],
            heartbeat_s=model.heartbeat_s if model else NEVER_S,
            label_zh=f"{room[0]}{model.zh if model else name}",
            label_en=f"{model.label_en if model else name}{', ' if room[1] else ''}{room[1]}",
            room=here,
            home=home_of[household],
            gives=frozenset(said.get((code, name), ())) | (model.channels if model else frozenset()),
            trust=model.trust if model else 2,
            continuous=model.continuous if model else (code, name) in paced,
        )
    return District(people, sources, {f"gw-{household}": number[household] for household in households})


def gateway_of(entry: ResidentEntry) -> str:
    """Every home has one gateway."""
    return f"gw-{_household(entry)}"


def key_of(code: str, device: str) -> str:
    """The device's name within its home: two residents' devices of one name are two devices."""
    return f"{code}.{device}"


def _household(entry: ResidentEntry) -> str:
    return entry.household or entry.code
