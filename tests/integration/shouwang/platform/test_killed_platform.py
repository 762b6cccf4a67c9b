"""A platform that is killed leaves no process behind, and a start after it ends what was left all the same."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from database.server import guardian
from database.server.guardian import command_line, end_orphan, start_guarded
from shouwang.platform.platform import Platform
from shouwang.platform.processes import wait_until

PROGRAM = """
import sys, time
from pathlib import Path
from shouwang.platform.platform import Platform
with Platform(Path(sys.argv[1]), 1) as platform:
    platform.start_services(["maintain"])
    print("up", flush=True)
    sys.stdin.read()
"""


@contextmanager
def program(folder: Path) -> Iterator[psutil.Process]:
    """A program that runs a platform, as the demo does."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        while started.stdout.readline() not in ("up\n", ""):
            pass
        assert started.poll() is None
        try:
            yield psutil.Process(started.pid)
        finally:
            started.kill()


def gone(processes: list[psutil.Process]) -> bool:
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def test_a_killed_platform_leaves_no_process_behind(tmp_path: Path) -> None:
    with program(tmp_path / "data") as owner:
        family = owner.children(recursive=True)
        assert {"postgres", "nats-server"} <= {one.name() for one in family}
        owner.kill()
        wait_until(lambda: gone(family), 20, "every process is gone")


def test_what_is_left_when_the_guardian_dies_too_is_ended_by_the_next_start_which_says_so(tmp_path: Path) -> None:
    with program(tmp_path / "data") as owner:
        family = owner.children(recursive=True)
        watching = next(one for one in family if "guardian.py" in " ".join(one.cmdline()))
        watching.kill()
        owner.kill()
        family.remove(watching)
    assert not gone(family)
    with Platform(tmp_path / "data", 1) as platform:
        assert gone(family)
        assert platform.ended == ["maintain", "PostgreSQL", "NATS"]
    with Platform(tmp_path / "data", 1) as platform:
        assert platform.ended == []


def test_a_stopped_process_ends_too_and_so_do_its_children(tmp_path: Path) -> None:
    script = (
        "import sys; from database.server.guardian import start_guarded\n"
        "start_guarded(['/bin/sh', '-c', 'sleep 600 & kill -STOP $$']); print('up', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        assert started.stdout.readline()
        owner = psutil.Process(started.pid)

        def stopped() -> bool:
            return any(one.status() == psutil.STATUS_STOPPED for one in owner.children())

        wait_until(stopped, 30, "the child stops itself")
        family = owner.children(recursive=True)
        assert [one.name() for one in family].count("sleep") == 1
        owner.kill()
        wait_until(lambda: gone(family), 20, "every process is gone")


def test_an_orphan_between_the_gate_and_its_program_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While execve(2) runs, a process shows no command line at all."""
    file = tmp_path / "sleep.pid"
    process = start_guarded(["sleep", "600"], pid_file=file)
    try:
        on_the_way = ["", ""]
        monkeypatch.setattr(guardian, "command_line", lambda pid: on_the_way.pop() if on_the_way else command_line(pid))
        assert end_orphan(file) == process.pid
        assert process.wait(10) == -signal.SIGTERM
        assert not on_the_way
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("changed", ["start", "argv"])
def test_a_process_that_only_has_the_number_is_left_alone(tmp_path: Path, changed: str) -> None:
    file = tmp_path / "sleep.pid"
    process = start_guarded(["sleep", "600"], pid_file=file)
    try:
        found = json.loads(file.read_text())
        other = {"start": "1", "argv": ["sleep", "601"]}
        file.write_text(json.dumps({**found, changed: other[changed]}))
        assert end_orphan(file) is None
        assert process.poll() is None
        file.write_text(json.dumps(found))
        assert end_orphan(file) == process.pid
        assert process.wait(10) == -signal.SIGTERM
    finally:
        process.kill()
        process.wait()


def test_a_program_that_dies_before_the_guardian_knows_its_child_leaves_it_at_the_gate(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    script = (
        "import os, signal; from database.server import guardian\n"
        "guardian._guardian.watch = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"guardian.start_guarded(['touch', {str(mark)!r}])"
    )
    assert subprocess.run([sys.executable, "-c", script], env=os.environ).returncode == -signal.SIGKILL
    assert not mark.exists()
