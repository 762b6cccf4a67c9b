"""Take messages from the broker into bounded memory, fairly, and acknowledge them once they are stored."""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import msgspec
import paho.mqtt.client as paho
import structlog

from firmware_profiles import wire
from firmware_profiles.link import mqtt, shares
from firmware_profiles.link.publish_stream import DUP, RETAIN, Delivery
from firmware_profiles.link.publish_tap import Tap
from ingest.receiving.intake import Allowance, Intake, Verdict
from ingest.receiving.share import URGENT, Share
from observability.liveness import Part

log = structlog.get_logger(__name__)

MAX_MESSAGES = 4000
"""Messages waiting in memory, at most. With as many again in the two batches at work it stays below the broker's limit
of unacknowledged messages (NATS: 10,000 here); beyond that the broker would decide whose messages wait."""
OVERHEAD = 200
"""Bytes that a message costs beside its payload, roughly."""
SHED_MESSAGES = 20_000
"""Messages waiting for the quarantine, at most."""
GATHER_S = 0.005
"""Waited before each reading, so that messages gather: a wake-up for each costs more than the message."""
FULL_PAUSE_S = 0.5
"""With no room left, a message is offered again after this time at the latest."""


class ReceivedMessage(msgspec.Struct, frozen=True):
    """A message that waits for its acknowledgement, by the connection that it came by."""

    topic: str
    payload: bytes | None
    """None: shed, and dropped for want of memory."""
    mid: int
    qos: int
    tap: Tap
    size: int
    arrived_us: int
    """µs since 1970."""
    again: bool
    """Marked by the broker as a repetition (DUP)."""
    retained: bool = False
    """Marked by the broker as kept since some earlier time (RETAIN): sent at each new subscription."""


def sessions(session: str) -> tuple[str, str]:
    """The two sessions of a worker at the broker: for events and statuses, and for readings."""
    return f"{session}-urgent", session


