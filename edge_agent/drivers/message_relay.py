"""Pass decoded messages on, for every driver: all readings, changes of state as events, faults at most once an hour."""

from collections.abc import Iterable

import numpy as np
import structlog

from firmware_profiles.driver import DeviceConfig, Sink
from firmware_profiles.readings import DeviceEvent, Heard, Reading, StateOver
from vocabulary.times import HOUR_US

log = structlog.get_logger(__name__)

FAULT_EVERY_US = HOUR_US
ENDINGS = frozenset({"door_closed", "smoke_cleared", "gas_cleared", "water_leak_cleared", "fall_recovered"})
"""Events that end something: not reported while the state before is unknown, as after a start of the gateway."""
GATEWAY = DeviceConfig("gateway", "gateway")
"""Stands for all devices of a driver in a fault of their broker or bridge."""


class MessageRelay:
    """The states and faults known to one driver. ``momentary``: keys of events without duration (a press)."""

    def __init__(self, momentary: frozenset[str] = frozenset()) -> None:
        self._momentary = momentary
        self._states: dict[tuple[str, str], str | None] = {}
        self._faults: dict[tuple[str, str], int] = {}

    def take(self, sink: Sink, device: DeviceConfig, items: Iterable[Heard], now_us: int) -> None:
        """Pass on the content of a message; a reading or event without a time of its own gets ``now_us``."""
        for item in items:
            match item:
                case Reading():
                    times = np.array([item.time_us or now_us], np.int64)
                    sink.readings(device.name, item.channel, times, np.array([item.value], np.float32))
                case DeviceEvent():
                    if self._is_news(device.name, item):
                        sink.event(device.name, item.kind, item.time_us or now_us, dict(item.values))
                case StateOver():
                    self._states[device.name, item.key] = None

    def recall(self, sink: Sink, device: DeviceConfig, items: Iterable[Heard], now_us: int) -> None:
        """Take in a retained message: the latest state, of some earlier time.

        It is an event only where another state was known: then it changed while the broker was out of reach. Its
        values are not readings, because their age is unknown.
        """
        for item in items:
            if isinstance(item, StateOver):
                self._states[device.name, item.key] = None
            elif isinstance(item, DeviceEvent) and not self._momentary & set(item.values):
                known = all((device.name, key) in self._states for key in item.values)
                if self._is_news(device.name, item) and known:
                    sink.event(device.name, item.kind, now_us, {**item.values, "late": True})

    def fault(self, sink: Sink, device: DeviceConfig, reason: str, now_us: int, about: str = "") -> None:
        """Report a fault, once an hour at most for each device and sort of fault (``about``, else the reason)."""
        key = (device.name, about or reason)
        if now_us - self._faults.get(key, -FAULT_EVERY_US) >= FAULT_EVERY_US:
            self._faults[key] = now_us
            log.warning("device fault", device=device.name, reason=reason)
            sink.event(device.name, "device_fault", now_us, {"reason": reason[:200]})

    def _is_news(self, device: str, event: DeviceEvent) -> bool:
        news = False
        for key, value in event.values.items():
            if key in self._momentary:
                news = True
                continue
            unknown = (device, key) not in self._states
            news |= event.kind not in ENDINGS if unknown else self._states[device, key] != value
            self._states[device, key] = str(value)
        return news
