"""Zigbee devices through Zigbee2MQTT on a local broker: ``zigbee2mqtt/<friendly name>``, JSON.

Zigbee2MQTT repeats a device's whole state with every message: readings are passed on as they come, an event only when
the value under its key has changed (an ``action`` is a press and counts each time). A retained message is the state of
some earlier time: no news. Availability (``…/availability``, ``bridge/state``) becomes a fault when it ends.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from edge_agent.drivers.hearing import Hearing
from edge_agent.drivers.local_mqtt import listen
from firmware_profiles import zigbee2mqtt
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig, Sink
from firmware_profiles.errors import DecodeError
from firmware_profiles.mqtt import Broker

MOMENTARY = frozenset({"action"})


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
        self._hearing = Hearing(MOMENTARY)

    async def run(self, sink: Sink) -> None:
        base = self._options.base_topic
        topics = [f"{base}/bridge/state"]
        for name in self._devices:
            topics += [f"{base}/{name}", f"{base}/{name}/availability"]

        def hear(topic: str, payload: bytes, retained: bool, now_us: int) -> None:
            name = topic.removeprefix(f"{base}/")
            if name == "bridge/state":
                for device in self._devices.values():
                    self._available(sink, device, payload, "Zigbee2MQTT is not running", now_us)
            elif name.endswith("/availability") and name.removesuffix("/availability") in self._devices:
                device = self._devices[name.removesuffix("/availability")]
                self._available(sink, device, payload, "out of reach (Zigbee)", now_us)
            else:
                self.hear(sink, name, payload, now_us, retained)

        await listen(Broker(self._options.host, self._options.port), self._options.client_id, topics, hear, sink.now_us)

    def hear(self, sink: Sink, name: str, payload: bytes, now_us: int, retained: bool = False) -> None:
        """One message of the device that Zigbee2MQTT calls ``name``."""
        device = self._devices.get(name)
        if device is None:
            return
        try:
            found = zigbee2mqtt.decode(MODELS[device.model], payload)
        except DecodeError as error:
            self._hearing.fault(sink, device, str(error), now_us, "payload")
            return
        if retained:
            self._hearing.remember(device, (item for item in found if not MOMENTARY & set(getattr(item, "values", ()))))
        else:
            self._hearing.take(sink, device, found, now_us)

    def _available(self, sink: Sink, device: DeviceConfig, payload: bytes, otherwise: str, now_us: int) -> None:
        # "offline", or {"state": "offline"} since Zigbee2MQTT 1.17
        if b"offline" in payload:
            self._hearing.fault(sink, device, otherwise, now_us)
