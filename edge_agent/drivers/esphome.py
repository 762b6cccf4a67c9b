"""Driver of ESPHome nodes on a local broker: ``<prefix>/<component>/<object id>/state``, and ``<prefix>/status``.

A node's birth and last will say ``online`` and ``offline`` (ESPHome, MQTT client component). Its states are retained,
and published when they change and after every connection: only a state that differs from the last one is an event.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from edge_agent.drivers.local_mqtt import LocalBrokerOptions, by_address, listen, read_options
from edge_agent.drivers.message_relay import MessageRelay
from edge_agent.drivers.reachability import Reachability
from firmware_profiles import esphome
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig, Sink
from firmware_profiles.errors import DecodeError

COMPONENTS = ("sensor", "binary_sensor", "text_sensor")
OFFLINE_US = 30_000_000
"""A node offline for this long is a fault. A broker that restarts publishes all wills; nodes are back long before."""


class EsphomeDriver:
    """A device's address is its node's ``topic_prefix``. Raises ValueError for options it does not know."""

    name = "esphome"

    def __init__(self, options: Mapping[str, Any], devices: Sequence[DeviceConfig]) -> None:
        self._options = read_options(self.name, options, LocalBrokerOptions)
        self._devices = by_address(self.name, devices, "esphome")
        self.relay, self.contact = MessageRelay(), Reachability()
        self._offline: dict[str, int] = {}

    async def run(self, sink: Sink) -> None:
        await listen(self._options, self, sink)

    def topics(self) -> list[str]:
        states = [f"{node}/{component}/+/state" for node in self._devices for component in COMPONENTS]
        return [*states, *(f"{node}/status" for node in self._devices)]

    def tend(self, sink: Sink, now_us: int) -> None:
        self.contact.tend(sink, now_us)
        for device in self._devices.values():
            if now_us - self._offline.get(device.name, now_us) >= OFFLINE_US:
                del self._offline[device.name]
                self.relay.fault(sink, device, "the node is offline: check its power and WLAN", now_us)

    def hear_topic(self, sink: Sink, topic: str, payload: bytes, retained: bool, now_us: int) -> None:
        """Take in one message; messages of nodes or entities that are not configured are ignored."""
        node, _, leaf = topic.rpartition("/")
        if leaf == "status" and node in self._devices:
            self._hear_status(sink, self._devices[node], payload, retained, now_us)
            return
        parts = topic.rsplit("/", 3)
        if len(parts) == 4 and parts[0] in self._devices and parts[1] in COMPONENTS and leaf == "state":
            self._hear_state(sink, self._devices[parts[0]], parts[2], payload, retained, now_us)

    def _hear_status(self, sink: Sink, device: DeviceConfig, payload: bytes, retained: bool, now_us: int) -> None:
        if payload == b"offline":
            self.contact.down(sink, device, now_us)
            self._offline[device.name] = now_us
        elif payload == b"online":
            self._offline.pop(device.name, None)
            if not retained:  # a retained birth may outlive the node, if the broker died with it
                self.contact.up(sink, device, now_us)

    def _hear_state(
        self, sink: Sink, device: DeviceConfig, object_id: str, payload: bytes, retained: bool, now_us: int
    ) -> None:
        if not retained:
            self._offline.pop(device.name, None)
            self.contact.up(sink, device, now_us)
        try:
            items = esphome.decode(MODELS[device.model], object_id, payload)
        except DecodeError as error:
            self.relay.fault(sink, device, str(error), now_us, "payload")
            return
        if retained:
            self.relay.recall(sink, device, items, now_us)
        else:
            self.relay.take(sink, device, items, now_us)
