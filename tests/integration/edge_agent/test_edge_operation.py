"""A gateway in operation: signed updates over a real broker with rollback and ``kill -9``, self test, button test,
and the watchdog's datagrams."""

import os
import random
import signal
import socket
import time
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from firmware_profiles.link.mqtt import Broker
from shouwang.cli.main import app
from shouwang.gateways.commands import Answer, ask
from tests.support.brokers import TestBroker
from tests.support.gateway_desk import GATEWAY, Gateway, running
from tests.support.services import Service, wait_for

pytestmark = pytest.mark.integration
one_broker = pytest.mark.parametrize("broker", ["nats"], indirect=True)
"""For the gateway's own work with an update: each sort of broker carries one in the first test."""


def push(broker: Broker, gateway: str, sealed: bytes, patience_s: float) -> Answer:
    return ask(broker, gateway, "update_config", {}, sealed, patience_s)


def test_a_signed_update_runs_after_a_restart_and_stays(broker: TestBroker, tmp_path: Path) -> None:
    with running(broker, tmp_path) as (gateway, desk):
        outcome = push(broker.settings("svc-console"), GATEWAY, gateway.signed(7), 60)
        assert outcome.ok, outcome.text
        assert "version 7 is in force" in outcome.text
        wait_for(lambda: bool(desk.happened("config_applied")), 20, gateway.agent.log)
        assert desk.happened("config_applied")[0].values == {"version": 7, "running": 7}
        again = push(broker.settings("svc-console"), GATEWAY, gateway.signed(6), 60)
        assert not again.ok
        assert "not above 7" in again.text
        gateway.agent.kill()
        seen = len(desk.states)
        gateway.start()
        wait_for(lambda: "online" in desk.states[seen:], 30, gateway.agent.log)
        repeated = push(broker.settings("svc-console"), GATEWAY, (tmp_path / "config" / "7.signed").read_bytes(), 60)
        assert repeated.ok
        assert "in force already" in repeated.text
        assert not desk.happened("config_rolled_back")
        assert len(desk.happened("config_applied")) == 1


@one_broker
def test_a_version_that_can_not_connect_is_taken_back(broker: TestBroker, tmp_path: Path) -> None:
    with socket.socket() as nobody, running(broker, tmp_path) as (gateway, desk):
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        outcome = push(broker.settings("svc-console"), GATEWAY, gateway.signed(7, nobody.getsockname()[1]), 100)
        assert not outcome.ok
        assert "did not come online within 12 s" in outcome.text
        wait_for(lambda: bool(desk.happened("config_rolled_back")), 20, gateway.agent.log)
        (event,) = desk.happened("config_rolled_back")
        assert (event.values["version"], event.values["running"]) == (7, 0)
        assert push(broker.settings("svc-console"), GATEWAY, gateway.signed(8), 60).ok, "and the next one is taken"


@one_broker
def test_killed_at_any_moment_of_an_update_it_ends_in_the_old_or_the_new_version(
    broker: TestBroker, tmp_path: Path
) -> None:
    rng = random.Random(11)
    with running(broker, tmp_path) as (gateway, desk):
        for version in range(1, 5):
            desk.ask("update_config", body=gateway.signed(version))
            time.sleep(rng.uniform(0.0, 2.5))  # the moment of death is the point
            seen = len(desk.states)
            gateway.agent.kill()
            gateway.start()
            wait_for(lambda seen=seen: "online" in desk.states[seen:], 40, gateway.agent.log)  # type: ignore[misc]
            told = str(version)
            outcome = push(broker.settings("svc-console"), GATEWAY, gateway_file(gateway, version), 60)
            assert outcome.ok, (told, outcome.text)
        wait_for(lambda: desk.happened("config_applied")[-1:] != [], 20, gateway.agent.log)
        wait_for(
            lambda: {event.values["version"] for event in desk.happened("config_applied")} == set(range(1, 5)),
            20,
            gateway.agent.log,
        )
        assert not desk.happened("config_rolled_back")
    state = msgspec.json.decode((tmp_path / "config" / "state.json").read_bytes())
    assert (state["active"], state["trial"]) == (4, None)


def gateway_file(gateway: Gateway, version: int) -> bytes:
    """What the gateway stored of a version, or the same signed anew where it died before."""
    stored = gateway.file.parent / "config" / f"{version}.signed"
    return stored.read_bytes() if stored.exists() else gateway.signed(version)


def test_an_announced_press_is_a_test_and_the_next_one_an_alarm(broker: TestBroker, tmp_path: Path) -> None:
    with running(broker, tmp_path) as (gateway, desk):
        refused = desk.answer(desk.ask("start_button_test", {"device": "climate"}), gateway.agent.log)
        assert not refused.ok
        wait_for(lambda: bool(desk.happened("sos_pressed")), 20, gateway.agent.log)
        reply = desk.answer(desk.ask("start_button_test", {"device": "sos-button"}), gateway.agent.log)
        assert reply.ok, reply.detail
        wait_for(lambda: bool(desk.happened("button_test")), 20, gateway.agent.log)
        wait_for(
            lambda: desk.happened("sos_pressed")[-1].seq > desk.happened("button_test")[0].seq, 20, gateway.agent.log
        )
        assert len(desk.happened("button_test")) == 1


def test_the_self_test_tells_how_the_gateway_is(broker: TestBroker, tmp_path: Path) -> None:
    with running(broker, tmp_path) as (gateway, desk):
        wait_for(lambda: bool(desk.happened("sos_pressed")), 20, gateway.agent.log)
        settings = broker.settings("svc-console")
        environment = {
            f"SHOUWANG_BROKER_{key.upper()}": str(value)
            for key, value in msgspec.structs.asdict(settings).items()
            if value is not None
        }
        done = CliRunner().invoke(app, ["gateway", GATEWAY, "self_test"], env=environment)
        assert done.exit_code == 0, done.output
        found = msgspec.json.decode(done.output)
        assert found["ok"], found
        assert found["drivers"] == {"simulated": ""}
        assert found["stuck"] == []
        assert 0 < found["broker_round_trip_ms"] < 10_000
        assert found["clock"]["error_ms"] >= 0


def drain(manager: socket.socket, one: bool = False) -> bytes | None:
    """What comes next (``one``), or None once nothing came for the socket's time-out."""
    try:
        while True:
            datagram = manager.recv(4096)
            if one:
                return datagram
    except TimeoutError:
        return None


def test_systemd_hears_ready_watchdog_and_stopping_and_nothing_from_a_frozen_agent(
    broker: TestBroker, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        gateway = Gateway(broker, tmp_path)
        agent = Service(
            "edge_agent",
            broker.settings(GATEWAY),
            tmp_path,
            NOTIFY_SOCKET=str(tmp_path / "notify"),
            WATCHDOG_USEC="1500000",
        )
        agent.start("--config", str(gateway.file))
        try:
            assert manager.recv(4096) == b"READY=1"
            for _ in range(3):
                fed = manager.recv(4096).decode().split("\n")
                assert fed[0] == "WATCHDOG=1"
                assert fed[1].startswith("STATUS=")
            assert agent.pid is not None
            os.kill(agent.pid, signal.SIGSTOP)
            manager.settimeout(1.5)
            assert drain(manager) is None
            os.kill(agent.pid, signal.SIGCONT)
            manager.settimeout(20)
            assert manager.recv(4096).startswith(b"WATCHDOG=1")
        finally:
            agent.stop()
        manager.settimeout(1)
        told = []
        while (datagram := drain(manager, one=True)) is not None:
            told.append(datagram)
        assert b"STOPPING=1" in told