class Subscriber:
    """Receives the messages of two persistent sessions; with ``limit_bytes`` in memory it makes the broker wait.

    ``take`` gives messages in the order in which to store them (see :mod:`ingest.receiving.intake`), ``take_shed``
    those that go to the quarantine; ``acknowledge`` tells the broker that they are stored. A message that was not
    acknowledged comes again after a reconnect or restart.
    """

    def __init__(
        self,
        broker: mqtt.Broker,
        session: str,
        share: Share,
        limit_bytes: int,
        allowance: Allowance,
        *,
        subscribe: bool = True,
        by_shard: bool = False,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._now_us = now_us
        self._broker, self._share, self._subscribe = broker, share, subscribe
        self._filters = share.subscriptions(by_shard=by_shard)
        self._limit = limit_bytes
        self._intake: Intake[ReceivedMessage] = Intake(allowance, limit_bytes, MAX_MESSAGES)
        self._shed: deque[ReceivedMessage] = deque()
        self._shed_bytes = 0
        self._changed = threading.Condition()
        self._hears = [False, False]
        self._added_mid: int | None = None
        self._accepted = False
        self._stopped = False
        self._clients = [
            mqtt.make_client(broker, name, clean=False, take=partial(self._received, line), gather_s=GATHER_S)
            for line, name in enumerate(sessions(session))
        ]
        for line, client in enumerate(self._clients):
            client.user_data_set(line)
            client.on_connect = self._connected
            client.on_subscribe = self._subscribed
            client.on_disconnect = self._disconnected

    def start(self, parts: Sequence[Part] = ()) -> None:
        """Connect; the network thread of each of the two sessions reports to one of ``parts``."""
        for client, part in itertools.zip_longest(self._clients, parts):
            mqtt.start(client, self._broker, part)

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for client in self._clients:
            mqtt.stop(client)

    def take(self, most_messages: int, most_bytes: int, wait_s: float) -> list[ReceivedMessage]:
        """Take waiting messages, up to ``most_messages`` and until they have ``most_bytes``; none after ``wait_s``."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._intake) or self._shed or self._stopped, wait_s)
            taken = self._intake.take(most_messages, most_bytes, time.monotonic())
            self._changed.notify_all()
            return taken

    def take_shed(self, most_messages: int) -> list[ReceivedMessage]:
        """Take messages of gateways beyond their allowance for which there was no room."""
        with self._changed:
            taken = [self._shed.popleft() for _ in range(min(most_messages, len(self._shed)))]
            self._shed_bytes -= sum(len(message.payload or b"") for message in taken)
            self._changed.notify_all()
            return taken

    def acknowledge(self, messages: list[ReceivedMessage]) -> None:
        """Tell the broker that these are stored. Those of an earlier connection are left out: they come again."""
        by_tap: dict[Tap, list[int]] = {}
        for one in messages:
            if one.qos:
                by_tap.setdefault(one.tap, []).append(one.mid)
        for tap, mids in by_tap.items():
            tap.acknowledge(mids)

    @property
    def connected(self) -> bool:
        return all(client.is_connected() for client in self._clients)

    @property
    def waiting(self) -> int:
        return len(self._intake)

    @property
    def shed(self) -> int:
        return len(self._shed)

    def beyond(self) -> list[str]:
        """Gateways that wait because they are beyond their allowance."""
        with self._changed:
            return self._intake.beyond()

    def _connected(self, client: paho.Client, line: int, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.error("broker refuses ingest", reason=str(reason))
            return
        if self._subscribe:
            client.subscribe([(name, 1) for name in (self._filters.urgent, self._filters.bulk)[line]])
            if line == 1:
                self._accepted = False
                self._added_mid = client.subscribe([(name, 1) for name in self._filters.added])[1]
        log.info("connected to the broker", session_present=flags.session_present)

    def _subscribed(self, _client: paho.Client, line: int, mid: int, reasons: list[Any], _properties: Any) -> None:
        refused = sum(reason.is_failure for reason in reasons)
        if line == 1 and mid == self._added_mid:
            if refused:
                log.warning(
                    "the broker refuses readings of other systems, or shares: renew its access list", refused=refused
                )
            self._hear(line, self._accepted)
            return
        if refused:
            log.error(
                "the broker refuses subscriptions: their messages do not come. Does its access list name this service,"
                " is NATS's mqtt.max_ack_pending below 13,107, and SHOUWANG_INGEST_BY_SHARD set for mosquitto alone?",
                refused=refused,
                asked=len(reasons),
            )
            return
        if line == 1:  # the answer on what was added comes next
            self._accepted = True
        else:
            self._hear(line, True)

    def _hear(self, line: int, accepted: bool) -> None:
        self._hears[line] = accepted
        if self._hears[0]:  # sessions of older programs heard everything by one: it stops once the other one hears
            self._clients[1].unsubscribe(list(URGENT))
        if all(self._hears):
            log.info("subscribed", sessions=len(self._hears))

    def _disconnected(self, _client: paho.Client, line: int, _flags: Any, reason: Any, _properties: Any) -> None:
        self._hears[line] = False
        log.warning("connection to the broker ended", reason=mqtt.words(reason))

    def _received(self, line: int, deliveries: list[Delivery], tap: Tap) -> None:
        now_us, share = self._now_us(), self._share
        lanes: dict[str, list[tuple[ReceivedMessage, int]]] = {}
        of_others: list[int] = []
        for topic_bytes, payload, mid, flags in deliveries:
            whole, topic, lane = _named(topic_bytes)
            if not share.holds(whole):
                of_others.append(mid)
                continue
            size = len(payload)
            message = ReceivedMessage(
                topic, payload, mid, flags >> 1 & 3, tap, size, now_us, flags & DUP != 0, flags & RETAIN != 0
            )
            if lane in lanes:
                lanes[lane].append((message, size + OVERHEAD))
            else:
                lanes[lane] = [(message, size + OVERHEAD)]
        tap.acknowledge(of_others)
        with self._changed:
            now = time.monotonic()
            for lane, messages in lanes.items():
                again = any(message.again for message, _ in messages)
                if again or len(self._shed) >= SHED_MESSAGES or not self._intake.offer_all(lane, messages, now):
                    for message, size in messages:
                        self._offer(line, lane, message, size)
            self._changed.notify_all()

    def _offer(self, line: int, lane: str, message: ReceivedMessage, size: int) -> None:
        """Offer a message until there is room; the network's thread waits, and with it the broker."""
        while not self._stopped:
            if len(self._shed) < SHED_MESSAGES:
                verdict = self._intake.offer(lane, message, size, time.monotonic(), charge=not message.again)
                if verdict is Verdict.SHED:
                    self._put_aside(message)
                if verdict is not Verdict.FULL:
                    return
            self._changed.notify_all()
            self._changed.wait(FULL_PAUSE_S)
            self._clients[line].turned()

    def _put_aside(self, received: ReceivedMessage) -> None:
        if self._shed_bytes + received.size > self._limit // 4:
            received = msgspec.structs.replace(received, payload=None)
        self._shed.append(received)
        self._shed_bytes += len(received.payload or b"")


def _lane(topic: str) -> str:
    """Name the queue of a message: its gateway's. Events and statuses have one of their own, so that a fall does not
    wait behind the readings of its own gateway."""
    gateway = wire.gateway_in(topic) or topic
    return (
        gateway if topic.endswith(("/readings", "/observations")) or topic.startswith("senml/") else f"{gateway}/events"
    )


@lru_cache(maxsize=50_000)
def _named(topic: bytes) -> tuple[str, str, str]:
    """The topic as text (what is no UTF-8 becomes ``\\xff``), the one under which it was published, and its lane."""
    text = topic.decode(errors="backslashreplace")
    original = shares.original_topic(text)
    return text, original, _lane(original)
