"""Let people in a few at a time: a flood of logins must not take what the board needs."""

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
import structlog

from care_network.access import passwords
from care_network.access.throttle import network_of
from care_network.errors import LoginRefusedError

log = structlog.get_logger(__name__)
T = TypeVar("T")


class KnownNetworks:
    """Networks from which staff have logged in lately; read anew once in EVERY by whoever asks. Threads share it."""

    EVERY = dt.timedelta(minutes=1)

    def __init__(self, read: Callable[[], frozenset[str]], clock: Callable[[], dt.datetime]) -> None:
        self._read, self._clock = read, clock
        self._known: frozenset[str] = frozenset()
        self._read_at: dt.datetime | None = None
        self._lock = threading.Lock()

    def has(self, network: str) -> bool:
        """Whether staff have logged in from there, as far as is known; never waits for the database."""
        return network in self._known

    def add(self, network: str) -> None:
        """A login from there has succeeded."""
        with self._lock:
            self._known |= {network}

    def refresh(self) -> None:
        """Read it anew where that is due; what cannot be read stays as it was. Of a thread that may wait."""
        now = self._clock()
        with self._lock:
            if self._read_at is not None and now - self._read_at < self.EVERY:
                return
            self._read_at = now
        try:
            known = self._read()
        except Exception as error:  # the database is away: the login itself will say so
            log.warning("known networks could not be read", error=str(error).strip())
            return
        with self._lock:
            self._known = known


class LoginQueue:
    """Lets a few logins be checked at a time, in threads of their own; others wait without a thread.

    Two lanes: networks from which staff have logged in within a month have both hash slots, all others one at a time.
    So whoever floods the login from elsewhere, by however many addresses, leaves a slot and a place in the queue to
    those who sit at a known desk. Bounded: one network has PER_NETWORK waiting at most, a lane LONGEST.
    """

    LONGEST = 40
    """With 0.5 s a login and two at a time, the last one waits 10 s."""
    PER_NETWORK = 8
    """A call center's shift change sits behind one address."""
    STRANGERS = passwords.AT_ONCE - 1
    """Slots for networks that are not known."""

    def __init__(self, known: KnownNetworks | None = None) -> None:
        self._known = known
        self._lanes: dict[bool, anyio.CapacityLimiter] = {}
        self._waiting: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}

    async def run(self, origin: str, check: Callable[[], T]) -> T:
        """Run ``check`` when it is its turn. Raises LoginRefusedError where the queue is full. Of one event loop."""
        if not self._lanes:
            sizes = {True: passwords.AT_ONCE, False: self.STRANGERS}
            self._lanes = {known: anyio.CapacityLimiter(size) for known, size in sizes.items()}
        network = network_of(origin)
        known = self._known is None or self._known.has(network)
        waiting = self._waiting[known]
        if waiting.total() >= self.LONGEST or waiting[network] >= self.PER_NETWORK:
            log.warning("login queue is full", origin=origin, known=known, waiting=waiting.total())
            raise LoginRefusedError(
                zh="登录请求过多，请在 10 秒后再试。紧急情况请直接打电话。",
                en="Too many logins at once. Try again in 10 seconds; in an emergency use the telephone.",
                retry_after_s=10,
            )
        waiting[network] += 1
        try:
            return await anyio.to_thread.run_sync(self._checked, network, check, limiter=self._lanes[known])
        finally:
            waiting[network] -= 1
            waiting += Counter()  # forgets networks with nobody waiting

    def _checked(self, network: str, check: Callable[[], T]) -> T:
        if self._known is not None:
            self._known.refresh()
        found = check()
        if self._known is not None:
            self._known.add(network)
        return found
