"""Keep for some seconds what is summed up over a whole area: pages are asked for more often than it changes."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
MOST = 500


class Recent(Generic[T]):
    """Sums by area, each for ``seconds``. Threads share it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._known: dict[str, tuple[float, T]] = {}
        self._lock = threading.Lock()

    def of(self, key: str, load: Callable[[], T]) -> T:
        """The sum of that key, loaded where it is not known or too old."""
        now = time.monotonic()
        with self._lock:
            known = self._known.get(key)
        if known is not None and now - known[0] < self._seconds:
            return known[1]
        found = load()
        with self._lock:
            self._known.pop(key, None)
            self._known[key] = (now, found)
            while len(self._known) > MOST:
                self._known.pop(next(iter(self._known)))
        return found
