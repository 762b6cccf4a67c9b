"""Decode Bluetooth SIG health characteristics: bytes in, readings out.

Layouts: GATT Specification Supplement (Bluetooth SIG), the characteristic of each function's name. SFLOAT and FLOAT:
IEEE 11073-20601 Annex F.7. All fields are little-endian. A profile says that a receiver ignores bytes behind the fields
it knows, so trailing bytes are allowed; a missing byte, a reserved value or an impossible date is a DecodeError.

Devices send local time without a zone: time stamps are read as Asia/Shanghai (UTC+8, no daylight saving since 1992).
"""

import datetime
import math
import struct
from collections.abc import Callable

from firmware_profiles.errors import DecodeError
from firmware_profiles.readings import Reading
from vocabulary.times import MINUTE_US, SECOND_US, SHANGHAI

HEART_RATE_MEASUREMENT = 0x2A37
PLX_SPOT_CHECK = 0x2A5E
PLX_CONTINUOUS = 0x2A5F
BLOOD_PRESSURE_MEASUREMENT = 0x2A35
TEMPERATURE_MEASUREMENT = 0x2A1C
WEIGHT_MEASUREMENT = 0x2A9D
GLUCOSE_MEASUREMENT = 0x2A18
BATTERY_LEVEL = 0x2A19
"""GATT Specification Supplement 3.21: one byte, percent. Not a health characteristic: :func:`decode` refuses it."""

BASE_UUID = "0000{:04x}-0000-1000-8000-00805f9b34fb"
"""Bluetooth Core Specification, Vol 3, Part B, 2.5.1: the base UUID of 16-bit numbers."""

KPA_TO_MMHG = 1000 / 133.322387415
"""NIST SP 811, appendix B.8: 1 mmHg = 133.3224 Pa."""
LB_TO_KG = 0.45359237
"""International pound, exact."""
GLUCOSE_G_PER_MOL = 180.156
"""Molar mass of C6H12O6."""

_SFLOAT_RESERVED = {0x7FF: "NaN", 0x800: "NRes", 0x7FE: "+infinity", 0x802: "-infinity", 0x801: "reserved"}
_FLOAT_RESERVED = {
    0x7FFFFF: "NaN",
    0x800000: "NRes",
    0x7FFFFE: "+infinity",
    0x800002: "-infinity",
    0x800001: "reserved",
}


