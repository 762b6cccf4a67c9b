"""Plays a recording to an engine.

The engine's clock follows the data an hour at a time, and stops exactly where time itself matters: when an event
arrives, and when a silence becomes too long.
"""

import copy
from collections.abc import Callable, Iterator

import msgspec
import numpy as np

from alerting.core.finding import Finding
from alerting.detection.engine.engine import LATENESS_US, TICK_US, Engine
from alerting.detection.kit.columns import STEP_US
from alerting.detection.kit.sources.seats import Seats
from alerting.detection.kit.switches import UNHURRIED
from alerting.replay.recording import Contact, Recording, allowed_us
from vocabulary.times import HOUR_US, MINUTE_US, SECOND_US

SETTLED_US = 10 * SECOND_US
"""Time after the last moment until its step is complete."""

LATE_US = MINUTE_US
"""Readings that come later than this are given when they came: nothing is told before its data were there."""

_NEVER_US = 1 << 62

Progress = Callable[[float], None]
"""Called with the share that is done, 0 … 1."""


class TimedFinding(msgspec.Struct, frozen=True):
    """A finding, and the time by the clock at which it was given; its data may have come late."""

    finding: Finding
    told_us: int


def replay(
    recording: Recording, progress: Progress = lambda _: None, engine: Engine | None = None
) -> list[TimedFinding]:
    """All findings of the engine, in their order. ``engine``: a new one unless given."""
    engine = engine or Engine(recording.district, recording.begin_us, seats=seats_of(recording))
    player = _Player(recording, engine)
    stops = _stops(recording)
    told: list[TimedFinding] = []
    before = recording.begin_us
    for number, now_us in enumerate(stops):
        # findings are given at their step; one that waited for the morning, in the morning
        told += [
            TimedFinding(finding, max(before, min(finding.sensed_us + LATENESS_US, now_us)))
            for finding in player.until(now_us)
        ]
        told += [TimedFinding(finding, now_us) for finding in player.at(now_us)]
        before = now_us
        if number % 64 == 0:
            progress(number / len(stops))
    progress(1.0)
    return told


def seats_of(recording: Recording) -> Seats:
    """The seats that the recording's readings were given."""
    return Seats(copy.deepcopy(recording.seated))


def _stops(recording: Recording) -> list[int]:
    """The moments at which the clock stops, sorted, the end last."""
    begin_us, end_us = recording.begin_us, recording.end_us
    first_us = begin_us + TICK_US  # the engine's first look at the devices
    stops = {first_us, *range(begin_us // HOUR_US * HOUR_US + HOUR_US, end_us, HOUR_US)}
    stops |= {a.arrival_us for a in recording.events if a.happened.kind not in UNHURRIED}
    late = np.sort(recording.arrival_us[recording.arrival_us - recording.vitals.time_us > LATE_US])
    steps, firsts = np.unique(-(-late // STEP_US) * STEP_US, return_index=True)
    stops |= {*steps.tolist(), *(late[firsts] - 1).tolist()}  # what came late is told within a step, not before it came
    begins: dict[str, list[int]] = {}
    for contact in recording.contacts:
        stops.add(contact.begin_us)
        stops |= _wakes(contact.end_us, allowed_us(recording.district, contact.gateway, contact.device))
        if contact.device is None:
            begins.setdefault(contact.gateway, []).append(contact.begin_us)
    for gateway, device in recording.district.sources:
        # silent from the start, or since the gateway is back
        for since_us in (first_us, *begins.get(gateway, ())):
            stops |= _wakes(since_us, allowed_us(recording.district, gateway, device))
    return [*sorted(stop for stop in stops if begin_us < stop < end_us), end_us, end_us + SETTLED_US]


def _wakes(since_us: int, allowed: float) -> set[int]:
    """The times at which a silence is reported: the engine looks once a second, so also a second later."""
    return {since_us + int(allowed), since_us + int(allowed) + TICK_US} if np.isfinite(allowed) else set()


class _Player:
    """Gives the engine the data that have arrived by a moment."""

    def __init__(self, recording: Recording, engine: Engine) -> None:
        self._recording, self._engine = recording, engine
        self._vitals = 0
        self._events = 0
        self._switched = [0] * len(recording.switches)
        self._next_us = [int(s.arrival_us[0]) if len(s.arrival_us) else _NEVER_US for s in recording.switches]
        """Arrival of each switch's next reading."""
        self._contacts = 0
        self._alive: dict[Contact, tuple[float, float]] = {}
        """Present contacts: when the engine last got a sign of life of them, and after what time it needs another."""

    def until(self, now_us: int) -> Iterator[Finding]:
        """Give readings, signs of life and unhurried events; then move the clock."""
        yield from self._hear(now_us)
        recording = self._recording
        end = int(np.searchsorted(recording.arrival_us, now_us, "right"))
        if end > self._vitals:
            self._engine.readings(recording.vitals.take(np.arange(self._vitals, end)))
            self._vitals = end
        for number, next_us in enumerate(self._next_us):
            if next_us > now_us:
                continue
            switched, first = recording.switches[number], self._switched[number]
            last = self._switched[number] = int(np.searchsorted(switched.arrival_us, now_us, "right"))
            self._next_us[number] = int(switched.arrival_us[last]) if last < len(switched.arrival_us) else _NEVER_US
            order = first + np.argsort(switched.time_us[first:last], kind="stable")
            times, values = switched.time_us[order], switched.value[order]
            self._engine.switched(switched.source, switched.channel, times, values)
        for arrived in recording.events[self._events : self._upto(now_us)]:
            if arrived.happened.kind in UNHURRIED:
                yield from self._engine.event(arrived.happened)
        yield from self._engine.advance(now_us)

    def at(self, now_us: int) -> Iterator[Finding]:
        """Give the events that are judged at once."""
        first, self._events = self._events, self._upto(now_us)
        for arrived in self._recording.events[first : self._events]:
            if arrived.happened.kind not in UNHURRIED:
                yield from self._engine.event(arrived.happened)

    def _upto(self, now_us: int) -> int:
        events, at = self._recording.events, self._events
        while at < len(events) and events[at].arrival_us <= now_us:
            at += 1
        return at

    def _hear(self, now_us: int) -> Iterator[Finding]:
        contacts, district = self._recording.contacts, self._recording.district
        while self._contacts < len(contacts) and contacts[self._contacts].begin_us <= now_us:
            contact = contacts[self._contacts]
            self._alive[contact] = -np.inf, allowed_us(district, contact.gateway, contact.device) / 2
            self._contacts += 1
        over = [contact for contact in self._alive if contact.end_us < now_us]
        for contact in sorted(over, key=lambda contact: contact.end_us):
            # at its very end, where the silence begins
            yield from self._engine.heard(contact.gateway, contact.device, contact.end_us)
            del self._alive[contact]
        behind = {
            contact.gateway for contact in over
        }  # a word of a device is a word of its gateway, and it was an old one
        for contact, (heard_us, often_us) in self._alive.items():
            if now_us - heard_us > often_us or (contact.device is None and contact.gateway in behind):
                yield from self._engine.heard(contact.gateway, contact.device, now_us)
                self._alive[contact] = now_us, often_us
