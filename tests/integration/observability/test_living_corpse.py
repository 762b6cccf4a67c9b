"""A service that has stopped working ends, or its probe says so: whatever broke it, and however alive it looks."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psycopg
import pytest

from care_network.records.certificates import CHANGED
from device_simulators.homes import demo_home
from firmware_profiles import wire
from shouwang.doctor.database import lists_check, sessions_check
from shouwang.platform.homes import write_home
from tests.integration.ingest.test_ingest_exactly_once import GATEWAY, Gateway, count, frame, wait_until_it_listens
from tests.support.brokers import TestBroker
from tests.support.district import add_homes
from tests.support.services import Service, wait_for

pytestmark = pytest.mark.integration
ONE_BROKER = pytest.mark.parametrize("broker", ["nats"], indirect=True)
HASTE = {"SHOUWANG_PROBE_PORT": "0", "SHOUWANG_PROBE_TURN_S": "3", "SHOUWANG_PROBE_END_AFTER_S": "3"}


@contextmanager
def watched(found: Service, *arguments: str) -> Iterator[Service]:
    """The service, ready; killed at the end."""
    found.start(*arguments)
    try:
        wait_for(lambda: found.probe("/ready")[0] == 200, 40, lambda: f"{found.probe('/ready')} {found.log()}")
        yield found
    finally:
        found.kill()


def parts(found: Service, path: str) -> dict[str, str]:
    """State of each part, by its name."""
    body = msgspec.json.decode(found.probe(path)[1])
    return {part["name"]: part["state"] for part in body["parts"]}


@contextmanager
def frozen_backends(url: str, name: str) -> Iterator[None]:
    """Stop the server processes of a service: its connections stand, and nothing comes back, as from a black hole."""
    with psycopg.connect(url, autocommit=True) as conn:
        rows = conn.execute("SELECT pid FROM pg_stat_activity WHERE application_name LIKE %s", (name,)).fetchall()
        pids = [row[0] for row in rows]
        assert pids
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)


@ONE_BROKER
@pytest.mark.parametrize("package", ["ingest", "alerting", "console"])
def test_a_service_whose_network_thread_dies_ends(
    broker: TestBroker, database_url: str, tmp_path: Path, package: str
) -> None:
    add_homes(database_url, [GATEWAY])
    settings = {**HASTE, "SHOUWANG_DATABASE_URL": database_url, "SHOUWANG_CONSOLE_PORT": str(free_port())}
    found = Service(package, broker.settings(f"svc-{package}"), tmp_path, **settings)
    with watched(found.through("tests.support.broken_clock")):
        found.send(signal.SIGUSR1)
        wait_for(lambda: found.status() is not None, 30, found.log)
        assert found.status() == 1
        assert "a part has ended; the program ends, to be started again" in found.log()
        assert "OSError: the clock is broken" in found.log()


@ONE_BROKER
def test_an_issuer_whose_network_thread_dies_ends(broker: TestBroker, database_url: str, tmp_path: Path) -> None:
    cert, key = broker.server.pki.issuing
    files = {"SHOUWANG_ISSUER_CERT": str(cert), "SHOUWANG_ISSUER_KEY": str(key)}
    found = Service(
        "shouwang", broker.settings("svc-issuer"), tmp_path, SHOUWANG_DATABASE_URL=database_url, **HASTE, **files
    )
    with watched(found.through("tests.support.broken_clock"), "certificates", "issue"):
        wait_for(lambda: parts(found, "/live").keys() == {"broker link", "certificates"}, 30, found.log)
        found.send(signal.SIGUSR1)
        wait_for(lambda: found.status() is not None, 30, found.log)
        assert found.status() == 1
        assert "OSError: the clock is broken" in found.log()


def test_lists_that_stand_still_end_and_those_without_their_broker_are_not_ready(
    database_url: str, tmp_path: Path
) -> None:
    acl, crl, pid_file = tmp_path / "acl", tmp_path / "crl.pem", tmp_path / "pid"
    files = {"--acl": acl, "--crl": crl, "--pid-file": pid_file, "--store": tmp_path}
    words = [str(word) for pair in files.items() for word in pair]
    found = Service("shouwang", None, tmp_path, SHOUWANG_DATABASE_URL=database_url, **HASTE)
    deaf = subprocess.Popen(["sh", "-c", "trap '' HUP; exec sleep 300"])
    try:
        pid_file.write_text(str(deaf.pid))
        with (
            psycopg.connect(database_url, autocommit=True) as conn,
            watched(found, "certificates", "follow-mosquitto", *words),
        ):
            wait_for(lambda: lists_check(conn).good, 30, found.log)
            assert "svc-ingest" in acl.read_text()
            assert not sessions_check(conn).good, "without svc-broker's pair"
            conn.execute("UPDATE broker_store SET seen_at = now() - interval '2 minutes'")
            assert "a revoked gateway stays in" in lists_check(conn).text
            pid_file.write_text("nobody")
            acl.write_text("old")
            conn.execute(f"NOTIFY {CHANGED}")
            wait_for(lambda: found.probe("/ready")[0] == 503, 20, found.log)
            assert found.probe("/live")[0] == 200
            pid_file.write_text(str(deaf.pid))
            wait_for(lambda: found.probe("/ready")[0] == 200, 20, found.log)
            acl.unlink()
            os.mkfifo(acl)  # whoever reads it hangs
            conn.execute(f"NOTIFY {CHANGED}")
            wait_for(lambda: found.probe("/live")[0] == 503, 20, found.log)
            assert parts(found, "/live") == {"lists": "standing still"}
            wait_for(lambda: found.status() is not None, 20, found.log)
            assert found.status() == 1
            conn.execute("DELETE FROM broker_store")
            assert not lists_check(conn).good
    finally:
        deaf.kill()
        deaf.wait()


def test_a_frozen_service_answers_no_probe_and_goes_on_when_it_thaws(database_url: str, tmp_path: Path) -> None:
    with watched(Service("dispatch.escalation", None, tmp_path, SHOUWANG_DATABASE_URL=database_url, **HASTE)) as found:
        found.send(signal.SIGSTOP)
        assert found.probe("/live", timeout_s=4)[0] == 0
        found.send(signal.SIGCONT)
        wait_for(lambda: found.probe("/ready")[0] == 200, 20, found.log)
        assert found.status() is None, "the time in which it was frozen is no fault of its parts"


def test_a_service_that_hangs_in_a_call_is_not_live_and_ends(database_url: str, tmp_path: Path) -> None:
    with watched(Service("dispatch.escalation", None, tmp_path, SHOUWANG_DATABASE_URL=database_url, **HASTE)) as found:
        with frozen_backends(database_url, "shouwang-dispatch"):
            wait_for(lambda: found.probe("/live")[0] == 503, 20, lambda: f"{found.probe('/live')} {found.log()}")
            assert parts(found, "/live")["ladders"] == "standing still"
            wait_for(lambda: found.status() is not None, 20, found.log)
        assert found.status() == 1
        assert "a part stands still" in found.log()


@ONE_BROKER
def test_ingest_whose_messages_wait_is_not_live_and_a_supervisor_starts_a_working_one(
    broker: TestBroker, database_url: str, tmp_path: Path
) -> None:
    add_homes(database_url, [GATEWAY])
    gateway = Gateway(broker)
    found = Service("ingest", broker.settings("svc-ingest"), tmp_path, SHOUWANG_DATABASE_URL=database_url, **HASTE)
    with watched(found):
        wait_until_it_listens(gateway, database_url, found)
        stored = count(database_url)[0]
        with frozen_backends(database_url, "shouwang-ingest-writer"):
            gateway.client.publish(wire.topic(GATEWAY, "readings"), frame(2), qos=1)
            stands = {"store": "standing still"}.items()
            wait_for(
                lambda: stands <= parts(found, "/live").items(), 20, lambda: f"{found.probe('/live')} {found.log()}"
            )
            assert found.probe("/live")[0] == 503
            wait_for(lambda: found.status() is not None, 20, found.log)
        assert found.status() == 1
        found.start()
        wait_for(lambda: count(database_url)[0] > stored, 30, found.log)
    gateway.stop()


def test_a_service_whose_database_is_away_is_live_and_not_ready(database_url: str, tmp_path: Path) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    found = Service("dispatch.orders", None, tmp_path, SHOUWANG_DATABASE_URL=nowhere, **HASTE)
    found.start()
    try:
        wait_for(lambda: found.probe("/ready")[0] == 503, 20, found.log)
        assert parts(found, "/ready") == {"orders": "held up", "protection picture": "held up"}
        assert found.probe("/live")[0] == 200
        assert b"the database takes nothing" in found.probe("/ready")[1].encode()
    finally:
        found.stop()


def test_systemd_hears_that_a_service_is_ready_and_nothing_while_it_stands_still(
    database_url: str, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        unit = {
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "WATCHDOG_USEC": "3000000",
            "SHOUWANG_PROBE_END_AFTER_S": "60",
        }
        found = Service("dispatch.escalation", None, tmp_path, SHOUWANG_DATABASE_URL=database_url, **{**HASTE, **unit})
        with watched(found):
            heard = manager.recv(4096).decode().splitlines()
            assert heard[:2] == ["READY=1", "WATCHDOG=1"]
            with frozen_backends(database_url, "shouwang-dispatch"):
                wait_for(lambda: found.probe("/live")[0] == 503, 20, found.log)
                wait_for(lambda: "standing still" in manager.recv(4096).decode(), 20, found.log)
                for _ in range(3):
                    assert "WATCHDOG=1" not in manager.recv(4096).decode().splitlines()
            wait_for(lambda: "WATCHDOG=1" in manager.recv(4096).decode().splitlines(), 20, found.log)


@ONE_BROKER
def test_the_agent_of_a_home_ends_when_its_network_thread_dies(broker: TestBroker, tmp_path: Path) -> None:
    home = demo_home(0)
    write_home(tmp_path / "home.toml", GATEWAY, broker.settings(GATEWAY), home.devices, {"seed": 1})
    found = Service("edge_agent", None, tmp_path, **HASTE).through("tests.support.broken_clock")
    found.start("--config", str(tmp_path / "home.toml"))
    try:
        wait_for(lambda: found.probe("/ready")[0] == 200, 40, lambda: f"{found.probe('/ready')} {found.log()}")
        found.send(signal.SIGUSR1)
        wait_for(lambda: found.status() is not None, 30, found.log)
        assert found.status() == 1
        assert "OSError: the clock is broken" in found.log()
    finally:
        found.kill()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
