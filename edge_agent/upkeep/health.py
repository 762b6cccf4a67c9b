"""Measure the health of the gateway itself, as readings like any other. Systems other than Linux give fewer."""

import os
import shutil
import time
from pathlib import Path

from edge_agent.timekeeping.ntp import read_clock

_PAGE = os.sysconf("SC_PAGE_SIZE")


class GatewayHealth:
    """Figures by channel code, in the channels' units; each call of :meth:`read` covers the time since the last one.

    ``root`` stands before ``/proc`` and ``/sys``. Figures that the machine lacks (a battery, WLAN, a
    temperature sensor) are left out.
    """

    def __init__(self, disk: Path, root: Path = Path("/")) -> None:
        self._disk, self._root = disk, root
        self._cpu = self._cpu_times()
        self._own = (time.monotonic(), time.process_time())

    def read(self) -> dict[str, float]:
        usage = shutil.disk_usage(self._disk)
        figures: dict[str, float | None] = {
            "gateway_disk": 100 * usage.used / usage.total,
            "gateway_cpu": self._cpu_load(),
            "gateway_memory": self._memory(),
            "gateway_temperature": self._temperature(),
            "signal_strength": self._radio_signal(),
            "battery": self._battery(),
            "agent_cpu": self._own_load(),
            "agent_memory": self._own_memory(),
        }
        clock = read_clock()
        if clock is not None:
            figures |= {"clock_offset": clock.offset_ms, "clock_error": clock.error_ms}
        return {channel: value for channel, value in figures.items() if value is not None}

    def standing(self) -> dict[str, float | None]:
        """Room on the disk and charge of the spare battery for the self test, %; None: there is none, or it is not
        told. Moves no figure of :meth:`read`."""
        try:
            usage = shutil.disk_usage(self._disk)
        except OSError:
            return {"disk_free_percent": None, "battery_percent": self._battery()}
        return {"disk_free_percent": round(100 * usage.free / usage.total, 1), "battery_percent": self._battery()}

    def _cpu_load(self) -> float | None:
        before, self._cpu = self._cpu, self._cpu_times()
        now = self._cpu
        if before is None or now is None or now[1] <= before[1]:
            return None
        return min(100.0, max(0.0, 100 * (1 - (now[0] - before[0]) / (now[1] - before[1]))))

    def _cpu_times(self) -> tuple[int, int] | None:
        """(idle, all) jiffies since boot."""
        text = _text(self._root / "proc/stat")
        if text is None:
            return None
        fields = [int(word) for word in text.split("\n", 1)[0].split()[1:9]]
        return fields[3] + fields[4], sum(fields)

    def _memory(self) -> float | None:
        text = _text(self._root / "proc/meminfo")
        if text is None:
            return None
        kib = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines() if line}
        return 100 * (1 - kib["MemAvailable"] / kib["MemTotal"])

    def _temperature(self) -> float | None:
        """The hottest zone, °C (kernel: thermal sysfs, m°C). Raspberry Pi: the processor is zone 0."""
        texts = (_text(file) for file in (self._root / "sys/class/thermal").glob("thermal_zone*/temp"))
        return max((int(text) / 1000 for text in texts if text), default=None)

    def _radio_signal(self) -> float | None:
        """The WLAN's level in dBm (fourth column of /proc/net/wireless); None without WLAN, or not connected."""
        lines = (_text(self._root / "proc/net/wireless") or "").splitlines()[2:]
        levels = [float(line.split()[3]) for line in lines]
        return next((level for level in levels if -150 <= level < 0), None)

    def _battery(self) -> float | None:
        """The charge of an uninterruptible power supply that the kernel knows, %."""
        texts = (_text(file) for file in (self._root / "sys/class/power_supply").glob("*/capacity"))
        return min((float(text) for text in texts if text), default=None)

    def _own_load(self) -> float | None:
        (wall, used), self._own = self._own, (time.monotonic(), time.process_time())
        passed = self._own[0] - wall
        return 100 * (self._own[1] - used) / passed if passed > 0 else None

    def _own_memory(self) -> float | None:
        """Resident memory of this process, MiB."""
        text = _text(Path("/proc/self/statm"))
        return None if text is None else int(text.split()[1]) * _PAGE / 2**20


def _text(file: Path) -> str | None:
    try:
        return file.read_text()
    except OSError:  # not there, or a sensor that does not answer now
        return None
