"""The bill of materials names every package that is locked, in its version, and nothing of this machine."""

import importlib.util
import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def name_of(text: str) -> str:
    """A package's name as registries compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", text).lower()


def test_every_locked_package_is_in_the_bill() -> None:
    if importlib.util.find_spec("cyclonedx_py") is None:
        pytest.skip("no cyclonedx-bom here: .venv/bin/pip install -c requirements.lock cyclonedx-bom")
    subprocess.run(["tools/sbom.sh"], cwd=ROOT, capture_output=True, check=True)
    bill = (ROOT / "build" / "sbom.json").read_text()
    found = {(name_of(one["name"]), one["version"]) for one in json.loads(bill)["components"]}
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    locked = {tuple(line.split("==")) for line in lines if "==" in line and not line.startswith("#")}
    assert {(name_of(name), version) for name, version in locked} == found
    assert "file:" not in bill
    assert str(ROOT) not in bill
