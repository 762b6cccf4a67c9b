"""The interface between the edge agent and the drivers that bring it data.

A driver is a class made by ``Driver(options, devices)`` and run as one asyncio task until it is cancelled. The edge
agent finds drivers by the entry-point group ``shouwang.edge_drivers``, so that a simulator or a third party's driver
needs no import in the agent.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray


class DeviceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One paired device of a home: its name on the wire, its model (a file of ``devices/``), and its room."""

    name: str
    model: str
    room: str = ""
    address: str = ""
    """Its name in the transport: BLE address, Zigbee friendly name, ESPHome node; empty: the same as ``name``."""
    resident: str = ""
    """In a home of several: the code of the resident whose it is, who alone takes back what it calls; empty: it belongs
    to the home as a whole."""


class Sink(Protocol):
    """Takes the data of a driver. All methods return at once; call all but ``now_us`` from the event loop only."""

    def now_us(self) -> int:
        """The gateway's clock: µs since 1970, UTC; from any thread. Drivers never ask the system's clock: it jumps."""

    def readings(self, device: str, channel: str, times_us: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        """Take in values of one channel, shapes [n] and [n]; times in µs since 1970, UTC."""

    def event(
        self,
        device: str,
        kind: str,
        time_us: int,
        values: Mapping[str, str | int | float | bool] | None = None,
        evidence: bytes = b"",
    ) -> None:
        """Take in an event: it is stored and sent before any reading that waits."""

    def motion(
        self,
        device: str,
        t_us: int,
        sample_rate_hz: float,
        acc_g: NDArray[np.float32],
        gyro_dps: NDArray[np.float32] | None,
    ) -> None:
        """Take in raw IMU samples for the fall detector, shapes [n, 3], the first of ``t_us``; they are not sent."""


class Driver(Protocol):
    """Brings the data of some devices. It reconnects by itself and ends only by cancellation."""

    def __init__(self, options: Mapping[str, Any], devices: Sequence[DeviceConfig]) -> None: ...

    async def run(self, sink: Sink) -> None: ...


def firmware_of(driver: Driver) -> Mapping[str, str]:
    """By device: the version of its own program, where the driver has an attribute ``firmware`` and the device told it.

    It is no method of :class:`Driver`: few transports tell a version, and drivers of others need not know of it.
    """
    told = getattr(driver, "firmware", {})
    return {name: clean for name, text in dict(told).items() if (clean := " ".join(str(text).split())[:60])}
