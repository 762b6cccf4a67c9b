"""Zigbee devices through Zigbee2MQTT on a local broker: ``zigbee2mqtt/<friendly name>``, JSON.

Zigbee2MQTT repeats a device's whole state with every message: readings are passed on as they come, an event only when
the value under its key has changed (an ``action`` is a press and counts each time). A retained or bad message is told
once an hour per device, and never stops the driver.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import paho.mqtt.client as paho
import structlog

from firmware_profiles import mqtt, zigbee2mqtt
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig, Sink
from firmware_profiles.errors import DecodeError
from firmware_profiles.readings import DeviceEvent, Reading

log = structlog.get_logger(__name__)

MOMENTARY = frozenset({"action"})
"""Keys whose value is something that happens, not a state that lasts."""
FAULT_EVERY_US = 3_600_000_000


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str = "127.0.0.1"
    port: int = 1883
    base_topic: str = "zigbee2mqtt"
    client_id: str = "shouwang-edge"


class Zigbee2MqttDriver:
    """Raises ValueError for options it does not know."""

    def __init__(self, options: Mapping[str, Any], devices: Sequence[DeviceConfig]) -> None:
        try:
            self._options = msgspec.convert(dict(options), Options)
        except msgspec.ValidationError as error:
            raise ValueError(f"zigbee2mqtt driver: {error}") from error
        self._devices = {
            device.address or device.name: device
            for device in devices
            if MODELS[device.model].transport == "zigbee2mqtt"
        }
        self._told: dict[tuple[str, str], Any] = {}
        self._faults: dict[str, int] = {}

    async def run(self, sink: Sink) -> None:
        loop = asyncio.get_running_loop()
        broker = mqtt.Broker(self._options.host, self._options.port)
        client = mqtt.make_client(broker, self._options.client_id, clean=True)

        def connected(client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            if reason.is_failure:
                log.error("the local broker refuses us", reason=str(reason))
                return
            client.subscribe([(f"{self._options.base_topic}/{name}", 1) for name in self._devices])

        def received(_client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
            name = message.topic.removeprefix(f"{self._options.base_topic}/")
            # a retained message is the state of some earlier time: no news, and no time stamp
            if not message.retain:
                loop.call_soon_threadsafe(self.hear, sink, name, bytes(message.payload), sink.now_us())

        client.on_connect = connected
        client.on_message = received
        mqtt.start(client, broker)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(mqtt.stop, client)

    def hear(self, sink: Sink, name: str, payload: bytes, now_us: int) -> None:
        """One message of the device that Zigbee2MQTT calls ``name``."""
        device = self._devices.get(name)
        if device is None:
            return
        try:
            found = zigbee2mqtt.decode(MODELS[device.model], payload)
        except DecodeError as error:
            log.warning("payload refused", device=device.name, reason=str(error))
            if now_us - self._faults.get(device.name, -FAULT_EVERY_US) >= FAULT_EVERY_US:
                self._faults[device.name] = now_us
                sink.event(device.name, "device_fault", now_us, {"reason": str(error)[:200]})
            return
        for item in found:
            if isinstance(item, Reading):
                time_us = np.array([item.time_us or now_us], np.int64)
                sink.readings(device.name, item.channel, time_us, np.array([item.value], np.float32))
            elif self._is_news(device.name, item):
                sink.event(device.name, item.kind, item.time_us or now_us, dict(item.values))

    def _is_news(self, device: str, event: DeviceEvent) -> bool:
        news = False
        for key, value in event.values.items():
            news |= key in MOMENTARY or self._told.get((device, key)) != value
            self._told[device, key] = value
        return news
