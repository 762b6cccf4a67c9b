"""A gateway's program is replaced from afar: the new one stays once connected, any other goes, and the old one runs."""

import hashlib
import io
import json
import random
import time
import zipfile
from pathlib import Path

import msgspec
import pytest

from shouwang.gateways.bundle import is_later, make_archive, runs, send_bundle
from tests.support.brokers import TestBroker
from tests.support.gateway_desk import GATEWAY, Desk, Gateway, changed_bundle, running
from tests.support.release import either_broker
from tests.support.services import wait_for

pytestmark = pytest.mark.integration


def send(broker: TestBroker, sealed: bytes, patience_s: float = 90) -> str:
    """Send it, and again while the gateway is busy; returns the gateway's words."""
    while True:
        answer = send_bundle(broker.settings("svc-console"), GATEWAY, sealed, patience_s)
        if not is_later(answer):
            return f"{'ok' if answer.ok else 'refused'}: {answer.text}"


def runs_now(desk: Desk, version: int) -> bool:
    return desk.states[-1:] == ["online"] and runs(desk.software, version)


ONE_BROKER = pytest.mark.parametrize("broker", ["mosquitto"], indirect=True)
"""For what the broker has no part in."""


@either_broker
def test_a_new_program_runs_and_stays_and_a_broken_one_goes(broker: TestBroker, tmp_path: Path) -> None:
    with running(broker, tmp_path, presses=False) as (gateway, desk):
        assert "in force" in send(broker, changed_bundle(5))
        wait_for(lambda: runs_now(desk, 5), 30, gateway.agent.log)
        wait_for(lambda: bool(desk.happened("program_applied")), 20, gateway.agent.log)
        gateway.agent.kill()
        seen = len(desk.states)
        gateway.start()
        wait_for(lambda: "online" in desk.states[seen:] and runs_now(desk, 5), 30, gateway.agent.log)
        assert send(broker, changed_bundle(5)) == "ok: version 5 is in force already"
        assert "not above 5" in send(broker, changed_bundle(4))

        missing = send(broker, changed_bundle(6, {"edge_agent/agent.py": "import a_library_that_is_not_there\n"}))
        assert "taken back: ModuleNotFoundError: No module named 'a_library_that_is_not_there'" in missing
        assert "running version 5" in missing
        with zipfile.ZipFile(io.BytesIO(make_archive("9.9", 7))) as archive:
            deaf = (
                archive.read("edge_agent/uplink.py")
                .decode()
                .replace("self._online = False, True", "self._online = False, False")
            )
        assert "did not come online within 12 s; running version 5" in send(
            broker, changed_bundle(7, {"edge_agent/uplink.py": deaf})
        )
        wait_for(lambda: runs_now(desk, 5), 30, gateway.agent.log)
        wait_for(lambda: len(desk.happened("program_rolled_back")) == 2, 20, gateway.agent.log)


@ONE_BROKER
def test_killed_at_any_moment_the_old_or_the_new_program_runs(broker: TestBroker, tmp_path: Path) -> None:
    rng = random.Random(5)
    with running(broker, tmp_path, presses=False) as (gateway, desk):
        for version in range(1, 3):
            sealed, told = changed_bundle(version), f"{version}"
            parts = [sealed[at : at + 128 * 1024] for at in range(0, len(sealed), 128 * 1024)]
            for number, part in enumerate(parts, 1):
                args = {"sha256": hashlib.sha256(sealed).hexdigest(), "part": number, "parts": len(parts)}
                desk.ask("update_program", args, part)
            time.sleep(rng.uniform(0.0, 3.0))  # the moment of death is the point
            seen = len(desk.states)
            gateway.agent.kill()
            gateway.start()
            wait_for(lambda seen=seen: "online" in desk.states[seen:], 40, gateway.agent.log)  # type: ignore[misc]
            said = send(broker, sealed)
            assert said.startswith("ok: "), (told, said)
            wait_for(lambda version=version: runs_now(desk, version), 30, gateway.agent.log)  # type: ignore[misc]
        assert not desk.happened("program_rolled_back")
    state = msgspec.json.decode((tmp_path / "program" / "state.json").read_bytes())
    assert (state["active"], state["trial"]) == (2, None)


@ONE_BROKER
def test_what_a_dying_card_leaves_of_a_program_never_runs(broker: TestBroker, tmp_path: Path) -> None:
    """The bundle is damaged: the version before it runs; the state is damaged: the installed program."""
    gateway, desk = Gateway(broker, tmp_path, presses=False), Desk(broker)
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "3.signed").write_bytes(changed_bundle(3))
    (folder / "4.signed").write_bytes(changed_bundle(4)[:-7] + b"1234567")
    (folder / "state.json").write_text(json.dumps({"active": 4, "previous": 3, "highest": 4}))
    try:
        gateway.start()
        wait_for(lambda: runs_now(desk, 3), 40, gateway.agent.log)
        gateway.agent.kill()
        (folder / "state.json").write_bytes(b"\x00" * 100)
        seen = len(desk.states)
        gateway.start()
        wait_for(lambda: "online" in desk.states[seen:], 40, gateway.agent.log)
        assert "+" not in desk.software
        assert "not above 4" in send(broker, changed_bundle(4))
    finally:
        gateway.agent.stop()
        desk.stop()


def test_no_program_is_replaced_while_a_home_calls_for_help(broker: TestBroker, tmp_path: Path) -> None:
    with running(broker, tmp_path) as (gateway, desk):
        wait_for(lambda: bool(desk.happened("sos_pressed")), 20, gateway.agent.log)
        answers = []

        def refused_for_the_emergency() -> bool:
            answers.append(send_bundle(broker.settings("svc-console"), GATEWAY, changed_bundle(5), 30))
            return "emergency" in answers[-1].text

        wait_for(refused_for_the_emergency, 30, gateway.agent.log)
        assert all(is_later(answer) for answer in answers), "what waits in the buffer is the other reason"
    assert not list((tmp_path / "program").glob("*.signed"))
