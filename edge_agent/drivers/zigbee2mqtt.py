"""Driver of Zigbee devices through Zigbee2MQTT on a local broker: ``zigbee2mqtt/<friendly name>``, JSON.

Zigbee2MQTT repeats a device's whole state with every message, and publishes its cache when it starts: readings are
passed on as they come, events only when the value under their key has changed (an ``action`` is a press and counts
each time). With its setting ``advanced.output: attribute`` each property has a topic of its own,
``…/<friendly name>/<key>``.

The versions of the devices' programs are in the list that it publishes of them (``bridge/devices``, retained).

Availability (``…/availability``, ``bridge/state``, both retained) becomes a fault when it ends. While the bridge is
offline nothing is in contact, whatever the devices' own topics still say.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from edge_agent.drivers.local_mqtt import LocalBrokerOptions, by_address, listen, read_options
from edge_agent.drivers.message_relay import GATEWAY, MessageRelay
from edge_agent.drivers.reachability import Reachability
from firmware_profiles import zigbee2mqtt
from firmware_profiles.decoding.payload import PADDING
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig, Sink
from firmware_profiles.errors import DecodeError
from firmware_profiles.readings import DeviceEvent, Heard
from vocabulary.times import SECOND_US

MOMENTARY = frozenset({"action"})
TWIN_US = 2 * SECOND_US
"""A property's own topic says the same as the JSON that came just before (``output: attribute_and_json``)."""


class Zigbee2MqttOptions(LocalBrokerOptions, frozen=True, forbid_unknown_fields=True):
    base_topic: str = "zigbee2mqtt"


class Zigbee2MqttDriver:
    """Driver ``zigbee2mqtt``. Raises ValueError for unknown options."""

    name = "zigbee2mqtt"

    def __init__(self, options: Mapping[str, Any], devices: Sequence[DeviceConfig]) -> None:
        self._options = read_options(self.name, options, Zigbee2MqttOptions)
        self._devices = by_address(self.name, devices, "zigbee2mqtt")
        self.relay, self.contact = MessageRelay(MOMENTARY), Reachability()
        self._bridge_down = False
        self._available: dict[str, bool] = {}
        self._json_us: dict[str, int] = {}
        self._pressed: dict[str, str] = {}
        self.firmware: dict[str, str] = {}

    async def run(self, sink: Sink) -> None:
        await listen(self._options, self, sink)

    def topics(self) -> list[str]:
        base = self._options.base_topic
        states = [f"{base}/{name}" for name in self._devices]
        attributes = [
            f"{base}/{name}/{key}"
            for name, device in self._devices.items()
            for key in sorted({*MODELS[device.model].keys, *MODELS[device.model].events})
        ]
        return [
            f"{base}/bridge/state",
            f"{base}/bridge/devices",
            *states,
            *(f"{state}/availability" for state in states),
            *attributes,
        ]

    def tend(self, sink: Sink, now_us: int) -> None:
        self.contact.tend(sink, now_us)
        self.relay.tend(sink, now_us)

    def hear_topic(self, sink: Sink, topic: str, payload: bytes, retained: bool, now_us: int) -> None:
        """Take in one message. An empty one clears what the broker had retained, and says nothing."""
        name = topic.removeprefix(f"{self._options.base_topic}/")
        device, _, leaf = name.rpartition("/")
        if not payload.strip(PADDING):
            return
        if name == "bridge/state":
            self._hear_bridge(sink, payload, now_us)
        elif name == "bridge/devices":
            builds = zigbee2mqtt.firmware(payload)
            self.firmware |= {self._devices[at].name: build for at, build in builds.items() if at in self._devices}
        elif name in self._devices:
            self.hear(sink, name, payload, now_us, retained)
        elif leaf == "availability" and device in self._devices:
            self._hear_availability(sink, self._devices[device], payload, now_us)
        elif device in self._devices:
            self._hear_attribute(sink, device, leaf, payload, now_us, retained)

    def hear(self, sink: Sink, name: str, payload: bytes, now_us: int, retained: bool = False) -> None:
        """Take in one message of the device with the friendly name ``name``."""
        device = self._devices.get(name)
        if device is None:
            return
        self._json_us[name] = now_us
        try:
            items = zigbee2mqtt.decode(MODELS[device.model], payload)
        except DecodeError as error:
            self.relay.fault(sink, device, str(error), now_us, "payload", payload=payload)
            return
        if any(map(_is_press, items)):
            seen = zigbee2mqtt.last_seen(payload)
            if seen and seen == self._pressed.get(name):  # the same press, from the cache after a restart
                items = [item for item in items if not _is_press(item)]
            self._pressed[name] = seen
        self._pass_on(sink, device, items, payload, now_us, retained)

    def _hear_attribute(self, sink: Sink, name: str, key: str, payload: bytes, now_us: int, retained: bool) -> None:
        if 0 <= now_us - self._json_us.get(name, now_us - TWIN_US - 1) <= TWIN_US:
            return
        device = self._devices[name]
        try:
            items = zigbee2mqtt.decode_attribute(MODELS[device.model], key, payload)
        except DecodeError as error:
            self.relay.fault(sink, device, str(error), now_us, f"payload {key}", payload=payload)
            return
        self._pass_on(sink, device, items, payload, now_us, retained)

    def _pass_on(
        self, sink: Sink, device: DeviceConfig, items: list[Heard], payload: bytes, now_us: int, retained: bool
    ) -> None:
        if retained:
            self.relay.recall(sink, device, items, now_us)
        else:
            self.relay.take(sink, device, items, now_us, payload)

    def _hear_bridge(self, sink: Sink, payload: bytes, now_us: int) -> None:
        online = zigbee2mqtt.available(payload)
        if online is None:
            return
        self._bridge_down = not online
        for device in self._devices.values():
            self._report_contact(sink, device, now_us)
        if not online:
            self.contact.all_down(sink, now_us)
            self.relay.fault(sink, GATEWAY, "Zigbee2MQTT is not running", now_us)

    def _hear_availability(self, sink: Sink, device: DeviceConfig, payload: bytes, now_us: int) -> None:
        available = zigbee2mqtt.available(payload)
        if available is None:
            return
        self._available[device.name] = available
        self._report_contact(sink, device, now_us)
        if not available:
            self.contact.down(sink, device, now_us)
            self.relay.fault(sink, device, "out of reach (Zigbee): check battery or mains, and distance", now_us)

    def _report_contact(self, sink: Sink, device: DeviceConfig, now_us: int) -> None:
        # A battery device counts as online for 25 hours after its last message: too long to rely on. One on the mains
        # is asked by Zigbee2MQTT after ten minutes of silence.
        if MODELS[device.model].battery or device.name not in self._available:
            return
        if self._available[device.name] and not self._bridge_down:
            self.contact.up(sink, device, now_us)
        else:
            self.contact.down(sink, device, now_us)


def _is_press(item: Heard) -> bool:
    return isinstance(item, DeviceEvent) and bool(MOMENTARY & item.values.keys())
