"""Judge the drivers for systemd's watchdog, and sum the agent's state up in one line."""

import msgspec

from firmware_profiles.driver import Driver

RETRY_GRACE_S = 30.0
"""A driver whose start is overdue by more than this is stuck."""


class DriverState(msgspec.Struct):
    """State of one driver, written by the task that runs it; times on the loop's clock, s."""

    kind: str
    running: bool = False
    retry_at: float = 0.0
    fault: str = ""
    """Reason of its last end."""
    driver: Driver | None = None
    """The one that runs, or ran last."""

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
