"""The files in deploy/ are accepted by the programs they are for."""

import datetime as dt
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.config import load_home, parse_home
from edge_agent.updates.check import examine
from shouwang.brokers.local import nats_binary
from shouwang.brokers.pki import Pki
from shouwang.brokers.users import users_file

pytestmark = pytest.mark.integration

DEPLOY = Path(__file__).parents[2] / "deploy"
REPOSITORY = DEPLOY.parent


def test_nats_accepts_its_configuration_and_users(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "tls")
    pki.server("broker", ["broker-1"])
    for file, name in ((pki.cluster.ca, "cluster-ca.crt"), *((file, file.name) for file in pki.route(["broker-1"]))):
        shutil.copy(file, pki.folder / name)
    text = (DEPLOY / "nats" / "nats.conf").read_text()
    (tmp_path / "nats.conf").write_text(
        text.replace("/etc/shouwang/tls", str(pki.folder)).replace("/var/lib/nats", str(tmp_path / "store"))
    )
    (tmp_path / "users.conf").write_text(users_file(f"gw-{number}" for number in range(200)))
    assert pki.ca.exists()
    done = subprocess.run(
        [nats_binary(), "-t", "-c", tmp_path / "nats.conf"],
        env={"SHOUWANG_NODE": "broker-1", "SHOUWANG_CLUSTER_HOST": "10.0.0.1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_edge_unit_is_one_that_systemd_understands_and_runs_the_agent(tmp_path: Path) -> None:
    text = (DEPLOY / "edge" / "shouwang-edge.service").read_text()
    command = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    arguments = command.split("/python ", 1)[1].split()
    assert arguments[:2] == ["-m", "edge_agent"]
    done = subprocess.run([sys.executable, *arguments[:2], "--help"], capture_output=True, text=True)
    assert "--config" in done.stdout
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze here: it comes with systemd")
    unit = tmp_path / "shouwang-edge.service"
    unit.write_text(text.replace("/opt/shouwang/.venv/bin/python", sys.executable))
    done = subprocess.run([analyze, "verify", "--man=no", unit], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert unit.name not in done.stderr, done.stderr


def test_the_example_of_a_home_is_one_the_agent_understands() -> None:
    file = DEPLOY / "edge" / "home.example.toml"
    findings = examine(load_home(file), dt.datetime.now(dt.UTC), None, None)
    assert {finding.level for finding in findings if finding.what.startswith("driver")} == {"ok"}
    commented = file.read_text().replace("# [updates]", "[updates]").replace("# public_keys", "public_keys")
    assert parse_home(commented, {}, "example").config.updates is not None


def test_the_install_guide_names_files_that_exist() -> None:
    guide = (DEPLOY / "edge" / "install.md").read_text()
    named = set(re.findall(r"deploy/edge/[a-z.-]+", guide))
    assert named
    assert not [name for name in named if not (REPOSITORY / name).exists()]


def test_a_gateway_with_a_services_name_gets_no_rights() -> None:
    with pytest.raises(ValueError, match="svc-ingest"):
        users_file(["gw-a", "svc-ingest"])


@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda unit: unit.stem)
def test_units_name_files_and_commands_that_exist(unit: Path) -> None:
    command = ""
    for line in unit.read_text().splitlines():
        key, _, value = line.partition("=")
        if key == "EnvironmentFile":
            assert (DEPLOY / "environment" / Path(value).name).exists(), value
        if key == "ExecStart":
            command = value.split("/shouwang ", 1)[1].split()[0]
    program = shutil.which("shouwang", path=str(REPOSITORY / ".venv" / "bin")) or shutil.which("shouwang")
    assert program, "the package is not installed: make setup"
    done = subprocess.run([program, command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
