"""Turn frames, events and statuses into a batch of columns and rows. Pure; the clock is passed in.

Each message is stored, recognised as a repetition, or refused with a reason for the quarantine. No Python runs per
reading: numpy checks a batch as a whole.
"""

import datetime
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from firmware_profiles import wire
from firmware_profiles.channels import CHANNELS, EVENTS
from firmware_profiles.errors import DecodeError, WrongGatewayError
from firmware_profiles.event_reading import read_event
from ingest.batches.directory import Directory
from ingest.batches.marks import Mark
from ingest.batches.senml_rows import SenmlRows
from ingest.quarantine.refusals import Code, Refusal, fault, trace
from vocabulary.times import DAY_US

log = structlog.get_logger(__name__)

StreamKey = tuple[int, int, str]
"""(gateway id, epoch, stream)"""


class EventRow(msgspec.Struct, frozen=True):
    """An event to store, with the ids of its gateway and device."""

    gateway_id: int
    device_id: int
    event: wire.Event
    marked: bool = False
    """Its time cannot be right: it is stored at its arrival, with the gateway's own time beside."""


class StatusRow(msgspec.Struct, frozen=True):
    """A gateway's status to store."""

    gateway_id: int
    status: wire.Status


class Batch(msgspec.Struct, kw_only=True):
    """The contents of one transaction. ``times_us``, ``series_ids``, ``values`` have shape [n], clustered by series."""

    times_us: NDArray[np.int64]
    series_ids: NDArray[np.int32]
    values: NDArray[np.float32]
    marks: dict[StreamKey, Mark] = {}
    events: list[EventRow] = []
    statuses: list[StatusRow] = []
    refusals: list[Refusal] = []
    repeated: int = 0
    """Frames that were stored before."""
    senml: SenmlRows | None = None
    """Readings that came without sequence numbers."""


class Limits(msgspec.Struct, frozen=True):
    """The accepted times, µs since 1970: outside [earliest, latest] a time is refused."""

    earliest_us: int
    latest_us: int


EVENT_OLDEST_US = 400 * DAY_US
"""An event that is older comes from a clock that was never set; alerting dates it in the same way."""
_Segment = tuple[int, int, wire.Series, wire.Frame, str]
"""(series id, frame's place, series, frame, topic)"""


MARKS_KEPT = 100_000
"""Marks held in memory; others are read from the database when their stream goes on."""
_NUMBERING = (
    "the gateway's numbers jump about, or begin anew all the time: does its outbox survive a restart? mend it, then"
    " process this again"
)
REUSED = (
    "its number {} was stored before with something older; this is of {}. Was the outbox put back from a copy? Delete"
    " it on the gateway, so that its numbers begin anew, then process this again"
)


