"""The devices of a home of the simulated month."""

from device_simulators.month.people import Resident
from firmware_profiles.driver import DeviceConfig

ALWAYS = (
    DeviceConfig("pendant", "mbientlab-metamotions", "worn"),
    DeviceConfig("sos-button", "sonoff-snzb-01p", "bedside"),
    DeviceConfig("radar", "seeed-mr60bha2", "bedroom"),
    DeviceConfig("bed", "elevated-bpmk1", "bedroom"),
    DeviceConfig("pir-living", "aqara-rtcgq11lm", "living_room"),
    DeviceConfig("pir-kitchen", "aqara-rtcgq11lm", "kitchen"),
    DeviceConfig("pir-bathroom", "aqara-rtcgq11lm", "bathroom"),
    DeviceConfig("front-door", "aqara-mccgq11lm", "hall"),
    DeviceConfig("smoke", "heiman-hs1sa", "kitchen"),
    DeviceConfig("gas", "heiman-hs1cg", "kitchen"),
    DeviceConfig("leak", "aqara-sjcgq11lm", "bathroom"),
    DeviceConfig("climate", "sonoff-snzb-02d", "living_room"),
)
SOMETIMES = {
    "band": DeviceConfig("band", "polar-h10", "worn"),
    "oximeter": DeviceConfig("oximeter", "nonin-3230", "worn"),
    "cuff": DeviceConfig("bp-cuff", "and-ua-651ble", "living_room"),
    "scales": DeviceConfig("scales", "and-uc-352ble", "bathroom"),
}
EXTRA = {
    "meter": DeviceConfig("meter", "accu-chek-guide", "kitchen"),
    "thermometer": DeviceConfig("thermometer", "and-ut-201ble", "bedroom"),
    "fingertip": DeviceConfig("fingertip", "nonin-3230", "bedroom"),
    "round": DeviceConfig("round", ""),
    "skin": DeviceConfig("skin", ""),
    "steps": DeviceConfig("steps", ""),
}
"""Devices of single scenes. Without a model: what a carer enters, and devices that no profile of ours describes."""
SPOUSES = (
    DeviceConfig("pendant-2", "mbientlab-metamotions", "worn"),
    DeviceConfig("sos-button-2", "sonoff-snzb-01p", "bedside"),
)
OWN = frozenset({"pendant", "sos-button", "radar", "bed", *(d.name for d in SOMETIMES.values()), *EXTRA})
"""Names of devices that measure the resident alone, in a home of two."""


def devices_of(resident: Resident) -> list[DeviceConfig]:
    """All devices of this home."""
    return [
        *ALWAYS,
        *(device for name, device in SOMETIMES.items() if getattr(resident.equipment, name)),
        *(EXTRA[name] for name in resident.extra),
        *(SPOUSES if resident.spouse else ()),
    ]


def owner(resident: Resident, device: str) -> str:
    """Code of the one whom the device measures or belongs to; '' for a device of a home of two as a whole."""
    if not resident.spouse or device in OWN:
        return resident.code
    return resident.spouse if device in {spouses.name for spouses in SPOUSES} else ""
