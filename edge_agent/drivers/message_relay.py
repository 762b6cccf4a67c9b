"""Pass decoded messages on, for every driver: all readings, changes of state as events, faults at most once an hour."""

from collections.abc import Iterable

import msgspec
import numpy as np
import structlog

from firmware_profiles.driver import DeviceConfig, Sink
from firmware_profiles.readings import DeviceEvent, Heard, Oddity, Reading, StateOver
from vocabulary.times import HOUR_US, SECOND_US

log = structlog.get_logger(__name__)

FAULT_EVERY_US = HOUR_US
ENDINGS = frozenset({"door_closed", "smoke_cleared", "gas_cleared", "water_leak_cleared", "fall_recovered"})
"""Events that end something: not reported while the state before is unknown, as after a start of the gateway."""
NO_NEWS_AT_FIRST = ENDINGS | {"door_opened"}
"""Events of states that may have stood for hours when they are first heard: a door was opened at some earlier time."""
OF_ITS_MOMENT = frozenset({"door_opened", "door_closed"})
"""Events that mean something at their time alone: never told of a retained state, whose time is unknown."""
DANGERS = frozenset({"smoke_detected", "gas_detected", "water_leak"})
"""States that are told whenever they are first heard, in a retained message, too: they are true now."""
STUCK_US, STUCK_EVERY_US = 3 * HOUR_US, 12 * HOUR_US
"""A danger that stands for this long was not cleared, or its end was lost on the radio: the detector is blind to the
next one (public reports zigbee2mqtt#1669, #7837, #24945, #29880)."""
HELD, ONE_PRESS_US = "sos_held", SECOND_US
"""A long press lasts about a second: one that is told within a second of another one of the button is that press, told
twice (public report zigbee2mqtt#32015)."""
PRESENCE, VITAL_ZEROS = "presence", frozenset({"heart_rate", "respiration_rate"})
"""A radar that sees nobody says so by zeros, too: nobody's pulse (public report bigheadG/mmWave#8)."""
BEYOND = {"above": "above_range", "below": "below_range"}
CLOCK_OFF, CLOCK_RIGHT = "device_clock_off", "device_clock_right"
"""Events of a device's own clock; ``value``: by how many ms it is behind."""
MAX_EVIDENCE = 512
GATEWAY = DeviceConfig("gateway", "gateway")
"""Stands for all devices of a driver in a fault of their broker or bridge."""


class _Danger(msgspec.Struct):
    device: DeviceConfig
    kind: str
    since_us: int


