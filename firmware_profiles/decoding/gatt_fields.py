"""Read the fields of a GATT characteristic one after the other: integers, SFLOAT and FLOAT, dates.

SFLOAT and FLOAT: IEEE 11073-20601 Annex F.7. All fields are little-endian. A missing byte is a DecodeError; a field
that holds no value, or one that makes no sense, is noted as an Oddity, and the fields beside it stay good.
"""

import datetime
import math
import struct
from enum import Enum

from firmware_profiles.errors import DecodeError
from firmware_profiles.readings import Beyond, Oddity, Reading
from vocabulary.times import SECOND_US, SHANGHAI


class Special(Enum):
    """A reserved value in place of a number (IEEE 11073-20601, F.7)."""

    NAN = "NaN"
    NRES = "NRes"
    RESERVED = "reserved"
    ABOVE = "+infinity"
    BELOW = "-infinity"


Number = float | Special

METER_BOUNDS: dict[str, tuple[float | None, float | None]] = {
    "glucose": (0.6, 33.3),
    "systolic_bp": (60, 280),
    "diastolic_bp": (40, 200),
    "heart_rate": (30, 250),
    "spo2": (70, None),
    "body_temperature": (32, 43),
}
"""The range that a meter of the kind measures, in the channel's unit: where it says HI (+infinity) or LO (-infinity),
the value lies beyond; None: that word makes no sense. Glucose: 10 to 600 mg/dL (Accu-Chek Guide manual). Pressures and
pulse: A&D UA-651BLE manual. SpO2: 70 to 100 % is the range that an oximeter's accuracy is stated for (ISO 80601-2-61,
201.12.1.101). Temperature: the displays of home thermometers (A&D UT-201BLE manual: 32.00 to 43.00 °C)."""

_SFLOAT = {0x7FF: Special.NAN, 0x800: Special.NRES, 0x801: Special.RESERVED, 0x7FE: Special.ABOVE, 0x802: Special.BELOW}
_FLOAT = {
    0x7FFFFF: Special.NAN,
    0x800000: Special.NRES,
    0x800001: Special.RESERVED,
    0x7FFFFE: Special.ABOVE,
    0x800002: Special.BELOW,
}
_LARGEST = 3.4e38
"""About the largest float32, in which values travel."""


class Fields:
    """The bytes of one value. ``odd`` collects what cannot be understood."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._at = 0
        self.odd: list[Oddity] = []

    def _take(self, size: int, field: str) -> bytes:
        piece = self._payload[self._at : self._at + size]
        if len(piece) < size:
            raise DecodeError(f"truncated: {field} needs {size} bytes at offset {self._at}, {len(piece)} are left")
        self._at += size
        return piece

    @property
    def left(self) -> int:
        return len(self._payload) - self._at

    def note(self, field: str, reason: str) -> None:
        """Note that a field cannot be used."""
        self.odd.append(Oddity(field, f"{field}: {reason}"))

    def uint(self, size: int, field: str) -> int:
        return int.from_bytes(self._take(size, field), "little")

    def int16(self, field: str) -> int:
        return int(struct.unpack("<h", self._take(2, field))[0])

    def sfloat(self, field: str) -> Number:
        raw = self.uint(2, field)
        return _decimal(raw & 0xFFF, 12, raw >> 12, 4, _SFLOAT)

    def float32(self, field: str) -> Number:
        raw = self.uint(4, field)
        return _decimal(raw & 0xFFFFFF, 24, raw >> 24, 8, _FLOAT)

    def date_time(self, field: str) -> int | None:
        """µs since 1970, UTC; None where the device does not know the date (year, month or day 0), or where there is
        no such date, which is noted."""
        year, month, day, hour, minute, second = struct.unpack("<HBBBBB", self._take(7, field))
        if 0 in (year, month, day):
            return None
        try:
            moment = datetime.datetime(year, month, day, hour, minute, second, tzinfo=SHANGHAI)
        except ValueError as error:
            self.note(field, f"{year}-{month}-{day} {hour}:{minute}:{second} is no date: {error}")
            return None
        return round((moment - _EPOCH).total_seconds()) * SECOND_US

    def reading(
        self, channel: str, field: str, value: Number, scale: float = 1, time_us: int | None = None
    ) -> list[Reading]:
        """The reading of a field that may hold no value (none), or say HI or LO (one at the meter's bound)."""
        if isinstance(value, Special):
            beyond = _BEYOND.get(value)
            reading = None if beyond is None else bound(channel, beyond, time_us)
            if reading is None and value is not Special.NAN:  # NaN: the device has no such value at the moment
                self.note(field, f"the reserved value {value.value}")
            return [] if reading is None else [reading]
        if not abs(value * scale) <= _LARGEST:
            self.note(field, f"{value:g} is too large to be a measurement")
            return []
        return [Reading(channel, value * scale, time_us)]


_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


_BEYOND: dict[Special, Beyond] = {Special.ABOVE: "above", Special.BELOW: "below"}


def bound(channel: str, beyond: Beyond, time_us: int | None) -> Reading | None:
    """The reading of a meter that says HI ("above") or LO ("below"): the end of what it measures. None where no meter
    of this channel can mean that."""
    value = METER_BOUNDS.get(channel, (None, None))[beyond == "above"]
    return None if value is None else Reading(channel, value, time_us, beyond)


def _decimal(mantissa: int, bits: int, exponent: int, exponent_bits: int, reserved: dict[int, Special]) -> Number:
    # The reserved mantissas are special only with exponent 0 (IEEE 11073-20601, F.7), but no device uses them as
    # numbers, and a wrong number is worse than none.
    if mantissa in reserved:
        return reserved[mantissa]
    if mantissa >= 1 << (bits - 1):
        mantissa -= 1 << bits
    if exponent >= 1 << (exponent_bits - 1):
        exponent -= 1 << exponent_bits
    # division by a power of ten rounds once, so that 365e-1 is exactly 36.5
    value = mantissa * 10.0**exponent if exponent >= 0 else mantissa / 10.0**-exponent
    return value if math.isfinite(value) else math.copysign(_LARGEST * 2, mantissa)
