"""Point 8 of the tour in README.md: ``kill -9`` in the middle, a second start, and an exact account."""

import json
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from shouwang.brokers.local import free_port
from shouwang.platform import report
from tests.integration.shouwang.platform.test_killed_platform import gone
from tests.support.release import before_a_release
from tests.support.services import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900), before_a_release]
README = Path(__file__).parents[4] / "README.md"


@pytest.mark.parametrize("guarded", [True, False], ids=["demo killed", "demo and its guardian killed"])
def test_point_eight(tmp_path: Path, guarded: bool) -> None:
    written = re.search(r"`shouwang (demo --headless --for \d+ --report) report\.json` ends with", README.read_text())
    assert written
    data, log = tmp_path / "data", tmp_path / "first.log"
    common = ["--homes", "4", "--data", str(data), "--port", str(free_port())]
    with log.open("wb") as out:
        first = subprocess.Popen([sys.executable, "-m", "shouwang", "demo", *common], stdout=out, stderr=out)
    try:
        told = re.compile(r"Ctrl-C")
        wait_for(lambda: bool(told.search(log.read_text())) or first.poll() is not None, 240, log.read_text)
        assert first.poll() is None, log.read_text()
        homes = data / "homes"
        wait_for(lambda: report.sent(homes.glob("*.db"))["readings"] > 200, 240, log.read_text)
        family = psutil.Process(first.pid).children(recursive=True)
        guardian = next(one for one in family if "guardian.py" in " ".join(one.cmdline()))
        if not guarded:
            guardian.kill()
        first.kill()
    finally:
        first.kill()
        first.wait()
    if guarded:
        wait_for(lambda: gone(family), 60, lambda: str(family))
    else:
        assert not gone([one for one in family if one != guardian])
    file = tmp_path / "report.json"
    second = subprocess.run(
        [sys.executable, "-m", "shouwang", *written[1].split(), str(file), *common], capture_output=True, text=True
    )
    assert second.returncode == 0, second.stdout + second.stderr
    assert ("Ended what an earlier start had left running" in second.stdout) != guarded, second.stdout
    result = json.loads(file.read_text())
    assert result["stored"]["readings"] > 200
    zeros = ("readings_lost", "duplicates", "events_lost", "quarantined")
    assert [result[key] for key in zeros] == [0, 0, 0, 0], result
