"""Records the data that reached the platform, in columns and in the order of arrival, ready for an engine."""

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.detectors.silence import GATEWAY_SILENT_US, MISSED_HEARTBEATS
from alerting.detection.kit.columns import VitalColumns
from alerting.detection.kit.context import District, Happened, Source
from alerting.detection.kit.device_clock import OFF, RIGHT, DeviceClocks
from alerting.detection.kit.intake import Times
from alerting.detection.kit.sources.seats import SeatedDevices, Seats
from alerting.detection.kit.switches import SWITCHES

ValueArray = NDArray[np.float32]


class SwitchReadings(msgspec.Struct, frozen=True):
    """Readings of one 0/1 channel, shapes [n], sorted by arrival."""

    source: Source
    channel: str
    time_us: Times
    value: ValueArray
    arrival_us: Times


class EventArrival(msgspec.Struct, frozen=True):
    """An event, and when it arrived."""

    arrival_us: int
    happened: Happened


class Contact(msgspec.Struct, frozen=True):
    """A time in which a device (None: the gateway itself) was heard as often as it should be."""

    gateway: str
    device: str | None
    begin_us: int
    end_us: int


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """A recording of one district, µs since 1970, UTC. ``vitals`` are sorted by their ``arrival_us``."""

    district: District
    begin_us: int
    end_us: int
    vitals: VitalColumns
    seated: SeatedDevices
    arrival_us: Times
    switches: list[SwitchReadings]
    events: list[EventArrival]
    contacts: list[Contact]

    def __len__(self) -> int:
        """The number of readings and events."""
        return (
            len(self.vitals)
            + sum(len(s.time_us) for s in self.switches)
            + sum(event.happened.kind not in (OFF, RIGHT) for event in self.events)
        )


class Recorder:
    """Gathers readings and events of one district."""

    def __init__(self, district: District) -> None:
        self._district = district
        self._seats = Seats()
        self._seats.learn(district)
        self._parts: list[VitalColumns] = []
        self._arrivals: list[Times] = []
        self._switches: list[SwitchReadings] = []
        self._events: list[EventArrival] = []
        self._clocks = DeviceClocks()
        self.unused: dict[str, int] = {}
        """Numbers of readings that no detector uses, by reason."""

    def readings(self, source: Source, channel: str, time_us: Times, value: ValueArray, arrival_us: Times) -> None:
        """Add all readings of one channel of one device, shapes [n], in any order."""
        good = np.isfinite(value)
        self._not_used("no number", len(good) - int(good.sum()))
        place = self._seats.lane(source, channel)
        if place is None and channel not in SWITCHES:
            self._not_used(f"no detector looks at {channel}", int(good.sum()))
            return
        order = np.flatnonzero(good)
        order = order[np.lexsort((time_us[order], arrival_us[order]))]
        time_us, value, arrival_us = time_us[order], value[order], arrival_us[order]
        time_us, again, news = self._clocks.judge_series(source, channel, time_us, arrival_us)
        self._events += [EventArrival(at_us, told) for at_us, told in news]
        if channel in SWITCHES:
            self._switches.append(SwitchReadings(source, channel, time_us, value, arrival_us))
        if place is not None:
            for part, at_us, behind_us in again:
                time_us = np.concatenate((time_us, time_us[part] + behind_us))
                value = np.concatenate((value, value[part]))
                arrival_us = np.concatenate((arrival_us, np.full(part.stop - part.start, at_us)))
            n = len(time_us)
            rows, lanes = np.full(n, place[0], np.int32), np.full(n, place[1], np.int16)
            self._parts.append(VitalColumns(rows, lanes, time_us, value))
            self._arrivals.append(arrival_us)

    def event(self, happened: Happened, arrival_us: int) -> None:
        """Add an event."""
        self._events.append(EventArrival(arrival_us, happened))

    def recording(self, begin_us: int, end_us: int, contacts: Iterable[Contact]) -> Recording:
        """The recording of everything gathered so far."""
        vitals = VitalColumns.join(self._parts)
        arrival_us = np.concatenate(self._arrivals) if self._arrivals else np.empty(0, np.int64)
        order = np.argsort(arrival_us, kind="stable")
        events: list[EventArrival] = []
        for arrived in sorted(self._events, key=lambda arrived: arrived.arrival_us):
            happened, news = arrived.happened, None
            if happened.kind not in (OFF, RIGHT):
                happened, news = self._clocks.judge_event(happened, arrived.arrival_us)
            events.append(EventArrival(arrived.arrival_us, happened))
            if news is not None:
                events.append(EventArrival(arrived.arrival_us, news))
        return Recording(
            district=self._district,
            begin_us=begin_us,
            end_us=end_us,
            vitals=vitals.take(order),
            seated=self._seats.state,
            arrival_us=arrival_us[order],
            switches=self._switches,
            events=events,
            contacts=sorted(contacts, key=lambda contact: contact.begin_us),
        )

    def _not_used(self, why: str, count: int) -> None:
        if count:
            self.unused[why] = self.unused.get(why, 0) + count


def allowed_us(district: District, gateway: str, device: str | None) -> float:
    """Longest silence of the device (None: the gateway); infinite for one that the district does not know."""
    if device is None:
        return GATEWAY_SILENT_US
    source = district.sources.get((gateway, device))
    return np.inf if source is None else MISSED_HEARTBEATS * source.heartbeat_s * 1e6


def contacts_in(
    district: District, gateway: str, device: str | None, times_us: Times, begin_us: int, end_us: int
) -> list[Contact]:
    """The contacts of a device from its times, shape [n], sorted. The last one lasts to the end of the recording where
    it is too near for a silence."""
    allowed = allowed_us(district, gateway, device)
    times = np.concatenate(([begin_us], times_us[(times_us > begin_us) & (times_us < end_us)], [end_us]))
    gaps = np.flatnonzero(np.diff(times) >= allowed)
    starts = np.concatenate(([0], gaps + 1))
    ends = np.concatenate((gaps, [len(times) - 1]))
    contacts = [Contact(gateway, device, int(times[a]), int(times[b])) for a, b in zip(starts, ends, strict=True)]
    return [
        contact for contact in contacts if contact.end_us > contact.begin_us or begin_us < contact.begin_us < end_us
    ]
