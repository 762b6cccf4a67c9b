"""Driver of ESPHome nodes on a local broker: ``<prefix>/<component>/<object id>/state``, and ``<prefix>/status``.

A node's birth and last will say ``online`` and ``offline`` (ESPHome, MQTT client component). Its states are retained,
and published when they change and after every connection: only a state that differs from the last one is an event.
A node whose entities have other names than its model's says nothing that is understood: that is reported.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from edge_agent.drivers.local_mqtt import LocalBrokerOptions, by_address, listen, read_options
from edge_agent.drivers.message_relay import MessageRelay
from edge_agent.drivers.reachability import Reachability
from firmware_profiles import esphome
from firmware_profiles.channels import CHANNELS
from firmware_profiles.decoding.payload import PADDING
from firmware_profiles.devices import MODELS, DeviceModel
from firmware_profiles.driver import DeviceConfig, Sink
from firmware_profiles.errors import DecodeError

COMPONENTS = ("sensor", "binary_sensor", "text_sensor")
FIRMWARE = "firmware"
"""Object id of the text sensor ``version`` (deploy/esphome/common.yaml)."""
OFFLINE_US = 30_000_000
"""A node offline for this long is a fault. A broker that restarts publishes all wills; nodes are back long before."""
MAX_STRANGE = 50
STRANGE_US = 60_000_000
"""A node that has spoken under unknown names alone for this long is a fault: at a start it tells all of its states."""


class EsphomeDriver:
    """A device's address is its node's ``topic_prefix``. Raises ValueError for options it does not know."""

    name = "esphome"

    def __init__(self, options: Mapping[str, Any], devices: Sequence[DeviceConfig]) -> None:
        self._options = read_options(self.name, options, LocalBrokerOptions)
        self._devices = by_address(self.name, devices, "esphome")
        self.relay, self.contact = MessageRelay(), Reachability()
        self._offline: dict[str, int] = {}
        self._known: set[str] = set()
        self._strange: dict[str, dict[str, int]] = {}
        self.firmware: dict[str, str] = {}

    async def run(self, sink: Sink) -> None:
        await listen(self._options, self, sink)

    def topics(self) -> list[str]:
        states = [f"{node}/{component}/+/state" for node in self._devices for component in COMPONENTS]
        return [*states, *(f"{node}/status" for node in self._devices)]

    def tend(self, sink: Sink, now_us: int) -> None:
        self.contact.tend(sink, now_us)
        self.relay.tend(sink, now_us)
        for device in self._devices.values():
            if now_us - self._offline.get(device.name, now_us) >= OFFLINE_US:
                del self._offline[device.name]
                self.relay.fault(sink, device, "the node is offline: check its power and WLAN", now_us)
            strange = self._strange.get(device.name, {})
            if strange and device.name not in self._known and now_us - min(strange.values()) >= STRANGE_US:
                reason = (
                    f"it speaks of {', '.join(sorted(strange)[:4])}, and the model {device.model} knows"
                    f" {', '.join(sorted(_telling(MODELS[device.model]))[:4])}: give the entities those names"
                )
                self.relay.fault(sink, device, reason, now_us, "names")

    def hear_topic(self, sink: Sink, topic: str, payload: bytes, retained: bool, now_us: int) -> None:
        """Take in one message; those of nodes that are not configured are ignored, and empty ones, which clear what the
        broker had retained."""
        if not payload.strip(PADDING):
            return
        node, _, leaf = topic.rpartition("/")
        if leaf == "status" and node in self._devices:
            self._hear_status(sink, self._devices[node], payload, retained, now_us)
            return
        parts = topic.rsplit("/", 3)
        if parts[1:3] == ["sensor", FIRMWARE] and parts[0] in self._devices and leaf == "state":
            self.firmware[self._devices[parts[0]].name] = payload.decode(errors="replace").strip(" \0\r\n\t")
        elif len(parts) == 4 and parts[0] in self._devices and parts[1] in COMPONENTS and leaf == "state":
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
            self._note_name(device, object_id, now_us)
        try:
            items = esphome.decode(MODELS[device.model], object_id, payload)
        except DecodeError as error:
            self.relay.fault(sink, device, str(error), now_us, f"payload {object_id}", payload=payload)
            return
        if retained:
            self.relay.recall(sink, device, items, now_us)
        else:
            self.relay.take(sink, device, items, now_us, payload)

    def _note_name(self, device: DeviceConfig, object_id: str, now_us: int) -> None:
        model = MODELS[device.model]
        if object_id in _telling(model):
            self._known.add(device.name)
            self._strange.pop(device.name, None)
        elif device.name not in self._known and object_id not in model.keys:
            strange = self._strange.setdefault(device.name, {})
            if len(strange) < MAX_STRANGE:
                strange.setdefault(object_id or "(no name)", now_us)


def _telling(model: DeviceModel) -> set[str]:
    """The entities that a node is there for: those about people, not about the room or the node itself."""
    about_people = (key for key, target in model.keys.items() if CHANNELS[target.channel].kind in ("vital", "motion"))
    return {*about_people, *model.events}
