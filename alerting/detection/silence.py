"""Who has not been heard: gateways and devices. Technical alerts, and only one for what one cause explains.

A device says something at least every ``heartbeat_s`` (its model's profile); three of those without a word is silence.
A silent gateway explains its silent devices: they are not counted until it is back, and then start afresh.
"""

from collections.abc import Iterator

from alerting.detection.context import District, Source
from alerting.finding import Finding

VERSION = 1
MISSED_HEARTBEATS = 3
GATEWAY_SILENT_US = 180_000_000
OFFLINE_GRACE_US = 60_000_000
"""The broker's word that the connection died; a restart of the gateway takes less than this."""
TICK_US = 1_000_000


class Silence:
    """Judges by the clock, not by event time: silence has no time stamps of its own."""

    def __init__(self, now_us: int) -> None:
        self._begin_us = now_us
        self._gateways: dict[str, int] = {}
        self._devices: dict[tuple[str, str], int] = {}
        self._offline: dict[str, int] = {}
        self._silent_gateways: dict[str, int] = {}  # onset of the open alert
        self._silent_devices: dict[tuple[str, str], int] = {}
        self._ticked_us = 0

    def heard(self, district: District, gateway: str, device: str | None, now_us: int) -> Iterator[Finding]:
        self._offline.pop(gateway, None)
        self._gateways[gateway] = now_us
        onset = self._silent_gateways.pop(gateway, None)
        if onset is not None:
            for key in district.sources:  # they could not speak: their time starts anew
                if key[0] == gateway:
                    self._devices[key] = now_us
            yield self._gateway(district, gateway, onset, now_us, "clear")
        if device is not None:
            self._devices[gateway, device] = now_us
            onset = self._silent_devices.pop((gateway, device), None)
            source = district.sources.get((gateway, device))
            if onset is not None and source is not None:
                yield self._device(source, onset, now_us, "clear")

    def offline(self, gateway: str, now_us: int) -> None:
        self._offline.setdefault(gateway, now_us)

    def tick(self, district: District, now_us: int) -> Iterator[Finding]:
        if now_us - self._ticked_us < TICK_US:
            return
        self._ticked_us = now_us
        for gateway in district.gateways:
            last = self._gateways.setdefault(gateway, now_us)
            dead = gateway in self._offline and now_us - self._offline[gateway] >= OFFLINE_GRACE_US
            if gateway not in self._silent_gateways and (dead or now_us - last >= GATEWAY_SILENT_US):
                self._silent_gateways[gateway] = last
                yield self._gateway(district, gateway, last, now_us, "open")
        for key, source in district.sources.items():
            last = self._devices.setdefault(key, now_us)
            if key in self._silent_devices or key[0] in self._silent_gateways or key[0] in self._offline:
                continue
            if now_us - last >= MISSED_HEARTBEATS * source.heartbeat_s * 1e6:
                self._silent_devices[key] = last
                yield self._device(source, last, now_us, "open")

    def _gateway(self, district: District, gateway: str, onset_us: int, now_us: int, action: str) -> Finding:
        minutes = (now_us - onset_us) / 60e6
        words = (
            (
                f"家庭网关 {gateway} 失联 {minutes:.0f} 分钟,其设备数据中断",
                f"Gateway {gateway} silent for {minutes:.0f} min",
            )
            if action == "open"
            else (f"家庭网关 {gateway} 已恢复", f"Gateway {gateway} is back")
        )
        return _finding(
            "gateway_silent", f"gateway:{gateway}", district.gateways[gateway], onset_us, now_us, words, action
        )

    def _device(self, source: Source, onset_us: int, now_us: int, action: str) -> Finding:
        minutes = (now_us - onset_us) / 60e6
        words = (
            (f"{source.label_zh} 失联 {minutes:.0f} 分钟", f"{source.label_en} silent for {minutes:.0f} min")
            if action == "open"
            else (f"{source.label_zh} 已恢复", f"{source.label_en} is back")
        )
        subject = f"device:{source.gateway}/{source.name}"
        return _finding("device_silent", subject, source.household_id, onset_us, now_us, words, action)


def _finding(
    rule: str, subject: str, household_id: int, onset_us: int, now_us: int, words: tuple[str, str], action: str
) -> Finding:
    return Finding(
        action=action,  # type: ignore[arg-type]
        rule=rule,
        rule_version=VERSION,
        severity="technical",
        subject=subject,
        household_id=household_id,
        resident_id=None,
        onset_us=onset_us,
        sensed_us=now_us,
        reason_zh=words[0],
        reason_en=words[1],
        evidence={"kind": "silence", "last_heard_us": onset_us},
    )
