"""Decode Bluetooth SIG health characteristics: bytes in, readings out.

Layouts: GATT Specification Supplement (Bluetooth SIG), the characteristic of each function's name. A profile says that
a receiver ignores bytes behind the fields it knows, so trailing bytes are allowed; a missing byte is a DecodeError. A
field without a value, or with one that makes no sense, costs that field alone. No date makes a value undecodable.

A status by which the device itself takes its measurement back (an oximeter off the finger, a drop of control solution)
is obeyed: there is no reading then. A status that makes it doubtful (motion, a loose cuff) comes as ``signal_quality``.

Devices send local time without a zone: time stamps are read as Asia/Shanghai (UTC+8, no daylight saving since 1992).
"""

import datetime
import struct
from collections.abc import Callable

from firmware_profiles.decoding.gatt_fields import Fields, Special, bound
from firmware_profiles.errors import DecodeError
from firmware_profiles.readings import Heard, Reading
from vocabulary.times import MINUTE_US, SHANGHAI

HEART_RATE_MEASUREMENT = 0x2A37
PLX_SPOT_CHECK = 0x2A5E
PLX_CONTINUOUS = 0x2A5F
BLOOD_PRESSURE_MEASUREMENT = 0x2A35
TEMPERATURE_MEASUREMENT = 0x2A1C
WEIGHT_MEASUREMENT = 0x2A9D
BODY_COMPOSITION_MEASUREMENT = 0x2A9C
GLUCOSE_MEASUREMENT = 0x2A18
BATTERY_LEVEL = 0x2A19
FIRMWARE_REVISION = 0x2A26
"""GATT Specification Supplement 3.21: one byte, percent. Not a health characteristic: :func:`decode` refuses it."""
CURRENT_TIME, DATE_TIME = 0x2A2B, 0x2A08
"""The clock of a device: Current Time Service 1.1, and the bare Date Time that A&D's devices have."""

BASE_UUID = "0000{:04x}-0000-1000-8000-00805f9b34fb"
"""Bluetooth Core Specification, Vol 3, Part B, 2.5.1: the base UUID of 16-bit numbers."""

KPA_TO_MMHG = 1000 / 133.322387415
"""NIST SP 811, appendix B.8: 1 mmHg = 133.3224 Pa."""
LB_TO_KG = 0.45359237
"""International pound, exact."""
GLUCOSE_G_PER_MOL = 180.156
"""Molar mass of C6H12O6."""
DOUBTFUL = 40.0
"""``signal_quality``, %, of a measurement that its device calls questionable: below that of a sound one, and above the
30 % under which no reading is believed."""


def _bits(*numbers: int) -> int:
    return sum(1 << number for number in numbers)


_PLX_NONE = _bits(10, 11, 12, 13, 15)
"""Measurement status (Pulse Oximeter Service 1.0): demonstration, testing, calibration, unavailable, invalid."""
_PLX_STORED, _PLX_DOUBTFUL = _bits(9), _bits(14)
_PLX_DEVICE_NONE = _bits(3, 7, 11, 12, 13, 15)
"""Device and sensor status: inadequate or non-pulsatile signal; sensor off the user, unknown, displaced,
disconnected."""
_PLX_BROKEN = _bits(1, 14)
"""Malfunction of the equipment or of the sensor."""
_PLX_DEVICE_DOUBTFUL = _bits(2, 4, 5, 6, 8, 10)
"""Irregular processing, poor signal, low perfusion, erratic signal, questionable pulse, interference."""
_CUFF_DOUBTFUL = _bits(0, 1, 5)
"""Blood Pressure Service 1.1.1, measurement status: the body moved, the cuff is loose, the position is wrong."""
_GLUCOSE_NONE = _bits(1, 2, 3, 4, 7, 8, 9, 10)
"""Glucose Service 1.0.1, sensor status annunciation: malfunction, sample too small, strip inserted wrongly or of a
wrong type, too hot, too cold, strip pulled too early, general fault."""
_GLUCOSE_HIGH, _GLUCOSE_LOW, _GLUCOSE_TIME_LOST = _bits(5), _bits(6), _bits(11)
_CONTROL_TYPE, _CONTROL_LOCATION = 0xA, 0x4
"""Control solution, as the type of the fluid or as the place of the sample: nobody's glucose."""


