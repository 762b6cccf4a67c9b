"""Which devices are in contact, told the same way by every driver: readings of the channel ``reachable``.

A device that speaks only when something changes (a radar in an empty room, a pendant at rest) would look silent to the
district; as long as its driver knows that the link stands, it says so once in each heartbeat of the device's model.
"""

import msgspec
import numpy as np

from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig, Sink


class _Link(msgspec.Struct):
    device: DeviceConfig
    up: bool
    told_us: int


class Contact:
    """The links of one driver."""

    def __init__(self) -> None:
        self._links: dict[str, _Link] = {}

    def up(self, sink: Sink, device: DeviceConfig, now_us: int) -> None:
        """The device was heard, or its connection stands."""
        self._change(sink, device, True, now_us)

    def down(self, sink: Sink, device: DeviceConfig, now_us: int) -> None:
        """The device can not be heard, for all the driver knows."""
        self._change(sink, device, False, now_us)

    def all_down(self, sink: Sink, now_us: int) -> None:
        """What all devices share is gone: the broker, the bridge."""
        for link in self._links.values():
            self._change(sink, link.device, False, now_us)

    def is_up(self, device: DeviceConfig) -> bool:
        link = self._links.get(device.name)
        return link is not None and link.up

    def tend(self, sink: Sink, now_us: int) -> None:
        """Repeat what still holds; call it every few seconds."""
        for link in self._links.values():
            if link.up and now_us - link.told_us >= MODELS[link.device.model].heartbeat_s * 1e6:
                self._tell(sink, link, now_us)

    def _change(self, sink: Sink, device: DeviceConfig, up: bool, now_us: int) -> None:
        link = self._links.get(device.name)
        if link is None or link.up != up:
            link = self._links[device.name] = _Link(device, up, now_us)
            self._tell(sink, link, now_us)

    def _tell(self, sink: Sink, link: _Link, now_us: int) -> None:
        link.told_us = now_us
        sink.readings(link.device.name, "reachable", np.array([now_us], np.int64), np.array([link.up], np.float32))
