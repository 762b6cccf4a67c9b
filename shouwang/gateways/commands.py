"""Send a command to a gateway and wait for its answer."""

import queue
import time
import uuid
from collections.abc import Mapping

import msgspec
import paho.mqtt.client as paho

from firmware_profiles import wire
from firmware_profiles.errors import DecodeError
from firmware_profiles.link import mqtt
from firmware_profiles.link.mqtt import Broker
from firmware_profiles.signed_command import CommandSigner

AGAIN_S = 5.0
"""A command to a gateway that is offline is not kept for it: it is sent again this often until it is answered."""


class Answer(msgspec.Struct, frozen=True):
    """``ok``: the gateway did it; ``text``: the gateway's own words."""

    ok: bool
    text: str


def ask(
    broker: Broker, gateway: str, kind: str, args: Mapping[str, wire.Scalar], body: bytes, patience_s: float
) -> Answer:
    """Send a command, as the identity ``svc-console``, until the gateway gives its final answer.

    A repetition has the same id, so the gateway does it once.

    Raises TimeoutError after ``patience_s``, OSError where a certificate file cannot be read.
    """
    replies: queue.Queue[wire.Reply] = queue.Queue()
    command_id = str(uuid.uuid4())
    signer = CommandSigner(broker.command_key)

    def received(_client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        try:
            reply = wire.decode(wire.Reply, bytes(message.payload))
        except DecodeError:
            return  # not for us: replies to commands of others come here too
        if reply.id == command_id:
            replies.put(reply)

    def send() -> None:
        command = wire.Command(wire.VERSION, command_id, kind, time.time_ns() // 1000, dict(args), body)
        client.publish(wire.topic(gateway, "commands"), signer.message(gateway, command), qos=1)

    client = mqtt.make_client(broker, f"command-{command_id[:8]}", clean=True)
    client.on_connect = lambda c, *_: c.subscribe(wire.topic(gateway, "replies"), qos=1)
    client.on_subscribe = lambda *_: send()
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
                    send()
                continue
            last = reply.detail
            if reply.final or not reply.ok:
                return Answer(reply.ok, reply.detail)
    finally:
        mqtt.stop(client)
