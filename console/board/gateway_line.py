"""Carry requests to gateways out: a self test, a signed configuration. One thread, and a connection to the broker.

The page writes a request into the database; this signs the command with the console's key, sends it until the gateway
answers, and writes the answer down. A gateway that does not answer in time is *unknown*, never good. The key by which
configurations are signed is not here: such a file comes signed, and the gateway verifies it.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any

import msgspec
import paho.mqtt.client as paho
import psycopg
import structlog

from database.pool import connect_options
from database.settings import DatabaseSettings
from database.upkeep import requests as upkeep_requests
from database.upkeep.requests import Kind, Request
from firmware_profiles import wire
from firmware_profiles.errors import DecodeError
from firmware_profiles.link import mqtt
from firmware_profiles.signed_command import CommandSigner
from observability.liveness import Liveness, Part

log = structlog.get_logger(__name__)

KINDS: tuple[Kind, ...] = ("self_test", "update_config")
PATIENCE_S: Mapping[Kind, float] = {"self_test": 60.0, "update_config": 600.0}
"""To the last word; a gateway on trial with a configuration takes up to five minutes."""
AGAIN_S = 5.0
"""A command to a gateway that is offline is not kept for it: it is sent again this often."""
LOOK_S = 1.0
RETRY_S = 2.0
AT_ONCE = 32
"""Requests under way in one process."""
_PREFIX = "upkeep-"


class Sending(msgspec.Struct):
    """A request under way; times of the monotonic clock."""

    request: Request
    command: wire.Command
    until: float
    again_at: float = 0.0


class GatewayLine:
    """The requests of one console; several share the table, and each request is carried out by one of them."""

    def __init__(
        self, database: DatabaseSettings, broker: mqtt.Broker, client_id: str, liveness: Liveness | None = None
    ) -> None:
        self._database, self._broker, self._liveness = database, broker, liveness or Liveness()
        self._signer = CommandSigner(broker.command_key)
        self._under_way: dict[str, Sending] = {}
        self._replies: list[wire.Reply] = []
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self._client = mqtt.make_client(broker, f"{client_id}-requests", clean=True)
        self._client.on_connect = self._connected
        self._client.on_message = self._received

    def start(self) -> None:
        """Connect to both; the thread is a part of the program's liveness."""
        self._thread = self._liveness.start("requests to gateways", self._run)
        mqtt.start(self._client, self._broker, self._liveness.part("broker link of requests"))

    def stop(self) -> None:
        """Disconnect from both; what is under way ends as unknown."""
        self._stop.set()
        mqtt.stop(self._client)
        if self._thread is not None:
            self._thread.join(LOOK_S + 2)

    def _connected(self, client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            client.subscribe(wire.subscription("replies"), 1)

    def _received(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        try:
            reply = wire.decode(wire.Reply, bytes(message.payload))
            sender, _ = wire.parse_topic(mqtt.topic_of(message))
        except DecodeError as error:
            log.warning("reply refused", reason=str(error))
            return
        with self._lock:
            if sender == reply.gateway and len(self._replies) < 1000:
                self._replies.append(reply)

    def _run(self, part: Part) -> None:
        while not self._stop.is_set():
            try:
                options = connect_options(self._database, "console-requests")
                with psycopg.connect(self._database.url, autocommit=True, **options) as conn:
                    conn.execute(f"LISTEN {upkeep_requests.WAKE}".encode())
                    while not self._stop.is_set():
                        self.turn(conn, time.monotonic())
                        part.turned()
                        wait = 0.1 if self._under_way else LOOK_S
                        list(conn.notifies(timeout=wait, stop_after=1))
            except psycopg.Error as error:
                part.held_up(f"the database is away: {error}")
                log.warning("requests to gateways wait", error=str(error).strip())
                self._stop.wait(RETRY_S)

    def turn(self, conn: psycopg.Connection[Any], now: float) -> None:
        """Claim what is due, send, take answers in, give up what got none."""
        self._take_answers(conn)
        while len(self._under_way) < AT_ONCE and (found := upkeep_requests.claim(conn, KINDS, PATIENCE_S)) is not None:
            body = upkeep_requests.body_of(conn, found.id)
            command = wire.Command(
                wire.VERSION, f"{_PREFIX}{found.id}", found.kind, time.time_ns() // 1000, body=body
            )  # fmt: skip
            self._under_way[command.id] = Sending(found, command, now + PATIENCE_S[found.kind])
        for number, sending in list(self._under_way.items()):
            if now >= sending.until:
                upkeep_requests.settle(conn, sending.request.id, "unknown")
                del self._under_way[number]
            elif now >= sending.again_at and self._client.is_connected():
                # the same id: the gateway does it once; the time is new, so that no repetition is too old for it
                command = msgspec.structs.replace(sending.command, time_us=time.time_ns() // 1000)
                gateway = sending.request.subject
                self._client.publish(wire.topic(gateway, "commands"), self._signer.message(gateway, command), qos=1)
                sending.again_at = now + AGAIN_S

    def _take_answers(self, conn: psycopg.Connection[Any]) -> None:
        with self._lock:
            replies, self._replies = self._replies, []
        for reply in replies:
            sending = self._under_way.get(reply.id)
            if sending is None or reply.gateway != sending.request.subject:
                continue
            if reply.ok and not reply.final:
                upkeep_requests.note(conn, sending.request.id, reply.detail)
                sending.again_at = sending.until  # it is at work on it
                continue
            upkeep_requests.settle(conn, sending.request.id, "done" if reply.ok else "refused", reply.detail)
            del self._under_way[reply.id]
