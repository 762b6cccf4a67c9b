"""Signed configurations: who may, what is checked, what a gateway makes of it. Files and keys are real."""

import base64
import datetime as dt
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from edge_agent.config import HomeConfigError, load_home, parse_home
from edge_agent.updates import signed_config
from edge_agent.updates.check import examine
from edge_agent.updates.signed_config import HomeUpdate, SignatureError, seal, unseal
from edge_agent.updates.store import UpdateStore
from edge_agent.updates.trial import accept, report_stored
from edge_agent.updates.updater import Updater, choose
from edge_agent.uplink import Interim
from firmware_profiles import wire
from firmware_profiles.devices import MODELS, tentatively
from shouwang.cli.main import app
from shouwang.gateways.signing import load_key, make_key, sign_home

NOW_US = 1_900_000_000_000_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
OWN_MODEL = """
maker = "M"
name = "N"
zh = "按钮"
transport = "zigbee2mqtt"
heartbeat_s = 60
[events.action]
hold = "sos_pressed"
"""


def home_text(folder: Path, *, gateway: str = "gw-1", device: str = "sos", model: str = "sonoff-snzb-01p") -> str:
    return f"""
gateway = "{gateway}"
[broker]
port = 1
[buffer]
path = "{folder}/buffer.db"
budget_mb = 1
[[devices]]
name = "{device}"
model = "{model}"
[[drivers]]
kind = "zigbee2mqtt"
"""


def installed(folder: Path) -> Path:
    file = folder / "home.toml"
    public = signed_config.write_public_key(KEY.public_key())
    file.write_text(home_text(folder) + f'[updates]\npublic_keys = ["{public}"]\n')
    return file


def start(folder: Path) -> Updater:
    _, updater = choose(installed(folder), lambda: NOW_US)
    assert updater is not None
    return updater


def command(sealed: bytes, name: str = "one") -> wire.Command:
    return wire.decode(wire.Command, wire.encode(wire.Command(1, name, "update_config", 1, {}, sealed)))


def test_what_was_signed_is_what_is_read() -> None:
    update = HomeUpdate(1, "gw-1", 7, 1, "text", {"own-model": "x"})
    assert unseal(seal(update, KEY.sign), [OTHER.public_key(), KEY.public_key()]) == update


def test_no_bit_may_change_and_no_other_key_will_do() -> None:
    sealed = seal(HomeUpdate(1, "gw-1", 7, 1, "text"), KEY.sign)
    with pytest.raises(SignatureError, match="none of the district's keys"):
        unseal(sealed, [OTHER.public_key()])
    for at in range(len(sealed)):
        broken = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(SignatureError):
            unseal(broken, [KEY.public_key()])
    for junk in (b"", b"\x92\xc4\x00\xc4\x00", b"\x00" * 1000, b"\x91" * 5000, sealed[:-1], b"x" * 300_000):
        with pytest.raises(SignatureError):
            unseal(junk, [KEY.public_key()])


def test_a_signature_for_something_else_is_none() -> None:
    sealed = seal(HomeUpdate(1, "gw-1", 7, 1, "text"), lambda content: KEY.sign(content[len(signed_config.PREFIX) :]))
    with pytest.raises(SignatureError):
        unseal(sealed, [KEY.public_key()])


def test_a_configuration_too_long_for_a_message_is_refused_where_it_is_made() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        seal(HomeUpdate(1, "gw-1", 7, 1, "x" * 300_000), KEY.sign)
    long = seal(HomeUpdate(1, "gw-1", 7, 1, "x" * 250_000), KEY.sign)
    assert command(long).body == long


@pytest.mark.parametrize("text", ["", "!", base64.b64encode(b"short").decode()])
def test_a_bad_public_key_is_told(text: str, tmp_path: Path) -> None:
    file = installed(tmp_path)
    file.write_text(home_text(tmp_path) + f'[updates]\npublic_keys = ["{text}"]\n')
    with pytest.raises(HomeConfigError, match="public key"):
        choose(file, lambda: NOW_US)


def test_old_gateways_read_commands_with_a_body_and_new_ones_those_without() -> None:
    import msgspec

    class OldCommand(msgspec.Struct, frozen=True):
        version: int
        id: str
        kind: str
        time_us: int
        args: dict[str, str] = {}

    new = wire.encode(wire.Command(1, "x", "ping", 1, {}, b"body"))
    assert msgspec.msgpack.decode(new, type=OldCommand).kind == "ping"
    old = msgspec.msgpack.encode(OldCommand(1, "x", "ping", 1))
    assert wire.decode(wire.Command, old).body == b""


