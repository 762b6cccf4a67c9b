"""The load of a drill: homes that send numbered readings without a pause and press SOS in turn, with a ledger."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from firmware_profiles.link.mqtt import Broker
from shouwang.verify.fleet import EVENT_DEVICE, Gateway

BEAT_S = 0.5
"""Interval of a home's frames of 20 readings."""
PRESS_S = 1.0
"""Interval of the presses where a drill asks for no other: each home presses once, one home after the other."""
CONNECT_AT_ONCE = 20
"""Homes that connect in a second: TLS handshakes of hundreds in one process would hold each other up until all fail."""
SOS = "sos_pressed"


class Press(msgspec.Struct, frozen=True):
    """An SOS as it was pressed: the home, and when (µs since 1970, UTC, by this machine's clock)."""

    gateway: str
    time_us: int


class Ledger(Protocol):
    """The words of a home: its gateway's name, and all its numbered readings (times in µs, values)."""

    name: str

    def readings(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]: ...


class Homes:
    """All homes in one event loop, in a thread of its own; use as a context manager. ``presses`` is the ledger.

    ``press_s``: interval of the presses, s; set it before the start.
    """

    press_s = PRESS_S

    def __init__(self, names: Sequence[str], folder: Path, broker: Callable[[str], Broker]) -> None:
        self._names, self._folder, self._broker = list(names), folder, broker
        self.gateways: list[Gateway] = []
        self.presses: list[Press] = []
        self._loop = asyncio.new_event_loop()
        self._ready, self._quiet = threading.Event(), threading.Event()
        self._stop = asyncio.Event()
        self._press_at = 0.0
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run()), name="homes")

    def __enter__(self) -> "Homes":
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        if not self._ready.wait(60):
            raise TimeoutError("the drill's homes do not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        self._loop.close()

    @property
    def ledgers(self) -> Sequence[Ledger]:
        """The homes' ledgers of readings."""
        return self.gateways

    @property
    def left(self) -> int:
        """Homes that have not pressed yet."""
        return len(self._names) - len(self.presses)

    def hush(self) -> None:
        """Make no more readings and press no more; messages that wait are still sent."""
        self._quiet.set()

    @property
    def pending(self) -> int:
        async def count() -> int:
            return sum(gateway.pending for gateway in self.gateways)

        return asyncio.run_coroutine_threadsafe(count(), self._loop).result(30)

    def beat(self) -> None:
        """Do what the homes do each BEAT_S: a frame each, and the next press when it is due."""
        for gateway in self.gateways:
            self.frame(gateway)
        if self.left and time.monotonic() >= self._press_at:
            self._press_at += self.press_s
            self.press(self.gateways[len(self.presses)])

    def frame(self, gateway: Gateway) -> int:
        """Send a home's next frame of numbered readings; returns its time, µs."""
        return gateway.frame()

    def press(self, gateway: Gateway) -> None:
        """Press a home's SOS button, and write it into the ledger."""
        self.presses.append(Press(gateway.name, gateway.press(EVENT_DEVICE, SOS)))

    async def _run(self) -> None:
        self.gateways += [Gateway(name, self._folder, self._connect(name)) for name in self._names]
        for number, gateway in enumerate(self.gateways, 1):
            gateway.connect()
            if number % CONNECT_AT_ONCE == 0:
                await asyncio.sleep(1)
        self._ready.set()
        self._press_at, beats = time.monotonic() + self.press_s, 0
        while not self._stop.is_set():
            if not self._quiet.is_set():
                self.beat()
            if beats % round(10 / BEAT_S) == 0:
                for gateway in self.gateways:
                    gateway.tell()
            beats += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), BEAT_S)
        await asyncio.gather(*(gateway.disconnect() for gateway in self.gateways))
        for gateway in self.gateways:
            gateway.close()

    def _connect(self, name: str) -> Callable[[], Broker]:
        return lambda: self._broker(name)