class _Cursor:
    """Reads fields one after the other and says which one is missing."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._at = 0

    def _take(self, size: int, field: str) -> bytes:
        piece = self._payload[self._at : self._at + size]
        if len(piece) < size:
            raise DecodeError(f"truncated: {field} needs {size} bytes at offset {self._at}, {len(piece)} are left")
        self._at += size
        return piece

    @property
    def left(self) -> int:
        return len(self._payload) - self._at

    def uint(self, size: int, field: str) -> int:
        return int.from_bytes(self._take(size, field), "little")

    def int16(self, field: str) -> int:
        return int(struct.unpack("<h", self._take(2, field))[0])

    def sfloat(self, field: str) -> float | None:
        """The value; None for NaN (the field has no value). Raises DecodeError for the other reserved mantissas."""
        raw = self.uint(2, field)
        return _decimal(raw & 0xFFF, 12, raw >> 12, 4, _SFLOAT_RESERVED, field)

    def float32(self, field: str) -> float | None:
        raw = self.uint(4, field)
        return _decimal(raw & 0xFFFFFF, 24, raw >> 24, 8, _FLOAT_RESERVED, field)

    def date_time(self, field: str) -> int | None:
        """µs since 1970, UTC; None where the device does not know the date (year, month or day 0)."""
        year, month, day, hour, minute, second = struct.unpack("<HBBBBB", self._take(7, field))
        if 0 in (year, month, day):
            return None
        try:
            moment = datetime.datetime(year, month, day, hour, minute, second, tzinfo=SHANGHAI)
        except ValueError as error:
            raise DecodeError(f"{field}: {year}-{month}-{day} {hour}:{minute}:{second} is no date: {error}") from error
        return int(moment.timestamp()) * SECOND_US


def _decimal(
    mantissa: int, bits: int, exponent: int, exponent_bits: int, reserved: dict[int, str], field: str
) -> float | None:
    # The reserved mantissas are special only with exponent 0 (IEEE 11073-20601, F.7), but no device uses them as
    # numbers, and a wrong number is worse than none.
    if mantissa in reserved:
        if reserved[mantissa] == "NaN":
            return None
        raise DecodeError(f"{field}: the reserved value {reserved[mantissa]}")
    if mantissa >= 1 << (bits - 1):
        mantissa -= 1 << bits
    if exponent >= 1 << (exponent_bits - 1):
        exponent -= 1 << exponent_bits
    # division by a power of ten rounds once, so that 365e-1 is exactly 36.5
    value = mantissa * 10.0**exponent if exponent >= 0 else mantissa / 10.0**-exponent
    if not math.isfinite(value):
        raise DecodeError(f"{field}: {mantissa}e{exponent} is too large to be a measurement")
    return value


def _required(value: float | None, field: str) -> float:
    if value is None:
        raise DecodeError(f"{field}: the device gives no value (NaN)")
    return value


def _heart_rate(at: _Cursor) -> list[Reading]:
    flags = at.uint(1, "flags")
    rate = at.uint(2 if flags & 0x01 else 1, "heart rate")
    if flags & 0x08:
        at.uint(2, "energy expended")
    contact_supported, contact = flags & 0x04, flags & 0x02
    readings = []
    if not (contact_supported and not contact):  # off the skin, the number means nothing
        readings.append(Reading("heart_rate", float(rate)))
    if flags & 0x10:
        if at.left % 2:
            raise DecodeError(f"RR intervals are 2 bytes each; {at.left} bytes are left")
        while at.left:
            readings.append(Reading("rr_interval", at.uint(2, "RR interval") * 1000 / 1024))
    return readings


def _oximetry(spo2: float | None, pulse: float | None, time_us: int | None) -> list[Reading]:
    """Readings of an oximeter; NaN in one of the two means that it has no such value at the moment."""
    pairs = (("spo2", spo2), ("heart_rate", pulse))
    readings = [Reading(channel, value, time_us) for channel, value in pairs if value is not None]
    if not readings:
        raise DecodeError("SpO2 and pulse rate: the device gives no value (NaN)")
    return readings


def _plx_spot_check(at: _Cursor) -> list[Reading]:
    flags = at.uint(1, "flags")
    spo2, pulse = at.sfloat("SpO2"), at.sfloat("pulse rate")
    time_us = at.date_time("timestamp") if flags & 0x01 else None
    if flags & 0x10:  # the device's clock was never set
        time_us = None
    readings = _oximetry(spo2, pulse, time_us)
    if flags & 0x02:
        at.uint(2, "measurement status")
    if flags & 0x04:
        at.uint(3, "device and sensor status")
    if flags & 0x08:
        readings += _perfusion(at, time_us)
    return readings


def _plx_continuous(at: _Cursor) -> list[Reading]:
    flags = at.uint(1, "flags")
    readings = _oximetry(at.sfloat("SpO2"), at.sfloat("pulse rate"), None)
    for bit, name in ((0x01, "fast"), (0x02, "slow")):
        if flags & bit:
            at.sfloat(f"SpO2 {name}")
            at.sfloat(f"pulse rate {name}")
    if flags & 0x04:
        at.uint(2, "measurement status")
    if flags & 0x08:
        at.uint(3, "device and sensor status")
    if flags & 0x10:
        readings += _perfusion(at, None)
    return readings


def _perfusion(at: _Cursor, time_us: int | None) -> list[Reading]:
    index = at.sfloat("pulse amplitude index")
    return [] if index is None else [Reading("perfusion_index", index, time_us)]


def _blood_pressure(at: _Cursor) -> list[Reading]:
    flags = at.uint(1, "flags")
    factor = KPA_TO_MMHG if flags & 0x01 else 1.0
    systolic, diastolic, mean = (at.sfloat(f"{part} pressure") for part in ("systolic", "diastolic", "mean arterial"))
    time_us = at.date_time("timestamp") if flags & 0x02 else None
    pulse = at.sfloat("pulse rate") if flags & 0x04 else None
    if flags & 0x08:
        at.uint(1, "user id")
    if flags & 0x10:
        at.uint(2, "measurement status")
    readings = [
        Reading("systolic_bp", _required(systolic, "systolic pressure") * factor, time_us),
        Reading("diastolic_bp", _required(diastolic, "diastolic pressure") * factor, time_us),
    ]
    if mean is not None:  # many cuffs do not compute it
        readings.append(Reading("mean_bp", mean * factor, time_us))
    if pulse is not None:
        readings.append(Reading("heart_rate", pulse, time_us))
    return readings


def _temperature(at: _Cursor) -> list[Reading]:
    flags = at.uint(1, "flags")
    value = _required(at.float32("temperature"), "temperature")
    time_us = at.date_time("timestamp") if flags & 0x02 else None
    if flags & 0x04:
        at.uint(1, "temperature type")
    return [Reading("body_temperature", (value - 32) / 1.8 if flags & 0x01 else value, time_us)]


def _weight(at: _Cursor) -> list[Reading]:
    flags = at.uint(1, "flags")
    raw = at.uint(2, "weight")
    time_us = at.date_time("timestamp") if flags & 0x02 else None
    if flags & 0x04:
        at.uint(1, "user id")
    if flags & 0x08:
        at.uint(2, "BMI")
        at.uint(2, "height")
    if raw == 0xFFFF:
        raise DecodeError("weight: the device reports that the measurement was not successful (0xFFFF)")
    return [Reading("weight", raw * LB_TO_KG / 100 if flags & 0x01 else raw / 200, time_us)]


def _glucose(at: _Cursor) -> list[Reading]:
    flags = at.uint(1, "flags")
    at.uint(2, "sequence number")
    base_us = at.date_time("base time")
    offset_min = at.int16("time offset") if flags & 0x01 else 0
    if not flags & 0x02:  # a record of the sensor's status alone
        return []
    concentration = _required(at.sfloat("glucose concentration"), "glucose concentration")
    at.uint(1, "type and sample location")
    if flags & 0x08:
        at.uint(2, "sensor status annunciation")
    molar = concentration if flags & 0x04 else concentration * 1000 / GLUCOSE_G_PER_MOL  # mol/L
    time_us = None if base_us is None else base_us + offset_min * MINUTE_US
    return [Reading("glucose", molar * 1000, time_us)]


_DECODERS: dict[int, Callable[[_Cursor], list[Reading]]] = {
    HEART_RATE_MEASUREMENT: _heart_rate,
    PLX_SPOT_CHECK: _plx_spot_check,
    PLX_CONTINUOUS: _plx_continuous,
    BLOOD_PRESSURE_MEASUREMENT: _blood_pressure,
    TEMPERATURE_MEASUREMENT: _temperature,
    WEIGHT_MEASUREMENT: _weight,
    GLUCOSE_MEASUREMENT: _glucose,
}
GIVES: dict[int, frozenset[str]] = {
    HEART_RATE_MEASUREMENT: frozenset({"heart_rate", "rr_interval"}),
    PLX_SPOT_CHECK: frozenset({"spo2", "heart_rate", "perfusion_index"}),
    PLX_CONTINUOUS: frozenset({"spo2", "heart_rate", "perfusion_index"}),
    BLOOD_PRESSURE_MEASUREMENT: frozenset({"systolic_bp", "diastolic_bp", "mean_bp", "heart_rate"}),
    TEMPERATURE_MEASUREMENT: frozenset({"body_temperature"}),
    WEIGHT_MEASUREMENT: frozenset({"weight"}),
    GLUCOSE_MEASUREMENT: frozenset({"glucose"}),
}
"""The channels that readings of a characteristic may be of."""


def decode(uuid16: int, payload: bytes) -> list[Reading]:
    """The readings in one value of a health characteristic, in the channels' units.

    Raises DecodeError, and nothing else, for an unknown characteristic, a truncated value or a reserved number.
    """
    decoder = _DECODERS.get(uuid16)
    if decoder is None:
        known = ", ".join(f"0x{uuid:04X}" for uuid in sorted(_DECODERS))
        raise DecodeError(f"characteristic 0x{uuid16:04X} is not one of {known}")
    try:
        return decoder(_Cursor(payload))
    except DecodeError as error:
        raise DecodeError(f"characteristic 0x{uuid16:04X}: {error}") from error
