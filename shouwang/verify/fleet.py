"""Gateways for the proof: the real outbox and uplink, fed with readings that are numbered by their values."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.outbox.outbox import Outbox
from edge_agent.outbox.sent import SentMessages
from edge_agent.timekeeping.clock import Clock, wall_us
from edge_agent.uplink import Uplink
from firmware_profiles import wire
from firmware_profiles.link.mqtt import Broker

DEVICE, CHANNEL, EVENT_DEVICE, EVENT = "radar", "illuminance", "sos-button", "button_test"
STRANGER, STRANGER_EVERY = "stranger", 8
"""A device that is not registered has one reading in every so many frames: it belongs into the quarantine."""
READINGS = 20
"""Of one frame, a millisecond apart."""
FRAME_S, EVENT_S = 0.25, 2.0
VALUES = 100_000
"""A reading's value is its number, modulo this: exact in float32, and possible for the channel."""
FRESH_US = 4_000_000
"""Messages that waited longer go as backfill: sooner than in a home, so that most outages mix the two streams."""
SENT_BYTES = 16 * 1024 * 1024


class Gateway:
    """One home."""

    def __init__(self, name: str, folder: Path, broker: Callable[[], Broker]) -> None:
        self.name, self._folder, self._broker = name, folder, broker
        self.wrong_by_us = 0
        """How far its wall clock is ahead, in µs."""
        self._clock = Clock(wall=lambda: wall_us() + self.wrong_by_us)
        self._outbox = Outbox(folder / f"{name}.db", name, self._clock, 64 * 1024 * 1024, fresh_us=FRESH_US)
        self._sent = SentMessages(folder / f"{name}.sent", SENT_BYTES)
        self._uplink: Uplink | None = None
        self._bases: list[int] = []
        self.events_us: list[int] = []

    def connect(self) -> None:
        self._uplink = Uplink(self._broker(), self.name, self._outbox, self._clock, {}, self._sent, ack_timeout_s=5)
        self._uplink.start()

    async def disconnect(self) -> None:
        if self._uplink is not None:
            await self._uplink.stop(0)

    def frame(self) -> int:
        """Send the next frame of numbered readings; returns its time, µs."""
        base_us = max(self._clock.now_us() // 1000 * 1000, self._bases[-1] + READINGS * 1000 if self._bases else 0)
        number = len(self._bases)
        self._bases.append(base_us)
        times, values = _readings(base_us, number * READINGS)
        series = [wire.make_series(DEVICE, CHANNEL, base_us, times, values)]
        if number % STRANGER_EVERY == 0:
            series.append(wire.make_series(STRANGER, CHANNEL, base_us, times[:1], values[:1]))
        self._outbox.put_frame(base_us, series)
        self._pump()
        return base_us

    def event(self) -> None:
        time_us = max(self._clock.now_us(), self.events_us[-1] + 1 if self.events_us else 0)
        self.events_us.append(time_us)
        self._outbox.put_event(EVENT_DEVICE, EVENT, time_us, {}, b"")
        self._pump()

    def send(self, base_us: int, series: list[wire.Series]) -> None:
        """Send a frame of other readings than numbered ones; they are not in :meth:`readings`."""
        self._outbox.put_frame(base_us, series)
        self._pump()

    def press(self, device: str, kind: str) -> int:
        """Send an event of another kind; returns its time in µs."""
        time_us = self._clock.now_us()
        self._outbox.put_event(device, kind, time_us, {}, b"")
        self._pump()
        return time_us

    @property
    def pending(self) -> int:
        return self._outbox.totals().pending

    def readings(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """All readings that the gateway ever made: times (µs) and values."""
        return numbered(self._bases)

    def strangers(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As :meth:`readings`, of the device that is not registered."""
        times, values = self.readings()
        return times[:: READINGS * STRANGER_EVERY], values[:: READINGS * STRANGER_EVERY]

    def close(self) -> None:
        self._outbox.close()

    def tell(self) -> None:
        """Send the status with the numbers that the broker has acknowledged, as a gateway does now and then."""
        if self._uplink is not None:
            self._uplink.publish_status()
            self._uplink.pump()

    def _pump(self) -> None:
        if self._uplink is not None:
            self._uplink.pump()


def numbered(bases_us: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """All readings of a gateway's frames, whose times (µs) are given in their order: times (µs) and values."""
    parts = [_readings(base_us, number * READINGS) for number, base_us in enumerate(bases_us)]
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    return np.concatenate([times for times, _ in parts]), np.concatenate([values for _, values in parts])


def _readings(base_us: int, first: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    times = base_us + np.arange(READINGS, dtype=np.int64) * 1000
    return times, ((first + np.arange(READINGS)) % VALUES).astype(np.float32)


class Fleet:
    """All gateways in one event loop, in a thread of its own."""

    def __init__(self, names: list[str], folder: Path, broker: Callable[[str], Broker]) -> None:
        self._names, self._folder, self._broker = names, folder, broker
        self.gateways: list[Gateway] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._quiet = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),), name="fleet")

    def __enter__(self) -> "Fleet":
        self._thread.start()
        self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        self._loop.close()

    def hush(self) -> None:
        """Make no more readings; those that wait are still sent."""
        self._quiet.set()

    @property
    def pending(self) -> int:
        async def count() -> int:
            return sum(gateway.pending for gateway in self.gateways)

        return asyncio.run_coroutine_threadsafe(count(), self._loop).result(30)

    async def _run(self) -> None:
        for name in self._names:
            self.gateways.append(Gateway(name, self._folder, lambda name=name: self._broker(name)))  # type: ignore[misc]
        for gateway in self.gateways:
            gateway.connect()
        self._ready.set()
        beats = 0
        while not self._stop.is_set():
            for gateway in self.gateways:
                if not self._quiet.is_set():
                    gateway.frame()
                    if beats % int(EVENT_S / FRAME_S) == 0:
                        gateway.event()
                if beats % int(10 / FRAME_S) == 0:
                    gateway.tell()
            beats += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), FRAME_S)
        await asyncio.gather(*(gateway.disconnect() for gateway in self.gateways))
        for gateway in self.gateways:
            gateway.close()
