"""Gives the engine each decoded message of a home and returns the findings. No input or output of its own."""

import time
from collections.abc import Callable, Iterable

import msgspec
import numpy as np

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from alerting.detection.kit.columns import VitalColumns
from alerting.detection.kit.context import Happened, Source
from alerting.detection.kit.device_clock import MEASURED, SWITCHED, DeviceClocks, news_of
from alerting.detection.kit.intake import FUTURE_US, concerns, dated
from alerting.detection.kit.origin import BY_HAND
from alerting.detection.kit.switches import SWITCHES
from alerting.service import downlink
from alerting.service.messages import HomeMessage
from firmware_profiles import wire
from firmware_profiles.errors import DecodeError
from firmware_profiles.signed_command import CommandSigner

STRANGER_S = 2.0
"""Least time between two readings of the registry for the sake of unknown devices: strangers must not load it."""


class Hearing:
    """Passes messages to ``engine``, which only this thread uses.

    ``look_up`` reads the registry anew and gives the engine what changed; ``online`` is called with each gateway that
    has come online.
    """

    def __init__(self, engine: Engine, look_up: Callable[[], None], online: Callable[[str], None]) -> None:
        self._engine, self._look_up, self._online = engine, look_up, online
        self._look_up_again_at = 0.0
        self._clocks = DeviceClocks()
        self._suspects: dict[tuple[str, str], list[VitalColumns]] = {}
        """Readings of devices whose clock may be wrong, of one message each."""

    def hear(self, message: HomeMessage, now_us: int) -> list[Finding]:
        """The findings of one message. Raises DecodeError for a device or gateway that the district does not know."""
        gateway, body = message.gateway, message.body
        if isinstance(body, wire.Event):
            return (
                self._press(gateway, body, now_us)
                if message.by_panel
                else self._event(gateway, body, now_us, message.lost)
            )
        if isinstance(body, wire.Status):
            return self._status(gateway, body, now_us)
        return self._observed(gateway, body) if message.by_exchange else self._frame(gateway, body, now_us)

    def knows(self, message: HomeMessage) -> bool:
        """Whether the message can be heard without a change of the district, as an event of a new device could not."""
        body = message.body
        if message.by_panel or not isinstance(body, wire.Event):
            return True
        return (message.gateway, body.device) in self._engine.district.sources

    def _event(self, gateway: str, event: wire.Event, now_us: int, lost: tuple[str, ...]) -> list[Finding]:
        source = self._engine.district.sources.get((gateway, event.device)) or self._newly_paired(gateway, event.device)
        if source is None and lost and event.kind in downlink.ANSWERED:
            source = self._some_device(gateway, event.device)  # whose name could not be read: the home needs help
        if source is None:
            raise DecodeError(f"event of an unknown device {gateway}/{event.device}")
        happened = dated(Happened(source, event.kind, event.time_us, dict(event.values), event.evidence), now_us)
        happened, news = self._clocks.judge_event(happened, now_us)
        # the event before the sign of life: its alert must not wait for anything
        findings = [*self._judged(happened), *self._engine.heard(gateway, event.device, now_us)]
        return findings + (self._engine.event(news) if news else [])

    def _press(self, gateway: str, event: wire.Event, now_us: int) -> list[Finding]:
        """The findings of a press on a home's panel, which is no device of the registry: it is of the home."""
        source = self._some_device(gateway, event.device, ("家中平板", "the panel at home"))
        if source is None:
            raise DecodeError(f"press on a panel of an unknown gateway {gateway}")
        return self._judged(dated(Happened(source, event.kind, event.time_us, dict(event.values), b""), now_us))

    def _judged(self, happened: Happened) -> list[Finding]:
        """The findings of an event. One at which a detector fails is judged once more without what it carries."""
        failed: list[str] = []
        tell = self._engine.failed

        def note(name: str, error: Exception) -> None:
            failed.append(name)
            tell(name, error)

        self._engine.failed = note
        try:
            findings = self._engine.event(happened)
            if failed and (happened.values or happened.evidence):
                findings += self._engine.event(msgspec.structs.replace(happened, values={}, evidence=b""))
        finally:
            self._engine.failed = tell
        return findings

    def _some_device(
        self,
        gateway: str,
        device: str,
        label: tuple[str, str] = ("名称无法识别的设备", "a device whose name cannot be read"),
    ) -> Source | None:
        """A device that is not known, of a home that is: of its only resident, or of the household."""
        district = self._engine.district
        household = district.gateways.get(gateway)
        if household is None:
            return None
        rows = [row for row, person in enumerate(district.people) if person.household_id == household]
        return Source(
            gateway=gateway,
            name=device or "unreadable",
            model="",
            household_id=household,
            person=rows[0] if len(rows) == 1 else None,
            heartbeat_s=float("inf"),
            label_zh=label[0],
            label_en=label[1],
        )

    def _newly_paired(self, gateway: str, device: str) -> Source | None:
        """Look an unknown device up in the registry: it may have been paired a moment ago."""
        now = time.monotonic()
        if now < self._look_up_again_at:
            return None
        self._look_up_again_at = now + STRANGER_S
        self._look_up()
        return self._engine.district.sources.get((gateway, device))

    def _status(self, gateway: str, status: wire.Status, now_us: int) -> list[Finding]:
        if status.state == "offline":
            self._engine.offline(gateway, now_us)
            return []
        self._online(gateway)
        return self._engine.heard(gateway, None, now_us) if gateway in self._engine.district.gateways else []

    def _frame(self, gateway: str, frame: wire.Frame, now_us: int) -> list[Finding]:
        district = self._engine.district
        if gateway not in district.gateways:
            raise DecodeError(f"frame of an unknown gateway {gateway}")
        findings: list[Finding] = []
        parts = []
        for device in {series.device for series in frame.series}:
            findings += self._engine.heard(gateway, device, now_us)
        newest: dict[str, int] = {}
        measuring = {series.device for series in frame.series if series.channel not in SWITCHES}
        for series in frame.series:
            at_us = frame.base_us + int(series.offsets_ms().max(initial=0)) * 1000
            newest[series.device] = max(newest.get(series.device, at_us), at_us)
        # a gateway's clock is ahead of all its devices' readings; a reading that is ahead alone comes from a meter
        credible = [at_us for at_us in newest.values() if at_us <= now_us + FUTURE_US]
        newest_us = max(credible) if credible else min(newest.values())
        its_own = bool(credible) or self._own_clock(gateway, newest)
        if frame.stream == "live" and (credible or not its_own):
            findings += self._engine.clock(gateway, newest_us, now_us)
        shifts = {}
        for device, at_us in newest.items():
            needed = MEASURED if device in measuring else SWITCHED
            shifts[device], told = self._shift(gateway, device, at_us, now_us, frame.stream, needed)
            if told is not None and its_own:  # else it is the gateway's clock, which is told above
                findings += self._engine.event(told)
        for series in frame.series:
            source = district.sources.get((gateway, series.device))
            if source is None or not concerns(source, series.channel):
                continue
            values = series.floats()
            good = np.isfinite(values)
            times = frame.base_us + shifts[series.device] + series.offsets_ms().astype(np.int64) * 1000
            values, times, n = values[good], times[good], int(good.sum())
            if n and series.channel in SWITCHES:
                self._engine.switched(source, series.channel, times, values)
            place = self._engine.seats.lane(source, series.channel)
            if n and place is not None:
                rows, lanes = np.full(n, place[0], np.int32), np.full(n, place[1], np.int16)
                parts.append(VitalColumns(rows, lanes, times, values))
                suspect = self._suspects.get((gateway, series.device))
                if suspect is not None:
                    suspect.append(parts[-1])
        if parts:
            self._engine.readings(VitalColumns.join(parts))
        return findings

    def _observed(self, gateway: str, frame: wire.Frame) -> list[Finding]:
        """Take the readings of another system: no sign of life of the home, and nothing about a clock of it."""
        if gateway not in self._engine.district.gateways:
            raise DecodeError(f"readings for an unknown gateway {gateway}")
        parts = []
        for series in frame.series:
            source = self._engine.district.sources.get((gateway, series.device)) or self._newly_paired(
                gateway, series.device
            )
            place = None if source is None else self._engine.seats.lane(source, series.channel)
            if place is None:
                continue
            times = frame.base_us + series.offsets_ms().astype(np.int64) * 1000
            values = series.floats()
            good = np.isfinite(values)
            n = int(good.sum())
            rows, lanes = np.full(n, place[0], np.int32), np.full(n, place[1], np.int16)
            parts.append(VitalColumns(rows, lanes, times[good], values[good]))
        if parts:
            self._engine.readings(VitalColumns.join(parts))
        return []

    def _own_clock(self, gateway: str, devices: Iterable[str]) -> bool:
        """Whether all of these are meters with a clock of their own."""
        sources = self._engine.district.sources
        known = [sources.get((gateway, device)) for device in devices]
        return all(source is not None and source.gives & BY_HAND for source in known)

    def _shift(
        self, gateway: str, device: str, newest_us: int, now_us: int, stream: str, needed: int
    ) -> tuple[int, Happened | None]:
        """(what is to be added to a device's times; news of its clock). A backlog is old as it should be."""
        source = self._engine.district.sources.get((gateway, device))
        if stream != "live" or source is None:
            # what the future says is of now: nobody may go unwatched
            return (now_us - newest_us if newest_us > now_us + FUTURE_US else 0), None
        key = (gateway, device)
        verdict = self._clocks.judge(key, newest_us, now_us, needed)
        suspects = self._suspects.pop(key, None)
        if verdict.suspect:
            self._suspects[key] = []
        elif verdict.proved_us and suspects:
            parts = [msgspec.structs.replace(part, time_us=part.time_us + verdict.behind_us) for part in suspects]
            self._engine.readings(VitalColumns.join(parts))
        return verdict.behind_us, news_of(source, verdict, now_us)


def answer(message: HomeMessage, now_us: int, signer: CommandSigner = downlink.UNSIGNED) -> tuple[str, bytes] | None:
    """Topic and payload of the answer to an emergency; without one the home would call for help by itself."""
    event = message.body
    if isinstance(event, wire.Event) and not message.by_panel and event.kind in downlink.ANSWERED:
        return downlink.received(event, now_us, signer)
    return None
