"""What a start of the gateway loads: with a quarter of a core each library is a part of a second without a watch."""

import subprocess
from pathlib import Path

from bench.gateway_environment import command_of, install

HEAVY = {
    "pydantic",
    "pydantic_settings",
    "rich",
    "pygments",
    "typer",
    "scipy",
    "prometheus_client",
    "sqlalchemy",
    "psycopg",
}


def test_a_gateway_starts_with_its_own_libraries_and_loads_no_heavy_one(tmp_path: Path) -> None:
    install(tmp_path / "libraries")
    command, environment = command_of(
        tmp_path / "libraries",
        "-c",
        "import sys, edge_agent.__main__, edge_agent.agent; print(*{name.partition('.')[0] for name in sys.modules})",
    )
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    loaded = set(ended.stdout.split())
    assert {"edge_agent", "structlog", "numpy"} <= loaded
    assert not HEAVY & loaded
