"""The broker's limit of open files against the number of gateways, of a real process."""

import resource
import shutil
import subprocess
from pathlib import Path

from shouwang.doctor.open_files import judge, limits


def test_the_limit_of_a_process_is_seen(tmp_path: Path) -> None:
    sleep = shutil.which("sleep")
    assert sleep is not None
    program = tmp_path / f"b{tmp_path.stat().st_ino}"[-15:]
    shutil.copy(sleep, program)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    process = subprocess.Popen(
        [program, "60"], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (700, hard))
    )
    try:
        assert limits([program.name]) == {program.name: 700}
    finally:
        process.kill()
        process.wait()


def test_a_limit_is_judged_by_the_number_of_gateways() -> None:
    few = judge({"mosquitto": 1024}, 1300)
    assert not few.good
    assert "1,300 gateways need 2,800" in few.text
    assert "LimitNOFILE=65536" in few.text
    assert judge({"mosquitto": 65536}, 7198).good
    assert not judge({"nats-server": 65536, "mosquitto": 1024}, 7198).good
    unknown = judge({}, 7198)
    assert unknown.good
    assert "unknown" in unknown.text
