"""Forged, altered, replayed and misdirected commands are refused and told; an answer to an emergency is never late."""

import time
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.command_guard import REPORT_US, CommandGuard, CommandRefusedError, RepeatedCommandError
from edge_agent.config import CommandsConfig
from edge_agent.updates.signed_config import write_public_key
from firmware_profiles import wire
from firmware_profiles.signed_command import CommandSigner, signed_bytes
from shouwang.gateways.signing import key_at

ALERTING, CONSOLE = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
KEYS = CommandsConfig(
    alerting=[write_public_key(ALERTING.public_key())], console=[write_public_key(CONSOLE.public_key())]
)
NOW = 1_790_000_000_000_000


class Guard:
    """A gateway's guard, and what it reported."""

    def __init__(self, folder: Path, config: CommandsConfig = KEYS, now_us: int = NOW) -> None:
        self.reports: list[str] = []
        self.now_us = now_us
        self._folder, self._config = folder, config
        self.restart()

    def restart(self) -> None:
        memory = self._folder / "commands.json"
        self.guard = CommandGuard(self._config, "gw-a", memory, lambda: self.now_us, self.reports.append)

    def admits(self, command: wire.Command) -> bool:
        try:
            self.guard.admit(command)
        except CommandRefusedError:
            return False
        return True


def command(
    kind: str = "ping", key: Ed25519PrivateKey | None = CONSOLE, *, time_us: int = NOW, gateway: str = "gw-a"
) -> wire.Command:
    made = wire.Command(wire.VERSION, f"{kind}-{time_us}", kind, time_us, {"device": "sos", "time_us": 5})
    return made if key is None else msgspec.structs.replace(made, signature=key.sign(signed_bytes(gateway, made)))


def test_a_gateway_without_keys_takes_commands_as_before(tmp_path: Path) -> None:
    found = Guard(tmp_path, CommandsConfig())
    assert found.admits(command(key=None))
    assert found.admits(command("alert_received", None))
    assert (found.guard.services, found.guard.refused) == (0, 0)


def test_only_the_service_that_may_is_heard(tmp_path: Path) -> None:
    found = Guard(tmp_path)
    assert found.admits(command("alert_received", ALERTING))
    assert found.admits(command("ping", CONSOLE))
    assert found.admits(command("resend", None)), "of ingest no key is known"
    for forged in (
        command("alert_received", None),
        command("alert_received", CONSOLE),
        command("help_coming", CONSOLE),
        command("ping", ALERTING),
        command("ping", CONSOLE, gateway="gw-b"),
        msgspec.structs.replace(command("alert_received", ALERTING), args={"device": "sos", "time_us": 6}),
        msgspec.structs.replace(command("ping", CONSOLE), kind="self_test"),
    ):
        assert not found.admits(forged), forged
    assert found.guard.refused == 7


def test_what_brings_a_signature_of_its_own_passes_whatever_keys_are_wrong(tmp_path: Path) -> None:
    found = Guard(tmp_path)
    for kind in ("update_config", "update_program", "certificate"):
        assert found.admits(command(kind, None))


@pytest.mark.parametrize("kind", ["ping", "help_coming"])
def test_a_recorded_command_is_not_carried_out_again(tmp_path: Path, kind: str) -> None:
    key = ALERTING if kind == "help_coming" else CONSOLE
    found = Guard(tmp_path)
    recorded = command(kind, key)
    assert found.admits(recorded)
    with pytest.raises(RepeatedCommandError):
        found.guard.admit(recorded)
    assert found.guard.refused == 0, "a broker delivers twice: nobody is told"
    found.restart()
    assert not found.admits(recorded)
    assert found.admits(command(kind, key, time_us=NOW + 5_000_000)), "sent anew"
    found.now_us += 3600 * 1_000_000
    assert found.admits(command(kind, key, time_us=found.now_us))
    assert not found.admits(command(kind, key, time_us=NOW + 6_000_000)), "kept back by somebody, older than the last"


@pytest.mark.parametrize("now_us", [0, NOW, 2 * NOW])
@pytest.mark.parametrize("told_us", [0, NOW, 2 * NOW])
def test_an_answer_to_an_emergency_is_heard_whatever_the_clocks(tmp_path: Path, now_us: int, told_us: int) -> None:
    found = Guard(tmp_path, now_us=now_us)
    assert found.admits(command("help_coming", ALERTING, time_us=NOW))
    for _ in range(2):
        assert found.admits(command("alert_received", ALERTING, time_us=told_us))
        found.restart()


def test_a_refusal_is_told_once_an_hour(tmp_path: Path) -> None:
    found = Guard(tmp_path)
    for _ in range(50):
        assert not found.admits(command("alert_received", None))
    assert found.reports == ["alert_received refused: unsigned"]
    found.now_us += REPORT_US
    assert not found.admits(command("ping", ALERTING))
    assert len(found.reports) == 2


def test_a_full_disk_or_a_torn_memory_makes_no_gateway_deaf(tmp_path: Path) -> None:
    found = Guard(tmp_path / "gone")
    assert found.admits(command())
    (tmp_path / "commands.json").write_bytes(b"\xff\x00")
    assert Guard(tmp_path).admits(command())


def test_a_service_signs_with_its_key_and_goes_on_without_one(tmp_path: Path) -> None:
    file = tmp_path / "command-console.key"
    signer = CommandSigner(file)
    asked = wire.Command(wire.VERSION, "1", "ping", time.time_ns() // 1000)
    assert wire.decode(wire.Command, signer.message("gw-a", asked)) == asked, "unsigned, but sent"
    public = key_at(file)
    assert key_at(file) == public, "made once"
    guard = Guard(tmp_path, CommandsConfig(console=[public]))
    assert guard.admits(wire.decode(wire.Command, signer.message("gw-a", asked)))
