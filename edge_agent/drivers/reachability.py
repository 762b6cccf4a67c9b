"""Report which devices are in contact, for every driver: readings of the channel ``reachable``.

A device that sends only changes (a radar in an empty room, a pendant at rest) would look silent to the district. Its
driver therefore repeats the reading once in each heartbeat of the device's model, as long as the link stands.
"""

import msgspec
import numpy as np

from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig, Sink


class _Link(msgspec.Struct):
    device: DeviceConfig
    up: bool
    reported_us: int


class Reachability:
    """The links of one driver to its devices."""

    def __init__(self) -> None:
        self._links: dict[str, _Link] = {}

    def up(self, sink: Sink, device: DeviceConfig, now_us: int) -> None:
        """Set the device in contact: it was heard, or its connection stands."""
        self._change(sink, device, True, now_us)

    def down(self, sink: Sink, device: DeviceConfig, now_us: int) -> None:
        """Set the device out of contact."""
        self._change(sink, device, False, now_us)

    def all_down(self, sink: Sink, now_us: int) -> None:
        """Set all devices out of contact: the broker or bridge that they share is gone."""
        for link in self._links.values():
            self._change(sink, link.device, False, now_us)

    def tend(self, sink: Sink, now_us: int) -> None:
        """Repeat the reading of devices in contact where it is due; call this every few seconds."""
        for link in self._links.values():
            if link.up and now_us - link.reported_us >= MODELS[link.device.model].heartbeat_s * 1e6:
                self._report(sink, link, now_us)

    def _change(self, sink: Sink, device: DeviceConfig, up: bool, now_us: int) -> None:
        link = self._links.get(device.name)
        if link is None or link.up != up:
            link = self._links[device.name] = _Link(device, up, now_us)
            self._report(sink, link, now_us)

    def _report(self, sink: Sink, link: _Link, now_us: int) -> None:
        link.reported_us = now_us
        sink.readings(link.device.name, "reachable", np.array([now_us], np.int64), np.array([link.up], np.float32))
