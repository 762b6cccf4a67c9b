"""How the gateway itself is doing, as readings like any other. Linux only; elsewhere what can be told."""

import os
import shutil
from pathlib import Path


class GatewayHealth:
    """Load figures in per cent; each call of :meth:`read` covers the time since the last one."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk
        self._cpu = _cpu_times()

    def read(self) -> dict[str, float]:
        """By channel: gateway_cpu, gateway_memory, gateway_disk."""
        usage = shutil.disk_usage(self._disk)
        found = {"gateway_disk": 100 * usage.used / usage.total}
        before, now = self._cpu, _cpu_times()
        if before and now and now[1] > before[1]:
            found["gateway_cpu"] = 100 * (1 - (now[0] - before[0]) / (now[1] - before[1]))
        self._cpu = now
        memory = _memory()
        if memory is not None:
            found["gateway_memory"] = memory
        return found


def _cpu_times() -> tuple[int, int] | None:
    """(idle, all) jiffies since boot."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None
    fields = [int(word) for word in stat.read_text().split("\n", 1)[0].split()[1:9]]
    return fields[3] + fields[4], sum(fields)


def _memory() -> float | None:
    info = Path("/proc/meminfo")
    if not info.exists():
        return 100 * (1 - os.sysconf("SC_AVPHYS_PAGES") / os.sysconf("SC_PHYS_PAGES"))
    kib = {line.split(":")[0]: int(line.split()[1]) for line in info.read_text().splitlines() if line}
    return 100 * (1 - kib["MemAvailable"] / kib["MemTotal"])
