"""Bluetooth Low Energy health devices by their standard GATT characteristics, with ``bleak`` (extra ``ble``).

One task a device: wait until it advertises (these devices wake up for a measurement and sleep again), connect, listen
to the notifications of its characteristics, and begin anew when it goes.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import structlog

from firmware_profiles import gatt
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig, Sink
from firmware_profiles.errors import DecodeError

log = structlog.get_logger(__name__)

BASE_UUID = "0000{:04x}-0000-1000-8000-00805f9b34fb"
"""Bluetooth Core Specification, Vol 3, Part B, 2.5.1: the base UUID of 16-bit numbers."""
PAUSE_S = (2.0, 60.0)


class BleDriver:
    """Raises ValueError for options: there are none."""

    def __init__(self, options: Mapping[str, Any], devices: Sequence[DeviceConfig]) -> None:
        if options:
            raise ValueError(f"the ble driver has no options; remove {', '.join(options)}")
        self._devices = [device for device in devices if MODELS[device.model].transport == "ble-gatt"]

    async def run(self, sink: Sink) -> None:
        """Raises RuntimeError where bleak is not installed."""
        try:
            import bleak
        except ImportError as error:
            raise RuntimeError("the ble driver needs bleak: pip install 'shouwang[ble]'") from error
        async with asyncio.TaskGroup() as group:
            for device in self._devices:
                group.create_task(self._keep_listening(bleak, device, sink))

    async def _keep_listening(self, bleak: Any, device: DeviceConfig, sink: Sink) -> None:
        pause, longest = PAUSE_S
        while True:
            try:
                await self._listen(bleak, device, sink)
                pause = PAUSE_S[0]
            except (bleak.exc.BleakError, TimeoutError, OSError) as error:
                log.info("device not reached", device=device.name, reason=str(error), again_in_s=pause)
                pause = min(2 * pause, longest)
            await asyncio.sleep(pause)

    async def _listen(self, bleak: Any, device: DeviceConfig, sink: Sink) -> None:
        gone = asyncio.Event()
        async with bleak.BleakClient(device.address or device.name, lambda _: gone.set()) as client:
            for number in MODELS[device.model].characteristics:
                uuid = BASE_UUID.format(number)
                if client.services.get_characteristic(uuid) is not None:
                    await client.start_notify(
                        uuid,
                        lambda _, data, number=number: self.hear(sink, device, number, bytes(data), sink.now_us()),
                    )
            await gone.wait()

    def hear(self, sink: Sink, device: DeviceConfig, characteristic: int, payload: bytes, now_us: int) -> None:
        """One notification. A measurement that the device stored carries its own time."""
        try:
            readings = gatt.decode(characteristic, payload)
        except DecodeError as error:
            log.warning("payload refused", device=device.name, reason=str(error))
            sink.event(device.name, "device_fault", now_us, {"reason": str(error)[:200]})
            return
        for reading in readings:
            time_us = np.array([reading.time_us or now_us], np.int64)
            sink.readings(device.name, reading.channel, time_us, np.array([reading.value], np.float32))
