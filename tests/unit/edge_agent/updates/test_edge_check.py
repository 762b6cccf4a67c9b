"""``--check``: every fault an installer can make is named, and a good home passes."""

import datetime as dt
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.config import load_home
from edge_agent.timekeeping.ntp import ClockState, read_clock
from edge_agent.updates.check import errors, examine, look_up, report
from shouwang.brokers.pki import LEAF_LIFE, Pki

GOOD_CLOCK = ClockState(True, 0.1, 5.0)


def now() -> dt.datetime:
    """The certificates are made when the first test wants them, which may be long after this module was imported."""
    return dt.datetime.now(dt.UTC)


def write_home(folder: Path, pki: Pki, **changes: str) -> Path:
    cert, key = pki.client("gw-1")
    values = {"ca": str(pki.ca), "cert": str(cert), "key": str(key), "host": "localhost", "buffer": f"{folder}/b.db"}
    values |= {"options": "{}", "extra": "", **changes}
    file = folder / "home.toml"
    file.write_text(
        """
gateway = "gw-1"
devices = [{{ name = "sos", model = "sonoff-snzb-01p" }}]
[broker]
host = "{host}"
ca = "{ca}"
cert = "{cert}"
key = "{key}"
[buffer]
path = "{buffer}"
budget_mb = 1
[[drivers]]
kind = "zigbee2mqtt"
options = {options}
{extra}
""".format(**values)
    )
    return file


def found(file: Path, at: dt.datetime | None = None, clock: ClockState | None = GOOD_CLOCK) -> list[str]:
    return [
        f"{finding.level} {finding.what}: {finding.text}"
        for finding in examine(load_home(file), at or now(), clock, look_up)
    ]


def test_a_good_home_has_no_findings_but_good_ones(tmp_path: Path, pki: Pki) -> None:
    assert {line.split()[0] for line in found(write_home(tmp_path, pki))} == {"ok"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ca": "/nonexistent"}, "error broker.ca: /nonexistent: cannot be read"),
        ({"cert": "/nonexistent"}, "error broker.cert: /nonexistent: cannot be read"),
        ({"key": "/nonexistent"}, "error broker.key: /nonexistent: cannot be read"),
        ({"ca": __file__}, "holds no certificate"),
        ({"key": __file__}, "holds no private key"),
        ({"options": "{ colour = 1 }"}, "error driver zigbee2mqtt: ValueError: zigbee2mqtt driver: Object contains"),
        ({"extra": '[[drivers]]\nkind = "telepathy"'}, "error driver telepathy: no driver 'telepathy'"),
        ({"host": "no-such-host.invalid"}, "warning broker: the name no-such-host.invalid is not known"),
        ({"buffer": "/proc/nothing/b.db"}, "error buffer: /proc"),
        ({"extra": '[updates]\npublic_keys = ["?"]'}, "error updates.public_keys"),
    ],
)
def test_each_fault_is_named(change: dict[str, str], words: str, tmp_path: Path, pki: Pki) -> None:
    lines = found(write_home(tmp_path, pki, **change))
    assert any(words in line for line in lines), lines


def test_certificates_are_read(tmp_path: Path, pki: Pki) -> None:
    cert, key = pki.client("gw-2")
    assert any(
        "made out to gw-2, not to gateway gw-1" in line for line in found(write_home(tmp_path, pki, cert=str(cert)))
    )
    assert any("do not fit together" in line for line in found(write_home(tmp_path, pki, key=str(key))))
    file = write_home(tmp_path, pki)
    for days, words in ((LEAF_LIFE.days + 2, "error broker.cert"), (LEAF_LIFE.days - 5, "warning broker.cert")):
        lines = found(file, now() + dt.timedelta(days=days))
        assert any(line.startswith(words) and "expire" in line for line in lines), lines
    assert any("is the clock right?" in line for line in found(file, now() - dt.timedelta(days=1)))
    _, own_key = pki.client("gw-1")
    own_key.chmod(0o644)
    try:
        assert any("others can use it" in line for line in found(file))
    finally:
        own_key.chmod(0o600)


def test_a_disk_smaller_than_the_budget_is_a_warning(tmp_path: Path, pki: Pki) -> None:
    file = write_home(tmp_path, pki)
    file.write_text(file.read_text().replace("budget_mb = 1", "budget_mb = 1000000000"))
    assert any(line.startswith("warning buffer") for line in found(file))


def test_the_clock_is_looked_at(tmp_path: Path, pki: Pki) -> None:
    file = write_home(tmp_path, pki)
    assert any(line.startswith("error clock") for line in found(file, dt.datetime(1970, 1, 2, tzinfo=dt.UTC)))
    assert any("not synchronised" in line for line in found(file, clock=ClockState(False, 0, 16e3)))
    assert any("wrong by 5000 ms" in line for line in found(file, clock=ClockState(True, 0, 5e3)))


def test_the_kernels_clock_can_be_read() -> None:
    clock = read_clock()
    assert clock is not None
    assert abs(clock.offset_ms) < 1e7
    assert clock.error_ms >= 0


def test_the_exit_status_tells(tmp_path: Path, pki: Pki, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(write_home(tmp_path, pki)), "--check"]) == 0
    assert "in order: 0 errors" in capsys.readouterr().out
    assert main(["--config", str(write_home(tmp_path, pki, cert="/nonexistent")), "--check"]) == 2
    out = capsys.readouterr().out
    assert "NOT USABLE" in out
    assert "ERROR   broker.cert: /nonexistent" in out
    assert main(["--config", str(tmp_path / "none.toml"), "--check"]) == 2
    assert "none.toml: cannot be read" in capsys.readouterr().err


def test_plain_tcp_is_for_this_machine_only(tmp_path: Path) -> None:
    file = tmp_path / "home.toml"
    text = (
        'gateway = "gw-1"\ndevices = []\n[broker]\nhost = "{}"\n[buffer]\npath = "{}/b.db"\n[[drivers]]\nkind = "ble"\n'
    )
    file.write_text(text.format("broker.example.org", tmp_path))
    findings = examine(load_home(file), now(), GOOD_CLOCK, None)
    assert any("in the clear" in text for text in errors(findings))
    assert "NOT USABLE" in report(findings)
    file.write_text(text.format("127.0.0.1", tmp_path))
    assert not errors(examine(load_home(file), now(), GOOD_CLOCK, None))
