"""Write the readings of the simulated past: hours and minutes as roll-ups, the last hour as readings."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import psycopg
from numpy.typing import NDArray

from database import packs
from device_simulators.home import Home, Sampled
from ingest.storing import rows
from shouwang.past.stories import Absence
from vocabulary.times import DAY_US, HOUR_US, MINUTE_US

FINE = dt.timedelta(days=2)
"""So far back each minute has a value; before, one in ten: what charts of that length show."""
COARSE_US = 10 * MINUTE_US
HOURS_ALONE = dt.timedelta(days=11)
"""Further back there are hours alone."""
STAYS = frozenset({"battery", "room_temperature", "room_humidity"})
"""Channels that a home without its resident still has."""
SEEN = frozenset({"motion", "presence", "in_bed", "body_movement"})
"""0/1 channels of which the last 1 counts: when somebody was last seen."""
Known = Mapping[str, int]


class Span(msgspec.Struct, frozen=True):
    """µs since 1970. Up to ``rolled_us`` (a full hour) there are roll-ups, up to ``until_us`` readings."""

    since_us: int
    rolled_us: int
    until_us: int


def write_readings(
    cursor: psycopg.Cursor[Any], home: Home, devices: Known, absences: Sequence[Absence], span: Span
) -> int:
    """Write one home's readings; part of a transaction that has begun to store. ``devices``: ids by name.
    Returns the number of rows in ``reading``."""
    found = list(_sampled(home, devices, absences, span))
    raw = [
        (column.device, column.channel, column.times_us[kept], column.values[kept])
        for column in home.columns(span.rolled_us, span.until_us)
        if column.device in devices
        for kept in [~_absent(column.device, column.channel, column.times_us, absences)]
    ]
    raw += _newest(found, raw, span)
    series = _series(cursor, devices, {(one[0], one[1]) for one in raw} | {(s.device, s.channel) for s in found})
    if found:
        minutes = _buckets(found, series)
        hours = packs.hours(minutes)
        late = minutes.time_us >= span.until_us - round(HOURS_ALONE.total_seconds() * 1e6)
        kept = packs.Buckets(*(getattr(minutes, name)[late] for name in packs.Buckets.__struct_fields__))
        _copy(cursor, packs.COPY_MINUTES, b"".join(packs.copy_rows(kept, MINUTE_US, HOUR_US)))
        _copy(cursor, packs.COPY_HOURS, b"".join(packs.copy_rows(hours, HOUR_US, DAY_US)))
    if not raw:
        return 0
    ids = np.concatenate([np.full(len(times), series[device, channel], np.int32) for device, channel, times, _ in raw])
    times_us = np.concatenate([times for _, _, times, _ in raw])
    _copy(
        cursor,
        rows.copy_readings(cursor.connection),
        rows.readings(times_us, ids, np.concatenate([values for *_, values in raw])),
    )
    return len(times_us)


def _sampled(home: Home, devices: Collection[str], absences: Sequence[Absence], span: Span) -> Iterator[Sampled]:
    fine_us = max(span.since_us, (span.until_us - round(FINE.total_seconds() * 1e6)) // DAY_US * DAY_US)
    fine_us = min(fine_us, span.rolled_us)
    for begin, end, step in ((span.since_us, fine_us, COARSE_US), (fine_us, span.rolled_us, MINUTE_US)):
        for one in home.sampled(begin, end, step):
            if one.device in devices:
                kept = ~_absent(one.device, one.channel, one.time_us, absences)
                columns = (getattr(one, name)[kept] for name in ("time_us", "count", "mean", "low", "high"))
                yield Sampled(one.device, one.channel, *columns)


_Raw = tuple[str, str, NDArray[np.int64], NDArray[np.float32]]


def _newest(found: Sequence[Sampled], raw: Sequence[_Raw], span: Span) -> Iterator[_Raw]:
    """The last reading of each series that is rarer than an hour, and the last 1 of what sees people: a platform that
    ran all the time has them, and who asks when a device was last heard asks for readings."""
    since = span.rolled_us - DAY_US
    later = {(device, channel, False) for device, channel, *_ in raw}
    later |= {(device, channel, True) for device, channel, _, values in raw if (values >= 0.5).any()}
    for one in found:
        wanted = set()
        for least in (False, True) if one.channel in SEEN else (False,):
            at = np.flatnonzero((one.time_us >= since) & ((one.mean >= 0.5) | (not least)))
            if len(at) and (one.device, one.channel, least) not in later:
                wanted.add(int(at[-1]))
        if wanted:
            last = np.array(sorted(wanted))
            yield one.device, one.channel, one.time_us[last], one.mean[last].astype(np.float32)


def _absent(device: str, channel: str, times_us: NDArray[np.int64], absences: Sequence[Absence]) -> NDArray[np.bool_]:
    gone = np.zeros(len(times_us), np.bool_)
    for one in absences:
        if one.device == device or (not one.device and (one.dark or channel not in STAYS)):
            gone |= (times_us >= one.since.timestamp() * 1e6) & (times_us < one.until.timestamp() * 1e6)
    return gone


def _buckets(found: list[Sampled], series: Mapping[tuple[str, str], int]) -> packs.Buckets:
    ids = np.concatenate([np.full(len(one.time_us), series[one.device, one.channel], np.int32) for one in found])
    columns = {
        name: np.concatenate([getattr(one, name) for one in found])
        for name in ("time_us", "count", "mean", "low", "high")
    }
    order = np.lexsort((columns["time_us"], ids))
    count = columns["count"][order]
    return packs.Buckets(
        ids[order],
        columns["time_us"][order],
        count,
        columns["mean"][order] * count,
        columns["low"][order].astype(np.float32),
        columns["high"][order].astype(np.float32),
    )


def _series(
    cursor: psycopg.Cursor[Any], devices: Known, wanted: Collection[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """Numbers of the series, made where there are none yet."""
    pairs = sorted((devices[device], channel) for device, channel in wanted)
    cursor.execute(
        "INSERT INTO series (device_id, channel) SELECT * FROM unnest(%s::int[], %s::text[]) ON CONFLICT DO NOTHING",
        ([device for device, _ in pairs], [channel for _, channel in pairs]),
    )
    ids = cursor.execute(
        "SELECT d.name, s.channel, s.id FROM series s JOIN device d ON d.id = s.device_id WHERE d.id = ANY(%s)",
        (list(devices.values()),),
    ).fetchall()
    return {(device, channel): number for device, channel, number in ids}


def _copy(cursor: psycopg.Cursor[Any], statement: str, data: bytes) -> None:
    with cursor.copy(statement.encode()) as copy:
        copy.write(rows.HEADER)
        copy.write(data)
        copy.write(rows.TRAILER)
