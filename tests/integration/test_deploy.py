"""The files in deploy/ are accepted by the programs they are for."""

import shutil
import subprocess
from pathlib import Path

import pytest

from shouwang.broker import nats_binary
from shouwang.identities import users_file
from shouwang.pki import Pki

pytestmark = pytest.mark.integration

DEPLOY = Path(__file__).parents[2] / "deploy"
REPOSITORY = DEPLOY.parent


def test_nats_accepts_its_configuration_and_users(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "tls")
    pki.server("broker", ["broker-1"])
    text = (DEPLOY / "nats" / "nats.conf").read_text()
    (tmp_path / "nats.conf").write_text(
        text.replace("/etc/shouwang/tls", str(pki.folder)).replace("/var/lib/nats", str(tmp_path / "store"))
    )
    (tmp_path / "users.conf").write_text(users_file(f"gw-{number}" for number in range(200)))
    assert pki.ca.exists()
    done = subprocess.run(
        [nats_binary(), "-t", "-c", tmp_path / "nats.conf"],
        env={"SHOUWANG_NODE": "broker-1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


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
