"""Gives the engine each decoded message of a home and returns the findings. No input or output of its own."""

import time
from collections.abc import Callable

import numpy as np

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from alerting.detection.kit.columns import VitalColumns
from alerting.detection.kit.context import Happened, Source
from alerting.detection.kit.intake import FUTURE_US, concerns, dated
from alerting.detection.kit.switches import SWITCHES
from alerting.service import downlink
from alerting.service.messages import HomeMessage
from firmware_profiles import wire
from firmware_profiles.errors import DecodeError

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

    def hear(self, message: HomeMessage, now_us: int) -> list[Finding]:
        """The findings of one message. Raises DecodeError for a device or gateway that the district does not know."""
        gateway, body = message.gateway, message.body
        if isinstance(body, wire.Event):
            return self._event(gateway, body, now_us)
        if isinstance(body, wire.Status):
            return self._status(gateway, body, now_us)
        return self._frame(gateway, body, now_us)

    def knows(self, message: HomeMessage) -> bool:
        """Whether the message can be heard without a change of the district, as an event of a new device could not."""
        body = message.body
        return not isinstance(body, wire.Event) or (message.gateway, body.device) in self._engine.district.sources

    def _event(self, gateway: str, event: wire.Event, now_us: int) -> list[Finding]:
        source = self._engine.district.sources.get((gateway, event.device)) or self._newly_paired(gateway, event.device)
        if source is None:
            raise DecodeError(f"event of an unknown device {gateway}/{event.device}")
        happened = Happened(source, event.kind, event.time_us, dict(event.values), event.evidence)
        # the event before the sign of life: its alert must not wait for anything
        return [*self._engine.event(dated(happened, now_us)), *self._engine.heard(gateway, event.device, now_us)]

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
        newest_us = frame.base_us + max(int(series.offsets_ms().max(initial=0)) for series in frame.series) * 1000
        if frame.stream == "live":
            findings += self._engine.clock(gateway, newest_us, now_us)
        # a home whose clock is ahead must not go unwatched: its newest reading is of now
        base_us = frame.base_us - (newest_us - now_us if newest_us > now_us + FUTURE_US else 0)
        for series in frame.series:
            source = district.sources.get((gateway, series.device))
            if source is None or not concerns(source, series.channel):
                continue
            values = series.floats()
            good = np.isfinite(values)
            times = base_us + series.offsets_ms().astype(np.int64) * 1000
            values, times, n = values[good], times[good], int(good.sum())
            if n and series.channel in SWITCHES:
                self._engine.switched(source, series.channel, times, values)
            place = self._engine.seats.lane(source, series.channel)
            if n and place is not None:
                rows, lanes = np.full(n, place[0], np.int32), np.full(n, place[1], np.int16)
                parts.append(VitalColumns(rows, lanes, times, values))
        if parts:
            self._engine.readings(VitalColumns.join(parts))
        return findings


def answer(message: HomeMessage, now_us: int) -> tuple[str, bytes] | None:
    """Topic and payload of the answer to an emergency; without one the home would call for help by itself."""
    event = message.body
    if isinstance(event, wire.Event) and event.kind in downlink.ANSWERED:
        return downlink.received(event, now_us)
    return None
