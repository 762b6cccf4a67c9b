"""Send the messages of one channel. Each channel has a lane of its own, so that one that hangs delays no other.

An attempt has a hard end: a peer that trickles bytes past every time-out of its client is given up at the deadline, its
thread left to itself, and its late result ignored. The breaker keeps such threads few.
"""

import contextlib
import threading
import time

import psycopg
import structlog

from database.pool import Pool
from dispatch.channels import render, sending
from dispatch.channels.adapters.base import Adapter, DeliveryError, PermanentError, RetryableError, Sent
from dispatch.channels.breaker import Breaker
from dispatch.channels.config import Channels
from dispatch.channels.sending import ClaimedMessage
from dispatch.core.faults import server_message, traceback_summary
from observability import metrics
from observability.liveness import Part

log = structlog.get_logger(__name__)

CRASHES = 2
"""Attempts beyond those allowed, for workers that died in one; then the message moves on without another."""
LOOK_S = 1.0
"""Interval at which a channel looks for due messages without being woken."""
RENEW_S = 1.5
"""Age at which a lease is renewed."""
GRACE_S = 0.5
"""Time beyond an adapter's own time-out before its attempt is given up."""


class SendAttempt:
    """A message on its way, settled by its result or by its deadline, whichever comes first."""

    def __init__(self, message: ClaimedMessage, deadline_s: float, leased_until: float) -> None:
        self.message, self.deadline_s, self.leased_until = message, deadline_s, leased_until
        self.thread: threading.Thread | None = None
        self._settled = False
        self._lock = threading.Lock()

    def settle(self) -> bool:
        """True for the first caller, who records how it ended."""
        with self._lock:
            first, self._settled = not self._settled, True
            return first


