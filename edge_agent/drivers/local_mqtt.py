"""Listening to a broker in the home, as Zigbee2MQTT and ESPHome nodes use it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as paho
import structlog

from firmware_profiles import mqtt

log = structlog.get_logger(__name__)

Hear = Callable[[str, bytes, bool, int], None]
"""(topic, payload, whether it is retained, now in µs)."""


async def listen(
    broker: mqtt.Broker, client_id: str, topics: Sequence[str], hear: Hear, now_us: Callable[[], int]
) -> None:
    """Until cancelled: ``hear`` is called in this event loop with each message. An absent broker is tried for ever."""
    loop = asyncio.get_running_loop()
    client = mqtt.make_client(broker, client_id, clean=True)

    def connected(client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.error("the local broker refuses us", reason=str(reason))
        elif topics:
            client.subscribe([(topic, 1) for topic in topics])

    def received(_client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        loop.call_soon_threadsafe(hear, message.topic, bytes(message.payload), message.retain, now_us())

    client.on_connect = connected
    client.on_message = received
    mqtt.start(client, broker)
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.to_thread(mqtt.stop, client)
