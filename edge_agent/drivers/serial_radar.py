"""Driver of radars on a serial line (USB or the gateway's UART): a device's address is its port (``/dev/ttyUSB0``)."""

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import serial
import structlog

from edge_agent.drivers.message_relay import MessageRelay
from edge_agent.drivers.reachability import Reachability
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig, Sink
from firmware_profiles.errors import DecodeError
from firmware_profiles.serial_radar import FrameParser, RadarFrame, decode, encode, queries

log = structlog.get_logger(__name__)

PAUSE_S = (1.0, 60.0)
ASK_S = 10.0
QUIET_S = 0.2
"""A pause inside a frame: at 9600 baud a byte takes 1 ms, and USB adapters hold bytes back for up to 16 ms."""
DAMAGED_SHARE, DAMAGED_LEAST = 0.2, 20
"""A line is reported as bad from this share and this number of damaged frames on."""


class SerialRadarOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    baud: int = 115_200


class SerialRadarDriver:
    """Driver ``serial_radar``. Raises ValueError for unknown options, a radar without a port, and two on one port."""

    def __init__(self, options: Mapping[str, Any], devices: Sequence[DeviceConfig]) -> None:
        try:
            self._options = msgspec.convert(dict(options), SerialRadarOptions)
        except msgspec.ValidationError as error:
            raise ValueError(f"serial_radar driver: {error}") from error
        self._devices = [device for device in devices if MODELS[device.model].transport == "serial-radar"]
        ports: dict[str, str] = {}
        for device in self._devices:
            if not device.address:
                raise ValueError(f"serial_radar driver: {device.name} has no address: the port it is connected to")
            if ports.setdefault(device.address, device.name) != device.name:
                raise ValueError(f"serial_radar driver: {device.name} and {ports[device.address]} share a port")
        self._relay, self._contact = MessageRelay(), Reachability()

    async def run(self, sink: Sink) -> None:
        async with asyncio.TaskGroup() as group:
            for device in self._devices:
                group.create_task(self._keep_listening(device, sink))
            group.create_task(asyncio.Event().wait())

    async def _keep_listening(self, device: DeviceConfig, sink: Sink) -> None:
        pause, longest = PAUSE_S
        while True:
            line = _Line(device, sink, self._relay, self._contact)
            try:
                await line.listen(self._options.baud)
            except (serial.SerialException, OSError) as error:
                if line.sound:
                    pause = PAUSE_S[0]
                self._contact.down(sink, device, sink.now_us())
                self._relay.fault(sink, device, f"serial port: {error}", sink.now_us(), "port")
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)


class _Line:
    """One port and the radar on it."""

    def __init__(self, device: DeviceConfig, sink: Sink, relay: MessageRelay, contact: Reachability) -> None:
        self._device, self._sink, self._relay, self._contact = device, sink, relay, contact
        self._model = MODELS[device.model]
        self._parser = FrameParser()
        self._quiet: asyncio.TimerHandle | None = None
        self._bytes = 0
        self._judged = 0
        self.sound = 0
        """Good frames since the port was opened."""

    async def listen(self, baud: int) -> None:
        """Listen until cancelled. Raises SerialException or OSError when the port is not there, or goes."""
        loop = asyncio.get_running_loop()
        gone: asyncio.Future[None] = loop.create_future()

        def readable() -> None:
            try:
                data = port.read(4096)
            except (serial.SerialException, OSError) as error:
                loop.remove_reader(port.fileno())
                if not gone.done():
                    gone.set_exception(error)
                return
            self._take(data, loop)

        with serial.Serial(self._device.address, baud, timeout=0, exclusive=True) as port:
            loop.add_reader(port.fileno(), readable)
            log.info("serial port opened", device=self._device.name)
            try:
                await self._keep_asking(port, gone)
            finally:
                loop.remove_reader(port.fileno())
                if self._quiet is not None:
                    self._quiet.cancel()

    async def _keep_asking(self, port: serial.Serial, gone: asyncio.Future[None]) -> None:
        """Query the states again and again, and report a line without frames."""
        asked = b"".join(encode(frame) for frame in queries(self._model))
        heard_us = self._sink.now_us()
        while True:
            with contextlib.suppress(BlockingIOError):  # a line that takes nothing sends nothing either: reported below
                os.write(port.fileno(), asked)  # Serial.write waits for ever where the line takes nothing
            sound = self.sound
            await asyncio.wait([gone], timeout=ASK_S)
            if gone.done():
                gone.result()
            now_us = self._sink.now_us()
            if self.sound > sound:
                heard_us = now_us
                self._contact.tend(self._sink, now_us)
            elif now_us - heard_us >= self._model.heartbeat_s * 1e6:
                self._contact.down(self._sink, self._device, now_us)
                what = (
                    "bytes come but no frame: check the baud rate" if self._bytes else "no byte comes: check the wires"
                )
                self._relay.fault(self._sink, self._device, what, now_us, "silent line")
            self._bytes = 0

    def _take(self, data: bytes, loop: asyncio.AbstractEventLoop) -> None:
        self._bytes += len(data)
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None
        for frame in self._parser.feed(data):
            self._hear(frame)
        if self._parser.waiting:
            self._quiet = loop.call_later(QUIET_S, self._settle)
        self._judge_line()

    def _settle(self) -> None:
        for frame in self._parser.settle():
            self._hear(frame)
        self._judge_line()

    def _judge_line(self) -> None:
        damaged = self._parser.damaged
        total = damaged + self.sound - self._judged
        if damaged >= DAMAGED_LEAST and damaged > DAMAGED_SHARE * total:
            reason = f"{damaged} of {total} frames damaged: check the cable and the baud rate"
            self._relay.fault(self._sink, self._device, reason, self._sink.now_us(), "line")
            self._parser.damaged, self._judged = 0, self.sound

    def _hear(self, frame: RadarFrame) -> None:
        self.sound += 1
        now_us = self._sink.now_us()
        self._contact.up(self._sink, self._device, now_us)
        try:
            self._relay.take(self._sink, self._device, decode(self._model, frame), now_us)
        except DecodeError as error:
            self._relay.fault(self._sink, self._device, str(error), now_us, "payload", payload=frame.data)
