"""The synthetic gateways: one with an outbox and uplink as in a home, and one that goes silent."""

import asyncio
import contextlib
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho

from edge_agent.outbox.outbox import Outbox
from edge_agent.outbox.sent import SentMessages
from edge_agent.timekeeping.clock import Clock
from edge_agent.uplink import Uplink
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from firmware_profiles.link.connection_watch import hang_up
from observability.liveness import Part

BUDGET_BYTES = 16 * 1024 * 1024
ACK_TIMEOUT_S = 10.0
PUMP_S = 0.5
STATUS_S = 30.0
RECENT = 1000
"""Answers that are remembered."""


class SyntheticGateway:
    """A gateway in a thread of its own, made of the parts of the edge agent. Thread-safe."""

    def __init__(self, broker: mqtt.Broker, name: str, folder: Path) -> None:
        self._broker, self._name, self._folder = broker, name, folder
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._clock = Clock()
        self._outbox: Outbox
        self._uplink: Uplink
        self._answered: dict[int, None] = {}
        self._pending = 0
        self._ready = threading.Event()

    def run(self, part: Part) -> None:
        """Run until :meth:`stop`; the body of the thread."""
        self._loop.run_until_complete(self._run(part))
        self._loop.close()

    def stop(self) -> None:
        """End :meth:`run`."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    def send(self, device: str, kind: str, time_us: int | None = None) -> int:
        """Put an event into the outbox; gives its time, µs by the gateway's clock. Raises TimeoutError."""
        self._ready.wait(30)
        return asyncio.run_coroutine_threadsafe(self._send(device, kind, time_us), self._loop).result(30)

    @property
    def empty(self) -> bool:
        """Whether the broker has acknowledged everything."""
        return self._pending == 0

    def answered(self, time_us: int) -> bool:
        """Whether alerting has answered the event of this time."""
        return time_us in self._answered

    async def _send(self, device: str, kind: str, time_us: int | None) -> int:
        moment = self._clock.now_us() if time_us is None else time_us
        self._outbox.put_event(device, kind, moment, {}, b"")
        self._pending = self._outbox.totals().pending
        self._uplink.pump()
        return moment

    async def _run(self, part: Part) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._outbox = Outbox(self._folder / f"{self._name}.db", self._name, self._clock, BUDGET_BYTES)
        sent = SentMessages(self._folder / f"{self._name}.sent", BUDGET_BYTES)
        handlers = {"alert_received": self._heard, "help_coming": lambda _command: "nobody needs help here"}
        self._uplink = Uplink(
            self._broker, self._name, self._outbox, self._clock, handlers, sent, ack_timeout_s=ACK_TIMEOUT_S
        )
        self._uplink.start()
        self._ready.set()
        told = 0.0
        while not self._stop.is_set():
            self._uplink.pump()
            self._pending = self._outbox.totals().pending
            if time.monotonic() - told > STATUS_S:
                self._uplink.publish_status()
                told = time.monotonic()
            if self._uplink.online:
                part.turned()
            else:
                part.held_up("no connection to the broker")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), PUMP_S)
        await self._uplink.stop(2.0)
        self._outbox.close()

    def _heard(self, command: wire.Command) -> str:
        moment = command.args.get("time_us")
        if isinstance(moment, int):
            self._answered[moment] = None
            if len(self._answered) > RECENT:
                del self._answered[next(iter(self._answered))]
        return "heard"


class SilentGateway:
    """A gateway that is only online, and can vanish as one without power does: the broker sends its last will."""

    def __init__(self, broker: mqtt.Broker, name: str) -> None:
        self._broker, self._name = broker, name
        self._client: mqtt.WatchedClient | None = None

    def appear(self) -> None:
        """Connect, and say so at each connection."""
        will = mqtt.Will(wire.topic(self._name, "status"), wire.encode(self._status("offline")))
        self._client = mqtt.make_client(self._broker, self._name, clean=True, will=will)
        self._client.on_connect = self._connected
        mqtt.start(self._client, self._broker)

    def tell(self) -> None:
        """Say that it is there, as a gateway does now and then."""
        if self._client is not None and self._client.is_connected():
            self._connected(self._client, None, None, None, None)

    @property
    def online(self) -> bool:
        """Whether the broker has it, and so its last will."""
        return self._client is not None and self._client.is_connected()

    def vanish(self) -> None:
        """End the connection without a word."""
        if self._client is not None:
            self._client.loop_stop()
            hang_up(self._client)
            mqtt.stop(self._client)
            self._client = None

    def stop(self) -> None:
        """Disconnect in good order."""
        if self._client is not None:
            farewell = self._client.publish(
                wire.topic(self._name, "status"), wire.encode(self._status("offline")), 1, retain=True
            )
            with contextlib.suppress(RuntimeError, ValueError):
                farewell.wait_for_publish(1)
            mqtt.stop(self._client)
            self._client = None

    def _connected(self, client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason is None or not reason.is_failure:
            client.publish(wire.topic(self._name, "status"), wire.encode(self._status("online")), qos=1, retain=True)

    def _status(self, state: Any) -> wire.Status:
        now_us = time.time_ns() // 1000
        return wire.Status(
            version=wire.VERSION, gateway=self._name, state=state, time_us=now_us, epoch=now_us, boot=now_us
        )
