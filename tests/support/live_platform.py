"""The whole platform with simulated homes, for tests that use it as people do."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from care_network.demo.district import DemoDistrict
from device_simulators.homes import at_hour, demo_home
from shouwang.platform.demo import start_homes
from shouwang.platform.platform import Platform

EVENING = 19.0
"""Local hour: everybody sits in the living room (``device_simulators.day``)."""


@contextmanager
def live_platform(folder: Path, homes: int) -> Iterator[tuple[Platform, DemoDistrict]]:
    """Servers, services and ``homes`` simulated homes on loopback ports of their own; stopped at the end.

    In the homes it is evening when they start: at the hours when people are out or in bed, they measure nothing.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with Platform(folder, port) as platform:
        simulated = [at_hour(demo_home(number), EVENING) for number in range(1, homes + 1)]
        district = platform.load_district(simulated)
        platform.start_services()
        start_homes(platform, simulated)
        yield platform, district
        log = (platform.data / "postgres" / "server.log").read_text(errors="replace")
        assert "permission denied" not in log, "a service's role lacks a right: database/rights/grants.py"
