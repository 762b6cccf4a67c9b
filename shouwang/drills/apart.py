"""The homes of a drill in a process of their own, which can be frozen and whose disk can be full.

The process runs the same gateways as :class:`~shouwang.drills.load.Homes` and tells each frame and each press over a
socket to the drill, which keeps the ledger: neither a frozen process nor a full disk touches it.
"""

import contextlib
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from database.server.guardian import start_guarded
from firmware_profiles.link.mqtt import Broker
from shouwang.drills.load import Homes, Press
from shouwang.verify.fleet import Gateway, numbered

START_S, ANSWER_S, END_S = 120.0, 30.0, 60.0


class Order(msgspec.Struct, frozen=True, tag_field="say", tag="begin"):
    """The first line to the process; the later ones are words: ``hush``, ``pending``, ``end``."""

    folder: str
    brokers: dict[str, Broker]
    press_s: float


class Said(msgspec.Struct, frozen=True):
    """A line of the process: a frame or a press of a home with its time in µs, how many messages wait, or its start."""

    kind: str
    gateway: str = ""
    number: int = 0


class GatewayApart:
    """The ledger of one home: what its gateway said."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.bases_us: list[int] = []

    def readings(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        return numbered(self.bases_us)


class HomesApart(Homes):
    """As :class:`Homes`, for the drill; the gateways live in the process ``pid``."""

    def __init__(self, names: Sequence[str], folder: Path, broker: Callable[[str], Broker]) -> None:
        super().__init__(names, folder, broker)
        self._apart = [GatewayApart(name) for name in names]
        self._by_name = {one.name: one for one in self._apart}
        self._socket, self._theirs = socket.socketpair()
        self._lines = self._socket.makefile("rb")
        self._answer = threading.Event()
        self._waiting = 0
        self._reader = threading.Thread(target=self._read, name="homes apart")

    def __enter__(self) -> "HomesApart":
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", __name__, str(self._theirs.fileno())]
        with (self._folder / "homes.log").open("ab") as log:
            self._process = start_guarded(command, pass_fds=[self._theirs.fileno()], stdout=log, stderr=log)
        self._theirs.close()
        self._reader.start()
        order = Order(str(self._folder), {name: self._broker(name) for name in self._names}, self.press_s)
        self._socket.sendall(msgspec.json.encode(order, enc_hook=str) + b"\n")
        if not self._ready.wait(START_S) or self._process.poll() is not None:
            self.__exit__()
            raise RuntimeError(f"the drill's homes do not start, see {self._folder / 'homes.log'}")
        return self

    def __exit__(self, *_: object) -> None:
        self._say(b"end")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
        self._process.kill()
        self._process.wait()
        self._reader.join(END_S)
        self._lines.close()
        self._socket.close()
        self._loop.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ledgers(self) -> Sequence[GatewayApart]:
        return self._apart

    def hush(self) -> None:
        self._say(b"hush")

    @property
    def pending(self) -> int:
        self._answer.clear()
        self._say(b"pending")
        if not self._answer.wait(ANSWER_S):
            raise TimeoutError("the drill's homes do not answer")
        return self._waiting

    def _say(self, word: bytes) -> None:
        with contextlib.suppress(OSError):  # the process has ended
            self._socket.sendall(word + b"\n")

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the process has ended
            for line in self._lines:
                self._note(msgspec.json.decode(line, type=Said))
        self._ready.set()

    def _note(self, said: Said) -> None:
        if said.kind == "frame":
            self._by_name[said.gateway].bases_us.append(said.number)
        elif said.kind == "press":
            self.presses.append(Press(said.gateway, said.number))
        elif said.kind == "pending":
            self._waiting = said.number
            self._answer.set()
        else:
            self._ready.set()


class _Told(Homes):
    """The homes inside the process."""

    tell: Callable[[Said], None]

    def frame(self, gateway: Gateway) -> int:
        base_us = super().frame(gateway)
        self.tell(Said("frame", gateway.name, base_us))
        return base_us

    def press(self, gateway: Gateway) -> None:
        super().press(gateway)
        self.tell(Said("press", gateway.name, self.presses[-1].time_us))


def main(number: int) -> None:
    """Run the homes until the drill says ``end`` or is gone. ``number``: the socket to it."""
    # a log is a file too: on a full disk its lines would be faults of their own
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    line = socket.socket(fileno=number)
    words = line.makefile("rb")
    order = msgspec.json.decode(words.readline(), type=Order, dec_hook=lambda kind, text: kind(text))
    homes = _Told(list(order.brokers), Path(order.folder), order.brokers.__getitem__)
    homes.press_s = order.press_s

    def tell(said: Said) -> None:
        with contextlib.suppress(OSError):  # the drill is gone
            line.sendall(msgspec.json.encode(said) + b"\n")

    homes.tell = tell
    with homes:
        tell(Said("ready"))
        for word in words:
            if word == b"hush\n":
                homes.hush()
            elif word == b"pending\n":
                tell(Said("pending", number=homes.pending))
            else:
                break


if __name__ == "__main__":
    main(int(sys.argv[1]))
