"""The seven things a resident is protected against, how well, and which device models serve each.

A model serves what its channels and events allow: nothing here names a product.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from functools import cache
from types import MappingProxyType

import msgspec

from firmware_profiles.channels import CHANNELS
from firmware_profiles.devices import MODELS


class Function(StrEnum):
    """A danger that somebody is protected against, in the order of the picture's columns."""

    FALL = "falls"
    HELP = "help"
    HAZARD = "hazard"
    STILLNESS = "stillness"
    LEAVING = "leaving"
    VITALS = "vitals"
    BREATHING = "breathing"


class Level(IntEnum):
    """How well, best first. ``UNKNOWN`` is worse than weak: nobody can say that anything works."""

    COVERED = 0
    WEAK = 1
    UNKNOWN = 2
    BLIND = 3


WORDS: Mapping[Function, tuple[str, str]] = MappingProxyType(
    {
        Function.FALL: ("跌倒", "Fall"),
        Function.HELP: ("呼救", "Call for help"),
        Function.HAZARD: ("烟雾、燃气、漏水", "Smoke, gas, water"),
        Function.STILLNESS: ("长时间无活动", "Stillness"),
        Function.LEAVING: ("外出未归", "Leaving home"),
        Function.VITALS: ("体征", "Vital signs"),
        Function.BREATHING: ("在床呼吸", "Breathing in bed"),
    }
)
LEVELS: Mapping[Level, tuple[str, str]] = MappingProxyType(
    {
        Level.COVERED: ("有守护", "Covered"),
        Level.WEAK: ("不完整", "Weak"),
        Level.UNKNOWN: ("情况不明", "Unknown"),
        Level.BLIND: ("无守护", "Blind"),
    }
)
HAZARDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "smoke_cleared": ("烟雾", "smoke alarm"),
        "gas_cleared": ("燃气", "gas alarm"),
        "water_leak_cleared": ("漏水", "leak alarm"),
    }
)
"""By the event that ends it."""
PRESENCE = frozenset({"motion", "presence", "in_bed"})
"""Channels by which a home sees that somebody is there."""
BED = "in_bed"
SPOT_SIGNS = frozenset({"weight", "glucose", "consciousness", "supplemental_oxygen", "rr_interval", "perfusion_index"})
"""Vital channels that by themselves tell nothing of an acute illness."""
SIGNS = frozenset(code for code, channel in CHANNELS.items() if channel.kind == "vital") - SPOT_SIGNS
EXITS = frozenset({"hall", "entrance", ""})
"""Rooms whose door leads out of the home, as the detectors have it (a test compares)."""


class Serves(msgspec.Struct, frozen=True):
    """The abilities of a model."""

    falls: bool = False
    """By motion samples of somebody who wears it."""
    room_falls: bool = False
    """Of whoever falls before it."""
    calls: bool = False
    hazards: frozenset[str] = frozenset()
    presence: bool = False
    moves: bool = False
    """Sees movement about the home, and not only a taken bed."""
    door: bool = False
    signs: bool = False
    breath: bool = False
    continuous: bool = False
    worn: bool = False
    heartbeat_s: float = 3600.0
    zh: str = ""
    en: str = ""

    def functions(self) -> frozenset[Function]:
        """The columns in which the model counts."""
        table = {
            Function.FALL: self.falls or self.room_falls,
            Function.HELP: self.calls,
            Function.HAZARD: bool(self.hazards),
            Function.STILLNESS: self.presence,
            Function.LEAVING: self.door,
            Function.VITALS: self.signs,
            Function.BREATHING: self.breath,
        }
        return frozenset(function for function, serves in table.items() if serves)


@cache
def serves(model_id: str, room: str = "") -> Serves | None:
    """The abilities of a device of this model in this room; None for a model that the platform does not know.

    ``room``: of a wrist, where no fall is detected, and of doors that lead nowhere.
    """
    model = MODELS.get(model_id)
    if model is None:
        return None
    # what another system measures, and when, is not ours to promise
    channels = frozenset[str]() if model.transport == "exchange" else model.channels
    events = {event for table in model.events.values() for event in table.values()}
    by_motion = model.has_imu and not model.falls_refused(room)
    return Serves(
        falls=by_motion,
        room_falls="fall_suspected" in events and not by_motion,
        calls="sos_pressed" in events,
        hazards=frozenset(HAZARDS) & events,
        presence=bool(PRESENCE & channels) and not model.wearable,
        moves=bool((PRESENCE - {BED}) & channels) and not model.wearable,
        door=("door_open" in channels or "door_opened" in events) and room in EXITS,
        signs=bool(SIGNS & channels),
        breath="respiration_rate" in channels and model.continuous and not model.wearable,
        continuous=model.continuous,
        worn=model.wearable,
        heartbeat_s=model.heartbeat_s,
        zh=model.zh,
        en=model.label_en,
    )