class Batcher:
    """Turns messages into batches.

    ``load_mark`` reads the stored mark of a stream that is not in memory; None: the gateway begins too many streams.
    """

    def __init__(self, directory: Directory, load_mark: Callable[[StreamKey], Mark | None]) -> None:
        self._directory = directory
        self._load_mark = load_mark
        self._marks: OrderedDict[StreamKey, Mark] = OrderedDict()

    def build(self, messages: Iterable[tuple[str, bytes]], limits: Limits, *, marked: bool = True) -> Batch:
        """Decide on (topic, payload) messages, in their order.

        ``marked=False`` stores frames without checking their numbers: for refused parts of frames whose number is
        taken already. Raises nothing for the messages' contents: each is stored, counted as repeated, or refused.
        """
        while len(self._marks) > MARKS_KEPT:
            self._marks.popitem(last=False)
        batch = Batch(times_us=np.empty(0, np.int64), series_ids=np.empty(0, np.int32), values=np.empty(0, np.float32))
        segments: list[_Segment] = []
        for topic, payload in messages:
            self._sort(topic, payload, batch, segments, limits, marked)
        if segments:
            self._fill(batch, segments, limits)
        # a copy: the next batch moves the marks on while this one is being stored
        batch.marks = {key: mark.copy() for key, mark in batch.marks.items()}
        return batch

    def forget(self, keys: Iterable[StreamKey]) -> None:
        """Drop these marks from memory, because numbers taken there were not stored; they are read anew."""
        for key in keys:
            self._marks.pop(key, None)

    def _sort(
        self, topic: str, payload: bytes, batch: Batch, segments: list[_Segment], limits: Limits, marked: bool
    ) -> None:
        message: wire.Frame | wire.Event | wire.Status | None = None

        def refuse(code: Code, reason: str, gateway: str | None = None) -> None:
            batch.refusals.append(
                Refusal(
                    topic=topic,
                    gateway=gateway or wire.gateway_in(topic),
                    code=code,
                    reason=reason,
                    payload=payload,
                    size=len(payload),
                    readings=_readings(message),
                )
            )

        leaf = topic.rpartition("/")[2]
        if len(payload) > wire.MAX_PAYLOAD and leaf != "events":
            size = f"{len(payload)} bytes; a message may have {wire.MAX_PAYLOAD}: let the gateway cut smaller frames"
            return refuse(Code.TOO_LARGE, size)
        kinds: Mapping[str, type[Any]] = {"readings": wire.Frame, "observations": wire.Frame, "status": wire.Status}
        lost: tuple[str, ...] = ()
        try:
            gateway, leaf = wire.parse_topic(topic)
            if leaf == "events":
                read = read_event(payload, gateway)
                message, lost = read.event, read.lost
                if not read.numbered:
                    return refuse(Code.UNDECODABLE, f"{'; '.join(lost)}; check the gateway's firmware")
            else:
                message = wire.decode(kinds[leaf], payload)
        except WrongGatewayError as error:
            return refuse(Code.WRONG_GATEWAY, str(error))
        except (DecodeError, KeyError) as error:
            return refuse(Code.UNDECODABLE, f"{error}; check the gateway's firmware")
        except Exception as error:  # a fault of the decoder must not hold up the other messages
            log.error("a message cannot be decoded", topic=topic, trace=trace(error))
            return refuse(Code.FAULT, fault(error))
        assert message is not None  # noqa: S101 - decode gives one or raises
        if isinstance(message, wire.Frame) and (leaf == "observations") != (message.epoch == wire.EXCHANGE_EPOCH):
            return refuse(Code.UNDECODABLE, f"epoch {message.epoch} has no place under the leaf {leaf}", gateway)
        if message.gateway != gateway:
            text = f"the message calls itself {message.gateway!r}; was a gateway's configuration copied?"
            return refuse(Code.WRONG_GATEWAY, text, gateway)
        gateway_id = self._directory.gateway(gateway)
        if gateway_id is None:
            text = f"no gateway {gateway!r} is registered: provision it, then process this again"
            return refuse(Code.UNKNOWN_GATEWAY, text, gateway)
        if isinstance(message, wire.Status):
            batch.statuses.append(StatusRow(gateway_id, message))
        elif isinstance(message, wire.Event):
            self._sort_event(gateway_id, message, batch, limits, refuse)
            if lost:
                text = f"stored without what could not be read ({'; '.join(lost)}): check the gateway's firmware"
                refuse(Code.PARTLY_UNREADABLE, text, gateway)
        elif not marked:
            self._sort_frame(gateway_id, topic, message, batch, segments)
        else:
            key = (gateway_id, message.epoch, message.stream)
            mark, began_us = self._mark(key), min(message.base_us, limits.latest_us)
            if mark is None or mark.scatters(message.seq):
                return refuse(Code.NUMBERING, _NUMBERING, gateway)
            if self._take(key, mark, message.seq, batch):
                mark.newest_us = max(mark.newest_us, began_us)
                self._sort_frame(gateway_id, topic, message, batch, segments)
            elif mark.reuses(began_us):
                return refuse(Code.REUSED_NUMBER, REUSED.format(message.seq, utc(message.base_us)), gateway)
            else:
                batch.repeated += 1
        return None

    def _mark(self, key: StreamKey) -> Mark | None:
        mark = self._marks.get(key)
        if mark is None:
            mark = self._load_mark(key)
            if mark is None:
                return None
            self._marks[key] = mark
        self._marks.move_to_end(key)
        return mark

    @staticmethod
    def _take(key: StreamKey, mark: Mark, seq: int, batch: Batch) -> bool:
        taken = mark.take(seq)
        if taken and key not in batch.marks:
            mark.version += 1
            batch.marks[key] = mark
        return taken

    def _sort_event(
        self,
        gateway_id: int,
        event: wire.Event,
        batch: Batch,
        limits: Limits,
        refuse: Callable[[Code, str, str | None], None],
    ) -> None:
        device_id = self._directory.device(gateway_id, event.device)
        if device_id is None:
            text = f"no device {event.device!r} is registered at this gateway: pair it, then process this again"
            refuse(Code.UNKNOWN_DEVICE, text, event.gateway)
            batch.refusals[-1] = msgspec.structs.replace(batch.refusals[-1], device=event.device)
        elif event.kind not in EVENTS:
            refuse(Code.UNKNOWN_EVENT, f"no event {event.kind!r} in events.toml: is this side older?", event.gateway)
        else:
            # whatever the gateway's clock says, it happened: an old one waited for the line, no other time can be right
            right = limits.latest_us - EVENT_OLDEST_US <= event.time_us <= limits.latest_us
            batch.events.append(EventRow(gateway_id, device_id, event, marked=not right))

    def _sort_frame(
        self, gateway_id: int, topic: str, frame: wire.Frame, batch: Batch, segments: list[_Segment]
    ) -> None:
        unknown: dict[tuple[Code, str], list[wire.Series]] = {}
        for place, series in enumerate(frame.series):
            device_id = self._directory.device(gateway_id, series.device)
            if device_id is None:
                text = f"no device {series.device!r} is registered at this gateway: pair it, then process this again"
                unknown.setdefault((Code.UNKNOWN_DEVICE, text), []).append(series)
            elif series.channel not in CHANNELS:
                text = f"no channel {series.channel!r} in channels.toml: is this side older than the gateway?"
                unknown.setdefault((Code.UNKNOWN_CHANNEL, text), []).append(series)
            else:
                series_id = self._directory.series(device_id, series.channel)
                segments.append((series_id, place, series, frame, topic))
        for (code, text), refused in unknown.items():
            device = refused[0].device if code is Code.UNKNOWN_DEVICE else ""
            batch.refusals.append(_part(topic, frame, refused, code, text, device))

    def _fill(self, batch: Batch, segments: list[_Segment], limits: Limits) -> None:
        # Clustered by series, so that the index is written page by page.
        segments.sort(key=lambda segment: segment[0])
        lengths = np.array([len(series) for _, _, series, _, _ in segments])
        offsets = np.frombuffer(b"".join(series.offsets for _, _, series, _, _ in segments), "<u4")
        values = np.frombuffer(b"".join(series.values for _, _, series, _, _ in segments), "<f4")
        bases = np.array([frame.base_us for _, _, _, frame, _ in segments], np.int64)
        channels = [CHANNELS[series.channel] for _, _, series, _, _ in segments]
        low = np.repeat(np.array([c.low for c in channels], np.float32), lengths)
        high = np.repeat(np.array([c.high for c in channels], np.float32), lengths)
        times = np.repeat(bases, lengths) + offsets.astype(np.int64) * 1000
        possible = (values >= low) & (values <= high)  # NaN fails both
        old, ahead = times < limits.earliest_us, times > limits.latest_us
        good = possible & ~old & ~ahead
        ids = np.repeat(np.array([segment[0] for segment in segments], np.int32), lengths)
        if not good.all():
            self._refuse_readings(batch, segments, lengths, possible, old, ahead)
            times, ids, values = times[good], ids[good], values[good]
        batch.times_us, batch.series_ids, batch.values = times, ids, values

    def _refuse_readings(
        self,
        batch: Batch,
        segments: Sequence[_Segment],
        lengths: NDArray[np.int64],
        possible: NDArray[np.bool_],
        old: NDArray[np.bool_],
        ahead: NDArray[np.bool_],
    ) -> None:
        starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
        clean = np.minimum.reduceat(possible & ~old & ~ahead, starts)
        for index in np.flatnonzero(~clean):
            _, _, series, frame, topic = segments[int(index)]
            piece = slice(starts[index], starts[index] + lengths[index])
            channel = CHANNELS[series.channel]
            for code, bad in (
                (Code.TIME_TOO_OLD, old[piece]),
                (Code.TIME_AHEAD, ahead[piece]),
                (Code.IMPOSSIBLE_VALUE, ~old[piece] & ~ahead[piece] & ~possible[piece]),
            ):
                if not bad.any():
                    continue
                first = int(np.flatnonzero(bad)[0])
                if code is Code.IMPOSSIBLE_VALUE:
                    text = (
                        f"{series.device}/{series.channel}: {bad.sum()} of {bad.size} values are impossible, the first "
                        f"{series.floats()[first]:g} (possible: {channel.low:g} to {channel.high:g} {channel.unit}):"
                        " check the device"
                    )
                else:
                    first_us = frame.base_us + int(series.offsets_ms()[first]) * 1000
                    text = (
                        f"{series.device}/{series.channel}: {bad.sum()} of {bad.size} readings lie outside the accepted"
                        f" time, the first at {utc(first_us)}: check the gateway's clock"
                    )
                refused = wire.Series(
                    series.device,
                    series.channel,
                    series.offsets_ms()[bad].tobytes(),
                    series.floats()[bad].tobytes(),
                )
                batch.refusals.append(_part(topic, frame, [refused], code, text))


def utc(time_us: int) -> str:
    """Write a time for a person; numbers beyond the calendar as µs."""
    try:
        return datetime.datetime.fromtimestamp(time_us / 1e6, datetime.UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return f"{time_us} µs"


def _readings(message: wire.Frame | wire.Event | wire.Status | None) -> int:
    return sum(map(len, message.series)) if isinstance(message, wire.Frame) else 0


def _part(
    topic: str, frame: wire.Frame, series: list[wire.Series], code: Code, reason: str, device: str = ""
) -> Refusal:
    """Build the quarantine entry of a frame's refused part, which is a frame itself."""
    part = msgspec.structs.replace(frame, series=series)
    payload = wire.encode(part)
    channels = tuple(sorted({one.channel for one in series}))
    return Refusal(
        topic=topic,
        gateway=frame.gateway,
        code=code,
        reason=reason,
        payload=payload,
        size=len(payload),
        readings=_readings(part),
        device=device,
        channels=channels,
    )
