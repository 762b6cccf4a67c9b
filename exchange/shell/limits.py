"""How many requests a token may make: a bucket that fills by itself. Pure; the clock is passed in."""

import threading
from collections import OrderedDict

REMEMBERED = 10_000
"""Buckets that are kept; the longest unused go."""


class Buckets:
    """One bucket for each key, with room for ``burst`` requests, filled by ``per_s`` a second. Threads share it."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s, self._burst = per_s, float(burst)
        self._levels: OrderedDict[object, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, key: object, now: float, cost: float = 1.0) -> float:
        """Take from the key's bucket; 0 where it had enough, else the seconds until it has, and nothing is taken."""
        with self._lock:
            level, at = self._levels.pop(key, (self._burst, now))
            level = min(self._burst, level + max(0.0, now - at) * self._per_s)
            short = cost - level
            self._levels[key] = (level if short > 0 else level - cost, now)
            while len(self._levels) > REMEMBERED:
                self._levels.popitem(last=False)
            return max(0.0, short / self._per_s)
