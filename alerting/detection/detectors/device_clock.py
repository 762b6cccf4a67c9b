"""Tells which device's clock is wrong; its readings and events are judged by their arrival meanwhile.

How it is found, in live data and in a replay alike: :mod:`alerting.detection.kit.device_clock`. The rule ``clock_off``
is declared beside that of gateways (:mod:`alerting.detection.detectors.sensor_health`).
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from alerting.core.finding import Finding
from alerting.detection.kit.context import District, Happened, Source, devices_of
from alerting.detection.kit.detector import Detector
from alerting.detection.kit.device_clock import OFF, RIGHT
from alerting.detection.kit.origin import BY_HAND
from alerting.detection.kit.words import lasting
from vocabulary.times import DAY_US, HOUR_US, MINUTE_US

YEAR_US = 365.2425 * DAY_US
SAME_MS = 60_000
ZONE_US = 15 * MINUTE_US
"""Time zones differ by quarters of an hour, and by at most 14 hours."""


class WrongClocks(msgspec.Struct):
    """Onset of the open alert of each device, by 'gateway/device', and by how much it is behind."""

    onset_us: dict[str, int] = msgspec.field(default_factory=dict, name="told")
    behind_ms: dict[str, float] = msgspec.field(default_factory=dict)


class DeviceClock(Detector):
    """Makes one technical alert of each device whose clock is wrong."""

    kinds: ClassVar = frozenset({OFF, RIGHT})

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = WrongClocks()

    def prepare(self, district: District) -> None:
        district.derived(devices_of)

    def learn(self, district: District) -> None:
        devices = district.derived(devices_of)
        self.state.onset_us = {device: at for device, at in self.state.onset_us.items() if device in devices}

    def event(self, district: District, happened: Happened) -> Iterator[Finding]:
        if happened.kind not in (OFF, RIGHT):
            return
        source, onsets = happened.source, self.state.onset_us
        device = f"{source.gateway}/{source.name}"
        off = happened.kind == OFF
        if off == (device in onsets):
            return
        if off and self._of_gateway(source, _behind_ms(happened)):
            return
        onset_us = onsets.setdefault(device, happened.time_us)
        behind_us = round(_behind_ms(happened) * 1000)
        zh, en = _words(behind_us) if off else ("时钟已恢复正常", "its clock is right again")
        if off:
            self.state.behind_ms[device] = _behind_ms(happened)
        else:
            del onsets[device]
        yield Finding(
            action="open" if off else "clear",
            rule="clock_off",
            rule_version=self.version,
            severity="technical",
            subject=f"device:{device}",
            household_id=source.household_id,
            resident_id=None,
            onset_us=onset_us,
            sensed_us=happened.time_us,
            reason_zh=f"{source.label_zh}：{zh}",
            reason_en=f"{source.label_en[:1].upper()}{source.label_en[1:]}: {en}",
            evidence={"kind": "clock", "device": device, "seconds": round(-behind_us / 1e6, 1)},
        )

    def _of_gateway(self, source: Source, behind_ms: float) -> bool:
        """Whether another device of the gateway is off by the same: what the gateway dates is told once."""
        return not source.gives & BY_HAND and any(
            device.partition("/")[0] == source.gateway
            and abs(self.state.behind_ms.get(device, 0) - behind_ms) < SAME_MS
            for device in self.state.onset_us
        )


def _words(behind_us: int) -> tuple[str, str]:
    off_us = abs(behind_us)
    slow_zh, slow_en = ("慢", "behind") if behind_us > 0 else ("快", "ahead")
    near_us = abs(off_us - round(off_us / ZONE_US) * ZONE_US)
    zone = off_us < 15 * HOUR_US and near_us <= MINUTE_US
    why_zh, why_en = ("（可能是时区设置错误）", " (perhaps a wrong time zone)") if zone else ("", "")
    days, years = round(off_us / DAY_US), round(off_us / YEAR_US)
    by_zh, by_en = lasting(round(off_us / MINUTE_US) * MINUTE_US)
    if years >= 2:
        by_zh, by_en = f"约 {years} 年", f"about {years} years"
    elif days >= 2:
        by_zh, by_en = f"{days} 天", f"{days} days"
    zh = f"时钟{slow_zh} {by_zh}{why_zh}，现按到达时间判断，请校正"
    return zh, f"its clock is {by_en} {slow_en}{why_en}; what it sends is judged by its arrival, set the clock"


def _behind_ms(happened: Happened) -> float:
    """By how much the clock is behind, in ms, as the event says; 0 where it does not."""
    value = happened.values.get("value", 0.0)
    return float(value) if isinstance(value, int | float) else 0.0
