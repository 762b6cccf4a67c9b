"""Simulate BLE peripherals behind the driver's backend: real GATT payloads, connections that come and go, no radio."""

import asyncio
import datetime
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np

from device_simulators.faults import Faults, replay
from device_simulators.recordings import Motion
from firmware_profiles import imu
from firmware_profiles.decoding import glucose_records
from firmware_profiles.gatt import BASE_UUID, CURRENT_TIME, DATE_TIME, GLUCOSE_MEASUREMENT

_CLOCKS = frozenset({BASE_UUID.format(CURRENT_TIME), BASE_UUID.format(DATE_TIME)})


class Peripheral:
    """A device: its characteristics, their listeners, its battery and its clock.

    ``refusal``: the driver's exception for a characteristic in ``refused``, as one that is protected until the device
    is paired.
    """

    def __init__(self, characteristics: list[str], battery: int = 80, rssi_dbm: int = -60) -> None:
        self.characteristics, self.battery, self.rssi_dbm = characteristics, battery, rssi_dbm
        self.clock = b""
        self.refused: set[str] = set()
        self.refusal: type[Exception] = OSError
        self.awake = True
        self.connections = 0
        self._hear: dict[str, Callable[[bytes], None]] = {}
        self._gone = asyncio.Event()

    def has(self, uuid: str) -> bool:
        return uuid in self.characteristics

    async def read(self, uuid: str) -> bytes:
        if not self.has(uuid):
            raise self._unknown(uuid)
        self._may(uuid)
        return self.clock if uuid in _CLOCKS else bytes((self.battery,))

    async def write(self, uuid: str, data: bytes) -> None:
        if uuid not in _CLOCKS or not self.has(uuid):
            raise self._unknown(uuid)
        self._may(uuid)
        self.clock = data

    async def notify(self, uuid: str, hear: Callable[[bytes], None]) -> None:
        self._may(uuid)
        self._hear[uuid] = hear

    def _may(self, uuid: str) -> None:
        if uuid in self.refused:
            raise self.refusal(f"not permitted: {uuid}")

    async def wait_until_gone(self) -> None:
        await self._gone.wait()

    @property
    def listened_to(self) -> bool:
        return bool(self._hear)

    def say(self, uuid: str, payload: bytes) -> None:
        """Notify the listener of a characteristic, if there is one: an unconnected peripheral is not heard."""
        if uuid in self._hear:
            self._hear[uuid](payload)

    @staticmethod
    def _unknown(uuid: str) -> OSError:
        return OSError(f"no such characteristic: {uuid}")

    def connect(self) -> None:
        self._gone = asyncio.Event()
        self.connections += 1

    def vanish(self) -> None:
        """End the connection: the device is out of reach, or asleep after a measurement."""
        self._hear.clear()
        self._gone.set()

    async def stream(self, uuid: str, motion: Motion, faults: Faults, seed: int, speed: float = 1.0) -> None:
        """Send a recording in notifications of up to 20 samples, as a pendant does; lost ones are not repeated."""
        for piece in replay(motion, faults, seed):
            number = round(piece.due_us * piece.rate_hz / 1e6) - len(piece.acc_g)
            self.say(uuid, imu.encode(imu.Samples(number, piece.acc_g, piece.gyro_dps)))
            await asyncio.sleep(len(piece.acc_g) / piece.rate_hz / speed)


class GlucoseMeter(Peripheral):
    """Keeps its measurements (mmol/L) and sends them when its Record Access Control Point is asked."""

    MEASUREMENT, RACP = BASE_UUID.format(GLUCOSE_MEASUREMENT), BASE_UUID.format(glucose_records.RACP)

    def __init__(self) -> None:
        super().__init__([self.MEASUREMENT, self.RACP])
        self._records: list[bytes] = []

    def measure(self, mmol_l: float, when: datetime.datetime) -> None:
        """Glucose Measurement with concentration in mol/L and sample location (GATT Specification Supplement 3.103)."""
        number = len(self._records)
        head = struct.pack("<BHHBBBBB", 0x06, number, when.year, *when.timetuple()[1:6])
        self._records.append(head + struct.pack("<HB", round(mmol_l * 10) | 0xC << 12, 0x11))  # exponent -4

    async def write(self, uuid: str, data: bytes) -> None:
        if uuid != self.RACP:
            raise self._unknown(uuid)
        wanted = glucose_records.wanted(data, list(range(len(self._records))))
        for number in wanted:
            self.say(self.MEASUREMENT, self._records[number])
        self.say(self.RACP, bytes((0x06, 0x00, data[0], 0x01 if wanted else 0x06)))  # response: success, or no records


class SimulatedBackend:
    """A radio with these peripherals. ``error``: the driver's exception for a device that is not there."""

    def __init__(self, peripherals: dict[str, Peripheral], error: type[Exception]) -> None:
        self._peripherals, self._error = peripherals, error

    @asynccontextmanager
    async def connect(self, address: str) -> AsyncIterator[Peripheral]:
        peripheral = self._peripherals.get(address)
        if peripheral is None or not peripheral.awake:
            raise self._error(f"{address} does not advertise")
        peripheral.connect()
        yield peripheral


def blood_pressure(systolic: int, diastolic: int, mean: int) -> bytes:
    """Blood Pressure Measurement, mmHg, without time (GATT Specification Supplement 3.31)."""
    return struct.pack("<BHHH", 0, systolic, diastolic, mean)


def heart_rate(rate: int, rr_ms: list[float]) -> bytes:
    """Heart Rate Measurement with RR intervals in 1/1024 s (GATT Specification Supplement 3.113)."""
    intervals = np.rint(np.array(rr_ms) * 1.024).astype("<u2")
    return struct.pack("<BB", 0x10, rate) + intervals.tobytes()
