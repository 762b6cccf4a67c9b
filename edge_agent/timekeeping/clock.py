"""Keep the gateway's own clock: it follows the wall clock, and within one boot it never runs backwards.

Time is ``elapsed + offset``: the offset changes slowly where the wall clock is a little away (slewing), and at once
where it was set forward. A wall clock that was set back a little makes this clock run slower until both agree; set back
by more than ``BACK_US``, this clock follows it and begins a new boot, because times far in the future would be refused.

A Raspberry Pi without a clock chip wakes in 1970 or at the time of its last shutdown. Until the time is known
(:attr:`Clock.known`) this clock counts from the last time that the outbox has seen: a lower bound, so that even an SOS
that cannot wait gets a plausible time. Times in the outbox are corrected once, by the :class:`ClockStep` that ends
this state.
"""

import threading
import time
from collections.abc import Callable

import msgspec

from edge_agent.timekeeping.ntp import EARLIEST, read_clock

STEP_US = 128_000
"""A larger difference is a step, a smaller one is slewed away (RFC 5905, 10: step threshold STEPT)."""
SLEW = 500e-6
"""s per s, for small differences (RFC 5905, 11.3; adjtime(3) does the same)."""
FAST_SLEW = 1 / 12
"""s per s, after the wall clock was set back (chrony's default ``maxslewrate``, 83333 ppm)."""
BACK_US = 60_000_000
"""Set back by more than this: a new boot begins."""
PATIENCE_US = 600_000_000
"""A wall clock behind the last time seen is believed after this long: that time may have been the wrong one."""
EARLIEST_US = round(EARLIEST.timestamp() * 1_000_000)


class ClockStep(msgspec.Struct, frozen=True):
    """A jump of the clock. All in µs; ``by_us`` is negative where it jumped back."""

    at_us: int
    """The time before the jump."""
    by_us: int
    boots: tuple[int, ...]
    """Boots whose times were never right: times of their waiting messages are to be moved by ``by_us``."""


def wall_us() -> int:
    """The system's clock, µs since 1970, UTC; it may jump."""
    return time.time_ns() // 1000


def elapsed_us() -> int:
    """µs since the machine was switched on, suspension included where the system can tell."""
    source = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(source) // 1000


def kernel_synchronised() -> bool:
    """Whether a time server steers the kernel's clock."""
    state = read_clock()
    return state is not None and state.synchronised


class Clock:
    """``now_us`` may be called from any thread; ``begin`` and ``check`` belong to one."""

    def __init__(
        self,
        wall: Callable[[], int] = wall_us,
        elapsed: Callable[[], int] = elapsed_us,
        synchronised: Callable[[], bool] = kernel_synchronised,
    ) -> None:
        self._wall, self._elapsed, self._synchronised = wall, elapsed, synchronised
        self._lock = threading.Lock()
        self._floor_us = 0
        self.begin(0, 0)

    def begin(self, floor_us: int, last_boot: int) -> None:
        """Start a boot. ``floor_us``: the last time anything was stamped with; ``last_boot``: the boot before."""
        self._begun = self._elapsed()
        self._floor_us = floor_us
        self.synced = self._synchronised()
        self.known = self.synced or self._wall() >= max(EARLIEST_US, floor_us)
        self._set(self._begun, self._wall() if self.known else max(self._wall(), floor_us + 1))
        self.held_from_us: int | None = None if self.known else self._anchor[1]
        """While the time is not known: the first time of this boot."""
        self.boot_us = max(self._anchor[1], last_boot + 1)
        """Identifies the boot; rises from boot to boot even if the clocks do not."""
        self._uncertain: list[int] | None = None if self.synced else [self.boot_us]  # until the first synchronisation
        self._last_gap = self._wall() - self._begun
        self.steps = 0
        """Count of settings of the wall clock since ``begin``."""

    def now_us(self) -> int:
        """µs since 1970, UTC; never less than it said before in the same boot."""
        with self._lock:
            return self._at(self._elapsed())

    def offset_us(self) -> int:
        """This clock minus the wall clock."""
        return self.now_us() - self._wall()

    def check(self) -> ClockStep | None:
        """Compare with the wall clock; the jump, where there is one. Call this about once a second."""
        elapsed, wall = self._elapsed(), self._wall()
        self.synced = self._synchronised()
        if abs(wall - elapsed - self._last_gap) > STEP_US:
            self.steps += 1
        self._last_gap = wall - elapsed
        with self._lock:
            now = self._at(elapsed)
            away = wall - now
            if not self.known:
                if not (self.synced or self._plausible(wall, elapsed)):
                    return None
                self.known, self.held_from_us = True, None
                return self._jump(elapsed, now, away, certain=False)
            if away > STEP_US or away < -BACK_US:
                return self._jump(elapsed, now, away, certain=not self.synced)
            self._set(elapsed, now, away, SLEW if abs(away) <= STEP_US else FAST_SLEW)
            if self.synced:
                self._uncertain = None
        return None

    def _plausible(self, wall: int, elapsed: int) -> bool:
        patient = elapsed - self._begun >= PATIENCE_US
        return wall >= EARLIEST_US and (wall >= self._floor_us or patient)

    def _jump(self, elapsed: int, now: int, by_us: int, certain: bool) -> ClockStep:
        step = ClockStep(now, by_us, () if certain else tuple(self._uncertain or ()))
        if by_us < 0 or step.boots:
            self.boot_us = max(self.boot_us + 1, now + by_us)
        if self.synced:
            self._uncertain = None
        elif self._uncertain is not None and self.boot_us not in self._uncertain:
            self._uncertain.append(self.boot_us)
        self._set(elapsed, now + by_us)
        return step

    def _set(self, elapsed: int, now: int, away_us: int = 0, rate: float = 0.0) -> None:
        self._anchor = (elapsed, now, away_us, rate)

    def _at(self, elapsed: int) -> int:
        since, anchor, away, rate = self._anchor
        gone = max(0, elapsed - since)
        # rate < 1: the correction never outweighs the time that has gone by
        corrected = min(abs(away), int(gone * rate))
        return anchor + gone + (corrected if away > 0 else -corrected)
