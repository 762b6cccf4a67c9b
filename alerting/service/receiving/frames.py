"""Gives the engine the frames of homes: many at once where nothing about them is odd, else each by itself.

A district sends thousands of small frames a second. Numpy for the three readings of one was nine tenths of alerting's
work; for those of many frames together it is next to nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from alerting.detection.kit.columns import VitalColumns
from alerting.detection.kit.context import Happened, Source
from alerting.detection.kit.device_clock import MEASURED, SWITCHED, DeviceClocks, news_of
from alerting.detection.kit.intake import FUTURE_US, concerns
from alerting.detection.kit.origin import BY_HAND
from alerting.detection.kit.switches import SWITCHES
from alerting.service.receiving.messages import HomeMessage
from firmware_profiles import wire
from firmware_profiles.errors import DecodeError

Refused = Callable[[HomeMessage, Exception], None]


class _Place(msgspec.Struct, frozen=True):
    """Where the readings of a series go: to a person's row and lane (-1: to none), and to a switch's events."""

    row: int = -1
    lane: int = -1
    switch: Source | None = None


_NOWHERE = _Place()


class FrameHearing:
    """Passes frames to ``engine``. ``look_up`` finds a device that was paired a moment ago, by gateway and name."""

    def __init__(self, engine: Engine, clocks: DeviceClocks, look_up: Callable[[str, str], Source | None]) -> None:
        self._engine, self._clocks, self._look_up = engine, clocks, look_up
        self._suspects: dict[tuple[str, str], list[VitalColumns]] = {}
        """Readings of devices whose clock may be wrong, of one message each."""
        self._places: dict[tuple[str, str], tuple[Source, dict[str, _Place]]] = {}
        self._learned = -1

    def hear_all(self, messages: Sequence[HomeMessage], now_us: int, refused: Refused) -> list[Finding]:
        """The findings of these frames, as :meth:`hear` and :meth:`observed` give them of each; what cannot be heard
        goes to ``refused``."""
        if self._learned != self._engine.seats.learned:
            self._learned = self._engine.seats.learned
            self._places.clear()
        findings: list[Finding] = []
        together: list[tuple[HomeMessage, wire.Frame]] = []
        places: list[_Place] = []
        for message in messages:
            frame = message.body
            try:
                if not isinstance(frame, wire.Frame):
                    raise TypeError(f"a {type(frame).__name__.lower()} among frames")
                if message.by_exchange:
                    findings += self.observed(message.gateway, frame)
                elif message.gateway not in self._engine.district.gateways:
                    raise DecodeError(f"frame of an unknown gateway {message.gateway}")
                else:
                    places += [self._place(message.gateway, series) for series in frame.series]
                    together.append((message, frame))
            except Exception as error:
                refused(message, error)
        if together:
            columns = _Columns([frame for _, frame in together], places)
            findings += self._hear_together(together, columns, now_us, refused)
            self._engine.readings(columns.measured())
        return findings

    def _hear_together(
        self, together: list[tuple[HomeMessage, wire.Frame]], columns: "_Columns", now_us: int, refused: Refused
    ) -> list[Finding]:
        findings: list[Finding] = []
        newest_us = columns.newest_us.tolist()
        end = 0
        for message, frame in together:
            begin, end = end, end + len(frame.series)
            devices = dict.fromkeys([series.device for series in frame.series])
            newest = newest_us[begin:end]
            try:
                if frame.stream != "live" or not self._is_ordinary(message.gateway, devices, newest, now_us):
                    columns.drop(begin, end)
                    findings += self.hear(message.gateway, frame, now_us)
                    continue
                for device in devices:
                    findings += self._engine.heard(message.gateway, device, now_us)
                findings += self._engine.clock(message.gateway, max(newest), now_us)
                for at in range(begin, end):
                    switch = columns.places[at].switch
                    if switch is not None:
                        times, values = columns.of(at)
                        if len(times):
                            self._engine.switched(switch, columns.series[at].channel, times, values)
            except Exception as error:
                refused(message, error)
        return findings

    def _is_ordinary(self, gateway: str, devices: Iterable[str], newest_us: list[int], now_us: int) -> bool:
        """Whether the times of a frame say nothing about any clock."""
        oldest, newest = min(newest_us), max(newest_us)
        return all(
            self._clocks.is_right((gateway, device), oldest, now_us)
            and self._clocks.is_right((gateway, device), newest, now_us)
            for device in devices
        )

    def _place(self, gateway: str, series: wire.Series) -> _Place:
        key = (gateway, series.device)
        source = self._engine.district.sources.get(key)
        if source is None:
            return _NOWHERE
        known = self._places.get(key)
        if known is None or known[0] is not source:
            known = self._places[key] = source, {}
        place = known[1].get(series.channel)
        if place is None:
            if not concerns(source, series.channel):
                return _NOWHERE  # not kept: there may be any number of such names
            row, lane = self._engine.seats.lane(source, series.channel) or (-1, -1)
            place = known[1][series.channel] = _Place(row, lane, source if series.channel in SWITCHES else None)
        return place

    def hear(self, gateway: str, frame: wire.Frame, now_us: int) -> list[Finding]:
        """The findings of one frame. Raises DecodeError for a gateway that the district does not know."""
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

    def observed(self, gateway: str, frame: wire.Frame) -> list[Finding]:
        """Take the readings of another system: no sign of life of the home, and nothing about a clock of it."""
        if gateway not in self._engine.district.gateways:
            raise DecodeError(f"readings for an unknown gateway {gateway}")
        parts = []
        for series in frame.series:
            source = self._engine.district.sources.get((gateway, series.device)) or self._look_up(
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


class _Columns:
    """The readings of frames, those of one series after those of another."""

    def __init__(self, frames: list[wire.Frame], places: list[_Place]) -> None:
        self.places = places
        self.series = list(chain.from_iterable([frame.series for frame in frames]))
        lengths = np.fromiter(map(len, self.series), np.intp, len(self.series))
        offsets = np.frombuffer(b"".join([one.offsets for one in self.series]), "<u4").astype(np.int64)
        bases = np.repeat(np.array([f.base_us for f in frames], np.int64), [len(f.series) for f in frames])
        self._lengths, self._starts = lengths, np.cumsum(lengths) - lengths
        self._times = np.repeat(bases, lengths) + offsets * 1000
        self._values = np.frombuffer(b"".join([one.values for one in self.series]), "<f4")
        self._rows = np.array([place.row for place in places], np.int32)
        self.newest_us = np.maximum.reduceat(self._times, self._starts)
        """By series, µs since 1970."""

    def of(self, at: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Times and values of one series, the finite ones."""
        piece = slice(self._starts[at], self._starts[at] + self._lengths[at])
        good = np.isfinite(self._values[piece])
        return self._times[piece][good], self._values[piece][good]

    def drop(self, begin: int, end: int) -> None:
        """Leave these series out of :meth:`measured`."""
        self._rows[begin:end] = -1

    def measured(self) -> VitalColumns:
        """The finite readings that have a row."""
        rows = np.repeat(self._rows, self._lengths)
        lanes = np.repeat(np.array([place.lane for place in self.places], np.int16), self._lengths)
        good = (rows >= 0) & np.isfinite(self._values)
        return VitalColumns(rows[good], lanes[good], self._times[good], self._values[good])
