"""The district as detectors know it: people, devices, pauses, events. Plain data."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from firmware_profiles.channels import CHANNELS

_T = TypeVar("_T")
VITALS: tuple[str, ...] = tuple(code for code, channel in CHANNELS.items() if channel.kind == "vital")
OF_THE_HOME = ("in_bed", "room_temperature", "presence")
MEASURED: tuple[str, ...] = (*VITALS, "in_bed", "room_temperature", "signal_quality", "presence", "step_count")
"""Channels that detectors see in bins, 0/1 channels as the share of the step in which they were 1. New ones come last:
snapshots have the columns in this order."""
COLUMN: Mapping[str, int] = MappingProxyType({code: index for index, code in enumerate(MEASURED)})
"""The column of each measured channel in the state arrays."""
NO_PULSE = len(MEASURED)
"""The column of heart rates of 0: no rate, but the word of a sensor that it finds no pulse."""
COLUMNS = len(MEASURED) + 1
SEATS = 4
"""Devices that are told apart for one person and channel; see :mod:`alerting.detection.kit.sources.seats`."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A resident, or (``id`` None) a household of several as a whole.

    ``limits`` by channel: (low, high), either may be None. ``tuning``: parameters that differ from the detectors'
    defaults, by name, already resolved from ability grade, home and resident.
    """

    id: int | None
    code: str
    household_id: int
    spo2_scale: int = 1
    on_oxygen: bool = False
    limits: dict[str, tuple[float | None, float | None]] = {}
    tuning: dict[str, float] = {}

    @property
    def subject(self) -> str:
        return f"household:{self.household_id}" if self.id is None else f"resident:{self.code}"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A device: the person it measures, its room, and how often it must be heard."""

    gateway: str
    name: str
    model: str
    household_id: int
    person: int | None
    """Row in ``District.people`` of the resident it measures; None: it watches a household of several."""
    heartbeat_s: float
    label_zh: str
    label_en: str
    room: str = ""
    home: int | None = None
    """Row of its home's activity: that of the only resident, or of the household as a whole."""
    gives: frozenset[str] = frozenset()
    """Channels it measures."""
    trust: int = 2
    """Rank among devices that measure the same: 3 a medical device on the body, 2 a wearable or unknown, 1 without
    contact."""
    continuous: bool = False
    """Whether it measures by itself all the time, so that one reading says little."""

    @property
    def id(self) -> tuple[str, str]:
        """Its key in ``District.sources``."""
        return self.gateway, self.name

    @property
    def key(self) -> str:
        """The same as one word, 'gateway|device'."""
        return f"{self.gateway}|{self.name}"


EVERYWHERE = 0
"""The household of a pause that holds for all."""


class Pause(msgspec.Struct, frozen=True):
    """A time in which a home's alerts of some kind are not raised: a carer is there, a device is being repaired, or the
    platform itself did not hear the homes ('cut_off'), which is no home's silence."""

    kind: str
    """'carer', 'maintenance' or 'cut_off'."""
    household_id: int
    device: str
    """'gateway/device' for maintenance of one device, '' for the whole home."""
    since_us: int
    until_us: int


class District(msgspec.Struct, frozen=True, dict=True):
    """The people, devices and pauses at one moment. Rows of ``people`` are the rows of the state arrays."""

    people: list[Person]
    sources: dict[tuple[str, str], Source]
    gateways: dict[str, int]
    """Household of each gateway."""
    pauses: list[Pause] = []

    def derived(self, make: "Callable[[District], _T]") -> _T:
        """Derive something from this district, once; nobody may change it."""
        known: dict[Any, _T] = self.__dict__
        if make not in known:
            known[make] = make(self)
        return known[make]

    def tuned(self, name: str, default: float) -> NDArray[np.float32]:
        """A parameter for every row, shape [people]."""
        values = np.full(len(self.people), default, np.float32)
        rows, tuned = self.derived(tunings).get(name, _NONE)
        values[rows] = tuned
        return values


_NONE: tuple[list[int], list[float]] = ([], [])


def tunings(district: District) -> dict[str, tuple[list[int], list[float]]]:
    """(rows, values) of each parameter that is set for somebody, by name."""
    found: dict[str, tuple[list[int], list[float]]] = {}
    for row, person in enumerate(district.people):
        for name, value in person.tuning.items():
            rows, values = found.setdefault(name, ([], []))
            rows.append(row)
            values.append(value)
    return found


def devices_of(district: District) -> dict[str, Source]:
    """The devices by 'gateway/device'."""
    return {f"{gateway}/{name}": source for (gateway, name), source in district.sources.items()}


def devices_at_home(district: District) -> dict[int, frozenset[str]]:
    """'gateway/device' of each home's devices, by the row of the home."""
    found: dict[int, list[str]] = {}
    for name, source in district.derived(devices_of).items():
        if source.home is not None:
            found.setdefault(source.home, []).append(name)
    return {row: frozenset(names) for row, names in found.items()}


def home_rows(district: District) -> NDArray[np.int32]:
    """Row of each person's home, shape [people]."""
    home = np.arange(len(district.people), dtype=np.int32)
    for source in district.sources.values():
        if source.person is not None and source.home is not None:
            home[source.person] = source.home
    home.setflags(write=False)
    return home


class Happened(msgspec.Struct, frozen=True):
    """An event of a known device, or a change of a 0/1 sensor. ``own_us``: the device's own time, where it was replaced
    by ``time_us``."""

    source: Source
    kind: str
    time_us: int
    values: dict[str, str | int | float | bool]
    evidence: bytes = b""
    own_us: int | None = None

    @property
    def onset_us(self) -> int:
        """The device's own time, right or wrong: the same in every process, so it identifies the alert."""
        return self.time_us if self.own_us is None else self.own_us


def subject_of(district: District, source: Source) -> tuple[str, int | None]:
    """(subject, resident id) of a device's findings: its resident, else the household."""
    if source.person is None:
        return f"household:{source.household_id}", None
    person = district.people[source.person]
    return person.subject, person.id
