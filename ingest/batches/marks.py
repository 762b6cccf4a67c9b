"""The bookkeeping of exactly-once: which numbers of a stream are stored. Pure.

A stream's mark is the highest number stored and the numbers below it that never came. A frame is a repetition if and
only if its number is not above the highest and not among the missing. Whatever the order of arrival, each number is
taken once.
"""

from bisect import bisect_right
from collections.abc import Iterable

MOST_GAPS = 2000
"""The gaps of a mark are written with every batch: a stream whose numbers jump about must not make that slow."""


REUSED_US = 3_600_000_000
"""So much later than all before it: what a clock is set by does not look like a second use of numbers."""


class Mark:
    """One stream's mark. ``gaps`` are half-open intervals [first, behind the last), sorted, not touching. ``version``
    counts the batches that changed it: who stores it checks that nobody else did in between. ``newest_us``: the latest
    time that a stored frame began at, µs since 1970; 0: not known."""

    __slots__ = ("gaps", "high", "newest_us", "version")

    def __init__(
        self, high: int = 0, gaps: Iterable[tuple[int, int]] = (), version: int = 0, newest_us: int = 0
    ) -> None:
        self.high = high
        self.gaps = sorted(gaps)
        self.version = version
        self.newest_us = newest_us

    def take(self, seq: int) -> bool:
        """Take a number; False where it was taken before. Raises ValueError for a number below 1."""
        if seq < 1:
            raise ValueError(f"sequence numbers begin at 1, not {seq}")
        if seq > self.high:
            if seq > self.high + 1:
                self.gaps.append((self.high + 1, seq))
            self.high = seq
            return True
        at = bisect_right(self.gaps, (seq, 1 << 62)) - 1
        if at < 0 or seq >= self.gaps[at][1]:
            return False
        first, behind = self.gaps.pop(at)
        self.gaps[at:at] = [part for part in ((first, seq), (seq + 1, behind)) if part[0] < part[1]]
        return True

    def scatters(self, seq: int, most: int = MOST_GAPS) -> bool:
        """Whether taking this number would leave more than ``most`` gaps."""
        if len(self.gaps) < most:
            return False
        if seq > self.high:
            return seq > self.high + 1
        at = bisect_right(self.gaps, (seq, 1 << 62)) - 1
        return at >= 0 and self.gaps[at][0] < seq < self.gaps[at][1] - 1

    def reuses(self, base_us: int) -> bool:
        """Whether a frame whose number was taken, and which began at ``base_us``, can not be a repetition: it is later
        than everything that was stored. Its gateway gives numbers for a second time."""
        return 0 < self.newest_us < base_us - REUSED_US

    def copy(self) -> "Mark":
        copy = Mark(self.high, version=self.version, newest_us=self.newest_us)
        copy.gaps = self.gaps.copy()  # sorted already
        return copy

    @property
    def missing(self) -> int:
        """How many numbers below the highest never came."""
        return sum(behind - first for first, behind in self.gaps)
