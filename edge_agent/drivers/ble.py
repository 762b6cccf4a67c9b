"""Bluetooth Low Energy devices: health devices by their standard GATT characteristics, pendants by motion samples.

One task a device: wait until it advertises (health devices wake up for a measurement and sleep again), connect, listen
to the notifications of its characteristics, and begin anew when it goes.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import structlog

from edge_agent.drivers.ble_backend import Backend, BleakBackend, BleError, Connection, NotAdvertisingError
from edge_agent.drivers.message_relay import MessageRelay
from edge_agent.drivers.reachability import Reachability
from firmware_profiles import gatt, imu
from firmware_profiles.decoding import glucose_records
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig, Sink
from firmware_profiles.errors import DecodeError
from firmware_profiles.gatt import BASE_UUID, BATTERY_LEVEL
from firmware_profiles.readings import Reading

log = structlog.get_logger(__name__)

PAUSE_S = (2.0, 60.0)
FAILURES = 3
"""Failed connections in a row that make a fault: after fewer, the device may just have gone back to sleep."""


class BleDriver:
    """Driver ``ble``. ``backend``: the radio; bleak's if None. Raises ValueError for options: there are none."""

    def __init__(
        self, options: Mapping[str, Any], devices: Sequence[DeviceConfig], backend: Backend | None = None
    ) -> None:
        if options:
            raise ValueError(f"the ble driver has no options; remove {', '.join(options)}")
        self._devices = [device for device in devices if MODELS[device.model].transport == "ble-gatt"]
        self._backend = backend
        self._relay, self._contact = MessageRelay(), Reachability()
        self._clocks: dict[str, imu.SampleClock] = {}
        self._pieces: dict[str, int] = {}
        self._records: dict[str, int] = {}

    async def run(self, sink: Sink) -> None:
        """Listen to all devices. Raises RuntimeError where bleak is needed and not installed."""
        backend = self._backend or BleakBackend()
        async with asyncio.TaskGroup() as group:
            for device in self._devices:
                group.create_task(self._keep_listening(backend, device, sink))
            group.create_task(asyncio.Event().wait())

    async def _keep_listening(self, backend: Backend, device: DeviceConfig, sink: Sink) -> None:
        worn = MODELS[device.model].wearable  # the others sleep most of the time: no contact is their normal state
        pause, longest = PAUSE_S
        failures = 0
        while True:
            try:
                async with backend.connect(device.address or device.name) as connection:
                    if worn:
                        self._contact.up(sink, device, sink.now_us())
                    await self._subscribe(connection, device, sink)
                    pause, failures = PAUSE_S[0], 0
                    await self._stay(connection, device, sink)
            except NotAdvertisingError:
                pause = PAUSE_S[0]
            except BleError as error:
                failures += 1
                log.info("device not reached", device=device.name, reason=str(error), again_in_s=pause)
                if failures >= FAILURES:
                    self._relay.fault(sink, device, f"Bluetooth: {error}", sink.now_us(), "connection")
            if worn:
                self._contact.down(sink, device, sink.now_us())
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)

    async def _subscribe(self, connection: Connection, device: DeviceConfig, sink: Sink) -> None:
        """Listen to the characteristics of the model, and ask a glucose meter for its records. Raises BleError."""
        model = MODELS[device.model]
        if connection.rssi_dbm is not None:
            self._relay.take(sink, device, [Reading("signal_strength", connection.rssi_dbm)], sink.now_us())
        missing = []
        for number in model.characteristics:
            uuid = BASE_UUID.format(number)
            if connection.has(uuid):
                await connection.notify(uuid, partial(self._heard, sink, device, number))
            else:
                missing.append(f"0x{number:04X}")
        if model.imu_characteristic:
            if connection.has(model.imu_characteristic):
                await connection.notify(
                    model.imu_characteristic, lambda data: self.hear_motion(sink, device, data, sink.now_us())
                )
            else:
                missing.append(model.imu_characteristic)
        if model.imu_characteristic in missing or len(missing) == len(model.characteristics):
            reason = f"it has no characteristic {', '.join(missing)}: is it the model {model.id}?"
            self._relay.fault(sink, device, reason, sink.now_us(), "characteristics")
        racp = BASE_UUID.format(glucose_records.RACP)
        if gatt.GLUCOSE_MEASUREMENT in model.characteristics and connection.has(racp):
            await connection.notify(racp, lambda _: None)  # the procedure needs its answers switched on (GLS 3.4.1.2)
            await connection.write(racp, glucose_records.request(self._records.get(device.name)))

    async def _stay(self, connection: Connection, device: DeviceConfig, sink: Sink) -> None:
        """Keep a connection until the device is gone. Raises BleError."""
        model = MODELS[device.model]
        gone = asyncio.ensure_future(connection.wait_until_gone())
        try:
            while not gone.done():
                await self._ask_battery(connection, device, sink)
                pieces = self._pieces.get(device.name, 0)
                await asyncio.wait([gone], timeout=model.heartbeat_s)
                if gone.done():
                    gone.result()
                elif model.imu_characteristic and self._pieces.get(device.name, 0) == pieces:
                    reason = "connected, but no motion samples come: restart the pendant"
                    self._relay.fault(sink, device, reason, sink.now_us(), "no motion")
                self._contact.tend(sink, sink.now_us())
        finally:
            gone.cancel()

    async def _ask_battery(self, connection: Connection, device: DeviceConfig, sink: Sink) -> None:
        battery = BASE_UUID.format(BATTERY_LEVEL)
        if MODELS[device.model].battery and connection.has(battery):
            self.hear(sink, device, BATTERY_LEVEL, await connection.read(battery), sink.now_us())

    def _heard(self, sink: Sink, device: DeviceConfig, characteristic: int, payload: bytes) -> None:
        self.hear(sink, device, characteristic, payload, sink.now_us())

    def hear(self, sink: Sink, device: DeviceConfig, characteristic: int, payload: bytes, now_us: int) -> None:
        """Take in one notification. A measurement that the device had stored carries its own time."""
        try:
            readings = _battery(payload) if characteristic == BATTERY_LEVEL else gatt.decode(characteristic, payload)
        except DecodeError as error:
            self._relay.fault(sink, device, str(error), now_us, "payload")
            return
        if characteristic == gatt.GLUCOSE_MEASUREMENT:
            number = glucose_records.sequence_number(payload)
            if number is not None:
                self._records[device.name] = number
        self._relay.take(sink, device, readings, now_us)

    def hear_motion(self, sink: Sink, device: DeviceConfig, payload: bytes, now_us: int) -> None:
        """Take in one notification of a pendant: motion samples."""
        model = MODELS[device.model]
        try:
            samples = imu.decode(payload)
        except DecodeError as error:
            self._relay.fault(sink, device, str(error), now_us, "payload")
            return
        self._pieces[device.name] = self._pieces.get(device.name, 0) + 1
        clock = self._clocks.setdefault(device.name, imu.SampleClock(model.imu_rate_hz))
        t_us = clock.time_of(samples.number, len(samples.acc_g), now_us)
        sink.motion(device.name, t_us, model.imu_rate_hz, samples.acc_g, samples.gyro_dps)


def _battery(payload: bytes) -> list[Reading]:
    if len(payload) != 1 or payload[0] > 100:
        raise DecodeError(f"battery level: one byte of 0 to 100 was expected, not {payload[:8].hex()}")
    return [Reading("battery", float(payload[0]))]
