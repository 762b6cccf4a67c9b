"""A service starts without the code of the others: what it loads costs memory for as long as it runs."""

import json
import subprocess
import sys

import pytest

FOREIGN = {
    "ingest": ("ingest", {"alerting", "console", "dispatch", "care_network", "edge_agent", "scipy", "sqlalchemy"}),
    "maintain": ("database", {"alerting", "console", "dispatch", "ingest", "care_network", "numpy", "sqlalchemy"}),
    "dispatch": ("dispatch.escalation", {"alerting", "console", "ingest", "numpy", "fastapi", "requests"}),
    "orders": ("dispatch.orders", {"alerting", "console", "ingest", "fastapi", "requests"}),
    "notify": ("dispatch.channels", {"alerting", "console", "ingest", "scipy", "fastapi", "aiohttp", "apprise"}),
    "alerting": ("alerting", {"console", "ingest", "edge_agent", "fastapi", "sqlalchemy", "aiohttp", "apprise"}),
    "console": ("console", {"ingest", "edge_agent", "device_simulators", "sqlalchemy", "sklearn", "scipy", "apprise"}),
}
"""By the command: the module that runs, and packages that it must not load."""
EVERY = {"shouwang.platform", "shouwang.verify", "bench", "matplotlib", "pytest"}


@pytest.mark.parametrize("command", FOREIGN)
def test_a_service_loads_its_own_code_alone(command: str) -> None:
    module, foreign = FOREIGN[command]
    code = f"import sys, json, shouwang.cli.main, {module}.__main__; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    heavy = [name for name in loaded if any(name == one or name.startswith(f"{one}.") for one in foreign | EVERY)]
    words = {"ingest", "ingest.quarantine", "ingest.quarantine.refusals"}  # of the command line's help
    assert not set(heavy) - words, sorted(heavy)[:10]
