"""Simulate devices that speak MQTT on the broker in the home: Zigbee2MQTT bridge and ESPHome node."""

import socket
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import msgspec
import paho.mqtt.client as paho

from firmware_profiles.link import mqtt

PATIENCE_S = 10.0


class _Node:
    def __init__(self, broker: mqtt.Broker, name: str, status_topic: str, online: bytes, offline: bytes) -> None:
        self._broker, self._status, self._online = broker, status_topic, online
        will = mqtt.Will(status_topic, offline)
        self._client = mqtt.make_client(broker, name, clean=True, will=will)
        self._client.on_connect = self._born
        self._connected = threading.Event()

    def __enter__(self) -> Self:
        mqtt.start(self._client, self._broker)
        self._connected.wait(PATIENCE_S)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        mqtt.stop(self._client)

    def vanish(self) -> None:
        """End without a disconnect, as at a power cut: the broker publishes the will."""
        sock: Any = self._client.socket()
        if sock is not None:
            sock.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()

    def _born(self, client: paho.Client, *_: Any) -> None:
        self._connected.set()
        client.publish(self._status, self._online, qos=1, retain=True)

    def _say(self, topic: str, payload: bytes, retain: bool = False) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not self._client.is_connected() and time.monotonic() < deadline:
            time.sleep(0.01)
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(PATIENCE_S)


class Zigbee2MqttBridge(_Node):
    """A bridge with its devices. Like the real one it repeats a device's whole state with every change."""

    def __init__(self, broker: mqtt.Broker, base_topic: str = "zigbee2mqtt") -> None:
        super().__init__(
            broker, "sim-zigbee2mqtt", f"{base_topic}/bridge/state", b'{"state":"online"}', b'{"state":"offline"}'
        )
        self._base = base_topic
        self._states: dict[str, dict[str, Any]] = {}

    def change(self, name: str, values: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Change some values of a device; ``action`` is sent once and then empty, as Zigbee2MQTT does."""
        state = self._states.setdefault(name, {"linkquality": 120})
        values = {**(values or {}), **more}
        state.update(values)
        self._say(f"{self._base}/{name}", msgspec.json.encode(state))
        if "action" in values:
            del state["action"]

    def garbage(self, name: str) -> None:
        """Publish a damaged message, as a faulty bridge may do."""
        self._say(f"{self._base}/{name}", b'{"contact": tru')

    def availability(self, name: str, online: bool) -> None:
        state = {"state": "online" if online else "offline"}
        self._say(f"{self._base}/{name}/availability", msgspec.json.encode(state), retain=True)


class EsphomeNode(_Node):
    """An ESPHome node; its states are retained, as is ESPHome's default."""

    def __init__(self, broker: mqtt.Broker, name: str) -> None:
        super().__init__(broker, f"sim-{name}", f"{name}/status", b"online", b"offline")
        self._name = name

    def tell(self, object_id: str, value: str | float) -> None:
        """Publish a word as a binary sensor's state, a number as a sensor's."""
        if isinstance(value, str):
            self.binary_sensor(object_id, value == "ON")
        else:
            self.sensor(object_id, value)

    def sensor(self, object_id: str, value: float) -> None:
        self._say(f"{self._name}/sensor/{object_id}/state", f"{value:g}".encode(), retain=True)

    def binary_sensor(self, object_id: str, on: bool) -> None:
        self._say(f"{self._name}/binary_sensor/{object_id}/state", b"ON" if on else b"OFF", retain=True)
