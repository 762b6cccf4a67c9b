"""The contents of one transaction: columns of readings, rows of events and statuses, marks, refusals. Pure."""

import datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from firmware_profiles import wire
from ingest.batches.marks import Mark
from ingest.batches.senml_rows import SenmlRows
from ingest.quarantine.refusals import Refusal

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


REUSED = (
    "its number {} was stored before with something older; this is of {}. Was the outbox put back from a copy? Delete"
    " it on the gateway, so that its numbers begin anew, then process this again"
)


def utc(time_us: int) -> str:
    """Write a time for a person; numbers beyond the calendar as µs."""
    try:
        return datetime.datetime.fromtimestamp(time_us / 1e6, datetime.UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return f"{time_us} µs"
