"""The files in deploy/ are accepted by the programs they are for."""

import datetime as dt
import getpass
import importlib.util
import json
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.config import load_home, parse_home
from edge_agent.updates.check import examine
from firmware_profiles.signed_command import COMMANDERS
from shouwang.brokers.config import nats_mappings
from shouwang.brokers.local import mosquitto_binary, nats_binary
from shouwang.brokers.pki import Pki
from shouwang.brokers.users import users_file
from shouwang.cli.main import app
from shouwang.doctor.settings import enabled_units
from shouwang.platform.platform import MODULES
from shouwang.setup.database import SERVICES
from shouwang.setup.plan import storage_conf
from tests.support.brokers import HOW_TO_GET_MOSQUITTO, HOW_TO_GET_NATS, packaged_nats
from tests.support.services import wait_for

pytestmark = pytest.mark.integration

DEPLOY = Path(__file__).parents[2] / "deploy"
REPOSITORY = DEPLOY.parent


@pytest.mark.parametrize("server", ["newest", "packaged"])
def test_nats_accepts_its_configuration_and_users(tmp_path: Path, server: str) -> None:
    binary, version = nats_binary(), ()
    if server == "packaged":
        found = packaged_nats()
        if found is None:
            pytest.skip(HOW_TO_GET_NATS)
        binary, version = found
    pki = Pki(tmp_path / "tls")
    pki.server("broker", ["broker-1"])
    for file, name in ((pki.cluster.ca, "cluster-ca.crt"), *((file, file.name) for file in pki.route(["broker-1"]))):
        shutil.copy(file, pki.folder / name)
    text = (DEPLOY / "nats" / "nats.conf").read_text()
    (tmp_path / "nats.conf").write_text(
        text.replace("/etc/shouwang/tls", str(pki.folder)).replace("/var/lib/nats", str(tmp_path / "store"))
    )
    (tmp_path / "storage.conf").write_text(storage_conf(version))
    shares = (DEPLOY / "nats" / "shares.conf").read_text()
    assert not [line for line in shares.splitlines() if not line.startswith("#")], "nothing, unless somebody wants it"
    divided = shares.replace("#mappings", "mappings")
    (tmp_path / "shares.conf").write_text(divided)
    assert json.loads(divided.split("mappings: ")[1]) == nats_mappings()
    assert storage_conf(()) == (DEPLOY / "nats" / "storage.conf").read_text()
    (tmp_path / "users.conf").write_text(users_file(f"gw-{number}" for number in range(200)))
    assert pki.ca.exists()
    done = subprocess.run(
        [binary, "-t", "-c", tmp_path / "nats.conf"],
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


BACKUPS = ("shouwang-backup", "shouwang-backup-check", "shouwang-backup-verify")
ONCE = {"shouwang-doctor", *BACKUPS}
UNITS = sorted(unit for unit in (DEPLOY / "systemd").glob("*.service") if unit.stem not in ONCE)
each_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)


