"""A sink that keeps the readings and events of drivers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import numpy as np
from numpy.typing import NDArray

from firmware_profiles.driver import Driver


class Ears:
    def now_us(self) -> int:
        return time.time_ns() // 1000

    def __init__(self) -> None:
        self.values: list[tuple[str, str, float]] = []
        self.events: list[tuple[str, str]] = []
        self.reasons: list[str] = []
        self.pieces: list[tuple[int, NDArray[np.float32]]] = []

    def readings(self, device: str, channel: str, times_us: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        self.values += [(device, channel, round(float(value), 2)) for value in values]

    def event(
        self,
        device: str,
        kind: str,
        time_us: int,
        values: Mapping[str, str | int | float | bool] | None = None,
        evidence: bytes = b"",
    ) -> None:
        self.events.append((device, kind))
        self.reasons.append(str((values or {}).get("reason", "")))

    def motion(
        self,
        device: str,
        t_us: int,
        sample_rate_hz: float,
        acc_g: NDArray[np.float32],
        gyro_dps: NDArray[np.float32] | None,
    ) -> None:
        self.pieces.append((t_us, acc_g))


@asynccontextmanager
async def driving(driver: Driver, ears: Ears) -> AsyncIterator[None]:
    """Run the driver inside the block."""
    task = asyncio.create_task(driver.run(ears))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool], what: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what()
        await asyncio.sleep(0.02)
