"""Tracks a condition from begin to end: its alert opens once, and ends after a while of normal values."""

import msgspec

from vocabulary.times import HOUR_US

AHEAD_US = HOUR_US
"""A begin further in the future than this was dated by a clock that has been set since."""


class Episode(msgspec.Struct):
    """``since_us``: when the condition began, 0 while it does not hold; ``onset_us``: of the open alert, 0: none."""

    since_us: int = 0
    count: int = 0
    onset_us: int = 0
    severity: str = ""
    normal_since_us: int = 0
    misses: int = 0
    """Normal readings since ``since_us``."""

    def hold(self, time_us: int, readings: int = 1) -> None:
        """The condition holds at ``time_us``, by this number of readings."""
        if not self.since_us or time_us < self.since_us - AHEAD_US:
            self.since_us, self.count, self.misses = time_us, 0, 0
        self.count += readings
        self.normal_since_us = 0

    def release(self, time_us: int, normal_for_us: int, readings: int = 1) -> bool:
        """The condition does not hold, by this number of readings; whether this ends an open episode. One that is not
        open yet goes on while at most every fifth reading says so."""
        self.misses += readings
        if self.onset_us or self.misses * 4 > self.count:
            self.since_us = self.count = 0
        if not self.onset_us:
            return False
        if not self.normal_since_us:
            self.normal_since_us = time_us
        if time_us - self.normal_since_us < normal_for_us:
            return False
        self.onset_us, self.severity, self.normal_since_us = 0, "", 0
        return True