def _heart_rate(at: Fields) -> list[Reading]:
    flags = at.uint(1, "flags")
    rate = at.uint(2 if flags & 0x01 else 1, "heart rate")
    if flags & 0x08:
        at.uint(2, "energy expended")
    if flags & 0x04 and not flags & 0x02:  # contact supported, not there: off the skin, the numbers mean nothing
        return []
    readings = [Reading("heart_rate", float(rate))]
    if flags & 0x10:
        while at.left >= 2:
            readings.append(Reading("rr_interval", at.uint(2, "RR interval") * 1000 / 1024))
        if at.left:
            at.note("RR intervals", "2 bytes each; one byte is left")
    return readings


def _plx_spot_check(at: Fields) -> list[Reading]:
    flags = at.uint(1, "flags")
    spo2, pulse = at.sfloat("SpO2"), at.sfloat("pulse rate")
    time_us = at.date_time("timestamp") if flags & 0x01 else None
    if flags & 0x10:  # the device's clock was never set
        time_us = None
    readings = at.reading("spo2", "SpO2", spo2, 1, time_us) + at.reading("heart_rate", "pulse rate", pulse, 1, time_us)
    status = at.uint(2, "measurement status") if flags & 0x02 else 0
    device = at.uint(3, "device and sensor status") if flags & 0x04 else 0
    if flags & 0x08:
        readings += at.reading("perfusion_index", "amplitude index", at.sfloat("amplitude index"), 1, time_us)
    if status & _PLX_STORED and time_us is None:
        at.note("measurement status", "a measurement from the device's memory without its time cannot be placed")
        return []
    return _as_the_status_says(at, readings, status, device, time_us)


def _plx_continuous(at: Fields) -> list[Reading]:
    flags = at.uint(1, "flags")
    readings = at.reading("spo2", "SpO2", at.sfloat("SpO2"))
    readings += at.reading("heart_rate", "pulse rate", at.sfloat("pulse rate"))
    for bit, name in ((0x01, "fast"), (0x02, "slow")):
        if flags & bit:
            at.sfloat(f"SpO2 {name}")
            at.sfloat(f"pulse rate {name}")
    status = at.uint(2, "measurement status") if flags & 0x04 else 0
    device = at.uint(3, "device and sensor status") if flags & 0x08 else 0
    if flags & 0x10:
        readings += at.reading("perfusion_index", "amplitude index", at.sfloat("amplitude index"))
    if status & _PLX_STORED:
        return []  # a stream has no time stamps: this is of some earlier time
    return _as_the_status_says(at, readings, status, device, None)


def _as_the_status_says(
    at: Fields, readings: list[Reading], status: int, device: int, time_us: int | None
) -> list[Reading]:
    if device & _PLX_BROKEN:
        at.note("device and sensor status", "the oximeter or its sensor reports a malfunction: replace it")
    if status & _PLX_NONE or device & (_PLX_DEVICE_NONE | _PLX_BROKEN):
        return []
    if readings and (status & _PLX_DOUBTFUL or device & _PLX_DEVICE_DOUBTFUL):
        return [Reading("signal_quality", DOUBTFUL, time_us), *readings]
    return readings


