"""The engine: events at once, readings in steps of event time, silence by the clock.

Deterministic whatever the batching: readings wait until the clock has passed their step by ``LATENESS_US``; a step is
then seen whole, sorted by time, and every detector looks at it once. A reading that comes later than that still
updates the state if it is newer than what is known, in the next step; an older one changes nothing.
Each detector is one file; adding one is a line in ``vital_detectors`` or ``event_detectors``.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from alerting.detection.context import VITALS, District, Happened, VitalColumns
from alerting.detection.events import EventDetector, event_detectors
from alerting.detection.limits import Limits
from alerting.detection.news2 import News2
from alerting.detection.silence import Silence
from alerting.detection.state import VitalState
from alerting.finding import Finding

STEP_US = 5_000_000
LATENESS_US = 2_500_000
"""A frame is cut once a second and needs some ms: after this a step is complete, but for backlogs."""


class VitalDetector(Protocol):
    """Looks at a step's readings together with the state that they left."""

    def step(self, district: District, state: VitalState, new: VitalColumns, now_us: int) -> Iterable[Finding]: ...


def vital_detectors() -> Sequence[VitalDetector]:
    return (News2(), Limits())


class Engine:
    """All detectors over one district. Not thread-safe; times in µs since 1970, UTC."""

    def __init__(self, district: District, now_us: int) -> None:
        self._district = district
        self._state = VitalState(len(district.people))
        self._vitals = vital_detectors()
        self._events: Sequence[EventDetector] = event_detectors()
        self._silence = Silence(now_us)
        self._waiting: list[VitalColumns] = []
        self._done_us = (now_us - LATENESS_US) // STEP_US * STEP_US

    @property
    def district(self) -> District:
        return self._district

    def redistrict(self, district: District) -> None:
        """Residents or devices were added or changed; rows of people known before must stay the same."""
        self._district = district
        self._state.grow(len(district.people))

    def readings(self, columns: VitalColumns) -> None:
        """Readings of vital signs; they are looked at when :meth:`advance` passes their step."""
        if len(columns):
            self._waiting.append(columns)

    def heard(self, gateway: str, device: str | None, now_us: int) -> list[Finding]:
        """A sign of life from a device (or the gateway alone)."""
        return list(self._silence.heard(self._district, gateway, device, now_us))

    def offline(self, gateway: str, now_us: int) -> None:
        """The broker says that the gateway's connection is dead."""
        self._silence.offline(gateway, now_us)

    def event(self, happened: Happened) -> list[Finding]:
        """Something happened: what it means, at once."""
        return [f for detector in self._events for f in detector.event(self._district, happened)]

    def advance(self, now_us: int) -> list[Finding]:
        """Every complete step up to ``now_us``, and who has been silent too long."""
        findings: list[Finding] = []
        complete_us = (now_us - LATENESS_US) // STEP_US * STEP_US
        if complete_us > self._done_us:
            findings += self._steps(complete_us)
            self._done_us = complete_us
        findings += self._silence.tick(self._district, now_us)
        return findings

    def _steps(self, until_us: int) -> Iterable[Finding]:
        columns = VitalColumns.join(self._waiting)
        complete = columns.time_us < until_us
        rest = columns.take(~complete)
        self._waiting = [rest] if len(rest) else []
        columns = columns.take(complete)
        # by time, then by resident and channel: the order of arrival must not matter
        columns = columns.take(np.lexsort((columns.value, columns.column, columns.row, columns.time_us)))
        step_of = columns.time_us // STEP_US
        for step in np.unique(step_of):
            new = self._state.update(columns.take(step_of == step))
            if len(new):
                end_us = (int(step) + 1) * STEP_US
                for detector in self._vitals:
                    yield from detector.step(self._district, self._state, new, end_us)


__all__ = ["LATENESS_US", "STEP_US", "VITALS", "Engine"]
