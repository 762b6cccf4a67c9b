"""Child processes: each in a session of its own, with a log file, restarted when it dies, stopped by its pid."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import structlog

from database.server.guardian import end_orphan, start_guarded

log = structlog.get_logger(__name__)

PID_SUFFIX = ".pid"
RESTART_PAUSE_S = 2.0
STOP_TIMEOUT_S = 15.0


class Child:
    """A service as a process. Ctrl-C in the terminal does not reach it: its parent stops the services in order. It ends
    with its parent, however that ends; beside its log lies its pid file, for the next start."""

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str], log_file: Path) -> None:
        self.name = name
        self.restarts = 0
        self._argv = list(argv)
        self._env = {**os.environ, **env}
        self._log_file = log_file
        self._pid_file = log_file.with_suffix(PID_SUFFIX)
        self._log: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._died_at = 0.0

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        if self._log is None:
            self._log = open(os.open(self._log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")  # noqa: SIM115
        self._died_at = 0.0
        self._process = start_guarded(
            self._argv, pid_file=self._pid_file, env=self._env, stdout=self._log, stderr=subprocess.STDOUT, umask=0o077
        )

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def keep_alive(self, now_s: float) -> None:
        """Start it again, a moment after it died; call this every second or so with a monotonic time."""
        if self._process is None or self.alive():
            return
        if not self._died_at:
            self._died_at = now_s
            log.error("service died", service=self.name, status=self._process.returncode, log=str(self._log_file))
        elif now_s - self._died_at >= RESTART_PAUSE_S:
            self.restarts += 1
            self.start()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Send SIGTERM, wait, and kill the process only where it does not end in time."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                log.error("service did not stop in time and is killed", service=self.name, seconds=timeout_s)
                process.kill()
                process.wait()
        self._pid_file.unlink(missing_ok=True)
        if self._log is not None:
            self._log.close()
            self._log = None

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of its log, for an error message."""
        if not self._log_file.exists():
            return ""
        return "\n".join(self._log_file.read_text(errors="replace").splitlines()[-lines:])


def end_orphans(folder: Path) -> list[str]:
    """End the children of an earlier program that logged into ``folder`` and still live; returns their names.

    Raises RuntimeError where one does not end.
    """
    return [file.stem for file in sorted(folder.glob(f"*{PID_SUFFIX}")) if end_orphan(file) is not None]


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str, pause_s: float = 0.1) -> None:
    """Return as soon as ``condition`` holds. Raises TimeoutError naming ``what`` after ``timeout_s`` seconds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s")
        time.sleep(pause_s)
