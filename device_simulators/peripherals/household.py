"""Simulate the devices of a home that speak MQTT, on the broker in that home.

The values are those of :mod:`device_simulators.home`, encoded in the payloads of each device's model by its table.
Deterministic by seed, faults included.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Annotated, Self

import msgspec
import numpy as np

from device_simulators.faults import Share
from device_simulators.home import Home
from device_simulators.homes import DEVICES
from device_simulators.peripherals.mqtt_node import EsphomeNode, Zigbee2MqttBridge
from firmware_profiles.devices import MODELS, DeviceModel
from firmware_profiles.driver import DeviceConfig
from firmware_profiles.link.mqtt import Broker

STEP_S = 0.5
FIRST_US = 120_000_000
WIFI_EVERY_S, WIFI_DBM = 60, -58.0


class Flaws(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Faults of the devices; the defaults are sound ones."""

    drop_out: Share = 0.0
    """Share of the messages that never come."""
    garbage: Share = 0.0
    """Share of the Zigbee messages that are followed by a damaged one."""
    battery: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    """Charge of all batteries, per cent; None: they run down."""


class ChangedValue(msgspec.Struct, frozen=True):
    """A changed value of a device, in the words of its payload."""

    time_us: int
    device: DeviceConfig
    key: str
    value: str | float | bool


class Household:
    """``with Household(…) as home: home.say(from_us, to_us)``; devices of other transports are left aside."""

    def __init__(
        self, broker: Broker, seed: int, devices: Sequence[DeviceConfig] = DEVICES, flaws: Flaws | None = None
    ) -> None:
        self._home, self._flaws = Home(seed), flaws or Flaws()
        self._rng = np.random.default_rng(seed)
        self._devices = {d.name: d for d in devices if MODELS[d.model].transport in ("zigbee2mqtt", "esphome")}
        self._bridge = Zigbee2MqttBridge(broker)
        self._nodes = {
            name: EsphomeNode(broker, device.address or name)
            for name, device in self._devices.items()
            if MODELS[device.model].transport == "esphome"
        }
        self._open = ExitStack()

    def __enter__(self) -> Self:
        for peripheral in (self._bridge, *self._nodes.values()):
            self._open.enter_context(peripheral)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    def changes(self, from_us: int, to_us: int) -> list[ChangedValue]:
        """The changed values in [from_us, to_us), in order of time."""
        return sorted(self._changes(from_us, to_us), key=lambda change: change.time_us)

    def say(self, from_us: int, to_us: int) -> None:
        """Publish the changed values, all at once, with the flaws."""
        for change in self.changes(from_us, to_us):
            if self._rng.random() < self._flaws.drop_out:
                continue
            node = self._nodes.get(change.device.name)
            if node is not None:
                node.tell(change.key, change.value)
                continue
            address = change.device.address or change.device.name
            self._bridge.change(address, {change.key: change.value})
            if self._rng.random() < self._flaws.garbage:
                self._bridge.garbage(address)

    def _changes(self, from_us: int, to_us: int) -> Iterator[ChangedValue]:
        for column in self._home.columns(from_us, to_us):
            device = self._devices.get(column.device)
            if device is None:
                continue
            key = _key_of(MODELS[device.model], column.channel)
            if key is None:
                continue
            for time_us, value in zip(column.times_us.tolist(), column.values.tolist(), strict=True):
                if column.channel == "battery" and self._flaws.battery is not None:
                    value = self._flaws.battery
                    if "battery_low" in MODELS[device.model].events:
                        yield ChangedValue(time_us, device, "battery_low", value < 10)
                yield ChangedValue(time_us, device, key, _word_of(MODELS[device.model], key, value))
        for happening in self._home.happenings(from_us, to_us):
            device = self._devices.get(happening.device)
            if device is None:
                continue
            for key, table in MODELS[device.model].events.items():
                for word, event in table.items():
                    if event == happening.kind:
                        yield ChangedValue(happening.time_us, device, key, _value_of(word))
        every = WIFI_EVERY_S * 1_000_000
        for name in self._nodes:
            for time_us in range(-(-from_us // every) * every, to_us, every):
                yield ChangedValue(time_us, self._devices[name], "wifi_signal", WIFI_DBM)


async def live(broker: Broker, seed: int, flaws: Flaws, stop: asyncio.Event) -> None:
    """Publish the values of the devices in real time, until ``stop``."""
    with await asyncio.to_thread(Household(broker, seed, flaws=flaws).__enter__) as home:
        # Zigbee2MQTT and ESPHome publish every state when they start
        done_us = time.time_ns() // 1000 - FIRST_US
        while not stop.is_set():
            await asyncio.sleep(STEP_S)
            now_us = time.time_ns() // 1000
            await asyncio.to_thread(home.say, done_us, now_us)
            done_us = now_us


def _key_of(model: DeviceModel, channel: str) -> str | None:
    return next((key for key, target in model.keys.items() if target.channel == channel), None)


def _word_of(model: DeviceModel, key: str, value: float) -> str | float | bool:
    """The payload's value for a reading: the inverse of :func:`firmware_profiles.decoding.payload.translate`."""
    target = model.keys[key]
    words: Mapping[float, str] = {number: word for word, number in target.map.items()}
    if value in words:
        return _value_of(words[value])
    return (value - target.offset) / target.scale


def _value_of(word: str) -> str | bool:
    return {"true": True, "false": False}.get(word, word)
