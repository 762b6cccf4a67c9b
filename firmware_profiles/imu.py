"""Decode motion samples of a pendant in BLE notifications, and date them.

One notification, little-endian: uint16 number of its first sample (modulo 65,536), uint8 flags (bit 0: with gyroscope),
uint8 count n, then n times three int16 accelerations (1/2048 g) and, with a gyroscope, three int16 rates (1/16 °/s),
the usual steps of a ±16 g and ±2000 °/s sensor. With an ATT MTU of 247 bytes 20 samples with gyroscope fit.
"""

import struct

import msgspec
import numpy as np
from numpy.typing import NDArray

from firmware_profiles.errors import DecodeError

STEP_G, STEP_DPS = np.float32(1 / 2048), np.float32(1 / 16)
_HEAD = struct.Struct("<HBB")
COUNTER = 65_536
RESET_S = 0.5
"""A greater disagreement of sample numbers and arrival means that the device was restarted, or long out of reach."""
PULL = 0.05
"""Share of the disagreement corrected with each notification: crystals differ by some 10 ppm, radios delay."""


class Samples(msgspec.Struct, frozen=True):
    """``number`` of the first sample; acceleration in g and, where there is a gyroscope, °/s; shapes [n, 3]."""

    number: int
    acc_g: NDArray[np.float32]
    gyro_dps: NDArray[np.float32] | None


def encode(samples: Samples) -> bytes:
    """The notification; values beyond the sensor's range are clipped, as the sensor does."""
    columns = [samples.acc_g / STEP_G]
    if samples.gyro_dps is not None:
        columns.append(samples.gyro_dps / STEP_DPS)
    steps = np.clip(np.rint(np.concatenate(columns, axis=1)), -32768, 32767).astype("<i2")
    head = _HEAD.pack(samples.number % COUNTER, samples.gyro_dps is not None, len(steps))
    return head + steps.tobytes()


def decode(payload: bytes) -> Samples:
    """The samples of a notification. Raises DecodeError where the length does not fit the count."""
    if len(payload) < _HEAD.size:
        raise DecodeError(f"motion samples: {len(payload)} bytes are too short")
    number, flags, count = _HEAD.unpack_from(payload)
    axes = 6 if flags & 1 else 3
    if count == 0 or len(payload) != _HEAD.size + count * axes * 2:
        raise DecodeError(f"motion samples: {count} samples of {axes} axes do not fit {len(payload)} bytes")
    steps = np.frombuffer(payload, "<i2", offset=_HEAD.size).reshape(count, axes).astype(np.float32)
    return Samples(number, steps[:, :3] * STEP_G, steps[:, 3:] * STEP_DPS if axes == 6 else None)


class SampleClock:
    """Turns sample numbers into wall-clock times: as even as the sensor's clock, as right on average as ours.

    A notification that got lost leaves a hole of its true length, because the numbers go on.
    """

    def __init__(self, rate_hz: float) -> None:
        self._period_us = 1e6 / rate_hz
        self._total = 0  # samples since the first, holes included
        self._last = 0
        self._origin_us: float | None = None

    def time_of(self, number: int, count: int, arrived_us: int) -> int:
        """Time of the first of ``count`` samples, given that the last had just been taken on arrival."""
        taken_us = arrived_us - count * self._period_us
        if self._origin_us is not None:
            self._total += (number - self._last) % COUNTER
            off_us = taken_us - (self._origin_us + self._total * self._period_us)
            if abs(off_us) <= RESET_S * 1e6:
                self._origin_us += PULL * off_us
            else:
                self._origin_us = None
        if self._origin_us is None:
            self._origin_us, self._total = taken_us, 0
        self._last = number
        return round(self._origin_us + self._total * self._period_us)