def _blood_pressure(at: Fields) -> list[Reading]:
    flags = at.uint(1, "flags")
    factor = KPA_TO_MMHG if flags & 0x01 else 1.0
    systolic, diastolic, mean = (at.sfloat(f"{part} pressure") for part in ("systolic", "diastolic", "mean arterial"))
    time_us = at.date_time("timestamp") if flags & 0x02 else None
    pulse = at.sfloat("pulse rate") if flags & 0x04 else Special.NAN
    if flags & 0x08:
        at.uint(1, "user id")
    status = at.uint(2, "measurement status") if flags & 0x10 else 0
    high, low = (
        at.reading("systolic_bp", "systolic pressure", systolic, factor, time_us),
        at.reading("diastolic_bp", "diastolic pressure", diastolic, factor, time_us),
    )
    readings = []
    if high and low:
        readings = [*high, *low, *at.reading("mean_bp", "mean arterial pressure", mean, factor, time_us)]
    elif not (systolic is diastolic is Special.NAN):
        missing = "diastolic" if high else "systolic"
        at.note(f"{missing} pressure", "the device gives no value (NaN): one pressure without the other is none")
    else:  # "Err" on the cuff's display
        at.note("pressures", "the device gives no value (NaN): the measurement did not succeed")
    heart = at.reading("heart_rate", "pulse rate", pulse, 1, time_us)
    if not heart and status >> 3 & 0b11 in (1, 2):  # pulse rate range: above or below the upper and lower limit
        limit = bound("heart_rate", "above" if status >> 3 & 0b11 == 1 else "below", time_us)
        heart = [] if limit is None else [limit]
    readings += heart
    if readings and status & _CUFF_DOUBTFUL:
        return [Reading("signal_quality", DOUBTFUL, time_us), *readings]
    return readings


def _temperature(at: Fields) -> list[Reading]:
    flags = at.uint(1, "flags")
    value = at.float32("temperature")
    time_us = at.date_time("timestamp") if flags & 0x02 else None
    if flags & 0x04:
        at.uint(1, "temperature type")
    if value is Special.NAN:
        at.note("temperature", "the device gives no value (NaN)")
    elif flags & 0x01 and not isinstance(value, Special):
        value = (value - 32) / 1.8
    return at.reading("body_temperature", "temperature", value, 1, time_us)


def _weight(at: Fields) -> list[Reading]:
    flags = at.uint(1, "flags")
    raw = at.uint(2, "weight")
    time_us = at.date_time("timestamp") if flags & 0x02 else None
    if flags & 0x04:
        at.uint(1, "user id")
    if flags & 0x08:
        at.uint(2, "BMI")
        at.uint(2, "height")
    return _mass(at, raw, bool(flags & 0x01), time_us)


def _mass(at: Fields, raw: int, imperial: bool, time_us: int | None) -> list[Reading]:
    if raw == 0xFFFF:
        at.note("weight", "the device reports that the measurement was not successful (0xFFFF)")
        return []
    return [Reading("weight", raw * LB_TO_KG / 100 if imperial else raw / 200, time_us)]


def _body_composition(at: Fields) -> list[Reading]:
    """Body Composition Service 1.0, 3.2.1: of all that such a scale tells, the weight, where it is there."""
    flags = at.uint(2, "flags")
    at.uint(2, "body fat percentage")
    time_us = at.date_time("timestamp") if flags & 0x0002 else None
    if flags & 0x0004:
        at.uint(1, "user id")
    for bit, field in enumerate(
        (
            "basal metabolism",
            "muscle percentage",
            "muscle mass",
            "fat free mass",
            "soft lean mass",
            "water",
            "impedance",
        ),
        start=3,
    ):
        if flags & 1 << bit:
            at.uint(2, field)
    return _mass(at, at.uint(2, "weight"), bool(flags & 0x0001), time_us) if flags & 0x0400 else []


def _glucose(at: Fields) -> list[Reading]:
    flags = at.uint(1, "flags")
    at.uint(2, "sequence number")
    base_us = at.date_time("base time")
    offset_min = at.int16("time offset") if flags & 0x01 else 0
    measured = bool(flags & 0x02)
    concentration = at.sfloat("glucose concentration") if measured else Special.NAN
    fluid = at.uint(1, "type and sample location") if measured else 0
    status = at.uint(2, "sensor status annunciation") if flags & 0x08 else 0
    if fluid & 0x0F == _CONTROL_TYPE or fluid >> 4 == _CONTROL_LOCATION:
        return []
    if status & _GLUCOSE_NONE:
        at.note("sensor status", f"the meter reports a failed measurement (status {status:#06x}): measure again")
        return []
    dated = base_us is not None and not status & _GLUCOSE_TIME_LOST
    time_us = base_us + offset_min * MINUTE_US if dated and base_us is not None else None
    if status & (_GLUCOSE_HIGH | _GLUCOSE_LOW):
        beyond = bound("glucose", "above" if status & _GLUCOSE_HIGH else "below", time_us)
        return [] if beyond is None else [beyond]
    if measured and concentration is Special.NAN:
        at.note("glucose concentration", "the device gives no value (NaN)")
    # mol/L, or kg/L
    scale = 1000.0 if flags & 0x04 else 1_000_000 / GLUCOSE_G_PER_MOL
    return at.reading("glucose", "glucose concentration", concentration, scale, time_us)


