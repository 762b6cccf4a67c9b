"""Tell systemd the program's state, by the datagrams of sd_notify(3)."""

import os
import socket
from collections.abc import Mapping


class Notifier:
    """The datagram socket that systemd gives; without one, nothing is sent. ``watchdog_s``: None: not watched."""

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        for_us = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        wait_us = environment.get("WATCHDOG_USEC", "")
        self.watchdog_s = int(wait_us) / 1e6 if self._address and for_us and wait_us.isdigit() else None

    @property
    def interval_s(self) -> float:
        """Time between two looks: a third of the watchdog's period, so that one late look is forgiven."""
        return 10.0 if self.watchdog_s is None else self.watchdog_s / 3

    def tell(self, *lines: str) -> None:
        """Send assignments such as ``READY=1``. A manager that does not listen is no reason to fail."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)
            try:
                sock.sendto("\n".join(lines).encode(), self._address)
            except OSError:
                return  # the watchdog's own time-out is the consequence

    @classmethod
    def from_environment(cls) -> "Notifier":
        """Read the socket and the watchdog's period from this process's environment."""
        return cls(os.environ, os.getpid())
