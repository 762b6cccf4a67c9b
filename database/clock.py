"""The database's clock, kept in the process: the one time that alerts, readings and deadlines are judged by.

A host whose own clock is wrong would store wrong times, refuse right ones and blame the homes. Between two looks at the
database the time goes on with the machine's steady clock, which nobody sets and which runs while the machine sleeps.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from vocabulary.times import SECOND_US

TOLERANCE_US = 2 * SECOND_US
"""A host's clock that is off by less is believed: NTP holds it within some ms, and a busy machine answers late."""
DRIFT = 1e-4
"""By which share of the time since the last look the steady clock may run wrong: a bad crystal."""
SLOW_US = SECOND_US
"""A look that took longer says too little, unless there is none yet."""


def steady_us() -> int:
    """Time since the machine started, µs."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def boot_id() -> str:
    """The machine's present run, within which :func:`steady_us` can be compared; "" where it cannot be known."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


class _Look(msgspec.Struct, frozen=True):
    database_us: int
    steady_us: int


class DatabaseClock:
    """The time by the database's clock. Thread-safe; before the first look it is the host's."""

    def __init__(
        self, host_us: Callable[[], int] = lambda: time.time_ns() // 1000, steady: Callable[[], int] = steady_us
    ) -> None:
        self._host_us, self._steady = host_us, steady
        self._look: _Look | None = None

    def look(self, conn: psycopg.Connection[Any]) -> int:
        """Look at the database's clock; gives µs since 1970. Raises psycopg.Error while the database is away."""
        before = self._steady()
        row = conn.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").fetchone()
        after = self._steady()
        assert row is not None  # noqa: S101 - it gives one row
        if self._look is None or after - before <= SLOW_US:
            self._look = _Look(row[0], (before + after) // 2)
        return int(row[0])

    def now_us(self) -> int:
        """µs since 1970: the host's clock where it agrees with the database's, else the database's."""
        host_us, ahead_us = self._compared()
        return host_us - ahead_us

    @property
    def host_ahead_us(self) -> int:
        """How far the host's clock is ahead of the database's (negative: behind); 0 where they agree."""
        return self._compared()[1]

    def _compared(self) -> tuple[int, int]:
        """(the host's clock, how far it is ahead)."""
        host_us, look = self._host_us(), self._look
        if look is None:
            return host_us, 0
        since_us = self._steady() - look.steady_us
        ahead_us = host_us - (look.database_us + since_us)
        return host_us, 0 if abs(ahead_us) <= TOLERANCE_US + DRIFT * abs(since_us) else ahead_us
