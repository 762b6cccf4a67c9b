"""What every driver does with what it hears: readings pass, a changed state is an event, faults are told rarely."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import structlog

from firmware_profiles.driver import DeviceConfig, Sink
from firmware_profiles.readings import DeviceEvent, Reading

log = structlog.get_logger(__name__)

FAULT_EVERY_US = 3_600_000_000


class Hearing:
    """The memory of one driver. ``momentary``: keys whose value is something that happens, not a state that lasts."""

    def __init__(self, momentary: frozenset[str] = frozenset()) -> None:
        self._momentary = momentary
        self._told: dict[tuple[str, str], Any] = {}
        self._faults: dict[tuple[str, str], int] = {}

    def take(self, sink: Sink, device: DeviceConfig, found: Iterable[Reading | DeviceEvent], now_us: int) -> None:
        """Pass on what a message says; what has no time of its own happened now."""
        for item in found:
            if isinstance(item, Reading):
                time_us = np.array([item.time_us or now_us], np.int64)
                sink.readings(device.name, item.channel, time_us, np.array([item.value], np.float32))
            elif self._is_news(device.name, item):
                sink.event(device.name, item.kind, item.time_us or now_us, dict(item.values))

    def remember(self, device: DeviceConfig, found: Iterable[Reading | DeviceEvent]) -> None:
        """A state of some earlier time (a retained message): known from now on, and no news."""
        for item in found:
            if isinstance(item, DeviceEvent):
                self._is_news(device.name, item)

    def fault(self, sink: Sink, device: DeviceConfig, reason: str, now_us: int, about: str = "") -> None:
        """Tell a fault, once an hour at most for each device and sort of fault (``about``, else the reason itself)."""
        log.warning("device fault", device=device.name, reason=reason)
        key = (device.name, about or reason)
        if now_us - self._faults.get(key, -FAULT_EVERY_US) >= FAULT_EVERY_US:
            self._faults[key] = now_us
            sink.event(device.name, "device_fault", now_us, {"reason": reason[:200]})

    def _is_news(self, device: str, event: DeviceEvent) -> bool:
        news = False
        for key, value in event.values.items():
            news |= key in self._momentary or self._told.get((device, key)) != value
            self._told[device, key] = value
        return news
