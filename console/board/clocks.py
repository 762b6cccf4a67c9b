"""The clocks of all open alerts, loaded once for every desk that looks at the same time."""

import datetime as dt
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import psycopg

from dispatch.desk.clock import AlertClock, clocks

KEPT_S = 2.0
"""A ladder climbs without a change of the alert: clocks that are older are loaded anew."""


class SharedClocks:
    """Keeps what was loaded last. Threads share it: of many that ask at once one loads, and the others wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mark: Hashable = None
        self._loaded_at = 0.0
        self._clocks: Mapping[str, AlertClock] = {}

    def get(
        self, connect: Callable[[], AbstractContextManager[psycopg.Connection[Any]]], mark: Hashable, now: dt.datetime
    ) -> Mapping[str, AlertClock]:
        """The clocks by alert. ``mark``: differs as soon as an alert has changed. Raises psycopg.Error."""
        with self._lock:
            if mark != self._mark or time.monotonic() - self._loaded_at > KEPT_S:
                with connect() as conn:
                    self._clocks = clocks(conn, now)
                self._mark, self._loaded_at = mark, time.monotonic()
            return self._clocks
