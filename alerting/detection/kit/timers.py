"""Timers in event time: a detector is called when the data have passed the moment it asked for."""

import heapq


class Alarms:
    """All timers of an engine, soonest first; a timer of the same owner and key replaces the one before."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str, str]] = []
        self._at: dict[tuple[str, str], int] = {}

    def set(self, at_us: int, owner: str, key: str) -> None:
        if self._at.get((owner, key)) != at_us:
            self._at[owner, key] = at_us
            heapq.heappush(self._heap, (at_us, owner, key))

    def cancel(self, owner: str, key: str) -> None:
        self._at.pop((owner, key), None)

    def pop(self, until_us: int) -> tuple[int, str, str] | None:
        """The soonest timer before ``until_us``."""
        while self._heap and self._heap[0][0] < until_us:
            at_us, owner, key = heapq.heappop(self._heap)
            if self._at.get((owner, key)) == at_us:
                del self._at[owner, key]
                return at_us, owner, key
        return None

    def saved(self) -> list[tuple[int, str, str]]:
        return sorted((at_us, owner, key) for (owner, key), at_us in self._at.items())


class Timers:
    """One detector's view of the timers."""

    def __init__(self, alarms: Alarms, owner: str) -> None:
        self._alarms, self._owner = alarms, owner

    def set(self, at_us: int, key: str) -> None:
        """Call the detector at ``at_us`` with ``key``; replaces the timer of this key."""
        self._alarms.set(at_us, self._owner, key)

    def cancel(self, key: str) -> None:
        self._alarms.cancel(self._owner, key)
