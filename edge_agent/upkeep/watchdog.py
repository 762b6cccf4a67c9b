"""Tell systemd the agent's state (sd_notify(3)), and feed its watchdog only while every part is alive."""

import os
import socket
from collections.abc import Mapping

import msgspec

RETRY_GRACE_S = 30.0
"""A driver whose start is overdue by more than this is stuck."""


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
        return cls(os.environ, os.getpid())


class DriverState(msgspec.Struct):
    """State of one driver, written by the task that runs it; times on the loop's clock, s."""

    kind: str
    running: bool = False
    retry_at: float = 0.0
    fault: str = ""
    """Reason of its last end."""

    def alive(self, now: float) -> bool:
        """Runs, or waits for a start that is not overdue: a broken sensor is no reason to restart the others."""
        return self.running or now <= self.retry_at + RETRY_GRACE_S


def status_line(online: bool, waiting: int, drivers: list[DriverState]) -> str:
    """The line that ``systemctl status`` shows."""
    faults = [f"{driver.kind}: {driver.fault}" for driver in drivers if driver.fault]
    link = "connected" if online else "NOT connected"
    return f"STATUS={link}, {waiting} messages wait, {len(drivers) - len(faults)} of {len(drivers)} drivers run" + (
        f" ({'; '.join(faults)})".replace("\n", " ") if faults else ""
    )
