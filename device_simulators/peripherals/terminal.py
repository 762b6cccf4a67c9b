"""A pseudo-terminal with a simulated device at the other end: a serial device without hardware."""

import os
import select
import threading
import tty
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

POLL_S = 0.05


class Terminal:
    """The terminal at ``path``, for a driver to open; ``receive`` is called with its bytes, in a thread of its own."""

    def __init__(self, receive: Callable[[bytes], None], idle: Callable[[], None] = lambda: None) -> None:
        self._receive, self._idle = receive, idle
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = Path(os.ttyname(self._slave))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"terminal {self.path.name}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(5)
        os.close(self._master)
        os.close(self._slave)

    def write(self, data: bytes) -> None:
        """Send bytes of the device. Unread bytes are lost once the terminal's buffer is full, as on a wire."""
        while data:
            _, writable, _ = select.select([], [self._master], [], 0)
            if not writable:
                return
            data = data[os.write(self._master, data[:512]) :]

    def _run(self) -> None:
        while not self._stop.is_set():
            readable, _, _ = select.select([self._master], [], [], POLL_S)
            if readable:
                self._receive(os.read(self._master, 4096))
            self._idle()