_DECODERS: dict[int, Callable[[Fields], list[Reading]]] = {
    HEART_RATE_MEASUREMENT: _heart_rate,
    PLX_SPOT_CHECK: _plx_spot_check,
    PLX_CONTINUOUS: _plx_continuous,
    BLOOD_PRESSURE_MEASUREMENT: _blood_pressure,
    TEMPERATURE_MEASUREMENT: _temperature,
    WEIGHT_MEASUREMENT: _weight,
    BODY_COMPOSITION_MEASUREMENT: _body_composition,
    GLUCOSE_MEASUREMENT: _glucose,
}
GIVES: dict[int, frozenset[str]] = {
    HEART_RATE_MEASUREMENT: frozenset({"heart_rate", "rr_interval"}),
    PLX_SPOT_CHECK: frozenset({"spo2", "heart_rate", "perfusion_index", "signal_quality"}),
    PLX_CONTINUOUS: frozenset({"spo2", "heart_rate", "perfusion_index", "signal_quality"}),
    BLOOD_PRESSURE_MEASUREMENT: frozenset({"systolic_bp", "diastolic_bp", "mean_bp", "heart_rate", "signal_quality"}),
    TEMPERATURE_MEASUREMENT: frozenset({"body_temperature"}),
    WEIGHT_MEASUREMENT: frozenset({"weight"}),
    BODY_COMPOSITION_MEASUREMENT: frozenset({"weight"}),
    GLUCOSE_MEASUREMENT: frozenset({"glucose"}),
}
"""The channels that readings of a characteristic may be of."""


def hear(uuid16: int, payload: bytes) -> list[Heard]:
    """The content of one value of a health characteristic: its readings, in the channels' units, and its oddities.

    Raises DecodeError, and nothing else, for an unknown characteristic or a truncated value.
    """
    decoder = _DECODERS.get(uuid16)
    if decoder is None:
        known = ", ".join(f"0x{uuid:04X}" for uuid in sorted(_DECODERS))
        raise DecodeError(f"characteristic 0x{uuid16:04X} is not one of {known}")
    fields = Fields(payload)
    try:
        return [*decoder(fields), *fields.odd]
    except DecodeError as error:
        raise DecodeError(f"characteristic 0x{uuid16:04X}: {error}") from error


def decode(uuid16: int, payload: bytes) -> list[Reading]:
    """The readings alone of :func:`hear`. Raises DecodeError as it does."""
    return [item for item in hear(uuid16, payload) if isinstance(item, Reading)]


def decode_clock(payload: bytes) -> int | None:
    """The time (µs since 1970, UTC) in a value of Current Time or Date Time; None where the device does not know it.

    Raises DecodeError where it is truncated.
    """
    return Fields(payload).date_time("date and time")


def encode_clock(uuid16: int, time_us: int) -> bytes:
    """The value of Current Time or Date Time that sets a device's clock to ``time_us`` (µs since 1970, UTC)."""
    moment = datetime.datetime.fromtimestamp(time_us / 1e6, SHANGHAI)
    payload = struct.pack("<HBBBBB", moment.year, *moment.timetuple()[1:6])
    if uuid16 == CURRENT_TIME:
        # day of the week, 1/256 s, and the reason: an external reference (Current Time Service 1.1, 3.1.2.1)
        payload += struct.pack("<BBB", moment.isoweekday(), moment.microsecond * 256 // 1_000_000, 0x02)
    return payload
