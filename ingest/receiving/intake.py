"""Share ingest fairly among gateways before decoding: one queue and one allowance for each gateway. Pure.

Gateways within their allowance are served before those beyond it, and in each group all take turns. Messages beyond the
allowance wait as long as there is room: after an outage every gateway is busy, and may use the capacity that the others
leave. Gateways beyond their allowance may hold half of the room at most; further messages of theirs are shed (to the
quarantine), so that there is always room for the others. Every step is O(1) per message.

The allowance is a token bucket, kept as a single time (the virtual scheduling form of the generic cell rate algorithm,
ITU-T I.371, annex A): each message moves the gateway's theoretical time ahead by its cost; the gateway is beyond its
allowance while that time is more than the burst ahead of now.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from enum import Enum
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

TURN_BYTES = 64 * 1024
"""Bytes taken from one gateway before the next one's turn."""
READING_BYTES = 8
"""Bytes of a reading in a frame; so the cost of a message is known before decoding."""


class Allowance(msgspec.Struct, frozen=True):
    """The rate that one gateway may keep up for ever; ``burst_s`` worth of it may come at once, after an outage."""

    messages_per_s: float
    readings_per_s: float
    burst_s: float

    def cost_s(self, size: int) -> float:
        """Seconds of the allowance that a message of ``size`` bytes uses up."""
        return max(1 / self.messages_per_s, size / READING_BYTES / self.readings_per_s)


class Verdict(Enum):
    """Result of offering a message."""

    ADMITTED = "admitted"
    FULL = "full"
    """No room: offer it again later."""
    SHED = "shed"
    """Its gateway is beyond the allowance, and such gateways already hold their half of the room."""


class _Lane(Generic[T]):
    __slots__ = ("beyond", "items", "name", "size", "time")

    def __init__(self, name: str) -> None:
        self.name = name
        self.items: deque[tuple[T, int]] = deque()
        self.size = 0
        self.time = 0.0
        """Theoretical time, s, on the clock of ``now``."""
        self.beyond = False


class Intake(Generic[T]):
    """Holds messages of many gateways up to ``limit_bytes`` and ``limit_messages``.

    Times are seconds of a clock that never goes back. Not thread-safe.
    """

    def __init__(self, allowance: Allowance, limit_bytes: int, limit_messages: int) -> None:
        self._allowance = allowance
        self._limit_bytes, self._limit_messages = limit_bytes, limit_messages
        self._lanes: dict[str, _Lane[T]] = {}
        # Lanes with messages, in the order of their turns.
        self._within: OrderedDict[str, _Lane[T]] = OrderedDict()
        self._beyond: OrderedDict[str, _Lane[T]] = OrderedDict()
        self._bytes = self._messages = self._beyond_bytes = self._beyond_messages = 0

    def __len__(self) -> int:
        return self._messages

    def offer(self, gateway: str, item: T, size: int, now: float, *, charge: bool = True) -> Verdict:
        """Queue a message. ``charge=False``: it was charged before, and the broker delivers it again."""
        lane = self._lane(gateway, now)
        if lane.beyond:
            if (
                self._beyond_bytes + size > self._limit_bytes // 2 or self._beyond_messages >= self._limit_messages // 2
            ) and self._beyond_messages:
                self._charge(lane, size, now, charge)
                return Verdict.SHED
        elif self._messages and (self._bytes + size > self._limit_bytes or self._messages >= self._limit_messages):
            return Verdict.FULL
        self._queue(lane, ((item, size),), size)
        self._charge(lane, size, now, charge)
        return Verdict.ADMITTED

    def offer_all(self, gateway: str, items: Sequence[tuple[T, int]], now: float) -> bool:
        """Queue messages of one gateway, with their sizes, as :meth:`offer` would one by one, if it admitted them all
        without a change of the gateway's group. Else nothing is queued: False, to be offered one by one."""
        lane = self._lane(gateway, now)
        size = sum([size for _, size in items])
        ahead = self._ahead(lane, sum([self._allowance.cost_s(size) for _, size in items]), now)
        if lane.beyond:
            fits = (
                self._beyond_bytes + size <= self._limit_bytes // 2
                and self._beyond_messages + len(items) <= self._limit_messages // 2
            )
        else:
            fits = (
                ahead - now <= self._allowance.burst_s
                and self._bytes + size <= self._limit_bytes
                and self._messages + len(items) <= self._limit_messages
            )
        if fits:
            self._queue(lane, items, size)
            lane.time = ahead
        return fits

    def take(self, most: int, budget: int, now: float) -> list[T]:
        """Take up to ``most`` messages, until they have ``budget`` bytes, in the order in which to store them."""
        for lane in list(self._beyond.values()):
            self._judge(lane, now)
        taken: list[T] = []
        for ring in (self._within, self._beyond):
            while ring and len(taken) < most and budget > 0:
                lane = next(iter(ring.values()))
                turn = TURN_BYTES
                while lane.items and turn > 0 and len(taken) < most and budget > 0:
                    item, size = lane.items.popleft()
                    taken.append(item)
                    self._count(lane, -1, -size)
                    turn -= size
                    budget -= size
                if lane.items:
                    ring.move_to_end(lane.name)
                else:
                    del ring[lane.name]
        if len(self._lanes) > 2 * self._limit_messages:
            self._forget_idle(now)
        return taken

    def beyond(self) -> list[str]:
        """List the gateways that wait because they are beyond their allowance."""
        return list(self._beyond)

    def _lane(self, gateway: str, now: float) -> _Lane[T]:
        lane = self._lanes.get(gateway)
        if lane is None:
            lane = self._lanes[gateway] = _Lane(gateway)
        self._judge(lane, now)
        return lane

    def _queue(self, lane: _Lane[T], items: Sequence[tuple[T, int]], size: int) -> None:
        if not lane.items:
            (self._beyond if lane.beyond else self._within)[lane.name] = lane
        lane.items.extend(items)
        self._count(lane, len(items), size)

    def _ahead(self, lane: _Lane[T], cost_s: float, now: float) -> float:
        # The debt is limited: a gateway that was mended is held back for two bursts at most.
        return min(max(lane.time, now) + cost_s, now + 2 * self._allowance.burst_s + 1)

    def _charge(self, lane: _Lane[T], size: int, now: float, charge: bool) -> None:
        if charge:
            lane.time = self._ahead(lane, self._allowance.cost_s(size), now)
            self._judge(lane, now)

    def _judge(self, lane: _Lane[T], now: float) -> None:
        beyond = lane.time - now > self._allowance.burst_s
        if beyond == lane.beyond:
            return
        messages, size = len(lane.items), lane.size
        self._count(lane, -messages, -size)
        lane.beyond = beyond
        self._count(lane, messages, size)
        if messages:
            old, new = (self._within, self._beyond) if beyond else (self._beyond, self._within)
            new[lane.name] = old.pop(lane.name)

    def _count(self, lane: _Lane[T], messages: int, size: int) -> None:
        lane.size += size
        self._messages += messages
        self._bytes += size
        if lane.beyond:
            self._beyond_messages += messages
            self._beyond_bytes += size

    def _forget_idle(self, now: float) -> None:
        for name in [name for name, lane in self._lanes.items() if not lane.items and lane.time <= now]:
            del self._lanes[name]
