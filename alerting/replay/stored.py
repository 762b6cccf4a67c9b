"""Loads stored readings and events of some residents' homes as a recording. Readings come by binary COPY."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import psycopg
from numpy.typing import NDArray

from alerting.detection.kit.context import District, Happened
from alerting.replay.recording import Contact, Recorder, Recording, contacts_in
from alerting.service.district import build_district
from care_network.records.registry import Registry, load_registry

EPOCH_2000_US = 946_684_800_000_000
"""PostgreSQL's epoch."""
_ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("n1", ">i4"),
        ("series", ">i4"),
        ("n2", ">i4"),
        ("time", ">i8"),
        ("n3", ">i4"),
        ("value", ">f4"),
    ]
)
"""A tuple of COPY BINARY with an integer, a timestamptz and a real, none of them null (PostgreSQL, COPY, Binary)."""
_HEADER_BYTES = 19
_SLICE = dt.timedelta(days=7)

SeriesNames = dict[int, tuple[str, str, str]]
"""(gateway, device, channel) by the series' id."""


def load(
    conn: psycopg.Connection[Any],
    residents: Sequence[str],
    since: dt.datetime,
    until: dt.datetime,
    progress: Callable[[float], None] = lambda _: None,
) -> tuple[Recording, dict[str, int]]:
    """(recording of these residents' homes with since <= time < until, numbers of unused readings by reason).

    The arrival of a reading is not stored: its time counts. Raises LookupError for a resident who is not there,
    ValueError where nothing is stored.
    """
    registry = _of(load_registry(conn), residents)
    district = build_district(registry)
    recorder = Recorder(district)
    gateways = sorted(registry.gateways)
    series_rows = conn.execute(
        "SELECT s.id, g.name, d.name, s.channel FROM series s JOIN device d ON d.id = s.device_id"
        " JOIN gateway g ON g.id = d.gateway_id WHERE g.name = ANY(%s)",
        [gateways],
    ).fetchall()
    series: SeriesNames = {row[0]: (row[1], row[2], row[3]) for row in series_rows}
    rows = _readings(conn, sorted(series), since, until, progress)
    contact_times: dict[tuple[str, str], list[NDArray[np.int64]]] = {}
    order = np.argsort(rows["series"], kind="stable")
    ids, starts = np.unique(rows["series"][order], return_index=True)
    for number, places in zip(ids.tolist(), np.split(order, starts[1:]), strict=False):
        gateway, device, channel = series[number]
        at_us = rows["time"][places].astype(np.int64) + EPOCH_2000_US
        source = district.sources.get((gateway, device))
        if source is not None:
            recorder.readings(source, channel, at_us, rows["value"][places].astype(np.float32), at_us)
        contact_times.setdefault((gateway, device), []).append(at_us)
    for gateway, device, kind, time, told_us, received, values, evidence in conn.execute(
        'SELECT g.name, d.name, e.kind, e.time, e.told_us, e.received_at, e."values", e.evidence FROM event e'
        " JOIN device d ON d.id = e.device_id JOIN gateway g ON g.id = d.gateway_id"
        " WHERE g.name = ANY(%s) AND e.time >= %s AND e.time < %s ORDER BY e.time",
        [gateways, since, until],
    ):
        source = district.sources.get((gateway, device))
        if source is not None:
            happened = Happened(source, kind, _us(time), values, bytes(evidence), told_us)
            recorder.event(happened, max(_us(time), min(_us(received), _us(until))))
            contact_times.setdefault((gateway, device), []).append(np.array([_us(time)]))
    if not contact_times:
        raise ValueError(f"nothing is stored of {', '.join(residents)} between {since} and {until}")
    times = {where: np.sort(np.concatenate(parts)) for where, parts in contact_times.items()}
    begin_us = max(_us(since), min(int(t[0]) for t in times.values()))
    end_us = min(_us(until), max(int(t[-1]) for t in times.values()))
    return recorder.recording(begin_us, end_us, _contacts(district, times, begin_us, end_us)), recorder.unused


def _of(registry: Registry, residents: Sequence[str]) -> Registry:
    """The part of the registry that concerns these residents' homes."""
    codes = {resident.code: resident for resident in registry.residents.values()}
    missing = [code for code in residents if code not in codes]
    if missing:
        raise LookupError(f"no resident {', '.join(map(repr, missing))}: codes are on the residents' pages")
    homes = {codes[code].household_id for code in residents}
    gateways = {name: gateway for name, gateway in registry.gateways.items() if gateway.household_id in homes}
    return msgspec.structs.replace(
        registry,
        residents={number: r for number, r in registry.residents.items() if r.household_id in homes},
        households={number: h for number, h in registry.households.items() if number in homes},
        gateways=gateways,
        devices={key: device for key, device in registry.devices.items() if device.gateway in gateways},
    )


def _readings(
    conn: psycopg.Connection[Any],
    series: list[int],
    since: dt.datetime,
    until: dt.datetime,
    progress: Callable[[float], None],
) -> NDArray[Any]:
    parts = [np.empty(0, _ROW)]
    begin = since
    while begin < until and series:
        end = min(begin + _SLICE, until)
        with conn.cursor() as cursor:
            query = (
                "COPY (SELECT s.id, r.time, r.value FROM unnest(%s::int[]) AS s (id)"
                " CROSS JOIN LATERAL readings(s.id, %s, %s) r) TO STDOUT (FORMAT BINARY)"
            )
            with cursor.copy(query, [series, begin, end]) as copy:
                raw = b"".join(bytes(block) for block in copy)
        # a header of 19 bytes (without extensions), the tuples, and -1 as the end
        parts.append(np.frombuffer(raw, _ROW, (len(raw) - _HEADER_BYTES - 2) // _ROW.itemsize, _HEADER_BYTES))
        begin = end
        progress((begin - since) / (until - since))
    return np.concatenate(parts)


def _contacts(
    district: District, times: dict[tuple[str, str], NDArray[np.int64]], begin_us: int, end_us: int
) -> list[Contact]:
    """The contacts of each device; a gateway is heard whenever one of its devices is."""
    contacts = []
    for gateway in district.gateways:
        own_times = [t for (name, _), t in times.items() if name == gateway]
        if own_times:
            contacts += contacts_in(district, gateway, None, np.sort(np.concatenate(own_times)), begin_us, end_us)
    nothing = np.empty(0, np.int64)
    for gateway, device in district.sources:
        contacts += contacts_in(district, gateway, device, times.get((gateway, device), nothing), begin_us, end_us)
    return contacts


def _us(time: dt.datetime) -> int:
    return round(time.timestamp() * 1e6)
