"""The true episodes of the simulated month, all of which the system must find."""

import msgspec

MUST: dict[str, str] = {
    "fall_confirmed": "a fall after which the person lies still",
    "fall_recovered": "a fall after which the person gets up by himself",
    "long_lie": "a fall after which the person lies on the floor for hours",
    "deterioration": "a NEWS2 of 5 and more",
    "tachycardia": "a sudden fast heart at rest",
    "bradycardia": "a slow heart",
    "shift": "a heart rate above the person's usual for more than a day",
    "drift": "a heart rate that rises over weeks",
    "hypoxia": "a low oxygen saturation for a quarter of an hour",
    "breathing_pause": "breathing that nearly stops",
    "no_vital_sign": "neither breathing nor pulse can be measured of somebody who lies in bed",
    "weight_gain": "weight gained within days, as of a failing heart",
    "pressure_crisis": "a very high blood pressure, measured twice",
    "stop": "all activity stops in waking time, the person being at home",
    "missed_morning": "the person does not get up",
    "bathroom": "the person does not come back from the bathroom",
    "night_wandering": "the person leaves the home at night",
    "bed_exit": "the person gets up at night and does not come back to bed",
    "sleepless": "three nights that are hours shorter than usual",
    "restless": "three nights with many ways out of bed",
    "reversed": "awake by night and asleep by day, for days",
    "absence": "the person does not come home in the evening, and nobody was told",
    "heat": "a hot room",
    "cold": "a cold room",
    "smoke": "smoke",
    "gas": "gas",
    "water_leak": "a water leak",
    "sos": "a press on the SOS button",
    "silent_device": "a sensor that was unplugged",
    "silent_gateway": "a home without a connection",
    "stuck_device": "a sensor that repeats one value",
    "low_battery": "a battery that is nearly empty",
}
"""Every kind of episode, in words."""
TECHNICAL = frozenset({"silent_device", "silent_gateway", "stuck_device", "low_battery"})
"""Kinds that are about devices, not about people."""


class Episode(msgspec.Struct, frozen=True):
    """An episode of a resident from ``begin_us`` to ``end_us`` (µs since 1970, UTC).

    ``begin_us`` is the earliest time at which it can be known: for a slow deterioration, when its score is reached.
    """

    kind: str
    resident: str
    begin_us: int
    end_us: int

    @property
    def must(self) -> str:
        return MUST[self.kind]
