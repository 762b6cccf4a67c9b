"""The guide deploy/README.md, followed word by word on a scratch machine until an SOS has reached a telephone."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shouwang.brokers.local import mosquitto_binary
from tests.support.scratch_machine import HOW, ScratchMachine, prepare, scratch_machine
from tests.support.services import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

REPOSITORY = Path(__file__).parents[2]
GUIDE = REPOSITORY / "deploy" / "README.md"
SMS_PORT = 8999


def steps(text: str) -> str:
    """The shell blocks of the guide's part "One machine, step by step"."""
    part = text.split("## One machine, step by step")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"^```sh$(.*?)^```$", part, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScratchMachine]:
    """A machine on which the guide has been followed."""
    if mosquitto_binary() is None or shutil.which("pg_ctlcluster") is None:
        pytest.skip("the guide is for Debian: apt-get install mosquitto postgresql")
    with scratch_machine(tmp_path_factory.mktemp("scratch")) as found:
        if found is None:
            pytest.skip(HOW)
        prepare(found)
        if not shutil.which("nginx"):
            found.stand_in("nginx", "#!/bin/sh\nexit 0\n")
        source = found.shared / "repository"
        files = subprocess.run(
            ["git", "ls-files", "-coz", "--exclude-standard"], cwd=REPOSITORY, capture_output=True, check=True
        ).stdout
        for name in filter(None, files.decode().split("\0")):
            if (REPOSITORY / name).exists():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPOSITORY / name, source / name)
        for words in (["init", "-q", "."], ["add", "-A"], ["commit", "-q", "-m", "a copy"]):
            identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
            subprocess.run(["git", *identity, *words], cwd=source, check=True)
        found.run(
            "echo '127.0.0.1 localhost broker.example.org care.example.org sms.example.org' > /etc/hosts\n"
            f"git config --global --add safe.directory '*'\n"
            f"nohup /usr/bin/python3 {found.shared}/stand_ins/receiver.py {SMS_PORT} {found.shared}/sms.jsonl"
            " > /dev/null 2>&1 &"
        )
        text = steps(GUIDE.read_text())
        said = found.run(
            f"set -x\n{text}",
            {
                "REPOSITORY": str(source),
                "SMS_URL": f"http://sms.example.org:{SMS_PORT}/v1/messages",
                "SMS_TOKEN": "Bearer s3",
            },
        )
        (found.shared / "guide.log").write_text(said)
        yield found


def troubles(machine: ScratchMachine) -> str:
    """The end of the guide's output, and of every service's log."""
    return (machine.shared / "guide.log").read_text()[-3000:] + machine.run("tail -n 20 /run/stand-in/*.log")


def test_an_sos_has_reached_the_telephone(machine: ScratchMachine) -> None:
    file = machine.shared / "sms.jsonl"
    wait_for(lambda: "13800000001" in file.read_text(), 30, lambda: troubles(machine))
    first = json.loads(file.read_text().splitlines()[0])
    assert first["headers"]["Authorization"] == "Bearer s3"
    assert "https://care.example.org/a/" in first["body"]["content"]
