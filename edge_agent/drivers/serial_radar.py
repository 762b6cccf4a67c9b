"""Radars on a serial line (USB or the gateway's UART): a device's address is the port, e.g. ``/dev/ttyUSB0``."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import serial
import structlog

from edge_agent.drivers.hearing import Hearing
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig, Sink
from firmware_profiles.errors import DecodeError
from firmware_profiles.serial_radar import FrameParser, decode

log = structlog.get_logger(__name__)

PAUSE_S = (1.0, 60.0)
DAMAGED_SHARE, DAMAGED_LEAST = 0.2, 20
"""From so many damaged frames on, and such a share of all, the line is told to be bad."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    baud: int = 115_200


class SerialRadarDriver:
    """Raises ValueError for options it does not know and for a radar without a port."""

    def __init__(self, options: Mapping[str, Any], devices: Sequence[DeviceConfig]) -> None:
        try:
            self._options = msgspec.convert(dict(options), Options)
        except msgspec.ValidationError as error:
            raise ValueError(f"serial_radar driver: {error}") from error
        self._devices = [device for device in devices if MODELS[device.model].transport == "serial-radar"]
        for device in self._devices:
            if not device.address:
                raise ValueError(f"serial_radar driver: {device.name} has no address: the port it is connected to")
        self._hearing = Hearing()

    async def run(self, sink: Sink) -> None:
        async with asyncio.TaskGroup() as group:
            for device in self._devices:
                group.create_task(self._keep_listening(device, sink))
            group.create_task(asyncio.Event().wait())

    async def _keep_listening(self, device: DeviceConfig, sink: Sink) -> None:
        pause, longest = PAUSE_S
        while True:
            began = time.monotonic()
            try:
                await self._listen(device, sink)
            except (serial.SerialException, OSError) as error:
                if time.monotonic() - began > longest:
                    pause = PAUSE_S[0]
                self._hearing.fault(sink, device, f"serial port: {error}", sink.now_us(), "port")
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)

    async def _listen(self, device: DeviceConfig, sink: Sink) -> None:
        """Raises SerialException or OSError when the port is not there, or goes."""
        loop = asyncio.get_running_loop()
        gone: asyncio.Future[None] = loop.create_future()
        parser = FrameParser()
        count = 0

        def readable() -> None:
            nonlocal count
            try:
                data = port.read(4096)
            except (serial.SerialException, OSError) as error:
                if not gone.done():
                    gone.set_exception(error)
                return
            for frame in parser.feed(data):
                count += 1
                self._hear(sink, device, frame)
            if parser.damaged >= DAMAGED_LEAST and parser.damaged > DAMAGED_SHARE * (count + parser.damaged):
                reason = f"{parser.damaged} of {count + parser.damaged} frames damaged: check cable and baud rate"
                self._hearing.fault(sink, device, reason, sink.now_us(), "line")
                parser.damaged = count = 0

        with serial.Serial(device.address, self._options.baud, timeout=0, exclusive=True) as port:
            loop.add_reader(port.fileno(), readable)
            log.info("radar connected", device=device.name)
            try:
                await gone
            finally:
                loop.remove_reader(port.fileno())

    def _hear(self, sink: Sink, device: DeviceConfig, frame: Any) -> None:
        now_us = sink.now_us()
        try:
            self._hearing.take(sink, device, decode(MODELS[device.model], frame), now_us)
        except DecodeError as error:
            self._hearing.fault(sink, device, str(error), now_us, "payload")
