"""Turn frames, events and statuses into a batch of columns and rows. Pure; the clock is passed in.

Each message is stored, recognised as a repetition, or refused with a reason for the quarantine. No Python runs per
reading: numpy checks a batch as a whole.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import numpy as np
import structlog

from firmware_profiles import wire
from firmware_profiles.channels import EVENTS
from firmware_profiles.errors import DecodeError, WrongGatewayError
from firmware_profiles.event_reading import read_event
from ingest.batches.batch import REUSED, Batch, EventRow, Limits, StatusRow, StreamKey, utc
from ingest.batches.directory import Directory
from ingest.batches.frame_columns import FrameColumns, KnownSeries, part_refusal
from ingest.batches.marks import Mark
from ingest.quarantine.refusals import Code, Refusal, fault, trace
from vocabulary.times import DAY_US

log = structlog.get_logger(__name__)

EVENT_OLDEST_US = 400 * DAY_US
"""An event that is older comes from a clock that was never set; alerting dates it in the same way."""
MARKS_KEPT = 100_000
"""Marks held in memory; others are read from the database when their stream goes on."""
_NUMBERING = (
    "the gateway's numbers jump about, or begin anew all the time: does its outbox survive a restart? mend it, then"
    " process this again"
)


class Batcher:
    """Turns messages into batches.

    ``load_mark`` reads the stored mark of a stream that is not in memory; None: the gateway begins too many streams.
    """

    def __init__(self, directory: Directory, load_mark: Callable[[StreamKey], Mark | None]) -> None:
        self._directory = directory
        self._load_mark = load_mark
        self._known = KnownSeries(directory)
        self._marks: OrderedDict[StreamKey, Mark] = OrderedDict()

    def build(self, messages: Iterable[tuple[str, bytes]], limits: Limits, *, marked: bool = True) -> Batch:
        """Decide on (topic, payload) messages, in their order.

        ``marked=False`` stores frames without checking their numbers: for refused parts of frames whose number is
        taken already. Raises nothing for the messages' contents: each is stored, counted as repeated, or refused.
        """
        while len(self._marks) > MARKS_KEPT:
            self._marks.popitem(last=False)
        batch = Batch(times_us=np.empty(0, np.int64), series_ids=np.empty(0, np.int32), values=np.empty(0, np.float32))
        columns = FrameColumns()
        for topic, payload in messages:
            if not self._sort_known(topic, payload, batch, columns, limits, marked):
                self._sort(topic, payload, batch, columns, limits, marked)
        columns.fill(batch, self._known, limits)
        # a copy: the next batch moves the marks on while this one is being stored
        batch.marks = {key: mark.copy() for key, mark in batch.marks.items()}
        return batch

    def forget(self, keys: Iterable[StreamKey]) -> None:
        """Drop these marks from memory, because numbers taken there were not stored; they are read anew."""
        for key in keys:
            self._marks.pop(key, None)

    def _sort_known(
        self, topic: str, payload: bytes, batch: Batch, columns: FrameColumns, limits: Limits, marked: bool
    ) -> bool:
        """Take a frame of series that were found before; False: look at the message closely.

        Nearly all messages are such frames, so that this is the cost of a message.
        """
        if not topic.endswith(("/readings", "/observations")):
            return False
        try:
            gateway, leaf = wire.parse_topic(topic)
            frame = wire.read_frame(payload)
        except Exception:  # the closer look says why
            return False
        if frame.gateway != gateway or (leaf == "observations") != (frame.epoch == wire.EXCHANGE_EPOCH):
            return False
        places, gateway_id = self._known.of(frame), self._directory.gateway(gateway)
        if places is None or gateway_id is None:
            return False
        if marked:
            taken = self._number(gateway_id, frame, batch, limits)
            if not isinstance(taken, bool):
                return False
            if not taken:
                return True
        columns.add(topic, frame, places, frame.series)
        return True

    def _sort(
        self, topic: str, payload: bytes, batch: Batch, columns: FrameColumns, limits: Limits, marked: bool
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
        else:
            taken = self._number(gateway_id, message, batch, limits) if marked else True
            if not isinstance(taken, bool):
                return refuse(*taken, gateway)
            if taken:
                self._sort_frame(gateway_id, topic, message, batch, columns)
        return None

    def _number(self, gateway_id: int, frame: wire.Frame, batch: Batch, limits: Limits) -> bool | tuple[Code, str]:
        """Take a frame's number: True. A repetition is counted: False. Else why the frame is refused."""
        key = (gateway_id, frame.epoch, frame.stream)
        mark, began_us = self._mark(key), min(frame.base_us, limits.latest_us)
        if mark is None or mark.scatters(frame.seq):
            return Code.NUMBERING, _NUMBERING
        if mark.take(frame.seq):
            if key not in batch.marks:
                mark.version += 1
                batch.marks[key] = mark
            mark.newest_us = max(mark.newest_us, began_us)
            return True
        if mark.reuses(began_us):
            return Code.REUSED_NUMBER, REUSED.format(frame.seq, utc(frame.base_us))
        batch.repeated += 1
        return False

    def _mark(self, key: StreamKey) -> Mark | None:
        mark = self._marks.get(key)
        if mark is None:
            mark = self._load_mark(key)
            if mark is None:
                return None
            self._marks[key] = mark
        self._marks.move_to_end(key)
        return mark

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

    def _sort_frame(self, gateway_id: int, topic: str, frame: wire.Frame, batch: Batch, columns: FrameColumns) -> None:
        places: list[int] = []
        found: list[wire.Series] = []
        unknown: dict[tuple[Code, str], list[wire.Series]] = {}
        for series in frame.series:
            place = self._known.find(frame.gateway, gateway_id, series)
            if isinstance(place, int):
                places.append(place)
                found.append(series)
            elif place is Code.UNKNOWN_DEVICE:
                text = f"no device {series.device!r} is registered at this gateway: pair it, then process this again"
                unknown.setdefault((place, text), []).append(series)
            else:
                text = f"no channel {series.channel!r} in channels.toml: is this side older than the gateway?"
                unknown.setdefault((place, text), []).append(series)
        columns.add(topic, frame, places, found)
        for (code, text), refused in unknown.items():
            device = refused[0].device if code is Code.UNKNOWN_DEVICE else ""
            batch.refusals.append(part_refusal(topic, frame, refused, code, text, device))


def _readings(message: wire.Frame | wire.Event | wire.Status | None) -> int:
    return sum(map(len, message.series)) if isinstance(message, wire.Frame) else 0
