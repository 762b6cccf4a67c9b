"""A service starts without the code of the others: what it loads costs memory for as long as it runs."""

import json
import subprocess
import sys

import pytest

from shouwang.setup.database import SERVICES

FOREIGN = {
    "ingest": (
        "ingest.__main__",
        {"alerting", "console", "dispatch", "care_network", "edge_agent", "scipy", "sqlalchemy"},
    ),
    "maintain": (
        "shouwang.maintenance.__main__",
        {"alerting", "console", "ingest", "edge_agent", "scipy", "fastapi", "sqlalchemy", "typst", "xlsxwriter"},
    ),
    "dispatch": ("dispatch.escalation.__main__", {"alerting", "console", "ingest", "numpy", "fastapi", "requests"}),
    "orders": ("shouwang.sweeping.__main__", {"alerting", "console", "ingest", "fastapi", "requests"}),
    "reports": ("shouwang.reporting.__main__", {"alerting", "console", "ingest", "fastapi", "requests"}),
    "notify": (
        "dispatch.channels.__main__",
        {"alerting", "console", "ingest", "scipy", "fastapi", "aiohttp", "apprise"},
    ),
    "alerting": (
        "alerting.__main__",
        {"console", "ingest", "edge_agent", "fastapi", "sqlalchemy", "aiohttp", "apprise"},
    ),
    "console": (
        "console.__main__",
        {"ingest", "edge_agent", "device_simulators", "sqlalchemy", "sklearn", "scipy", "apprise"},
    ),
    "exchange": (
        "exchange.__main__",
        {"alerting", "console", "edge_agent", "device_simulators", "sqlalchemy", "sklearn", "scipy", "apprise"},
    ),
    "path": (
        "shouwang.path.__main__",
        {"console", "ingest", "device_simulators", "sqlalchemy", "fastapi", "aiohttp", "apprise"},
    ),
    "issuer": (
        "shouwang.certificates.__main__, shouwang.certificates.service",
        {"alerting", "console", "dispatch", "ingest", "edge_agent", "scipy", "sqlalchemy", "requests"},
    ),
    "lists": (
        "shouwang.certificates.__main__, shouwang.certificates.follow, shouwang.brokers.stream_bound",
        {"alerting", "console", "dispatch", "ingest", "edge_agent", "scipy", "sqlalchemy", "fastapi", "requests"},
    ),
}
"""By the service: the modules that it runs, and packages that it must not load."""
BY_UNIT_ALONE = {"path", "issuer", "lists"}
"""The others are a command of ``shouwang``, too, and load their own code alone even so."""
EVERY = {"shouwang.platform", "shouwang.verify", "bench", "matplotlib", "pytest"}


def test_every_service_is_looked_at() -> None:
    assert FOREIGN.keys() == {*SERVICES, "lists"}


@pytest.mark.parametrize("service", FOREIGN)
def test_a_service_loads_its_own_code_alone(service: str) -> None:
    modules, foreign = FOREIGN[service]
    also = "" if service in BY_UNIT_ALONE else "shouwang.cli.main, "
    code = f"import sys, json, {also}{modules}; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    heavy = [name for name in loaded if any(name == one or name.startswith(f"{one}.") for one in foreign | EVERY)]
    words = {"ingest", "ingest.quarantine", "ingest.quarantine.refusals"}  # of the command line's help
    assert not set(heavy) - words, sorted(heavy)[:10]
