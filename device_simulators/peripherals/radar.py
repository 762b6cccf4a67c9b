"""Simulate a 60 GHz radar on a pseudo-terminal, with a bad line on demand."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from device_simulators.home import Home
from device_simulators.peripherals.terminal import Terminal
from firmware_profiles.serial_radar import QUERY, QUERY_DATA, FrameParser, RadarFrame, encode

PRESENCE, FALL, BED = (0x80, 0x01), (0x83, 0x01), (0x84, 0x01)


class SerialRadar:
    """Reports the simulated home's heart and breath rate every ``period_s`` and changes of its states; answers queries.

    ``noise``: share of the frames with a damaged byte.
    """

    def __init__(self, seed: int, period_s: float = 0.1, noise: float = 0.0) -> None:
        self._home, self._period_s, self._noise = Home(seed), period_s, noise
        self._rng = np.random.default_rng(seed)
        self._terminal = Terminal(self._asked)
        self._questions = FrameParser()
        self._states = {PRESENCE: 0, FALL: 0, BED: 0}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="radar", daemon=True)
        self._time_us = 1_763_942_400_000_000

    @property
    def path(self) -> Path:
        return self._terminal.path

    def __enter__(self) -> Self:
        self._terminal.__enter__()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(5)
        self._terminal.__exit__(kind, error, at)

    def fall(self, fallen: bool, lost: bool = False) -> None:
        """Change the fall state. ``lost``: the report does not arrive."""
        self._change(FALL, fallen, lost)

    def presence(self, somebody: bool) -> None:
        self._change(PRESENCE, somebody)

    def bed(self, occupied: bool) -> None:
        self._change(BED, occupied)

    def _change(self, field: tuple[int, int], state: bool, lost: bool = False) -> None:
        self._states[field] = int(state)
        if not lost:
            self.say(RadarFrame(*field, bytes((state,))))

    def _asked(self, data: bytes) -> None:
        for frame in self._questions.feed(data):
            field = (frame.control, frame.command & ~QUERY)
            if frame.command & QUERY and frame.data == QUERY_DATA and field in self._states:
                self.say(RadarFrame(frame.control, frame.command, bytes((self._states[field],))))

    def say(self, frame: RadarFrame) -> None:
        self._terminal.write(encode(frame))

    def write(self, data: bytes) -> None:
        """Send any bytes."""
        self._terminal.write(data)

    def garbage(self, size: int) -> None:
        self._terminal.write(self._rng.bytes(size))

    def _run(self) -> None:
        while not self._stop.wait(self._period_s):
            self._time_us += 1_000_000
            moment, calm = np.array([self._time_us], np.int64), np.zeros(1)
            heart, breath = self._home.heart_rate(moment, calm), self._home.respiration_rate(moment, calm)
            for control, value in ((0x81, breath), (0x85, heart)):
                data = bytearray(encode(RadarFrame(control, 0x02, bytes((round(float(value[0])),)))))
                if self._rng.random() < self._noise:
                    data[int(self._rng.integers(len(data)))] ^= 0x40
                self._terminal.write(bytes(data))