def test_an_update_is_stored_and_runs_at_the_next_start(tmp_path: Path) -> None:
    updater = start(tmp_path)
    sealed = sign_home(KEY, home_text(tmp_path, device="other"), {}, 7, 1)
    answer = updater.receive(command(sealed))
    assert isinstance(answer, Interim)
    assert updater.restart.is_set()
    home, again = choose(tmp_path / "home.toml", lambda: NOW_US)
    assert [device.name for device in home.config.devices] == ["other"]
    assert home.config.updates is not None, "what the installed file says stays in force"
    assert again is not None
    assert again.state.trial is not None
    assert isinstance(again.receive(command(sealed)), Interim), "a repeated command is no new trial"
    assert again.state.highest == 7


def test_check_tells_that_another_version_runs(tmp_path: Path) -> None:
    updater = start(tmp_path)
    updater.receive(command(sign_home(KEY, home_text(tmp_path, device="other"), {}, 7, 1)))

    def warned() -> bool:
        findings = examine(load_home(tmp_path / "home.toml"), dt.datetime.now(dt.UTC), None, None)
        return any("version 7 from the district runs" in finding.text for finding in findings)

    assert warned()
    (tmp_path / "config" / "state.json").unlink()
    assert not warned()
    home, again = choose(tmp_path / "home.toml", lambda: NOW_US)
    assert [device.name for device in home.config.devices] == ["sos"]
    assert again is not None
    assert again.state.highest == 7


def test_a_homes_own_model_comes_along(tmp_path: Path) -> None:
    updater = start(tmp_path)
    text = home_text(tmp_path, model="own-button")
    updater.receive(command(sign_home(KEY, text, {"own-button": OWN_MODEL}, 7, 1)))
    assert "own-button" not in MODELS, "a version on trial changes nothing before it runs"
    home, _ = choose(tmp_path / "home.toml", lambda: NOW_US)
    assert set(home.models) == {"own-button"}


def test_profiles_of_the_installer_are_read_from_their_folder(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "sonoff-snzb-01p.toml").write_text(OWN_MODEL)
    home = parse_home(f'profiles = "{tmp_path}/models"\n{home_text(tmp_path)}', {}, "here")
    shipped = MODELS["sonoff-snzb-01p"]
    with tentatively(home.models):
        assert MODELS["sonoff-snzb-01p"].maker == "M"
    assert MODELS["sonoff-snzb-01p"] == shipped
    (tmp_path / "models" / "bad.toml").write_text("maker = 1")
    with pytest.raises(HomeConfigError, match=r"bad\.toml"):
        parse_home(f'profiles = "{tmp_path}/models"\n{home_text(tmp_path)}', {}, "here")
    with pytest.raises(HomeConfigError, match="not a folder"):
        parse_home(f'profiles = "{tmp_path}/none"\n{home_text(tmp_path)}', {}, "here")


def test_what_does_not_pass_is_refused_with_the_reason_and_leaves_no_trace(tmp_path: Path) -> None:
    updater = start(tmp_path)
    before = updater.state

    def push(words: str, text: str, version: int = 7, key: Ed25519PrivateKey = KEY, gateway: str = "gw-1") -> None:
        sealed = seal(HomeUpdate(1, gateway, version, 1, text), key.sign)
        with pytest.raises(ValueError, match=words):
            updater.receive(command(sealed))

    good = home_text(tmp_path)
    push("none of the district's keys", good, key=OTHER)
    push("signed for 'gw-2'", good, gateway="gw-2")
    push("is not this one", home_text(tmp_path, gateway="gw-2"))
    push("unknown model", home_text(tmp_path, model="nothing"))
    pendant = home_text(tmp_path, model="shouwang-pendant")
    push(
        "falls are not detected at the wrist.* / 手腕",
        pendant.replace("[[drivers]]", 'room = "left wrist"\n[[drivers]]'),
    )
    push("buffer.path must stay", good.replace("buffer.db", "other.db"))
    push("cannot be changed", good + '[updates]\npublic_keys = ["x"]\n')
    push("no driver 'telepathy'", good.replace('"zigbee2mqtt"', '"telepathy"'))
    push("unknown field `colour`", good + "options = { colour = 1 }\n")
    push("in the clear", good.replace("port = 1", 'host = "broker.example.org"'))
    push("cannot be read", good.replace("port = 1", 'ca = "/nonexistent/ca.crt"'))
    assert updater.state == before
    assert not updater.restart.is_set()
    assert [file.name for file in (tmp_path / "config").iterdir()] == ["state.json"]


