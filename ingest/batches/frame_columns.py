"""Gather the frames of a batch as columns, and check their readings all together. Pure.

A district's frames name the same series again and again: a series is looked up by its names in one step, and its names
are looked at closely only where they are new.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from firmware_profiles import wire
from firmware_profiles.channels import CHANNELS
from ingest.batches.batch import Batch, Limits, utc
from ingest.batches.directory import Directory
from ingest.quarantine.refusals import Code, Refusal

_ROW = np.dtype([("id", "<i4"), ("low", "<f4"), ("high", "<f4")])
Flags = NDArray[np.bool_]


class KnownSeries:
    """The series that were found before, by the names that frames carry; each has a place in :meth:`table`."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._places: dict[str, dict[tuple[str, str], int]] = {}
        self._rows: list[tuple[int, float, float]] = []
        self._table = np.empty(0, _ROW)

    def of(self, frame: wire.Frame) -> list[int] | None:
        """The places of all series of a frame; None where one was not found before."""
        known = self._places.get(frame.gateway)
        if known is None:
            return None
        try:
            return [known[one.device, one.channel] for one in frame.series]
        except KeyError:
            return None

    def find(self, gateway: str, gateway_id: int, series: wire.Series) -> int | Code:
        """The place of one series, looked up where it is new; the reason, where its device or channel is unknown."""
        device_id = self._directory.device(gateway_id, series.device)
        if device_id is None:
            return Code.UNKNOWN_DEVICE
        if series.channel not in CHANNELS:
            return Code.UNKNOWN_CHANNEL
        places = self._places.setdefault(gateway, {})
        place = places.get((series.device, series.channel))
        if place is None:
            channel = CHANNELS[series.channel]
            self._rows.append((self._directory.series(device_id, series.channel), channel.low, channel.high))
            place = places[series.device, series.channel] = len(self._rows) - 1
        return place

    def table(self) -> NDArray[np.void]:
        """Shape [places]: the id, the lowest and the highest possible value."""
        if len(self._table) != len(self._rows):
            self._table = np.array(self._rows, _ROW)
        return self._table


class FrameColumns:
    """The series of a batch's frames, in the order in which they came."""

    def __init__(self) -> None:
        self._places: list[int] = []
        self.series: list[wire.Series] = []
        self._frames: list[tuple[str, wire.Frame]] = []
        self._counts: list[int] = []

    def add(self, topic: str, frame: wire.Frame, places: list[int], series: Sequence[wire.Series]) -> None:
        """Take these series of a frame."""
        self._places += places
        self.series += series
        self._frames.append((topic, frame))
        self._counts.append(len(places))

    def fill(self, batch: Batch, known: KnownSeries, limits: Limits) -> None:
        """Put what can be right into the batch's columns, clustered by series so that the index is written page by
        page, and the rest into its refusals."""
        if not self.series:
            return
        rows = known.table()[self._places]
        order = np.argsort(rows["id"], kind="stable")
        rows = rows[order]
        series = [self.series[place] for place in order.tolist()]
        lengths = np.fromiter(map(len, series), np.int64, len(series))
        offsets = np.frombuffer(b"".join([one.offsets for one in series]), "<u4")
        values = np.frombuffer(b"".join([one.values for one in series]), "<f4")
        bases = np.repeat(np.array([frame.base_us for _, frame in self._frames], np.int64), self._counts)[order]
        times = np.repeat(bases, lengths) + offsets.astype(np.int64) * 1000
        ids = np.repeat(rows["id"], lengths)
        # NaN fails both
        possible = (values >= np.repeat(rows["low"], lengths)) & (values <= np.repeat(rows["high"], lengths))
        old, ahead = times < limits.earliest_us, times > limits.latest_us
        good = possible & ~old & ~ahead
        if not good.all():
            owners = np.repeat(np.arange(len(self._frames)), self._counts)[order]
            starts = np.cumsum(lengths) - lengths
            for place in np.flatnonzero(~np.minimum.reduceat(good, starts)):
                piece = slice(starts[place], starts[place] + lengths[place])
                topic, frame = self._frames[owners[place]]
                batch.refusals += _refusals(topic, frame, series[place], possible[piece], old[piece], ahead[piece])
            times, ids, values = times[good], ids[good], values[good]
        batch.times_us, batch.series_ids, batch.values = times, ids, values


def _refusals(
    topic: str, frame: wire.Frame, series: wire.Series, possible: Flags, old: Flags, ahead: Flags
) -> list[Refusal]:
    channel, refusals = CHANNELS[series.channel], []
    for code, bad in (
        (Code.TIME_TOO_OLD, old),
        (Code.TIME_AHEAD, ahead),
        (Code.IMPOSSIBLE_VALUE, ~old & ~ahead & ~possible),
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
            series.device, series.channel, series.offsets_ms()[bad].tobytes(), series.floats()[bad].tobytes()
        )
        refusals.append(part_refusal(topic, frame, [refused], code, text))
    return refusals


def part_refusal(
    topic: str, frame: wire.Frame, series: list[wire.Series], code: Code, reason: str, device: str = ""
) -> Refusal:
    """Build the quarantine entry of a frame's refused part, which is a frame itself."""
    part = msgspec.structs.replace(frame, series=series)
    payload = wire.encode(part)
    return Refusal(
        topic=topic,
        gateway=frame.gateway,
        code=code,
        reason=reason,
        payload=payload,
        size=len(payload),
        readings=sum(map(len, series)),
        device=device,
        channels=tuple(sorted({one.channel for one in series})),
    )
