"""The gateway's own figures, and what systemd is told."""

import os
import socket
from pathlib import Path

import pytest

from edge_agent.upkeep.health import GatewayHealth
from edge_agent.upkeep.watchdog import RETRY_GRACE_S, DriverState, status_line
from firmware_profiles.channels import CHANNELS
from observability.systemd import Notifier


def test_this_machines_figures_are_possible_values_of_known_channels(tmp_path: Path) -> None:
    health = GatewayHealth(tmp_path)
    sum(number * number for number in range(100_000))
    figures = health.read()
    assert {"gateway_disk", "gateway_memory", "agent_memory", "agent_cpu", "clock_offset", "clock_error"} <= set(
        figures
    )
    for channel, value in figures.items():
        assert CHANNELS[channel].low <= value <= CHANNELS[channel].high, channel
    assert 5 < figures["agent_memory"] < 2000
    assert figures["agent_cpu"] > 0


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


RASPBERRY = {
    "proc/stat": "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3\n",
    "proc/meminfo": "MemTotal:        1000 kB\nMemFree: 1 kB\nMemAvailable:     250 kB\n",
    "proc/net/wireless": "Inter-| sta-|   Quality        |\n face | tus | link level noise |\n"
    " wlan0: 0000   56.  -54.  -256        0      0      0      0    152        0\n",
    "sys/class/thermal/thermal_zone0/temp": "54768\n",
    "sys/class/power_supply/ups/capacity": "87\n",
}


def test_a_raspberry_pi_with_wlan_and_a_battery(tmp_path: Path) -> None:
    write(tmp_path, RASPBERRY)
    health = GatewayHealth(tmp_path, tmp_path)
    write(tmp_path, {"proc/stat": "cpu  150 0 150 750 150 0 0 0 0 0\n"})
    figures = health.read()
    assert figures["gateway_cpu"] == pytest.approx(50)
    assert figures["gateway_memory"] == pytest.approx(75)
    assert figures["signal_strength"] == -54
    assert figures["gateway_temperature"] == pytest.approx(54.768)
    assert figures["battery"] == 87


def test_what_is_not_there_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"proc/net/wireless": "a\nb\n wlan0: 0000    0.  -256.  -256        0      0      0\n"})
    figures = GatewayHealth(tmp_path, tmp_path).read()
    assert not {"signal_strength", "battery", "gateway_temperature", "gateway_cpu"} & set(figures)


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears(abstract: bool, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0shouwang-test-{os.getpid()}" if abstract else str(tmp_path / "notify"))
        manager.settimeout(5)
        name = manager.getsockname()
        address = "@" + name[1:].decode() if abstract else name
        notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, 7)
        assert notifier.watchdog_s == 60
        assert notifier.interval_s == 20
        notifier.tell("READY=1", "STATUS=here")
        assert manager.recv(100) == b"READY=1\nSTATUS=here"


def test_without_systemd_nothing_happens(tmp_path: Path) -> None:
    quiet = Notifier({"WATCHDOG_USEC": "60000000"}, 7)
    assert quiet.watchdog_s is None
    quiet.tell("READY=1")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}, 7).tell("READY=1")
    other = Notifier({"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "6", "WATCHDOG_PID": "8"}, 7)
    assert other.watchdog_s is None, "the watchdog is another process's"


def test_a_driver_that_waits_for_its_next_start_is_alive_and_one_that_is_overdue_is_not() -> None:
    state = DriverState("ble", running=True)
    assert state.alive(1e9)
    state = DriverState("ble", running=False, retry_at=100.0, fault="OSError: no adapter\nat all")
    assert state.alive(100.0 + RETRY_GRACE_S)
    assert not state.alive(100.1 + RETRY_GRACE_S)
    line = status_line(False, 12, [state, DriverState("zigbee2mqtt", running=True)])
    assert line == "STATUS=NOT connected, 12 messages wait, 1 of 2 drivers run (ble: OSError: no adapter at all)"
