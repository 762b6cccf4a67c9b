"""The connection to the district: sends the outbox, events before readings; birth, last will, commands.

paho runs the connection in its own thread and, after a reconnect, repeats unacknowledged messages in order; this side
keeps the windows small, so that an event never queues behind a backlog, and hands nothing over while offline. A
connection whose broker acknowledges nothing is closed and made anew.
"""

import asyncio
import contextlib
import importlib.metadata
from collections.abc import Callable, Mapping
from typing import Any, Literal

import paho.mqtt.client as paho
import structlog

from edge_agent.command_guard import CommandGuard, RepeatedCommandError
from edge_agent.outbox.file import Lane
from edge_agent.outbox.outbox import Outbox, Outgoing
from edge_agent.outbox.resend import COMMAND as RESEND
from edge_agent.outbox.resend import Resend
from edge_agent.outbox.sent import SentMessages
from edge_agent.timekeeping.clock import Clock
from firmware_profiles import wire
from firmware_profiles.errors import DecodeError
from firmware_profiles.link import mqtt, tls
from firmware_profiles.link.connection_watch import hang_up
from observability.liveness import Part

log = structlog.get_logger(__name__)

WINDOW: dict[Lane, int] = {"events": 64, "frames": 8}
"""Messages in flight at most, per lane."""
GATHER_S = 0.016
"""Acknowledgements are gathered for this long before the window is filled again. That limits a backlog to 500 frames a
second, which leaves time for events: on this processor, and in a district where all gateways come back at once."""
ACK_TIMEOUT_S = 30.0
"""A connection without any acknowledgement for this long, with messages in flight, is closed."""
HEARS: tuple[wire.Leaf, ...] = ("commands", "alarm")
AGAIN = -1
"""In place of the outbox's id: a message that is sent once more and that the outbox has forgotten."""


def _software() -> str:
    """Name and version of the program, as the status says it."""
    try:
        return f"shouwang-edge {importlib.metadata.version('shouwang')}"
    except importlib.metadata.PackageNotFoundError:  # a source tree that is not installed
        return "shouwang-edge unknown"


SOFTWARE = _software()

Handler = Callable[[wire.Command], str]
"""Carries out a command and returns the text of the reply; raises ValueError where it cannot."""


class Interim(str):
    """Reply of a handler that has only begun its work; :meth:`Uplink.reply` sends the final one later."""

    __slots__ = ()


