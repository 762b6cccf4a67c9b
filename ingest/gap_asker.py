"""Ask the gateways for the missing numbers of their streams, and take their answers. Never delays ingest."""

import datetime as dt
import queue
import threading
import time
from typing import Any

import msgspec
import paho.mqtt.client as paho
import psycopg
import structlog

from database.pool import connect_options
from database.settings import DatabaseSettings
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from firmware_profiles.signed_command import CommandSigner
from ingest import gaps
from ingest.quarantine import quarantine
from observability import metrics
from observability.liveness import Part

log = structlog.get_logger(__name__)

COMMAND = "resend"
_PREFIX = "gap-"


class _Answer(msgspec.Struct, frozen=True):
    """A gateway's answer: the ranges that it sends again, and those that it no longer has."""

    again: list[tuple[int, int]]
    gone: list[tuple[int, int]]


class GapAsker:
    """Asks in a thread of its own; a database or broker that is away only delays it."""

    def __init__(
        self,
        database: DatabaseSettings,
        broker: mqtt.Broker,
        name: str,
        every_s: float,
        age_s: float,
        event_age_s: float,
    ) -> None:
        self._database, self._broker, self._every_s = database, broker, every_s
        self._age, self._event_age = dt.timedelta(seconds=age_s), dt.timedelta(seconds=event_age_s)
        self._signer = CommandSigner(broker.command_key)
        self._replies: queue.Queue[wire.Reply] = queue.Queue(1000)
        self._client = mqtt.make_client(broker, f"{name}-gaps", clean=True)
        self._client.on_connect = self._connected
        self._client.on_message = self._received

    def run(self, stop: threading.Event, part: Part, link: Part) -> None:
        """Look for gaps every ``every_s`` until ``stop``. ``link``: the network thread's."""
        mqtt.start(self._client, self._broker, link)
        try:
            while not stop.wait(self._every_s):
                try:
                    options = connect_options(self._database, "ingest-gaps")
                    with psycopg.connect(self._database.url, autocommit=True, **options) as conn:
                        self._look(conn)
                    part.turned()
                except psycopg.Error as error:
                    part.held_up(f"the database is away: {error}")
                    log.warning("gaps are looked at later", error=str(error).strip())
        finally:
            mqtt.stop(self._client)

    def _look(self, conn: psycopg.Connection[Any]) -> None:
        while not self._replies.empty():
            self._take(conn, self._replies.get_nowait())
        changed = gaps.refresh(conn)
        if any(changed.values()):
            log.info("gaps", **changed)
        metrics.gaps_open.set(gaps.count_open(conn))
        metrics.quarantine_open.set(quarantine.count_open(conn))
        if self._client.is_connected():
            for gap in gaps.choose_due(conn, self._age, self._event_age):
                self._ask(gap)

    def _ask(self, gap: gaps.Gap) -> None:
        args: dict[str, wire.Scalar] = {
            "epoch": gap.epoch,
            "stream": gap.stream,
            "first": gap.first,
            "behind": gap.behind,
        }
        command = wire.Command(wire.VERSION, f"{_PREFIX}{gap.id}", COMMAND, time.time_ns() // 1000, args)
        self._client.publish(wire.topic(gap.gateway, "commands"), self._signer.message(gap.gateway, command), qos=1)
        log.info("asked a gateway again", gateway=gap.gateway, stream=gap.stream, first=gap.first, behind=gap.behind)

    def _take(self, conn: psycopg.Connection[Any], reply: wire.Reply) -> None:
        try:
            if not reply.ok:
                raise ValueError(reply.detail)
            answer = msgspec.json.decode(reply.detail, type=_Answer)
            number = int(reply.id.removeprefix(_PREFIX))
        except (ValueError, msgspec.DecodeError) as error:
            log.warning("a gateway cannot send again", gateway=reply.gateway, reason=str(error))
            return
        try:
            lost = gaps.note_answer(conn, number, reply.gateway, answer.gone)
        except (psycopg.DataError, OverflowError) as error:  # numbers too large for the database
            log.warning("a gateway's answer makes no sense", gateway=reply.gateway, reason=str(error).strip())
            return
        if lost:
            log.error("a gateway has lost messages", gateway=reply.gateway, messages=lost)

    def _connected(self, client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            client.subscribe(wire.subscription("replies"), 1)

    def _received(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        topic = mqtt.topic_of(message)
        try:
            reply = wire.decode(wire.Reply, bytes(message.payload))
            ours = reply.id.startswith(_PREFIX) and wire.parse_topic(topic)[0] == reply.gateway
        except Exception as error:  # no answer of a gateway may end this thread
            log.warning("reply refused", topic=topic, reason=f"{type(error).__name__}: {error}")
            return
        if ours:
            try:
                self._replies.put_nowait(reply)
            except queue.Full:
                log.warning("too many answers at once; asked again later", gateway=reply.gateway)
