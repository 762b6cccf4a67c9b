"""One home's agent: drivers in, frames and events out."""

import asyncio
from collections.abc import Mapping
from importlib.metadata import entry_points

import numpy as np
import structlog
from numpy.typing import NDArray

from edge_agent.buffer import Buffer
from edge_agent.clock import Clock
from edge_agent.config import ConfigError, DriverConfig, HomeConfig
from edge_agent.falls import FallWatch
from edge_agent.frames import FrameCutter
from edge_agent.health import GatewayHealth
from edge_agent.line_watch import LineWatch
from edge_agent.uplink import Uplink
from firmware_profiles.driver import Driver

log = structlog.get_logger(__name__)

DRIVER_GROUP = "shouwang.edge_drivers"
DRIVER_PAUSE_S = (1.0, 60.0)
"""A driver that failed is started again after the first; each further failure doubles it, up to the second."""
HEALTH_INTERVAL_S = 60.0
GATEWAY_DEVICE = "gateway"


class Agent:
    """The sink of the drivers, and what becomes of the readings and events they bring."""

    def __init__(self, config: HomeConfig, buffer: Buffer, clock: Clock) -> None:
        self._config, self._buffer, self._clock = config, buffer, clock
        self._line = LineWatch(buffer, clock)
        self._frames = FrameCutter()
        self._falls = FallWatch()
        self.uplink: Uplink | None = None

    # Sink

    def now_us(self) -> int:
        return self._clock.now_us()

    def readings(self, device: str, channel: str, times_us: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        self._frames.add(device, channel, times_us, values)

    def event(
        self,
        device: str,
        kind: str,
        time_us: int,
        values: Mapping[str, str | int | float | bool] | None = None,
        evidence: bytes = b"",
    ) -> None:
        self._buffer.put_event(device, kind, time_us, dict(values or {}), evidence)
        self._pump()

    def motion(
        self,
        device: str,
        t_us: int,
        sample_rate_hz: float,
        acc_g: NDArray[np.float32],
        gyro_dps: NDArray[np.float32] | None,
    ) -> None:
        for fall in self._falls.feed(device, t_us, sample_rate_hz, acc_g, gyro_dps):
            values = {"confidence": round(float(fall.confidence), 3), **fall.features}
            self.event(device, f"fall_{fall.kind}", fall.time_us, values, fall.evidence_bytes())

    # what runs

    def cut_frames(self) -> None:
        for base_us, series in self._frames.cut():
            self._buffer.put_frame(base_us, series)
        self._pump()

    def tend(self) -> None:
        """Once a frame: cut it, look after the clock and the disk, and tell what became of them."""
        self.cut_frames()
        for kind, values in self._line.look():
            self.event(GATEWAY_DEVICE, kind, self.now_us(), values)
            if self.uplink is not None:
                self.uplink.tell_status()

    def _pump(self) -> None:
        if self.uplink is not None:
            self.uplink.pump()

    async def keep_cutting(self) -> None:
        while True:
            await asyncio.sleep(self._config.frames.interval_s)
            self.tend()

    async def keep_driving(self, driver: DriverConfig) -> None:
        """Run a driver for ever: one that fails is reported and started again."""
        pause, longest = DRIVER_PAUSE_S
        while True:
            try:
                await _make_driver(driver, self._config).run(self)
                reason = "the driver ended by itself"
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
            log.error(
                "driver failed", gateway=self._config.gateway, driver=driver.kind, reason=reason, again_in_s=pause
            )
            self.event(GATEWAY_DEVICE, "device_fault", self.now_us(), {"driver": driver.kind, "reason": reason[:200]})
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)

    async def keep_reporting(self) -> None:
        health = GatewayHealth(self._config.buffer.path.parent)
        while True:
            await asyncio.sleep(HEALTH_INTERVAL_S)
            figures = health.read() | {"buffer_depth": float(self._buffer.totals().pending)}
            time_us = np.array([self.now_us()], np.int64)
            for channel, value in figures.items():
                self.readings(GATEWAY_DEVICE, channel, time_us, np.array([value], np.float32))


async def run_agent(config: HomeConfig, stop: asyncio.Event) -> None:
    """Watch over one home until ``stop``; what was not sent by then stays in the buffer.

    Raises ConfigError where a driver is not installed.
    """
    for driver in config.drivers:
        _find_driver(driver.kind)
    clock = Clock()
    buffer = Buffer(config.buffer.path, config.gateway, clock, config.buffer.budget_mb * 1024 * 1024)
    agent = Agent(config, buffer, clock)
    agent.uplink = Uplink(config.broker, config.gateway, buffer, clock, {"ping": lambda _: "pong"})
    agent.uplink.start()
    tasks = [
        asyncio.create_task(work)
        for work in (
            agent.keep_cutting(),
            agent.keep_reporting(),
            *(agent.keep_driving(driver) for driver in config.drivers),
        )
    ]
    stopping = asyncio.create_task(_wait(stop))
    try:
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()  # what ends by itself is a fault: the supervisor must hear of it
    finally:
        for task in (stopping, *tasks):
            task.cancel()
        await asyncio.gather(stopping, *tasks, return_exceptions=True)
        agent.cut_frames()
        await agent.uplink.stop()
        buffer.close()


def _find_driver(kind: str) -> type[Driver]:
    found = {point.name: point for point in entry_points(group=DRIVER_GROUP)}
    if kind not in found:
        raise ConfigError(f"no driver {kind!r} is installed; there are: {', '.join(sorted(found))}")
    driver: type[Driver] = found[kind].load()
    return driver


def _make_driver(driver: DriverConfig, config: HomeConfig) -> Driver:
    return _find_driver(driver.kind)(driver.options, config.devices)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
