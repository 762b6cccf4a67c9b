"""Bound what waits in NATS, topic by topic: the oldest of a gateway's readings go, and never an event for a reading."""

import json
import threading
from typing import Any

from firmware_profiles.link import mqtt
from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.config import BOUND_TOPIC, KEPT_PER_TOPIC

TIMEOUT_S = 20.0


def stream_settings(replicas: int, kept: int = KEPT_PER_TOPIC) -> dict[str, Any]:
    """The stream in which NATS keeps the messages of MQTT, as it makes it, and the bound."""
    return {
        "name": "$MQTT_msgs",
        "subjects": ["$MQTT.msgs.>"],
        "retention": "interest",
        "storage": "file",
        "num_replicas": replicas,
        "discard": "old",
        "max_msgs_per_subject": kept,
    }


def bound_stream(broker: Broker, replicas: int, kept: int = KEPT_PER_TOPIC) -> bool:
    """Set the bound, as the identity ``svc-broker``; safe to repeat. False where the broker does not let us in.

    ``replicas``: as ``mqtt.stream_replicas`` says. NATS does not answer; the stream is there once a client has
    connected, so that a second call makes sure.
    """
    let_in = threading.Event()
    client = mqtt.make_client(broker, "bound", clean=True)
    client.on_connect = lambda _c, _u, _f, reason, _p: None if reason.is_failure else let_in.set()
    mqtt.start(client, broker)
    try:
        if not let_in.wait(TIMEOUT_S):
            return False
        client.publish(BOUND_TOPIC, json.dumps(stream_settings(replicas, kept)), qos=0).wait_for_publish(TIMEOUT_S)
        return True
    finally:
        mqtt.stop(client)
