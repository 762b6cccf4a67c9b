"""Record which sequence numbers of a stream are stored, so that each frame is stored exactly once. Pure.

A stream's mark is the highest number stored and the numbers below it that are missing. A frame is a repetition if and
only if its number is neither above the highest nor among the missing: each number is taken once, in any order.
"""

from bisect import bisect_right
from collections.abc import Iterable

from vocabulary.times import HOUR_US

MOST_GAPS = 2000
"""Gaps of one mark, at most: all are written with every batch, which a stream of scattered numbers would make slow."""
REUSED_US = HOUR_US
"""A taken number is in use a second time when its frame is this much later than all before it. A clock that is set
jumps by less."""


class Mark:
    """One stream's mark.

    ``gaps`` are half-open intervals [first, behind the last), sorted, not touching. ``version`` counts the batches that
    changed the mark: the writer stores it only on the version before. ``newest_us``: the latest beginning of a stored
    frame, µs since 1970; 0: not known.
    """

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
        """Whether a frame with a taken number, which began at ``base_us``, is too late to be a repetition: its gateway
        gives numbers a second time."""
        return 0 < self.newest_us < base_us - REUSED_US

    def copy(self) -> "Mark":
        """Copy the mark, so that the original may move on."""
        copy = Mark(self.high, version=self.version, newest_us=self.newest_us)
        copy.gaps = self.gaps.copy()  # sorted already
        return copy

    @property
    def missing(self) -> int:
        """How many numbers below the highest never came."""
        return sum(behind - first for first, behind in self.gaps)
