"""Convert SenML units (RFC 8428, section 12.1; secondary units: RFC 8798) to the UCUM units of our channels.

SenML's ``%`` is a ratio, not a percentage (RFC 8428, section 12.1, note 1): 97 % oxygen saturation is 0.97 with ``/``
or ``%``, and 97 with ``/100`` (RFC 8798). A sender who knows UCUM alone may name the channel's own unit where the SenML
registry gives that name no other meaning.
"""

from collections.abc import Mapping
from types import MappingProxyType

from firmware_profiles.channels import CHANNELS

MMHG_PA = 133.322
"""One mm[Hg] in Pa (UCUM, table "other units": m[Hg] = 133.3220 kPa)."""

Conversion = tuple[float, float]
"""(factor, offset): ours = theirs × factor + offset."""

_BY_UCUM: Mapping[str, Mapping[str | None, Conversion]] = MappingProxyType(
    {
        "/min": {"beat/min": (1, 0), "1/min": (1, 0), "1/s": (60, 0), "Hz": (60, 0)},
        "%": {"/100": (1, 0), "/": (100, 0), "%": (100, 0), "/1000": (0.1, 0)},
        "mm[Hg]": {"Pa": (1 / MMHG_PA, 0), "hPa": (100 / MMHG_PA, 0)},
        "Cel": {"Cel": (1, 0), "K": (1, -273.15)},
        "kg": {"kg": (1, 0), "g": (1e-3, 0)},
        "mmol/L": {},
        "ms": {"s": (1000, 0), "ms": (1, 0)},
        "lx": {"lx": (1, 0)},
        "dBm": {"dBm": (1, 0), "dBW": (1, 30)},
        "MiBy": {"KiB": (1 / 1024, 0)},
        "1": {None: (1, 0), "/": (1, 0), "count": (1, 0)},
    }
)
_OF_CHANNEL: Mapping[str, Mapping[str | None, Conversion]] = MappingProxyType(
    {"room_humidity": {"%RH": (1, 0)}, "battery": {"%EL": (1, 0)}}
)
"""Units that name a quantity as well."""


def _table(channel: str) -> dict[str | None, Conversion]:
    unit = CHANNELS[channel].unit
    return {unit: (1.0, 0.0), **_BY_UCUM.get(unit, {}), **_OF_CHANNEL.get(channel, {})}


_TABLES: Mapping[str, Mapping[str | None, Conversion]] = MappingProxyType({code: _table(code) for code in CHANNELS})


def conversion(channel: str, unit: str | None) -> Conversion | None:
    """The conversion from ``unit`` (None: the record names none) to the channel's unit; None where there is none."""
    return _TABLES[channel].get(unit)


def accepted(channel: str) -> list[str | None]:
    """The units a channel is accepted in."""
    return list(_TABLES[channel])
