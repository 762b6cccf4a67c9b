"""What detectors know of the district, and the columns they are fed. Plain data."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec
import numpy as np
from numpy.typing import NDArray

from firmware_profiles.channels import CHANNELS

VITALS: tuple[str, ...] = tuple(code for code, channel in CHANNELS.items() if channel.kind == "vital")
COLUMN: Mapping[str, int] = MappingProxyType({code: index for index, code in enumerate(VITALS)})
"""The column of each vital sign in the state arrays."""


class Person(msgspec.Struct, frozen=True):
    """A resident as the detectors see one; ``limits`` by channel: (low, high), either may be None."""

    id: int
    code: str
    household_id: int
    spo2_scale: int = 1
    on_oxygen: bool = False
    limits: dict[str, tuple[float | None, float | None]] = {}


class Source(msgspec.Struct, frozen=True):
    """A device: who it speaks of, and how often it must be heard."""

    gateway: str
    name: str
    model: str
    household_id: int
    person: int | None
    """Row of the resident in ``District.people``; None: it watches a household of several."""
    heartbeat_s: float
    label_zh: str
    label_en: str


class District(msgspec.Struct, frozen=True):
    """Everything the detectors need, at one moment. Rows of ``people`` are the rows of the state arrays."""

    people: list[Person]
    sources: dict[tuple[str, str], Source]
    gateways: dict[str, int]
    """Household of each gateway."""


class VitalColumns(msgspec.Struct, frozen=True):
    """Readings of vital signs, shapes [n]: resident's row, column of ``VITALS``, time (µs), value."""

    row: NDArray[np.int32]
    column: NDArray[np.int16]
    time_us: NDArray[np.int64]
    value: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> "VitalColumns":
        return VitalColumns(self.row[index], self.column[index], self.time_us[index], self.value[index])

    @staticmethod
    def join(parts: "list[VitalColumns]") -> "VitalColumns":
        if not parts:
            return VitalColumns(
                np.empty(0, np.int32), np.empty(0, np.int16), np.empty(0, np.int64), np.empty(0, np.float32)
            )
        return VitalColumns(
            np.concatenate([p.row for p in parts]),
            np.concatenate([p.column for p in parts]),
            np.concatenate([p.time_us for p in parts]),
            np.concatenate([p.value for p in parts]),
        )


class Happened(msgspec.Struct, frozen=True):
    """An event of a known device."""

    source: Source
    kind: str
    time_us: int
    values: dict[str, str | int | float | bool]
    evidence: bytes = b""


def subject_of(district: District, source: Source) -> tuple[str, int | None]:
    """(subject, resident id) of what a device tells: its resident, else the household."""
    if source.person is None:
        return f"household:{source.household_id}", None
    person = district.people[source.person]
    return f"resident:{person.code}", person.id
