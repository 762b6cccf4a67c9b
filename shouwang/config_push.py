"""Send a signed configuration to its gateway and wait for what becomes of it."""

import queue
import time
import uuid

import msgspec
import paho.mqtt.client as paho

from firmware_profiles import mqtt, wire
from firmware_profiles.errors import DecodeError
from firmware_profiles.mqtt import Broker

AGAIN_S = 15.0
"""A command to a gateway that is offline is not kept for it: it is sent again this often until it is answered."""


class Outcome(msgspec.Struct, frozen=True):
    """``kept``: the new version is in force; ``text``: the gateway's own words."""

    kept: bool
    text: str


def push(broker: Broker, gateway: str, sealed: bytes, patience_s: float) -> Outcome:
    """Sends until the gateway answers, then waits for the end of its trial; as the identity ``svc-console``.

    Raises TimeoutError after ``patience_s``, OSError where a certificate file can not be read.
    """
    replies: queue.Queue[wire.Reply] = queue.Queue()
    command_id = str(uuid.uuid4())

    def received(_client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        try:
            reply = wire.decode(wire.Reply, bytes(message.payload))
        except DecodeError:
            return  # not for us: replies to commands of others come here too
        if reply.id == command_id:
            replies.put(reply)

    client = mqtt.make_client(broker, f"config-push-{command_id[:8]}", clean=True)
    client.on_connect = lambda c, *_: c.subscribe(wire.topic(gateway, "replies"), qos=1)
    client.on_subscribe = lambda *_: _send(client, gateway, command_id, sealed)
    client.on_message = received
    mqtt.start(client, broker)
    deadline = time.monotonic() + patience_s
    last = "no answer; is the gateway online?"
    try:
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{gateway} did not finish within {patience_s:g} s: {last}")
            try:
                reply = replies.get(timeout=min(AGAIN_S, left))
            except queue.Empty:
                if client.is_connected():
                    _send(client, gateway, command_id, sealed)
                continue
            last = reply.detail
            if reply.final or not reply.ok:
                return Outcome(reply.ok, reply.detail)
    finally:
        mqtt.stop(client)


def _send(client: paho.Client, gateway: str, command_id: str, sealed: bytes) -> None:
    command = wire.Command(wire.VERSION, command_id, "update_config", time.time_ns() // 1000, {}, sealed)
    client.publish(wire.topic(gateway, "commands"), wire.encode(command), qos=1)
