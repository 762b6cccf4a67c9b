"""Receives the homes' messages by MQTT and hands them out: events before statuses before frames, these many at once.

Two connections: one for the frames of a district, megabytes after an outage, the other for events and statuses, which
must not wait behind them. Both sessions are persistent. A message is acknowledged once its findings are safe, not when
it arrives.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
import structlog

from alerting.service.receiving.messages import Content, content_of
from firmware_profiles import wire
from firmware_profiles.link import mqtt, shares
from firmware_profiles.link.publish_stream import Delivery
from firmware_profiles.link.publish_tap import Tap
from observability.liveness import Liveness

log = structlog.get_logger(__name__)

LEAVES: tuple[tuple[wire.Leaf, ...], ...] = (("events", "panel", "status"), ("readings", "observations"))
"""Topics of each connection, in the order of urgency."""
LATER: tuple[tuple[str, ...], ...] = (
    (wire.subscription("panel"),),
    (wire.subscription("observations"), shares.share_filter(wire.subscription("readings"))),
)
"""Filters of each connection that an older access list of a broker does not name: refused, they leave the others as
they are. NATS gives readings under the last one where it divides them among several workers of ingest."""
PRIORITY: dict[str, int] = {leaf: number for number, leaf in enumerate(leaf for leaves in LEAVES for leaf in leaves)}
FIRST_OF_FRAMES = PRIORITY["readings"]
MOST_FRAMES = 20_000
"""Frames in memory; with more, paho's thread waits, and so does the broker."""
AT_ONCE = 200
"""Frames that are taken at once, at most: an event waits until they are heard, some milliseconds."""
GATHER_S = (0.0, 0.02)
"""How long messages may gather before they are read, by connection: a wake-up costs more than a frame, and readings
are judged seconds later; an event is read at once."""


class ReceivedMessage(msgspec.Struct, frozen=True, dict=True):
    """A message as it arrived, with the connection on which it is acknowledged."""

    topic: str
    payload: bytes
    mid: int
    tap: Tap
    arrived: float = msgspec.field(default_factory=time.monotonic)
    """By the monotonic clock."""

    @cached_property
    def content(self) -> Content:
        """The decoded message, decoded when first asked for: waiting frames would take twice the memory."""
        return content_of(self.topic, self.payload)


def sessions(worker: str) -> tuple[str, str]:
    """The two sessions of a worker at the broker, in the order of LEAVES."""
    return f"{worker}-urgent", worker


