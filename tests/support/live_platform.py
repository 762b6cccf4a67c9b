"""The whole platform with simulated homes, for tests that use it as people do."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from care_network.demo.district import DemoDistrict
from device_simulators.homes import demo_home
from shouwang.platform.demo import start_homes
from shouwang.platform.platform import Platform


@contextmanager
def live_platform(folder: Path, homes: int) -> Iterator[tuple[Platform, DemoDistrict]]:
    """Servers, services and ``homes`` simulated homes on loopback ports of their own; stopped at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with Platform(folder, port) as platform:
        simulated = [demo_home(number) for number in range(1, homes + 1)]
        district = platform.load_district(simulated)
        platform.start_services()
        start_homes(platform, simulated)
        yield platform, district
        log = (platform.data / "postgres" / "server.log").read_text(errors="replace")
        assert "permission denied" not in log, "a service's role lacks a right: database/rights/grants.py"