def test_replay_and_downgrade_are_refused(tmp_path: Path) -> None:
    first = sign_home(KEY, home_text(tmp_path), {}, 7, 1)
    updater = start(tmp_path)
    updater.receive(command(first))
    assert updater.failed("RuntimeError: it did not start")
    assert updater.state.running == 0
    for version in (7, 6):
        with pytest.raises(ValueError, match="not above 7"):
            updater.receive(command(sign_home(KEY, home_text(tmp_path), {}, version, 2), "two"))
    assert "result follows" in updater.receive(command(first)), "sent again while the result is on its way"
    updater._save(report_stored(updater.state))
    with pytest.raises(ValueError, match="taken back: RuntimeError: it did not start"):
        updater.receive(command(first))  # sent again after it: the broker did not hear that it was taken
    updater.receive(command(sign_home(KEY, home_text(tmp_path), {}, 8, 2), "three"))
    with pytest.raises(ValueError, match="on trial"):
        updater.receive(command(sign_home(KEY, home_text(tmp_path), {}, 9, 2), "four"))


def test_a_file_that_was_edited_on_the_gateway_does_not_run(tmp_path: Path) -> None:
    updater = start(tmp_path)
    updater.receive(command(sign_home(KEY, home_text(tmp_path, device="other"), {}, 7, 1)))
    file = tmp_path / "config" / "7.signed"
    file.write_bytes(file.read_bytes().replace(b"other", b"outer"))
    home, again = choose(tmp_path / "home.toml", lambda: NOW_US)
    assert [device.name for device in home.config.devices] == ["sos"]
    assert again is not None
    report = again.state.report
    assert report is not None
    assert (report.kind, report.version, report.running) == ("config_rolled_back", 7, 0)
    assert "signature" in report.reason


def test_a_damaged_state_runs_the_installed_file_and_still_takes_no_old_version(tmp_path: Path) -> None:
    updater = start(tmp_path)
    updater.receive(command(sign_home(KEY, home_text(tmp_path, device="other"), {}, 7, 1)))
    (tmp_path / "config" / "state.json").write_bytes(b"{torn")
    home, again = choose(tmp_path / "home.toml", lambda: NOW_US)
    assert [device.name for device in home.config.devices] == ["sos"]
    assert again is not None
    assert again.state.highest == 7


def test_keys_are_private_and_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "district.pem"
    public = make_key(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert signed_config.write_public_key(load_key(file).public_key()) == public
    with pytest.raises(FileExistsError):
        make_key(file)
    file.chmod(0o644)
    with pytest.raises(ValueError, match="others can read"):
        load_key(file)


def test_the_command_line_signs_what_a_gateway_takes(tmp_path: Path) -> None:
    run = CliRunner().invoke
    key, out, model = tmp_path / "k.pem", tmp_path / "7.signed", tmp_path / "own-button.toml"
    assert run(app, ["provision", "config-key", str(key)]).exit_code == 0
    assert run(app, ["provision", "config-key", str(key)]).exit_code == 1
    new = tmp_path / "new.toml"
    new.write_text(home_text(tmp_path, model="own-button"))
    model.write_text(OWN_MODEL)
    arguments = ["provision", "sign-config", str(new), "--key", str(key), "--out", str(out)]
    assert run(app, arguments).exit_code == 1, "the model is missing"
    done = run(app, [*arguments, "--profile", str(model), "--version", "7"])
    assert done.exit_code == 0, done.output
    assert unseal(out.read_bytes(), [load_key(key).public_key()]).profiles == {"own-button": OWN_MODEL}


def test_a_version_with_which_the_agent_does_not_even_start_is_taken_back(tmp_path: Path) -> None:
    lost = home_text(tmp_path).replace('kind = "', 'kind = "not-')  # a driver that is not installed
    public = signed_config.write_public_key(KEY.public_key())
    file = tmp_path / "home.toml"
    file.write_text(f'{lost}[updates]\npublic_keys = ["{public}"]\nfolder = "{tmp_path}/config"\n')
    store = UpdateStore(tmp_path / "config")
    update = HomeUpdate(1, "gw-1", 7, 1, lost)
    state = accept(store.load(), update, "gw-1", "one")
    store.put(7, seal(update, KEY.sign))
    store.save(state)
    done = subprocess.run([sys.executable, "-m", "edge_agent", "--config", file], capture_output=True, timeout=60)
    assert done.returncode == 2, "the installed file has the same fault, and its supervisor must hear of it"
    state = store.load()
    assert (state.running, state.trial) == (0, None)
    assert state.report is not None
    assert "not-zigbee2mqtt" in state.report.reason
