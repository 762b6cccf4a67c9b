"""Bluetooth Low Energy devices: health devices by their standard GATT characteristics, pendants by motion samples.

One task a device: wait until it advertises (health devices wake up for a measurement and sleep again), connect, set
its clock, listen to the notifications of its characteristics, and begin anew when it goes. A refusal (of a protected
battery level, of its clock) costs that alone: the measurement is the reason for which it woke up.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import structlog

from edge_agent.drivers.ble_backend import Backend, BleakBackend, BleError, Connection, NotAdvertisingError
from edge_agent.drivers.device_clock import DeviceClock, Judged
from edge_agent.drivers.message_relay import MessageRelay
from edge_agent.drivers.reachability import Reachability
from edge_agent.timekeeping.clock import EARLIEST_US
from firmware_profiles import gatt, imu
from firmware_profiles.decoding import glucose_records
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig, Sink
from firmware_profiles.errors import DecodeError
from firmware_profiles.gatt import BASE_UUID, BATTERY_LEVEL
from firmware_profiles.readings import Heard, Reading

log = structlog.get_logger(__name__)

PAUSE_S = (2.0, 60.0)
FAILURES = 3
"""Failed connections in a row that make a fault: after fewer, the device may just have gone back to sleep."""
CLOCK_S = 3.0
"""Longest wait for a device's clock: it sends its measurement only to a listener, and does not stay for long."""
SOUND = 100.0
"""``signal_quality``, %, of the first measurement that is not doubtful after one that was."""


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
        self._sample_clocks: dict[str, imu.SampleClock] = {}
        self._pieces: dict[str, int] = {}
        self._records: dict[str, int] = {}
        self._one_by_one: set[str] = set()
        self._clocks: dict[str, DeviceClock] = {}
        self._heard: dict[str, int] = {}
        self._doubtful: set[str] = set()
        self.firmware: dict[str, str] = {}

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
            heard = self._heard.get(device.name, 0)
            try:
                async with backend.connect(device.address or device.name) as connection:
                    if worn:
                        self._contact.up(sink, device, sink.now_us())
                    await self._set_clock(connection, device, sink)
                    await self._subscribe(connection, device, sink)
                    pause = PAUSE_S[0]
                    await self._stay(connection, device, sink)
                    failures = 0
            except NotAdvertisingError:
                pause = PAUSE_S[0]
            except BleError as error:
                failures = 1 if self._heard.get(device.name, 0) > heard else failures + 1
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
        missing: list[str] = []
        refused: list[BleError] = []
        for number in model.characteristics:
            uuid = BASE_UUID.format(number)
            if not connection.has(uuid):
                missing.append(f"0x{number:04X}")
                continue
            try:
                await connection.notify(uuid, partial(self._notified, sink, device, number))
            except BleError as error:
                refused.append(error)
        if refused and len(refused) + len(missing) == len(model.characteristics):
            raise refused[0]
        for why in refused:
            self._relay.fault(sink, device, f"Bluetooth: not heard: {why}", sink.now_us(), "characteristic refused")
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
            # the procedure needs its answers switched on (GLS 3.4.1.2)
            try:
                await connection.notify(racp, partial(self._hear_answer, sink, device))
                await connection.write(racp, self.next_records(device))
            except BleError as error:
                self._relay.fault(sink, device, f"Bluetooth: records not asked for: {error}", sink.now_us(), "records")

    def next_records(self, device: DeviceConfig) -> bytes:
        """The command by which a glucose meter sends what is new."""
        return glucose_records.request(None if device.name in self._one_by_one else self._records.get(device.name))

    def _hear_answer(self, sink: Sink, device: DeviceConfig, answer: bytes) -> None:
        """Take in a meter's answer. One that cannot send its new records is asked for the last one from now on."""
        reason = glucose_records.refusal(answer)
        if reason:
            self._one_by_one.add(device.name)
            text = f"the meter does not send its new records ({reason}); it is asked for the last one"
            self._relay.fault(sink, device, text, sink.now_us(), "records", payload=answer)

    async def _set_clock(self, connection: Connection, device: DeviceConfig, sink: Sink) -> None:
        """Read the device's clock, so that its time stamps can be judged, and set it where it is wrong."""
        clock = self._clocks.setdefault(device.name, DeviceClock())
        clock.read(None, 0)
        number = next(
            (one for one in (gatt.CURRENT_TIME, gatt.DATE_TIME) if connection.has(BASE_UUID.format(one))), None
        )
        if number is None or sink.now_us() < EARLIEST_US:
            return
        uuid = BASE_UUID.format(number)
        try:
            shown_us = gatt.decode_clock(await asyncio.wait_for(connection.read(uuid), CLOCK_S))
            clock.read(shown_us, sink.now_us())
            if clock.ahead_us:
                self._relay.clock_off(sink, device, clock.ahead_us, sink.now_us())
        except (BleError, DecodeError, TimeoutError) as error:  # some can be written and not read
            log.info("the device's clock is not read", device=device.name, reason=str(error))
        if clock.is_right:
            self._relay.clock_right(sink, device, sink.now_us())
            return
        try:
            await asyncio.wait_for(connection.write(uuid, gatt.encode_clock(number, sink.now_us())), CLOCK_S)
            log.info("the device's clock is set", device=device.name)
        except (BleError, TimeoutError) as error:
            log.info("the device's clock cannot be set", device=device.name, reason=str(error))

    async def _stay(self, connection: Connection, device: DeviceConfig, sink: Sink) -> None:
        """Keep a connection until the device is gone. Raises BleError."""
        model = MODELS[device.model]
        gone = asyncio.ensure_future(connection.wait_until_gone())
        try:
            while not gone.done():
                await self._ask_battery(connection, device, sink)
                await self._ask_firmware(connection, device)
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
        if not MODELS[device.model].battery or not connection.has(battery):
            return
        try:
            level = await connection.read(battery)
        except BleError as error:  # protected until it is paired, or not there in truth
            log.info("the battery is not read", device=device.name, reason=str(error))
            return
        self.hear(sink, device, BATTERY_LEVEL, level, sink.now_us())

    async def _ask_firmware(self, connection: Connection, device: DeviceConfig) -> None:
        """Read the version of the device's program (Device Information Service), after all that matters more."""
        uuid = BASE_UUID.format(gatt.FIRMWARE_REVISION)
        if device.name in self.firmware or not connection.has(uuid):
            return
        try:
            told = await asyncio.wait_for(connection.read(uuid), CLOCK_S)
        except (BleError, TimeoutError) as error:
            log.info("the firmware is not read", device=device.name, reason=str(error))
            return
        self.firmware[device.name] = told.decode(errors="replace").strip(" \0")

    def _notified(self, sink: Sink, device: DeviceConfig, characteristic: int, payload: bytes) -> None:
        self._heard[device.name] = self._heard.get(device.name, 0) + 1
        self.hear(sink, device, characteristic, payload, sink.now_us())

    def hear(self, sink: Sink, device: DeviceConfig, characteristic: int, payload: bytes, now_us: int) -> None:
        """Take in one notification. A measurement that the device had stored carries its own time.

        The number of a glucose record is kept whatever the record says: it is not asked for again.
        """
        if characteristic == gatt.GLUCOSE_MEASUREMENT:
            number = glucose_records.sequence_number(payload)
            if number is not None:
                self._records[device.name] = number
        try:
            items = _battery(payload) if characteristic == BATTERY_LEVEL else gatt.hear(characteristic, payload)
        except DecodeError as error:
            about = f"payload 0x{characteristic:04X}"
            self._relay.fault(sink, device, str(error), now_us, about, payload=payload)
            return
        items = self._in_our_time(sink, device, self._with_quality(device, items), now_us, payload)
        self._relay.take(sink, device, items, now_us, payload)

    def _in_our_time(
        self, sink: Sink, device: DeviceConfig, items: list[Heard], now_us: int, payload: bytes
    ) -> list[Heard]:
        """The readings with times that can be believed; a clock that is wrong is reported."""
        clock = self._clocks.setdefault(device.name, DeviceClock())
        judged: dict[int, Judged] = {}
        for item in items:
            if isinstance(item, Reading) and item.time_us is not None and item.time_us not in judged:
                judged[item.time_us] = found = clock.judge(item.time_us, now_us, payload)
                if found.ahead_us:
                    self._relay.clock_off(sink, device, found.ahead_us, now_us)
                elif found.live:
                    self._relay.clock_right(sink, device, now_us)
        return [
            msgspec.structs.replace(item, time_us=judged[item.time_us].time_us)
            if isinstance(item, Reading) and item.time_us is not None
            else item
            for item in items
        ]

    def _with_quality(self, device: DeviceConfig, items: list[Heard]) -> list[Heard]:
        """The items, and the word that the signal is sound again after it was doubtful."""
        channels = {item.channel for item in items if isinstance(item, Reading)}
        if "signal_quality" in channels:
            self._doubtful.add(device.name)
        elif channels and device.name in self._doubtful:
            self._doubtful.discard(device.name)
            time_us = next(item.time_us for item in items if isinstance(item, Reading))
            return [Reading("signal_quality", SOUND, time_us), *items]
        return items

    def hear_motion(self, sink: Sink, device: DeviceConfig, payload: bytes, now_us: int) -> None:
        """Take in one notification of a pendant: motion samples."""
        model = MODELS[device.model]
        try:
            samples = imu.decode(payload)
        except DecodeError as error:
            self._relay.fault(sink, device, str(error), now_us, "payload")
            return
        self._pieces[device.name] = self._pieces.get(device.name, 0) + 1
        clock = self._sample_clocks.setdefault(device.name, imu.SampleClock(model.imu_rate_hz))
        t_us = clock.time_of(samples.number, len(samples.acc_g), now_us)
        sink.motion(device.name, t_us, model.imu_rate_hz, samples.acc_g, samples.gyro_dps)


def _battery(payload: bytes) -> list[Heard]:
    if not payload or payload[0] > 100:
        raise DecodeError(f"battery level: one byte of 0 to 100 was expected, not {payload[:8].hex()}")
    return [Reading("battery", float(payload[0]))]
