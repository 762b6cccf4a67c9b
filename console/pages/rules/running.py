"""Dry runs of this console: one at a time, and the latest kept, so that its lists and details need no second one."""

import datetime as dt
import threading
import weakref
from collections.abc import Callable

from care_network.errors import ProvisioningError
from console.shell.state import Console
from dispatch.escalation.dry_run.loading import DryRun

KEPT = 6
FRESH = dt.timedelta(minutes=10)
WAIT_S = 20.0
Key = tuple[int, str]
"""Account and draft."""


class DryRuns:
    """The latest dry runs by account and draft. Threads share it."""

    def __init__(self) -> None:
        self._kept: dict[Key, DryRun] = {}
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def get(self, key: Key, now: dt.datetime, make: Callable[[], DryRun], alert: str = "") -> DryRun:
        """Give the kept run, or make one; with ``alert`` (its id) one that has it.

        Raises ProvisioningError where another one takes too long.
        """
        with self._lock:
            known = self._kept.get(key)
        if known is not None and now - known.until < FRESH and (not alert or known.has(alert)):
            return known
        if not self._turn.acquire(timeout=WAIT_S):
            raise ProvisioningError(
                en="another dry run is under way; try again in a moment", zh="另一次试算正在进行，请稍后再试"
            )
        try:
            found = make()
        finally:
            self._turn.release()
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = found
            while len(self._kept) > KEPT:
                self._kept.pop(next(iter(self._kept)))
        return found


_RUNS: weakref.WeakKeyDictionary[Console, DryRuns] = weakref.WeakKeyDictionary()


def runs_of(console: Console) -> DryRuns:
    """The dry runs of one console process."""
    return _RUNS.setdefault(console, DryRuns())
