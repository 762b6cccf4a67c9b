"""Our services as processes of a test: started with settings for its broker and database, killed and started again."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from database.server.guardian import start_guarded
from firmware_profiles.link.mqtt import Broker


class Service:
    """``python -m <package>`` with an environment; its log is shown when a wait fails."""

    def __init__(self, package: str, broker: Broker | None, folder: Path, **settings: str) -> None:
        self._package, self._log = package, folder / f"{package}.log"
        names = () if broker is None else broker.__struct_fields__
        fields = {f"SHOUWANG_BROKER_{k.upper()}": str(getattr(broker, k)) for k in names}
        self._runner: tuple[str, ...] = ()
        data = {f"SHOUWANG_{package.upper()}_DATA_DIR": str(folder / package)}
        self._env = {**os.environ, **{k: v for k, v in fields.items() if v != "None"}, **data, **settings}
        self._process: subprocess.Popen[bytes] | None = None

    def through(self, *runner: str) -> "Service":
        """Run the package by another module, which gets its name as an argument."""
        self._runner = runner
        return self

    def start(self, *arguments: str) -> None:
        with self._log.open("ab") as log:
            self._process = start_guarded(
                [sys.executable, "-m", *self._runner, self._package, *arguments], env=self._env, stdout=log, stderr=log
            )

    def send(self, number: signal.Signals) -> None:
        """Send a signal; the process stays ours."""
        assert self._process is not None
        self._process.send_signal(number)

    def status(self) -> int | None:
        """Exit status where the process has ended by itself; None while it runs."""
        return None if self._process is None else self._process.poll()

    def probe(self, path: str, timeout_s: float = 5.0) -> tuple[int, str]:
        """Status and body of a probe of a service with ``SHOUWANG_PROBE_PORT=0``; (0, why) where none answers."""
        ports = re.findall(r"probes .*port=(\d+)", self._log.read_text(errors="replace") if self._log.exists() else "")
        if not ports:
            return 0, "no port yet"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{ports[-1]}{path}", timeout=timeout_s) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def kill(self) -> None:
        """Kill the process as ``kill -9`` does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def log(self) -> str:
        """All that the service has said; never cut, as tests look in it for what came early."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class WorkerProcess(Service):
    """``python -m <module>`` of a service that needs the database alone; one of several by ``name``."""

    def __init__(self, module: str, folder: Path, name: str, database_url: str, **settings: str) -> None:
        super().__init__(module, None, folder, SHOUWANG_DATABASE_URL=database_url, **settings)
        self._log = folder / f"{module}.{name}.log"


@contextmanager
def service(package: str, broker: Broker, folder: Path, **settings: str) -> Iterator[Service]:
    """A running service, stopped at the end."""
    found = Service(package, broker, folder, **settings)
    found.start()
    try:
        yield found
    finally:
        found.stop()


@contextmanager
def in_thread(run: Callable[[threading.Event], object], seconds: float = 30) -> Iterator[None]:
    """A service in this process, so that a test can look at its state; at the end it stops within ``seconds``."""
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(seconds)
        assert not thread.is_alive()


PATIENCE = 3.0
"""A machine that does other things takes several times as long; only a test that fails waits for all of it."""


def wait_for(condition: Callable[[], bool], seconds: float, what: Callable[[], str]) -> None:
    """Wait until ``condition`` holds; fails the test with the end of ``what()`` after PATIENCE times ``seconds``, which
    are what a quiet machine may take at most.

    It looks less often the longer it waits: most conditions ask a database over a connection of their own.
    """
    begin = time.monotonic()
    while not condition():
        waited = time.monotonic() - begin
        assert waited < PATIENCE * seconds, what()[-3000:]
        time.sleep(min(0.15, max(0.03, waited / 8)))