class Mailbox:
    """Paho's threads put messages in, one thread takes them out.

    ``up`` is called when all connections stand and the broker has accepted their subscriptions: only then are homes
    heard. ``down`` when one is lost; both in paho's threads.
    """

    def __init__(self, broker: mqtt.Broker, worker: str, up: Callable[[], None], down: Callable[[], None]) -> None:
        self._broker, self._up, self._down = broker, up, down
        self._waiting: tuple[deque[ReceivedMessage], ...] = tuple(deque() for _ in PRIORITY)
        self._lock = threading.Lock()
        self._filled, self._emptied = threading.Condition(self._lock), threading.Condition(self._lock)
        self._closed = False
        self._hears = [False, False]
        self._added: set[tuple[int, int | None]] = set()
        self._clients = [
            mqtt.make_client(broker, name, clean=False, take=partial(self._received, line), gather_s=GATHER_S[line])
            for line, name in enumerate(sessions(worker))
        ]
        for line, client in enumerate(self._clients):
            client.user_data_set(line)
            client.on_connect = self._on_connect
            client.on_subscribe = self._on_subscribe
            client.on_disconnect = self._on_disconnect

    @property
    def certificates(self) -> list[Path]:
        """The certificate files of the connection."""
        return self._broker.certificates

    @property
    def waiting(self) -> int:
        """Number of messages that no one has taken yet."""
        return sum(map(len, self._waiting))

    def start(self, liveness: Liveness | None = None) -> None:
        """Connect; each network thread is a part of ``liveness``."""
        parts = liveness or Liveness()
        for client, what in zip(self._clients, ("events", "frames"), strict=True):
            mqtt.start(client, self._broker, parts.part(f"broker link of {what}"))

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._emptied.notify_all()
        for client in self._clients:
            mqtt.stop(client)

    def take(self, timeout_s: float) -> list[ReceivedMessage]:
        """The most urgent message, or many frames where nothing else waits; none where none comes within the time."""
        with self._lock:
            self._filled.wait_for(lambda: any(self._waiting), timeout_s)
            for priority, waiting in enumerate(self._waiting):
                if waiting:
                    most = AT_ONCE if priority >= FIRST_OF_FRAMES else 1
                    taken = [waiting.popleft() for _ in range(min(most, len(waiting)))]
                    self._emptied.notify()
                    return taken
        return []

    def event(self, wanted: Callable[[ReceivedMessage], bool]) -> ReceivedMessage | None:
        """The next event, if one is there and ``wanted``. Returns at once."""
        with self._lock:
            events = self._waiting[0]
            return events.popleft() if events and wanted(events[0]) else None

    def settle(self, messages: Sequence[ReceivedMessage]) -> None:
        """Acknowledge messages; those whose connection broke since are repeated by the broker in any case."""
        by_tap: dict[Tap, list[int]] = {}
        for message in messages:
            if message.mid:
                by_tap.setdefault(message.tap, []).append(message.mid)
        for tap, mids in by_tap.items():
            tap.acknowledge(mids)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1."""
        self._clients[0].publish_now(topic, payload)

    def _on_connect(self, client: paho.Client, line: int, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.error("broker refuses alerting", reason=str(reason))
            return
        names = [wire.subscription(leaf) for leaf in LEAVES[line]]
        client.subscribe([(name, 1) for name in names if name not in LATER[line]])
        for name in LATER[line]:
            self._added.add((line, client.subscribe(name, 1)[1]))
        if line == 1:  # sessions of older programs heard everything by one connection
            client.unsubscribe([wire.subscription(leaf) for leaf in LEAVES[0]])

    def _on_subscribe(self, _client: paho.Client, line: int, mid: int, reasons: list[Any], _properties: Any) -> None:
        if (line, mid) in self._added:
            self._added.discard((line, mid))
            if any(reason.is_failure for reason in reasons):
                log.error("the broker refuses panels, other systems or shares: renew its access list", topics=LATER)
            return
        if any(reason.is_failure for reason in reasons):
            log.error("the broker refuses subscriptions: homes are not heard. Does its access list name alerting?")
            return
        self._hears[line] = True
        if all(self._hears):
            self._up()
            log.info("connected to the broker, homes are heard")

    def _on_disconnect(self, _client: paho.Client, line: int, *_: Any) -> None:
        self._hears[line] = False
        self._down()

    def _received(self, line: int, deliveries: Sequence[Delivery], tap: Tap) -> None:
        arrived = time.monotonic()
        with self._lock:
            for topic_bytes, payload, mid, _ in deliveries:
                topic, priority = _named(topic_bytes)
                waiting = self._waiting[priority]
                while line == 1 and len(waiting) >= MOST_FRAMES and not self._closed:
                    log.warning("the engine is behind; the broker waits")
                    self._emptied.wait(1)
                    self._clients[line].turned()
                waiting.append(ReceivedMessage(topic, payload, mid, tap, arrived))
            self._filled.notify()


@lru_cache(maxsize=50_000)
def _named(topic: bytes) -> tuple[str, int]:
    """The topic under which it was published (what is no UTF-8 becomes ``\\xff``), and its urgency."""
    text = shares.original_topic(topic.decode(errors="backslashreplace"))
    return text, PRIORITY.get(text.rsplit("/", 1)[-1], len(PRIORITY) - 1)