class Lane:
    """Claims, sends and records the due messages of one channel, until stopped."""

    def __init__(
        self,
        name: str,
        channels: Channels,
        adapter: Adapter,
        pool: Pool,
        links: render.MessageLinks,
        worker: str,
    ) -> None:
        self.name, self._adapter, self._pool, self._links, self._worker = name, adapter, pool, links, worker
        self._channels, self._channel = channels, channels.channels[name]
        self.wake = threading.Event()
        self._breaker, self._lock = Breaker(), threading.Lock()
        self._under_way: set[SendAttempt] = set()
        self._abandoned: set[threading.Thread] = set()

    def run(self, stop: threading.Event, part: Part) -> None:
        """Send until ``stop``."""
        while not stop.is_set():
            self.wake.clear()
            try:
                busy = self._turn()
                part.turned()
            except psycopg.Error as error:
                part.held_up(f"the database is away: {server_message(error)}")
                log.warning("database away; messages wait", channel=self.name, error=server_message(error))
                busy = False
            except Exception as error:  # one fault must not end the channel
                part.held_up(f"the channel stumbled: {type(error).__name__}")
                log.error(
                    "channel stumbled",
                    channel=self.name,
                    fault=type(error).__name__,
                    where=traceback_summary(error),
                )
                busy = False
            if not busy:
                self.wake.wait(LOOK_S)

    def _turn(self) -> bool:
        """Claim and begin due messages; True where there may be more at once."""
        self._give_up_the_overdue()
        self._renew()
        metrics.channel_suspended.labels(self.name).set(self._breaker.is_open)
        with self._lock:
            free = self._channel.workers - len(self._under_way)
        if free <= 0:
            self.wake.wait(0.05)
            return True
        with self._lock:
            # While it is suspended due messages move on or wait; then one attempt shows whether the peer is back.
            many = 20 if self._breaker.opens_at(time.monotonic()) is not None else 1 if self._breaker.is_open else free
        leased_until = time.monotonic() + sending.LEASE_S  # begins before the database's: we give up first
        with self._pool.connection() as conn:
            if self._channel.per_minute:
                many = min(many, sending.room(conn, self.name, self._channel.per_minute))
                if not many:
                    return False
            claimed = sending.claim(conn, self.name, self._worker, many)
        for message in claimed:
            self._begin(message, leased_until)
        return len(claimed) == many

    def _begin(self, message: ClaimedMessage, leased_until: float) -> None:
        if not message.agreed:
            with self._pool.connection() as conn:
                sending.stop(conn, message, self._worker, "the resident's consent has ended")
            return
        now = time.monotonic()
        self._abandoned = {thread for thread in self._abandoned if thread.is_alive()}
        with self._lock:
            until = self._breaker.opens_at(now)
            if until is None and len(self._abandoned) >= 2 * self._channel.workers:
                until = now + LOOK_S
            if until is None:
                self._breaker.begin_attempt(now)
        if until is not None:
            self._pass_on(message, until - now)
            return
        if message.attempts > self._channel.attempts + CRASHES:
            with self._pool.connection() as conn:
                sending.fail(conn, message, self._worker, PermanentError("its workers died over it"), self._channel)
            return
        attempt = SendAttempt(message, now + self._channel.timeout_s + GRACE_S, leased_until)
        with self._lock:
            self._under_way.add(attempt)
        thread = threading.Thread(target=self._send, args=(attempt,), name=f"{self.name} {message.id}", daemon=True)
        attempt.thread = thread
        thread.start()

    def _pass_on(self, message: ClaimedMessage, pause_s: float) -> None:
        """Give a message of a suspended channel to the next one, or put it off."""
        reason = "the channel is suspended: its peer does not answer"
        with self._pool.connection() as conn:
            if message.last_channel:
                sending.release(conn, message, self._worker, max(pause_s, 0.2), reason)
            else:
                sending.fail(conn, message, self._worker, RetryableError(reason), self._channel, skip=True)

    def _send(self, attempt: SendAttempt) -> None:
        message = attempt.message
        result: Sent | DeliveryError
        try:
            out = render.outgoing(message, self._channels.form(self.name), self._links)
            if time.monotonic() >= attempt.leased_until:  # this process stood still: another one may have it by now
                self._leave(attempt)
                return
            result = self._adapter.send(out, self._channel.timeout_s)
        except DeliveryError as error:
            result = error
        except Exception as error:  # a fault of an adapter or a library must not stop the channel
            log.error(
                "adapter failed",
                channel=self.name,
                fault=type(error).__name__,
                where=traceback_summary(error),
            )
            result = RetryableError(f"{type(error).__name__}: {error}")
        if attempt.settle():
            self._record(attempt, result)

    def _renew(self) -> None:
        """Renew the leases of the attempts under way; one that is lost is left to its new owner."""
        soon = time.monotonic() + sending.LEASE_S - RENEW_S
        with self._lock:
            due = [one for one in self._under_way if one.leased_until <= soon]
        if not due:
            return
        until = time.monotonic() + sending.LEASE_S
        with self._pool.connection() as conn:
            ours = sending.renew(conn, self._worker, [one.message.id for one in due])
        for attempt in due:
            attempt.leased_until = until if attempt.message.id in ours else 0.0

    def _leave(self, attempt: SendAttempt) -> None:
        """Leave a message unsent to the worker that has its lease now, or gets it next."""
        if attempt.settle():
            reason = "not sent: the lease ran out"
            log.warning(reason, channel=self.name, message=attempt.message.id)
            with contextlib.suppress(psycopg.Error), self._pool.connection() as conn:
                sending.release(conn, attempt.message, self._worker, 0.0, reason)  # changes nothing of another's
        with self._lock:
            self._under_way.discard(attempt)
        self.wake.set()

    def _give_up_the_overdue(self) -> None:
        now = time.monotonic()
        with self._lock:
            overdue = [one for one in self._under_way if now > one.deadline_s]
        for attempt in overdue:
            if attempt.settle():
                if attempt.thread is not None:
                    self._abandoned.add(attempt.thread)
                log.warning("attempt given up at its deadline", channel=self.name, message=attempt.message.id)
                self._record(attempt, RetryableError("no answer in time"))

    def _record(self, attempt: SendAttempt, result: Sent | DeliveryError) -> None:
        message = attempt.message
        with self._lock:
            if isinstance(result, RetryableError):
                if self._breaker.record_failure(time.monotonic()):
                    log.warning("channel suspended", channel=self.name)
            else:
                self._breaker.record_success()
        try:
            with self._pool.connection() as conn:
                if isinstance(result, Sent):
                    sending.succeed(conn, message, self._worker, result, self._channel)
                    outcome = "sent"
                else:
                    outcome = sending.fail(conn, message, self._worker, result, self._channel)
            metrics.attempts.labels(self.name, outcome).inc()
            log.info("attempt", channel=self.name, message=message.id, number=message.attempts, outcome=outcome)
        except psycopg.Error as error:
            # The lease runs out and the attempt is repeated with the same key: at least once.
            log.warning("result not recorded", channel=self.name, message=message.id, error=server_message(error))
        except Exception as error:
            log.error(
                "result not recorded",
                message=message.id,
                fault=type(error).__name__,
                where=traceback_summary(error),
            )
        finally:
            with self._lock:
                self._under_way.discard(attempt)
            self.wake.set()
