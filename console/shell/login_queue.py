"""Let people in a few at a time: a flood of logins must not take what the board needs."""

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


class LoginQueue:
    """Lets AT_ONCE logins be checked at a time, in threads of their own; others wait without a thread.

    A flood of logins holds two connections of a pool of its own and no thread that pages need. Bounded: one network
    has PER_NETWORK waiting at most, all together LONGEST.
    """

    LONGEST = 40
    """With 0.5 s a login and two at a time, the last one waits 10 s."""
    PER_NETWORK = 8
    """A call center's shift change sits behind one address."""

    def __init__(self) -> None:
        self._limiter: anyio.CapacityLimiter | None = None
        self._waiting: Counter[str] = Counter()

    async def run(self, origin: str, check: Callable[[], T]) -> T:
        """Run ``check`` when it is its turn. Raises LoginRefusedError where the queue is full. Of one event loop."""
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(passwords.AT_ONCE)
        network = network_of(origin)
        if self._waiting.total() >= self.LONGEST or self._waiting[network] >= self.PER_NETWORK:
            log.warning("login queue is full", origin=origin, waiting=self._waiting.total())
            raise LoginRefusedError(
                zh="登录请求过多，请在 10 秒后再试。紧急情况请直接打电话。",
                en="Too many logins at once. Try again in 10 seconds; in an emergency use the telephone.",
                retry_after_s=10,
            )
        self._waiting[network] += 1
        try:
            return await anyio.to_thread.run_sync(check, limiter=self._limiter)
        finally:
            self._waiting[network] -= 1
            self._waiting += Counter()  # forgets networks with nobody waiting
