"""Processes that stand still (SIGSTOP) and go on: alive for everybody who only asks whether they are."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable

from database.server.stale import processes_in
from shouwang.drills.apart import HomesApart
from shouwang.drills.place import Place

Fault = Callable[[Place, float], None]


def services(*names: str) -> Fault:
    """Freeze services for some seconds."""

    def inflict(place: Place, seconds: float) -> None:
        _freeze([pid for name in names if (pid := place.children[name].pid) is not None], seconds)

    return inflict


def broker(place: Place, seconds: float) -> None:
    _freeze(place.broker.pids, seconds)


def database(place: Place, seconds: float) -> None:
    """Freeze the database server with all its processes."""
    _freeze(processes_in(place.postgres.cluster), seconds)


def gateways(place: Place, seconds: float) -> None:
    """Freeze the process of the gateways. Raises RuntimeError where they have none of their own."""
    if not isinstance(place.homes, HomesApart):
        raise RuntimeError("this drill needs gateways in a process of their own")
    _freeze([place.homes.pid], seconds)


def _freeze(pids: Iterable[int], seconds: float) -> None:
    frozen = list(pids)
    try:
        for pid in frozen:
            _send(pid, signal.SIGSTOP)
        time.sleep(seconds)
    finally:
        for pid in frozen:
            _send(pid, signal.SIGCONT)


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
