"""Suspend a channel whose peer does not answer for a while, so that nobody waits for it (a circuit breaker)."""

FAILURES = 5
"""Failed attempts in a row after which it opens."""
FIRST_S, MOST_S = 5.0, 120.0


class Breaker:
    """Closed, it lets every attempt through; open, none until its time is over, then a single one: if that succeeds it
    closes, otherwise it opens for twice as long. Times are monotonic seconds; not thread-safe."""

    def __init__(self, failures: int = FAILURES) -> None:
        self._limit = failures
        self._failures = 0
        self._pause_s = FIRST_S
        self._until: float | None = None
        self._trying = False

    @property
    def is_open(self) -> bool:
        """Whether the peer failed too often and has not answered since."""
        return self._until is not None

    def opens_at(self, now_s: float) -> float | None:
        """Time at which an attempt may be made again; None: now."""
        if self._until is None:
            return None
        if now_s >= self._until and not self._trying:
            return None
        return max(self._until, now_s)

    def begin_attempt(self, now_s: float) -> None:
        """Note that an attempt is under way."""
        if self._until is not None and now_s >= self._until:
            self._trying = True

    def record_success(self) -> None:
        """Close it: the peer answered, be it with a refusal."""
        self._failures, self._pause_s, self._until, self._trying = 0, FIRST_S, None, False

    def record_failure(self, now_s: float) -> bool:
        """Count a failure: the peer is away or slow. True where this opens it."""
        self._failures += 1
        if not self._trying and (self._until is not None or self._failures < self._limit):
            return False
        self._pause_s = min(2 * self._pause_s, MOST_S) if self._trying else FIRST_S
        self._until, self._trying = now_s + self._pause_s, False
        return True