@each_unit
def test_units_name_files_and_modules_that_exist(unit: Path) -> None:
    lines = [line.partition("=")[::2] for line in unit.read_text().splitlines()]
    files = [value for key, value in lines if key == "EnvironmentFile"]
    assert [file for file in files if not (DEPLOY / "environment" / Path(file).name).exists()] == []
    (command,) = (value for key, value in lines if key == "ExecStart")
    program, _, rest = command.partition(" -m ")
    module, *words = rest.split()
    assert program == "/opt/shouwang/.venv/bin/python"
    assert importlib.util.find_spec(f"{module}.__main__")
    if words:
        done = subprocess.run([sys.executable, "-m", module, words[0], "--help"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        known = re.sub(r"[^a-z-]", " ", done.stdout).split()
        assert [word for word in words[1:] if word.startswith("--") and word not in known] == []


@pytest.mark.parametrize("name", BACKUPS)
def test_backups_run_by_timers_as_commands_that_exist(name: str) -> None:
    folder = DEPLOY / "systemd"
    unit, timer = ((folder / f"{name}.{sort}").read_text() for sort in ("service", "timer"))
    (words,) = re.findall(r"^ExecStart=/opt/shouwang/.venv/bin/python -m shouwang (.*)$", unit, re.MULTILINE)
    done = CliRunner().invoke(app, [*words.split()[:2], "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert [word for word in words.split()[2:] if word not in done.output] == []
    assert "WantedBy=timers.target" in timer
    reads = (folder / f"{name}.service.d" / "reads.conf").read_text()
    for needed in ("CAP_DAC_READ_SEARCH", "CAP_SETUID", "/var/lib/pgbackrest", "/var/backups"):
        assert needed in reads
    analyze = shutil.which("systemd-analyze")
    calendar = re.search(r"^OnCalendar=(.*)$", timer, re.MULTILINE)
    assert calendar
    if analyze is not None:
        subprocess.run([analyze, "calendar", calendar[1]], check=True, capture_output=True)


@each_unit
def test_each_unit_is_ready_when_its_program_says_so_and_is_watched(unit: Path) -> None:
    text = unit.read_text()
    module = text.split(" -m ")[1].split()[0]
    file = {"shouwang.certificates": "shouwang.cli.operations.certificates"}.get(module, f"{module}.__main__")
    source = (REPOSITORY / Path(*file.split("."))).with_suffix(".py").read_text()
    assert "observability.process import serve" in source, "unwatched"
    assert "\nType=notify\n" in text
    assert "\nWatchdogSec=30\n" in text
    assert re.search(r"\nEnvironment=SHOUWANG_PROBE_PORT=94\d(\d|%i)\n", text)


def test_each_unit_has_a_probe_port_of_its_own_that_prometheus_and_the_doctor_know(tmp_path: Path) -> None:
    guide = (DEPLOY / "README.md").read_text()
    named = set(re.findall(r"`(shouwang-[a-z@01-]+)`", guide[: guide.index("## One machine")]))
    named |= {f"{name[:-1]}1" for name in named if name.endswith("@0") and "`, `@1` |" in guide.split(name)[1][:12]}
    units = {f"{unit.stem}{number}": unit for unit in UNITS for number in ("", "0", "1")}
    for name in named:
        (tmp_path / f"{name}.service").symlink_to(units[name])
    found = enabled_units(tmp_path)
    ports = {unit.probe_port for unit in found}
    assert len(found) == len(named) == len(ports) == 16
    assert {unit.service for unit in found} == {name_of(unit) for unit in UNITS}
    config = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
    scraped = {
        (int(port), service)
        for line in re.findall(r"targets: .*", config)
        for service in re.findall(r"service: (\w+)", line)
        for port in re.findall(r"127\.0\.0\.1:(\d+)", line)
    }
    assert scraped == {(unit.probe_port, unit.service) for unit in found if not unit.name.endswith("-nats")}


@each_unit
def test_each_service_has_a_user_of_its_own_and_is_started_again_for_ever(unit: Path) -> None:
    text, name = unit.read_text(), name_of(unit)
    assert f"\nUser={unit.stem.removeprefix('shouwang-lists-') if name == 'lists' else f'shouwang-{name}'}\n" in text
    assert "\nStartLimitIntervalSec=0\n" in text
    assert "\nRestart=always\n" in text
    assert "\nMemoryMax=" in text
    assert (DEPLOY / "environment" / f"{name}.env").exists()


def test_alerts_go_before_what_can_wait() -> None:
    weights = {name_of(unit): re.search(r"^CPUWeight=(\d+)$", unit.read_text(), re.MULTILINE) for unit in UNITS}
    told = {name: int(weight[1]) for name, weight in weights.items() if weight}
    assert {name for name, weight in told.items() if weight > 100} == {"alerting", "dispatch", "notify"}
    assert {"maintain", "reports"} <= {name for name, weight in told.items() if weight < 100}
    for broker in ("mosquitto", "nats-server"):
        assert "\nCPUWeight=1000\n" in (DEPLOY / f"systemd/{broker}.service.d/shouwang.conf").read_text()


def test_keys_are_given_to_those_alone_that_need_them() -> None:
    given = {
        unit.stem: unit.read_text() + (DEPLOY / "environment" / f"{name_of(unit)}.env").read_text() for unit in UNITS
    }
    assert {name for name, text in given.items() if "link.key" in text} == {"shouwang-console", "shouwang-notify@"}
    assert {name for name, text in given.items() if "medical.keys" in text} == {"shouwang-console"}
    for one in COMMANDERS:
        assert {name_of(Path(name)) for name, text in given.items() if f"command-{one}.key" in text} == {one}
    secrets = {name for name, text in given.items() if "channels.env" in text}
    assert secrets == {"shouwang-alerting@", "shouwang-notify@", "shouwang-path"}


def name_of(unit: Path) -> str:
    return unit.stem.rstrip("@").removeprefix("shouwang-").partition("-")[0]


def test_every_service_has_a_unit() -> None:
    assert {name_of(unit) for unit in UNITS} == {*SERVICES, "lists"}
    assert set(SERVICES) == {*MODULES, "issuer", "path"}


def test_the_units_are_confined() -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze here: it comes with systemd")
    for unit in UNITS:
        done = subprocess.run(
            [analyze, "--offline=true", "--no-pager", "security", unit], capture_output=True, text=True
        )
        figure = re.search(r"exposure level for .*: ([0-9.]+)", done.stdout)
        assert figure, done.stderr
        assert float(figure[1]) <= 3.0, done.stdout


def test_mosquitto_starts_beside_debians_own_file(tmp_path: Path) -> None:
    binary = mosquitto_binary()
    if binary is None:
        pytest.skip(HOW_TO_GET_MOSQUITTO)
    pki = Pki(tmp_path / "tls")
    pki.server("broker", ["localhost"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    store = tmp_path / "store"
    store.mkdir()
    (tmp_path / "conf.d").mkdir()
    text = (DEPLOY / "mosquitto" / "shouwang.conf").read_text().replace("/etc/shouwang/tls", str(pki.folder))
    text = text.replace("8883 0.0.0.0", f"{port} 127.0.0.1").replace("/etc/shouwang/broker", str(tmp_path))
    (tmp_path / "conf.d" / "shouwang.conf").write_text(text)
    shutil.copy(DEPLOY / "mosquitto" / "acl", tmp_path / "acl")
    shutil.copy(pki.revoke(), tmp_path / "crl.pem")
    # the settings of Debian 12's and 13's /etc/mosquitto/mosquitto.conf
    (tmp_path / "mosquitto.conf").write_text(
        f"pid_file {tmp_path}/pid\npersistence true\npersistence_location {store}/\nlog_dest file {tmp_path}/log\n"
        f"include_dir {tmp_path}/conf.d\nuser {getpass.getuser()}\n"
    )
    log = (tmp_path / "out").open("wb")
    process = subprocess.Popen([binary, "-c", tmp_path / "mosquitto.conf"], stdout=log, stderr=log)
    try:
        wait_for(lambda: listens(port) or process.poll() is not None, 30, (tmp_path / "out").read_text)
        assert process.poll() is None, (tmp_path / "out").read_text()
    finally:
        process.terminate()
        process.wait(15)
        log.close()


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0
