"""From the broker into memory, bounded; acknowledged when told to."""

import threading
from collections import deque
from typing import Any

import msgspec
import paho.mqtt.client as paho
import structlog

from firmware_profiles import mqtt, wire

log = structlog.get_logger(__name__)

LEAVES: tuple[wire.Leaf, ...] = ("events", "status", "readings")
MAX_MESSAGES = 50_000
OVERHEAD = 200
"""Bytes that a message costs beside its payload, roughly."""


class Received(msgspec.Struct, frozen=True):
    """A message that waits for its acknowledgement. ``connection`` tells which connection it came by: a message id
    means nothing on another one."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    connection: int


class Subscriber:
    """Takes what the broker has for a persistent session; holds at most ``limit_bytes`` and makes the broker wait then.

    ``take`` gives messages in their order; ``acknowledge`` tells the broker that they are stored. What is not
    acknowledged comes again after a reconnect or restart.
    """

    def __init__(self, broker: mqtt.Broker, worker: str, shards: list[str], limit_bytes: int) -> None:
        self._broker = broker
        self._filters = [(wire.subscription(leaf, shard), 1) for shard in shards for leaf in LEAVES]
        self._limit = limit_bytes
        self._waiting: deque[Received] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._connection = 0
        self._stopped = False
        self._client = mqtt.make_client(broker, worker, clean=False, manual_ack=True)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._received

    def start(self) -> None:
        mqtt.start(self._client, self._broker)

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        mqtt.stop(self._client)

    def take(self, most_messages: int, wait_s: float) -> list[Received]:
        """Waiting messages, up to ``most_messages``; an empty list when none came within ``wait_s``."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopped, wait_s)
            taken = [self._waiting.popleft() for _ in range(min(most_messages, len(self._waiting)))]
            self._bytes -= sum(len(message.payload) + OVERHEAD for message in taken)
            self._changed.notify_all()
            return taken

    def acknowledge(self, messages: list[Received]) -> None:
        """They are stored. One that came by an earlier connection is left alone: the broker sends it again."""
        for message in messages:
            if message.qos and message.connection == self._connection:
                self._client.ack(message.mid, message.qos)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def _connected(self, client: paho.Client, _userdata: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.error("broker refuses ingest", reason=str(reason))
            return
        with self._changed:
            self._connection += 1
        client.subscribe(self._filters)
        log.info("connected to the broker", session_present=flags.session_present)

    def _disconnected(self, _client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        log.warning("connection to the broker ended", reason=str(reason))

    def _received(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        size = len(message.payload) + OVERHEAD
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._stopped
                    or not self._waiting
                    or (self._bytes + size <= self._limit and len(self._waiting) < MAX_MESSAGES)
                )
            )
            self._waiting.append(
                Received(message.topic, bytes(message.payload), message.mid, message.qos, self._connection)
            )
            self._bytes += size
            self._changed.notify_all()
