"""Driver of Zigbee devices through Zigbee2MQTT on a local broker: ``zigbee2mqtt/<friendly name>``, JSON.

Zigbee2MQTT repeats a device's whole state with every message: readings are passed on as they come, events only when
the value under their key has changed (an ``action`` is a press and counts each time). Availability
(``…/availability``, ``bridge/state``) becomes a fault when it ends.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from edge_agent.drivers.local_mqtt import LocalBrokerOptions, by_address, listen, read_options
from edge_agent.drivers.message_relay import GATEWAY, MessageRelay
from edge_agent.drivers.reachability import Reachability
from firmware_profiles import zigbee2mqtt
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig, Sink
from firmware_profiles.errors import DecodeError

MOMENTARY = frozenset({"action"})


class Zigbee2MqttOptions(LocalBrokerOptions, frozen=True, forbid_unknown_fields=True):
    base_topic: str = "zigbee2mqtt"


class Zigbee2MqttDriver:
    """Driver ``zigbee2mqtt``. Raises ValueError for unknown options."""

    name = "zigbee2mqtt"

    def __init__(self, options: Mapping[str, Any], devices: Sequence[DeviceConfig]) -> None:
        self._options = read_options(self.name, options, Zigbee2MqttOptions)
        self._devices = by_address(self.name, devices, "zigbee2mqtt")
        self.relay, self.contact = MessageRelay(MOMENTARY), Reachability()

    async def run(self, sink: Sink) -> None:
        await listen(self._options, self, sink)

    def topics(self) -> list[str]:
        base = self._options.base_topic
        states = [f"{base}/{name}" for name in self._devices]
        return [f"{base}/bridge/state", *states, *(f"{state}/availability" for state in states)]

    def tend(self, sink: Sink, now_us: int) -> None:
        self.contact.tend(sink, now_us)

    def hear_topic(self, sink: Sink, topic: str, payload: bytes, retained: bool, now_us: int) -> None:
        name = topic.removeprefix(f"{self._options.base_topic}/")
        device, _, leaf = name.rpartition("/")
        if name == "bridge/state":
            if zigbee2mqtt.available(payload) is False:
                self.contact.all_down(sink, now_us)
                self.relay.fault(sink, GATEWAY, "Zigbee2MQTT is not running", now_us)
        elif leaf == "availability" and device in self._devices:
            self._hear_availability(sink, self._devices[device], payload, now_us)
        else:
            self.hear(sink, name, payload, now_us, retained)

    def hear(self, sink: Sink, name: str, payload: bytes, now_us: int, retained: bool = False) -> None:
        """Take in one message of the device with the friendly name ``name``."""
        device = self._devices.get(name)
        if device is None:
            return
        try:
            items = zigbee2mqtt.decode(MODELS[device.model], payload)
        except DecodeError as error:
            self.relay.fault(sink, device, str(error), now_us, "payload")
            return
        if retained:
            self.relay.recall(sink, device, items, now_us)
        else:
            self.relay.take(sink, device, items, now_us)

    def _hear_availability(self, sink: Sink, device: DeviceConfig, payload: bytes, now_us: int) -> None:
        available = zigbee2mqtt.available(payload)
        if available is False:
            self.contact.down(sink, device, now_us)
            self.relay.fault(sink, device, "out of reach (Zigbee): check battery or mains, and distance", now_us)
        elif available and not MODELS[device.model].battery:
            # A battery device counts as online for 25 hours after its last message: too long to rely on. One on the
            # mains is asked by Zigbee2MQTT after ten minutes of silence.
            self.contact.up(sink, device, now_us)
