"""The demonstration's homes as data: devices and scenarios."""

from typing import Any

import msgspec

from firmware_profiles.driver import DeviceConfig

DEVICES = (
    DeviceConfig("pendant", "mbientlab-metamotions", "worn"),
    DeviceConfig("sos-button", "sonoff-snzb-01p", "bedside"),
    DeviceConfig("oximeter", "nonin-3230", "worn"),
    DeviceConfig("bp-cuff", "and-ua-651ble", "living_room"),
    DeviceConfig("thermometer", "and-ut-201ble", "bedroom"),
    DeviceConfig("radar", "seeed-mr60bha2", "bedroom"),
    DeviceConfig("bed", "tuya-ts0601-bed", "bedroom"),
    DeviceConfig("pir-living", "aqara-rtcgq11lm", "living_room"),
    DeviceConfig("pir-kitchen", "aqara-rtcgq11lm", "kitchen"),
    DeviceConfig("pir-bathroom", "aqara-rtcgq11lm", "bathroom"),
    DeviceConfig("front-door", "aqara-mccgq11lm", "hall"),
    DeviceConfig("smoke", "heiman-hs1sa", "kitchen"),
    DeviceConfig("climate", "sonoff-snzb-02d", "living_room"),
    DeviceConfig("gateway", "gateway", ""),
)
TWO_KEYS = DeviceConfig("two-keys", "aqara-wxkg02lm", "living_room")
"""In the fifth home: left calls for help, right asks for a service."""


class SimulatedHome(msgspec.Struct, frozen=True):
    """A home of the demonstration: its number (from 1), gateway, devices, and options of the simulated driver."""

    number: int
    gateway: str
    devices: tuple[DeviceConfig, ...]
    driver_options: dict[str, Any]


def demo_home(number: int) -> SimulatedHome:
    """Home ``number``, counted from 1. The first five have a scenario; the others have an ordinary day.

    1: a real fall (SisFall: walks for 7 s, then slips) 20 s after the start and every five minutes. 2: an SOS press.
    3: a deterioration, NEWS2 rising over minutes. 4: a device that falls silent.
    5: a press of the service key, which asks for a service.
    """
    scenarios: dict[int, list[dict[str, Any]]] = {
        1: [{"kind": "fall", "at_s": 13, "every_s": 300, "recordings": ["SA01_F01_R01"]}],
        2: [{"kind": "sos", "at_s": 40, "every_s": 900}],
        3: [{"kind": "deterioration", "at_s": 30, "over_s": 180, "for_s": 900}],
        4: [{"kind": "silence", "at_s": 30, "device": "radar"}],
        5: [{"kind": "service", "at_s": 75}],
    }
    options: dict[str, Any] = {"seed": number, "scenarios": scenarios.get(number, [])}
    devices = (*DEVICES, TWO_KEYS) if number == 5 else DEVICES
    return SimulatedHome(number, f"gw-yt-{number:04d}", devices, options)


def at_hour(home: SimulatedHome, hour: float) -> SimulatedHome:
    """Return the home with the resident's day at that local hour when it starts, whatever the clock says."""
    return msgspec.structs.replace(home, driver_options=home.driver_options | {"begins_at": hour})