class Uplink:
    """One gateway's connection, in one event loop; call :meth:`pump` after something was put into the outbox."""

    def __init__(
        self,
        broker: mqtt.Broker,
        gateway: str,
        outbox: Outbox,
        clock: Clock,
        handlers: dict[str, Handler],
        sent: SentMessages,
        ack_timeout_s: float = ACK_TIMEOUT_S,
        certificate_until_us: Callable[[], int] = lambda: 0,
        guard: CommandGuard | None = None,
    ) -> None:
        self._broker, self._gateway, self._outbox, self._clock = broker, gateway, outbox, clock
        self._sent, self._resend = sent, Resend(sent)
        self._handlers = {RESEND: self._resend_requested, **handlers}
        self._ack_timeout_s, self._certificate_until_us = ack_timeout_s, certificate_until_us
        self._guard = guard
        self._loop = asyncio.get_running_loop()
        self._subscribing = False  # connected, but paho may still be repeating messages
        self._online = False
        self._in_flight: dict[int, Outgoing] = {}  # by paho's message id
        self._handed_over: dict[int, float] = {}  # by paho's message id, on the loop's clock
        self.round_trip_s: float | None = None
        """Time from handing over to PUBACK of the message acknowledged last; None before the first."""
        self._firmware: dict[str, str] = {}
        self._heads: dict[tuple[int, str], int] = {}  # by epoch and stream: the highest number acknowledged
        self._done: list[int] = []  # acknowledged, not yet deleted from the outbox
        self._progress = 0.0  # when the broker last acknowledged, or had nothing to
        self._pumping = False
        will = mqtt.Will(wire.topic(gateway, "status"), wire.encode(self._status("offline")))
        self._client = mqtt.make_client(broker, gateway, clean=True, will=will)
        self._client.max_inflight_messages_set(sum(WINDOW.values()) + 16)
        self._client.on_connect = self._from_thread(self._connected)
        self._client.on_subscribe = self._from_thread(self._subscribed)
        self._client.on_disconnect = self._from_thread(self._disconnected)
        self._client.on_publish = self._from_thread(self._acknowledged)
        self._client.on_message = self._from_thread(self._on_command)

    @property
    def online(self) -> bool:
        """The broker has accepted us and the connection stands."""
        return self._online

    def start(self, part: Part | None = None) -> None:
        """Connect and stay connected; the network thread reports to ``part``."""
        mqtt.start(self._client, self._broker, part)

    async def stop(self, patience_s: float = 5.0) -> None:
        """Disconnect, after up to ``patience_s`` for waiting messages, with a last status ``offline``."""
        deadline = self._loop.time() + patience_s
        while self._online and self._loop.time() < deadline and (self._in_flight or self._outbox.totals().pending):
            self.pump()
            await asyncio.sleep(0.02)
        if self._online:
            farewell = self._client.publish(
                wire.topic(self._gateway, "status"), wire.encode(self._status("offline")), qos=1, retain=True
            )
            await asyncio.to_thread(_wait_for, farewell)
        await asyncio.to_thread(mqtt.stop, self._client)

    def pump(self) -> None:
        """Hand over what fits into the windows: events first."""
        self._pumping = False
        if self._done:
            self._outbox.delete(self._done)
            self._done = []
        if self._online and not self._in_flight:
            self._progress = self._loop.time()
        elif (self._online or self._subscribing) and self._loop.time() - self._progress > self._ack_timeout_s:
            self._leave()
        if not self._online:
            return
        flying = [message.lane for message in self._in_flight.values()]
        room = WINDOW["events"] - flying.count("events")
        if room > 0:
            for message in self._outbox.next("events", self._clock.now_us(), room):
                self._publish(message)
        room = WINDOW["frames"] - flying.count("frames")
        if room > 0:
            for message in self._outbox.next("frames", self._clock.now_us(), room):
                self._publish(message)
        room = WINDOW["frames"] - sum(message.lane == "frames" for message in self._in_flight.values())
        for again in self._resend.take(room):  # room is left only where nothing fresh waits
            self._publish(Outgoing(AGAIN, "frames", again))

    def publish_status(self) -> None:
        """Publish the status now, if online; each new connection publishes it anyway."""
        if self._online:
            self._client.publish(
                wire.topic(self._gateway, "status"), wire.encode(self._status("online")), qos=1, retain=True
            )

    def tell_firmware(self, firmware: Mapping[str, str]) -> None:
        """Tell the versions of the devices' programs, where they are others than were told last."""
        if firmware != self._firmware:
            self._firmware = dict(firmware)
            self.publish_status()

    def request_certificate(self, request: bytes) -> None:
        """Ask the district for a renewed certificate (PKCS #10, PEM); the answer is a command."""
        asked = wire.CertificateRequest(wire.VERSION, self._gateway, request)
        self._client.publish(wire.topic(self._gateway, "certificates"), wire.encode(asked), qos=1)

    def _leave(self) -> None:
        """Close a connection that has become useless; paho's thread makes a new one."""
        log.warning(
            "the broker acknowledges nothing; connecting again",
            gateway=self._gateway,
            in_flight=len(self._in_flight),
            after_s=self._ack_timeout_s,
        )
        self._online = self._subscribing = False
        hang_up(self._client)

    def _publish(self, message: Outgoing) -> None:
        leaf: wire.Leaf = "events" if message.numbered.stream == "events" else "readings"
        info = self._client.publish(wire.topic(self._gateway, leaf), message.numbered.payload, qos=1)
        self._in_flight[info.mid] = message
        self._handed_over[info.mid] = self._loop.time()

    def _status(self, state: Literal["online", "offline"]) -> wire.Status:
        totals = self._outbox.totals()
        epoch = self._outbox.epoch
        return wire.Status(
            version=wire.VERSION,
            gateway=self._gateway,
            state=state,
            time_us=self._clock.now_us(),
            epoch=epoch,
            boot=self._clock.boot_us,
            software=SOFTWARE,
            buffered=totals.pending,
            lost_readings=totals.lost_readings,
            lost_events=totals.lost_events,
            buffer_fault=self._outbox.unwritable[:200],
            clock_synced=self._clock.synced,
            clock_offset_ms=round(self._clock.offset_us() / 1000, 1),
            clock_steps=self._clock.steps,
            certificate_until_us=self._certificate_until_us(),
            signed_commands=0 if self._guard is None else self._guard.services,
            refused_commands=0 if self._guard is None else self._guard.refused,
            acknowledged={stream: seq for (of, stream), seq in self._heads.items() if of == epoch},
            firmware=self._firmware,
        )

    def _from_thread(self, callback: Callable[..., None]) -> Callable[..., None]:
        def hand_over(*arguments: Any) -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(callback, *arguments)

        return hand_over

    def _connected(self, client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.error("broker refuses the gateway", gateway=self._gateway, reason=str(reason))
            return
        self._subscribing = True
        self._progress = self._loop.time()
        identity = tls.identity_of(self._broker)
        if identity not in ("", self._gateway):  # it would speak for another home, and be thrown away unheard
            log.error(
                "the certificate is another gateway's: nothing is sent", gateway=self._gateway, made_out_to=identity
            )
            return
        client.subscribe([(wire.topic(self._gateway, leaf), 1) for leaf in HEARS])

    def _subscribed(
        self, _client: paho.Client, _userdata: Any, _mid: int, reasons: list[Any], _properties: Any
    ) -> None:
        # Online only now: after on_connect paho still repeats messages in flight, and an event handed over in between
        # would overtake older ones. paho reads the SUBACK after it has repeated everything.
        if not self._subscribing:
            return
        if any(reason.is_failure for reason in reasons):
            # Without the right to hear there is none to speak, and a broker that throws away what it refuses confirms
            # it all the same (NATS, mosquitto): the outbox would delete what nobody got. So nothing is sent; ``pump``
            # ends the connection after a while and tries again.
            log.error("the broker gives this gateway no rights: everything is kept", gateway=self._gateway)
            return
        self._subscribing, self._online = False, True
        self.publish_status()
        log.info("connected", gateway=self._gateway, waiting=self._outbox.totals().pending)
        self.pump()

    def _disconnected(self, _client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if self._online:
            log.warning("connection lost; everything is kept", gateway=self._gateway, reason=mqtt.words(reason))
        self._online = self._subscribing = False
        self._handed_over.clear()  # a repeated message would count the time of the break too

    def _acknowledged(self, _client: paho.Client, _userdata: Any, mid: int, _reason: Any, _properties: Any) -> None:
        sent = self._handed_over.pop(mid, None)
        if sent is not None:
            self.round_trip_s = self._loop.time() - sent
        message = self._in_flight.pop(mid, None)
        if message is None:
            return
        if message.id != AGAIN:
            head = message.numbered.epoch, message.numbered.stream
            self._heads[head] = max(self._heads.get(head, 0), message.numbered.seq)
            self._sent.keep(message.numbered)
            self._done.append(message.id)
        self._progress = self._loop.time()
        if not self._pumping:
            self._pumping = True
            self._loop.call_later(GATHER_S, self.pump)

    def _resend_requested(self, command: wire.Command) -> str:
        answer = self._resend.request(command, self._outbox.holds)
        self._loop.call_soon(self.pump)
        return answer

    def _on_command(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        try:
            command = wire.decode(wire.Command, bytes(message.payload))
        except DecodeError as error:
            log.warning("command refused", gateway=self._gateway, reason=str(error))
            return
        handler = self._handlers.get(command.kind)
        try:
            if not message.topic.endswith(f"/{wire.leaf_of(command.kind)}"):
                raise ValueError(f"{command.kind} did not come on its topic")
            if self._guard is not None:
                self._guard.admit(command)
            if handler is None:
                raise ValueError(f"unknown command {command.kind!r}; this gateway knows {sorted(self._handlers)}")
            ok, detail = True, handler(command)
        except RepeatedCommandError:
            return  # its reply is on its way
        except ValueError as error:
            ok, detail = False, str(error)
        self.reply(command.id, ok, detail, final=not isinstance(detail, Interim))

    def reply(self, command_id: str, ok: bool, detail: str, final: bool = True) -> None:
        """Answer a command. The answer is lost where the connection ends before the broker has it."""
        reply = wire.Reply(wire.VERSION, command_id, self._gateway, ok, self._clock.now_us(), str(detail), final)
        self._client.publish(wire.topic(self._gateway, "replies"), wire.encode(reply), qos=1)


def _wait_for(message: paho.MQTTMessageInfo) -> None:
    with contextlib.suppress(RuntimeError, ValueError):  # offline by now: the broker publishes the last will instead
        message.wait_for_publish(1)
