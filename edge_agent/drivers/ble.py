"""Bluetooth Low Energy devices: health devices by their standard GATT characteristics, pendants by motion samples.

One task a device: wait until it advertises (health devices wake up for a measurement and sleep again), connect, listen
to the notifications of its characteristics, and begin anew when it goes.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from edge_agent.drivers.ble_backend import Backend, BleakBackend, BleError, Connection
from edge_agent.drivers.hearing import Hearing
from firmware_profiles import gatt, imu
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig, Sink
from firmware_profiles.errors import DecodeError
from firmware_profiles.readings import Reading

log = structlog.get_logger(__name__)

BASE_UUID = "0000{:04x}-0000-1000-8000-00805f9b34fb"
"""Bluetooth Core Specification, Vol 3, Part B, 2.5.1: the base UUID of 16-bit numbers."""
BATTERY_LEVEL = 0x2A19
"""GATT Specification Supplement 3.21: one byte, percent."""
PAUSE_S = (2.0, 60.0)


class BleDriver:
    """Raises ValueError for options: there are none. ``backend``: the radio; without it bleak's."""

    def __init__(
        self, options: Mapping[str, Any], devices: Sequence[DeviceConfig], backend: Backend | None = None
    ) -> None:
        if options:
            raise ValueError(f"the ble driver has no options; remove {', '.join(options)}")
        self._devices = [device for device in devices if MODELS[device.model].transport == "ble-gatt"]
        self._backend = backend
        self._hearing = Hearing()
        self._clocks: dict[str, imu.SampleClock] = {}

    async def run(self, sink: Sink) -> None:
        """Raises RuntimeError where bleak is needed and not installed."""
        backend = self._backend or BleakBackend()
        async with asyncio.TaskGroup() as group:
            for device in self._devices:
                group.create_task(self._keep_listening(backend, device, sink))
            group.create_task(asyncio.Event().wait())

    async def _keep_listening(self, backend: Backend, device: DeviceConfig, sink: Sink) -> None:
        pause, longest = PAUSE_S
        while True:
            try:
                async with backend.connect(device.address or device.name) as connection:
                    pause = PAUSE_S[0]
                    await self._listen(connection, device, sink)
            except BleError as error:
                # a cuff sleeps between measurements: that it is not there is no fault, and silence is watched elsewhere
                log.info("device not reached", device=device.name, reason=str(error), again_in_s=pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, longest)

    async def _listen(self, connection: Connection, device: DeviceConfig, sink: Sink) -> None:
        model = MODELS[device.model]
        if connection.rssi_dbm is not None:
            self._hearing.take(sink, device, [Reading("signal_strength", connection.rssi_dbm)], sink.now_us())
        for number in model.characteristics:
            uuid = BASE_UUID.format(number)
            if connection.has(uuid):
                await connection.notify(uuid, lambda data, number=number: self._heard(sink, device, number, data))  # type: ignore[misc]
        battery = BASE_UUID.format(BATTERY_LEVEL)
        if model.battery and connection.has(battery):
            self.hear(sink, device, BATTERY_LEVEL, await connection.read(battery), sink.now_us())
        if model.imu_characteristic and connection.has(model.imu_characteristic):
            await connection.notify(
                model.imu_characteristic, lambda data: self.hear_motion(sink, device, data, sink.now_us())
            )
        await connection.wait_until_gone()

    def _heard(self, sink: Sink, device: DeviceConfig, characteristic: int, payload: bytes) -> None:
        self.hear(sink, device, characteristic, payload, sink.now_us())

    def hear(self, sink: Sink, device: DeviceConfig, characteristic: int, payload: bytes, now_us: int) -> None:
        """One notification. A measurement that the device stored carries its own time."""
        try:
            found = _battery(payload) if characteristic == BATTERY_LEVEL else gatt.decode(characteristic, payload)
        except DecodeError as error:
            self._hearing.fault(sink, device, str(error), now_us, "payload")
            return
        self._hearing.take(sink, device, found, now_us)

    def hear_motion(self, sink: Sink, device: DeviceConfig, payload: bytes, now_us: int) -> None:
        """One notification of a pendant."""
        model = MODELS[device.model]
        try:
            samples = imu.decode(payload)
        except DecodeError as error:
            self._hearing.fault(sink, device, str(error), now_us, "payload")
            return
        clock = self._clocks.setdefault(device.name, imu.SampleClock(model.imu_rate_hz))
        t_us = clock.time_of(samples.number, len(samples.acc_g), now_us)
        sink.motion(device.name, t_us, model.imu_rate_hz, samples.acc_g, samples.gyro_dps)


def _battery(payload: bytes) -> list[Reading]:
    if len(payload) != 1 or payload[0] > 100:
        raise DecodeError(f"battery level: one byte of 0 to 100 was expected, not {payload[:8].hex()}")
    return [Reading("battery", float(payload[0]))]
