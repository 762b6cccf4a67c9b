"""Run a service as a process: signals, log, probes, systemd's watchdog, and an end where a part of it is dead.

The watcher is a thread that looks at the parts once a second. It feeds systemd's watchdog only while all are live. A
process whose part stands still ends by itself a while later, so that a supervisor without a watchdog starts it again,
too. A dead or frozen watcher feeds nothing: what watches fails to the safe side.
"""

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

import structlog

from observability import logs
from observability.liveness import Finding, Liveness, live
from observability.probes import listening
from observability.settings import LogSettings, ProbeSettings
from observability.systemd import Notifier

log = structlog.get_logger(__name__)

LOOK_S = 1.0
STOP_S = 40.0
"""Time for an orderly end; threads that are stuck longer are given up."""

PRIVATE = 0o077
"""umask of every service: its files hold health data and keys, and no other account has any business with them."""

Body = Callable[[threading.Event, Liveness], object]
"""The service itself: runs until the event is set, and reports its parts."""


def serve(service: str, body: Body) -> None:
    """Run ``body`` until SIGINT or SIGTERM. Raises SystemExit(1) where a part of it ended by itself."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    os.umask(PRIVATE)
    logs.configure(LogSettings.read())
    settings = ProbeSettings.read()
    liveness = Liveness(stop.set, turn_s=settings.turn_s)
    liveness.until(stop)
    notifier = Notifier.from_environment()
    with listening(service, liveness, settings), watching(liveness, stop, notifier, settings.end_after_s):
        body(stop, liveness)
    if liveness.faults:
        log.critical("ended by a fault", service=service, parts=liveness.faults)
        sys.exit(1)


@contextlib.contextmanager
def watching(liveness: Liveness, stop: threading.Event, notifier: Notifier, end_after_s: float) -> Iterator[None]:
    """Watch the parts inside the block, and that the end does not last for ever."""
    done = threading.Event()
    watcher = threading.Thread(
        target=_watch, args=(liveness, stop, done, notifier, end_after_s), name="watcher", daemon=True
    )
    watcher.start()
    try:
        yield
    finally:
        done.set()  # the watcher lives on: threads that hang would keep the process for ever
        stop.set()


def _watch(
    liveness: Liveness, stop: threading.Event, done: threading.Event, notifier: Notifier, end_after_s: float
) -> None:
    told = False
    dead_since: float | None = None
    words = ""
    while not stop.wait(LOOK_S):
        findings = liveness.look()
        if live(findings):
            dead_since = None
            if findings:
                notifier.tell(*([] if told else ["READY=1"]), "WATCHDOG=1", f"STATUS={_words(findings)}")
                told = True
        else:
            now = time.monotonic()
            dead_since = now if dead_since is None else dead_since
            notifier.tell(f"STATUS={_words(findings)}")
            if now - dead_since >= end_after_s:
                _give_up("a part stands still; the program ends, to be started again", findings)
        if (new := _words(findings)) != words:
            words = new
            level = "info" if all(one.state == "well" for one in findings) else "warning"
            getattr(log, level)("parts", state=words)
    notifier.tell("STOPPING=1")
    deadline = time.monotonic() + STOP_S
    while time.monotonic() < deadline:  # ends with the process, as a daemon
        time.sleep(LOOK_S)
        if not done.is_set():
            notifier.tell("WATCHDOG=1")  # the deadline is watched here
    _give_up("the end takes too long; it is cut short", liveness.look())


def _words(findings: list[Finding]) -> str:
    """Say in one line what is not well."""
    return "; ".join(f"{one.name}: {one.state}, {one.reason}" for one in findings if one.state != "well") or "all well"


def _give_up(why: str, findings: list[Finding]) -> None:
    log.critical(why, parts=[f"{one.name}: {one.reason}" for one in findings if one.state != "well"])
    faulthandler.dump_traceback(all_threads=True)  # where each thread is, for the mend; no values
    sys.stderr.flush()
    os._exit(1)