class MessageRelay:
    """The states and faults known to one driver. ``momentary``: keys of events without duration (a press)."""

    def __init__(self, momentary: frozenset[str] = frozenset()) -> None:
        self._momentary = momentary
        self._states: dict[tuple[str, str], str | None] = {}
        self._dangers: dict[tuple[str, str], _Danger] = {}
        self._held_us: dict[str, int] = {}
        self._present: dict[str, bool] = {}
        self._clocks_off: set[str] = set()
        self._faults: dict[tuple[str, str], int] = {}

    def take(self, sink: Sink, device: DeviceConfig, items: Iterable[Heard], now_us: int, payload: bytes = b"") -> None:
        """Pass on the content of a message; a reading or event without a time of its own gets ``now_us``.

        An oddity in it is told as a fault of its own, with the message's bytes, and hides nothing else.
        """
        heard = list(items)
        self._remember_presence(device, heard)
        for item in heard:
            match item:
                case Reading():
                    self._take_reading(sink, device, item, item.time_us or now_us)
                case DeviceEvent():
                    time_us = item.time_us or now_us
                    if self._is_news(device, item, time_us):
                        sink.event(device.name, item.kind, time_us, dict(item.values))
                case StateOver():
                    self._enter(device, item.key, None, "", now_us)
                case Oddity():
                    self.fault(sink, device, item.reason, now_us, f"payload {item.key}", payload=payload)
        self.tend(sink, now_us)

    def recall(self, sink: Sink, device: DeviceConfig, items: Iterable[Heard], now_us: int) -> None:
        """Take in a retained message: the latest state, of some earlier time.

        It is an event only where another state was known: then it changed while the broker was out of reach; and where
        it is a danger, which stands. That of a door never is. Its values are not readings: their age is unknown.
        """
        heard = list(items)
        self._remember_presence(device, heard)
        for item in heard:
            if isinstance(item, StateOver):
                self._enter(device, item.key, None, "", now_us)
            elif isinstance(item, DeviceEvent) and not self._momentary & set(item.values):
                known = all((device.name, key) in self._states for key in item.values)
                told = item.kind in DANGERS or (known and item.kind not in OF_ITS_MOMENT)
                if self._is_news(device, item, now_us) and told:
                    sink.event(device.name, item.kind, now_us, {**item.values, "late": True})

    def tend(self, sink: Sink, now_us: int) -> None:
        """Report the detectors that have been saying danger for hours; call this every few seconds."""
        for (_, key), danger in self._dangers.items():
            hours = (now_us - danger.since_us) // HOUR_US
            if now_us - danger.since_us >= STUCK_US:
                reason = (
                    f"still says {danger.kind.replace('_', ' ')}, for {hours} h: it cannot tell of another one; look"
                    " at the place, test and clear the detector"
                )
                self.fault(sink, danger.device, reason, now_us, f"stuck {key}", STUCK_EVERY_US)

    def fault(
        self,
        sink: Sink,
        device: DeviceConfig,
        reason: str,
        now_us: int,
        about: str = "",
        every_us: int = FAULT_EVERY_US,
        payload: bytes = b"",
    ) -> None:
        """Report a fault, once in ``every_us`` at most for each device and sort of fault (``about``, else the reason).

        ``payload``: the bytes that it is about; their beginning goes with the event, so that nothing is lost.
        """
        if self._is_due((device.name, about or reason), now_us, every_us):
            log.warning("device fault", device=device.name, reason=reason)
            sink.event(device.name, "device_fault", now_us, {"reason": reason[:200]}, payload[:MAX_EVIDENCE])

    def clock_off(self, sink: Sink, device: DeviceConfig, ahead_us: int, now_us: int) -> None:
        """Report, once an hour at most, that a device's own clock is ahead of ours (negative: behind)."""
        self._clocks_off.add(device.name)
        if self._is_due((device.name, "clock"), now_us, FAULT_EVERY_US):
            log.warning("the device's clock is wrong", device=device.name, ahead_s=ahead_us // SECOND_US)
            sink.event(device.name, CLOCK_OFF, now_us, {"value": -ahead_us // 1000})

    def clock_right(self, sink: Sink, device: DeviceConfig, now_us: int) -> None:
        """Report that a device's own clock is right, where it was wrong."""
        if device.name in self._clocks_off:
            self._clocks_off.discard(device.name)
            self._faults.pop((device.name, "clock"), None)
            sink.event(device.name, CLOCK_RIGHT, now_us, {"value": 0})

    def _is_due(self, key: tuple[str, str], now_us: int, every_us: int) -> bool:
        due = not 0 <= now_us - self._faults.get(key, now_us - every_us) < every_us
        if due:
            self._faults[key] = now_us
        return due

    def _take_reading(self, sink: Sink, device: DeviceConfig, item: Reading, time_us: int) -> None:
        if item.value == 0 and item.channel in VITAL_ZEROS and self._present.get(device.name) is False:
            return
        sink.readings(device.name, item.channel, np.array([time_us], np.int64), np.array([item.value], np.float32))
        if item.beyond:
            values: dict[str, str | float] = {"channel": item.channel, "value": item.value}
            sink.event(device.name, BEYOND[item.beyond], time_us, values)

    def _remember_presence(self, device: DeviceConfig, heard: list[Heard]) -> None:
        for item in heard:
            if isinstance(item, Reading) and item.channel == PRESENCE:
                self._present[device.name] = item.value >= 0.5

    def _enter(self, device: DeviceConfig, key: str, state: str | None, kind: str, time_us: int) -> None:
        place = device.name, key
        if kind not in DANGERS:
            self._dangers.pop(place, None)
        elif place not in self._dangers or self._dangers[place].kind != kind:
            self._dangers[place] = _Danger(device, kind, time_us)
        self._states[place] = state

    def _is_news(self, device: DeviceConfig, event: DeviceEvent, time_us: int) -> bool:
        news = False
        for key, value in event.values.items():
            if key in self._momentary:
                news |= self._is_press(device.name, event.kind, time_us)
                continue
            place = device.name, key
            news |= event.kind not in NO_NEWS_AT_FIRST if place not in self._states else self._states[place] != value
            self._enter(device, key, str(value), event.kind, time_us)
        return news

    def _is_press(self, device: str, kind: str, time_us: int) -> bool:
        if kind != HELD:
            return True
        before_us, self._held_us[device] = self._held_us.get(device), time_us
        return before_us is None or not 0 <= time_us - before_us <= ONE_PRESS_US
