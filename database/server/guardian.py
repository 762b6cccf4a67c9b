"""Start processes that end with the program that started them, however it ends: Ctrl-C, an error, ``kill -9``.

One small process, the guardian, holds the other end of a pipe. When the program is gone the pipe closes, and the
guardian ends what the program started. It has a session of its own and needs the standard library alone. A process
whose program died together with its guardian (or with the machine's memory) is found by its pid file at the next start.
"""

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

GRACE_S = 3.0
"""How long a process may take to end in good order after its program is gone; then its whole group is killed."""
EXEC_S = 5.0
"""How long a living process may show no command line before it is taken for another."""
GATE = 'IFS= read -r go && exec "$@" </dev/null'
"""A process waits at this gate until the guardian knows it: a program killed between the two leaves nothing behind."""
PROC = Path("/proc")


class _Guardian:
    """The guardian of this program, started with the first process that it guards."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def watch(self, pid: int, ending: signal.Signals) -> None:
        line = f"{pid} {start_of(pid)} {int(ending)}\n".encode()
        with self._lock:
            if self._process is None or self._owner != os.getpid():  # a fork has no guardian yet
                self._owner = os.getpid()
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", __file__],
                    stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
                    start_new_session=True,
                )  # fmt: skip
                atexit.register(self._close, self._process)
            assert self._process.stdin is not None  # noqa: S101 - asked for above
            with contextlib.suppress(BrokenPipeError):  # somebody killed the guardian: the pid files are left
                self._process.stdin.write(line)
                self._process.stdin.flush()

    @staticmethod
    def _close(process: subprocess.Popen[bytes]) -> None:
        """End what still runs, and then the guardian, before the program is over."""
        assert process.stdin is not None  # noqa: S101 - asked for above
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()


_guardian = _Guardian()


def start_guarded(
    argv: Sequence[str], *, ending: signal.Signals = signal.SIGTERM, pid_file: Path | None = None, **popen: Any
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own that ends when this program ends; returns it.

    ``ending``: the signal by which it ends in good order. ``pid_file``: where its number, start and command line are
    kept for :func:`end_orphan`. ``popen``: arguments of subprocess.Popen but stdin, which is empty. A program that can
    not be executed exits with status 126 or 127.
    """
    process = subprocess.Popen(
        ["/bin/sh", "-c", GATE, "sh", *argv], stdin=subprocess.PIPE, start_new_session=True, **popen
    )
    try:
        _guardian.watch(process.pid, ending)
        if pid_file is not None:
            pid_file.parent.mkdir(parents=True, exist_ok=True)
            pid_file.write_text(
                json.dumps({"pid": process.pid, "start": start_of(process.pid), "argv": [str(one) for one in argv]})
            )
    except BaseException:
        process.kill()
        process.wait()
        raise
    assert process.stdin is not None  # noqa: S101 - asked for above
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(b"\n")
        process.stdin.flush()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    process.stdin = None  # communicate() of the caller finds none
    return process


def end_orphan(pid_file: Path, ending: signal.Signals = signal.SIGTERM, grace_s: float = 15.0) -> int | None:
    """End the process of an earlier program that still lives, and forget it; returns its number, None where none lives.

    It is known by number, start and command line together; another process with the same number is left alone. Raises
    RuntimeError where it does not go.
    """
    try:
        found = json.loads(pid_file.read_text())
        pid, start, argv = int(found["pid"]), str(found["start"]), [str(one) for one in found["argv"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    ended = None
    if _is_the_same(pid, start, argv):
        ended = pid
        for number in (ending, signal.SIGKILL):
            _signal_group(pid, number)
            deadline = time.monotonic() + grace_s
            while _is_the_same(pid, start, argv) and time.monotonic() < deadline:
                time.sleep(0.05)
        if _is_the_same(pid, start, argv):
            raise RuntimeError(f"process {pid} of an earlier start does not end ({argv[0]}); end it and start again")
    pid_file.unlink(missing_ok=True)
    return ended


def start_of(pid: int) -> str:
    """Return when a process started, in the kernel's own words (proc(5): clock ticks since boot); "" where it is gone.

    A zombie counts as gone. Where there is no /proc, ``ps`` answers.
    """
    try:
        if not PROC.joinpath("self").exists():
            return subprocess.run(
                ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True
            ).stdout.strip()
        # the program's name in brackets may contain blanks and brackets itself
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def command_line(pid: int) -> str:
    """Return the command line of a process, parted by blanks; "" where it is gone (or a zombie)."""
    try:
        if PROC.joinpath("self").exists():
            return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def _is_the_same(pid: int, start: str, argv: Sequence[str]) -> bool:
    deadline = time.monotonic() + EXEC_S
    while bool(start) and start_of(pid) == start:
        if line := command_line(pid):
            # at the gate the command line stands behind the shell's own words
            return line.endswith(" ".join(argv))
        # on its way from the gate to the program it has none for a moment (execve(2))
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return False


def _signal_group(pid: int, number: int) -> None:
    """Send a signal to a process, SIGKILL also to the group that it leads."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
        if number == signal.SIGKILL:
            os.killpg(pid, number)


def _descendants(pids: set[int]) -> set[int]:
    """Find the children of these processes, and theirs. Empty where there is no /proc."""
    parents: dict[int, int] = {}
    for entry in PROC.iterdir() if PROC.joinpath("self").exists() else ():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int(
                    (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
                )
    found: set[int] = set()
    while more := {pid for pid, parent in parents.items() if parent in pids | found} - found - pids:
        found |= more
    return found


def _guard() -> None:
    """Remember the processes that come over standard input; when it ends, end those that live."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    known: dict[int, tuple[str, int]] = {}
    for line in sys.stdin:
        pid, _, rest = line.strip().partition(" ")
        start, _, ending = rest.rpartition(" ")
        if pid.isdigit() and ending.isdigit():
            known[int(pid)] = (start, int(ending))

    ours = {pid: start for pid, (start, _) in known.items() if start and start_of(pid) == start}
    # PostgreSQL's processes have sessions of their own: a group does not reach them
    family = ours | {pid: start_of(pid) for pid in _descendants(set(ours))}

    def living() -> list[int]:
        return [pid for pid, start in family.items() if start and start_of(pid) == start]

    for pid in ours:
        _signal_group(pid, known[pid][1])
    for pid in living():
        _signal_group(pid, signal.SIGCONT)  # one that was stopped hears nothing before
    deadline = time.monotonic() + GRACE_S
    while living() and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in living():
        _signal_group(pid, signal.SIGKILL)


if __name__ == "__main__":
    _guard()
