"""ESPHome nodes over MQTT on a local broker: ``<node>/<component>/<object id>/state``, and ``<node>/status``.

A node's birth and last will say ``online`` and ``offline`` (ESPHome, MQTT client component). Binary sensors tell their
state when it changes and after every connection: an event is what differs from what was known.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from edge_agent.drivers.hearing import Hearing
from edge_agent.drivers.local_mqtt import listen
from firmware_profiles import esphome
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig, Sink
from firmware_profiles.errors import DecodeError
from firmware_profiles.mqtt import Broker

COMPONENTS = ("sensor", "binary_sensor", "text_sensor")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str = "127.0.0.1"
    port: int = 1883
    client_id: str = "shouwang-edge-esphome"


class EsphomeDriver:
    """A device's address is its node's ``topic_prefix``. Raises ValueError for options it does not know."""

    def __init__(self, options: Mapping[str, Any], devices: Sequence[DeviceConfig]) -> None:
        try:
            self._options = msgspec.convert(dict(options), Options)
        except msgspec.ValidationError as error:
            raise ValueError(f"esphome driver: {error}") from error
        self._devices = {
            device.address or device.name: device for device in devices if MODELS[device.model].transport == "esphome"
        }
        self._hearing = Hearing()

    async def run(self, sink: Sink) -> None:
        topics = [f"{node}/{component}/+/state" for node in self._devices for component in COMPONENTS]
        topics += [f"{node}/status" for node in self._devices]

        def hear(topic: str, payload: bytes, retained: bool, now_us: int) -> None:
            self.hear(sink, topic, payload, now_us, retained)

        await listen(Broker(self._options.host, self._options.port), self._options.client_id, topics, hear, sink.now_us)

    def hear(self, sink: Sink, topic: str, payload: bytes, now_us: int, retained: bool = False) -> None:
        """One message; of a node or entity that is not configured: nothing."""
        for node, device in self._devices.items():
            if topic == f"{node}/status":
                if payload == b"offline":
                    self._hearing.fault(sink, device, "the node is offline: check its power and WLAN", now_us)
                return
            if topic.startswith(f"{node}/"):
                break
        else:
            return
        parts = topic.removeprefix(f"{node}/").split("/")
        if len(parts) != 3 or parts[0] not in COMPONENTS or parts[2] != "state":
            return
        try:
            found = esphome.decode(MODELS[device.model], parts[1], payload)
        except DecodeError as error:
            self._hearing.fault(sink, device, str(error), now_us, "payload")
            return
        if retained:
            self._hearing.remember(device, found)
        else:
            self._hearing.take(sink, device, found, now_us)
