"""Readings as FHIR's Observation: found by key, blood pressure in its panel, and the times in which nobody measured."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg.rows import dict_row

from care_network.protection.functions import Function
from exchange.fhir import codes, people
from exchange.fhir.arrivals import Spans, spans_of
from exchange.fhir.codes import DIASTOLIC, SYSTOLIC
from exchange.fhir.search import LAST, Span, at_of, instant, us_of

Series = Mapping[int, dict[str, Any]]
"""By the number of the series: its row of :func:`exchange.fhir.people.series`."""
Reading = tuple[int, dt.datetime, float]
AT_ONCE, MOST_AT_ONCE = 40, 640
"""Series that one statement looks into, where no patient is named: at first, and where that brought too little."""
MOST_RESIDENTS = 64
"""Residents whose series are looked into one after another, at most."""
MOST_LOOKED = 300
"""Series that are looked into for one page; one with less than was asked for has a link to go on."""
VITALS = list(Function).index(Function.VITALS)
BLIND = 3
"""The level of protection at which nothing is measured (migration 0140)."""

_NEWEST: LiteralString = """
    SELECT s.id, r.time, r.value
    FROM unnest(%(ids)s::int[], %(mates)s::int[], %(since)s::timestamptz[], %(until)s::timestamptz[])
        AS s(id, mate, since, until)
    CROSS JOIN LATERAL (
        SELECT n.time, n.value FROM newest_readings(
            s.id, s.since,
            least(s.until, %(time)s::timestamptz + CASE WHEN s.id < %(id)s THEN INTERVAL '1 microsecond' ELSE '0' END),
            CASE WHEN s.mate IS NULL THEN %(limit)s::bigint END) n
        WHERE s.mate IS NULL OR NOT EXISTS (SELECT FROM readings(s.mate, n.time, n.time + INTERVAL '1 microsecond'))
        ORDER BY n.time DESC LIMIT %(limit)s) r
    ORDER BY r.time DESC, s.id DESC LIMIT %(limit)s
"""
_IN_ORDER: LiteralString = """
    SELECT s.id, r.time, r.value
    FROM unnest(%(ids)s::int[], %(mates)s::int[], %(since)s::timestamptz[], %(until)s::timestamptz[])
        WITH ORDINALITY AS s(id, mate, since, until, n)
    CROSS JOIN LATERAL (
        SELECT n.time, n.value FROM oldest_readings(
            s.id, s.since, s.until, CASE WHEN s.mate IS NULL THEN %(limit)s::bigint END) n
        WHERE s.mate IS NULL OR NOT EXISTS (SELECT FROM readings(s.mate, n.time, n.time + INTERVAL '1 microsecond'))
        ORDER BY n.time LIMIT %(limit)s) r
    ORDER BY s.n, r.time LIMIT %(limit)s
"""
_ABSENT: LiteralString = """
    SELECT c.id, c.resident_id, c.at AS since, n.at AS until, c.level
    FROM protection_change c LEFT JOIN LATERAL (
        SELECT at FROM protection_change x
        WHERE x.resident_id = c.resident_id AND x.function = c.function AND (x.at, x.id) > (c.at, c.id)
        ORDER BY x.at, x.id LIMIT 1) n ON true
    WHERE c.resident_id = ANY(%(patients)s) AND c.function = %(function)s AND c.level = %(blind)s
      AND c.at < %(until)s AND (n.at IS NULL OR n.at > %(since)s)
    ORDER BY c.at DESC, c.id DESC LIMIT %(limit)s
"""


def mates_of(series: Series) -> dict[int, int]:
    """The systolic series of each diastolic one of the same device: their readings of one time are one measurement."""
    systolic = {row["device_id"]: number for number, row in series.items() if row["channel"] == SYSTOLIC}
    return {
        number: systolic[row["device_id"]]
        for number, row in series.items()
        if row["channel"] == DIASTOLIC and row["device_id"] in systolic
    }


def newest(
    conn: psycopg.Connection[Any], series: Series, spans: Spans, key: tuple[int, ...] | None, limit: int
) -> list[Reading]:
    """Readings of these series, the newest first, from behind ``key`` (µs, series); the second half of a blood pressure
    is left out where the first is there."""
    at, number = (LAST, 0) if key is None else (at_of(key[0]), key[1])
    asked = _asked(series, [(one, span) for one in sorted(series) for span in spans[one]])
    if not asked["ids"] or limit <= 0:
        return []
    return conn.execute(_NEWEST, asked | {"time": at, "id": number, "limit": limit}).fetchall()


def in_order(
    conn: psycopg.Connection[Any], series: Series, spans: Spans, key: tuple[int, ...] | None, limit: int
) -> list[Reading]:
    """The same in the order of ``series`` and by time, from behind ``key`` (series, µs)."""
    left = [(one, span) for one in series for span in spans[one]]
    if key is not None and key[0] in series:
        behind = Span(since=at_of(key[1] + 1))
        order = list(series)
        passed = set(order[: order.index(key[0])])
        left = [(one, span.within(behind) if one == key[0] else span) for one, span in left if one not in passed]
    left = [(one, span) for one, span in left if span.since < span.until]
    found: list[Reading] = []
    begin, some = 0, AT_ONCE
    while begin < len(left) and len(found) < limit:
        asked = _asked(series, left[begin : begin + some])
        found += conn.execute(_IN_ORDER, asked | {"limit": limit - len(found)}).fetchall()
        begin, some = begin + some, min(some * 2, MOST_AT_ONCE)
    return found


def _asked(series: Series, parts: Sequence[tuple[int, Span]]) -> dict[str, Any]:
    """The parameters of a statement that looks into these parts of series."""
    mates = mates_of(series)
    return {
        "ids": [one for one, _ in parts], "mates": [mates.get(one) for one, _ in parts],
        "since": [span.since for _, span in parts], "until": [span.until for _, span in parts],
    }  # fmt: skip


class Found(msgspec.Struct):
    """A part of all readings that a token may see. ``key``: where to go on (resident, series, µs); None: it was all."""

    series: dict[int, dict[str, Any]]
    readings: list[Reading]
    key: tuple[int, int, int] | None


def of_all(
    conn: psycopg.Connection[Any], token: int, channels: Sequence[str], span: Span, known: Span,
    key: tuple[int, ...] | None, limit: int, now: dt.datetime,
) -> Found:  # fmt: skip
    """Readings by resident, series and time, from behind ``key``: no sort over people, however many they are."""
    whole: dict[int, dict[str, Any]] = {}
    readings: list[Reading] = []
    first, behind, most, looked = (key[0] if key else 0), (key[1:] if key else None), people.AT_ONCE, 0
    while True:
        who = people.some(conn, token, first, most)
        rows = people.series_of(conn, token, who, channels) if who else []
        if behind is not None:  # the first resident's series up to that of the last page
            rows = [row for row in rows if (row["resident_id"], row["id"]) >= (first, behind[0])]
        series = {row["id"]: row for row in rows}
        whole |= series
        spans = spans_of(conn, series, span, known, now)
        readings += in_order(conn, series, spans, behind, limit + 1 - len(readings))
        looked += len(series)
        if len(readings) > limit:
            readings = readings[:limit]
            last = readings[-1]
            return Found(whole, readings, (whole[last[0]]["resident_id"], last[0], us_of(last[1])))
        if len(who) < most:
            return Found(whole, readings, None)
        if looked >= MOST_LOOKED:
            return Found(whole, readings, (who[-1][0] + 1, 0, 0))
        first, behind, most = who[-1][0] + 1, None, min(most * 2, MOST_RESIDENTS)


def one(conn: psycopg.Connection[Any], number: int, us: int) -> list[Reading]:
    """The reading of a series at a time; empty where there is none."""
    return conn.execute(
        "SELECT %(series)s::int, time, value"
        " FROM readings(%(series)s, %(at)s, %(at)s + INTERVAL '1 microsecond') LIMIT 1",
        {"series": number, "at": at_of(us)},
    ).fetchall()


def resources(conn: psycopg.Connection[Any], series: Series, readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """The readings as Observations; of systolic ones the diastolic half is looked up, all at once."""
    partner = {systolic: diastolic for diastolic, systolic in mates_of(series).items()}
    pairs = [(partner[number], time) for number, time, _ in readings if number in partner]
    halves: dict[tuple[int, dt.datetime], float] = {}
    if pairs:
        rows = conn.execute(
            """
            SELECT n.id, r.time, r.value FROM unnest(%s::int[], %s::timestamptz[]) AS n(id, time)
            CROSS JOIN LATERAL readings(n.id, n.time, n.time + INTERVAL '1 microsecond') r
            """,
            ([number for number, _ in pairs], [time for _, time in pairs]),
        ).fetchall()
        halves = {(number, time): value for number, time, value in rows}
    return [
        observation(series[number], time, value, halves.get((partner.get(number, 0), time)))
        for number, time, value in readings
    ]


def observation(row: Mapping[str, Any], time: dt.datetime, value: float, other: float | None = None) -> dict[str, Any]:
    """One reading as Observation. ``other``: of a systolic pressure the diastolic one of the same measurement."""
    channel = row["channel"]
    found: dict[str, Any] = {"resourceType": "Observation", "id": f"{row['id']}-{us_of(time)}"}
    profile = codes.profile(channel)
    if profile is not None:
        found["meta"] = {"profile": [profile]}
    found |= {"status": "final", "category": codes.category(channel)}
    pressure = channel in (SYSTOLIC, DIASTOLIC)
    found["code"] = codes.panel(codes.BP_PANEL) if pressure else codes.concept(channel)
    found["subject"] = {"reference": f"Patient/{row['resident_id']}"}
    found["effectiveDateTime"] = instant(time)
    if pressure:
        high, low = (value, other) if channel == SYSTOLIC else (other, value)
        found["component"] = [_half(SYSTOLIC, high), _half(DIASTOLIC, low)]
    elif channel == "consciousness":
        word = (
            ("alert", "alert") if value == 0 else ("cvpu", "new confusion, or responds to voice or pain, or not at all")
        )
        found["valueCodeableConcept"] = {
            "coding": [{"system": "urn:shouwang:consciousness", "code": word[0], "display": word[1]}], "text": word[1],
        }  # fmt: skip
    elif channel == "supplemental_oxygen":
        found["valueBoolean"] = value > 0
    else:
        found["valueQuantity"] = codes.quantity(channel, value)
    return found | {"device": {"reference": f"Device/{row['device_id']}"}}


def _half(channel: str, value: float | None) -> dict[str, Any]:
    if value is None:
        return {"code": codes.concept(channel), "dataAbsentReason": _reason("unknown", "Unknown")}
    return {"code": codes.concept(channel), "valueQuantity": codes.quantity(channel, value)}


def _reason(code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": codes.ABSENT, "code": code, "display": display}]}


def blind_times(
    conn: psycopg.Connection[Any], patients: Sequence[int], span: Span, *, limit: int = 200, number: int | None = None
) -> list[dict[str, Any]]:
    """The times in which no device could measure the vital signs of these residents, the newest first."""
    if not patients:
        return []
    asked = {
        "patients": list(patients), "since": span.since, "until": span.until, "function": VITALS, "blind": BLIND,
        "limit": limit,
    }  # fmt: skip
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_ABSENT, asked).fetchall()
    return [absent(row) for row in rows if number is None or row["id"] == number]


def absent(row: Mapping[str, Any]) -> dict[str, Any]:
    """A time without measurements as an Observation that says so, in place of a value: a gap is not a calm hour."""
    period = {"start": instant(row["since"])} | ({"end": instant(row["until"])} if row["until"] is not None else {})
    return {
        "resourceType": "Observation",
        "id": f"blind-{row['id']}",
        "status": "final",
        "category": [{"coding": [{"system": codes.CATEGORY, "code": "vital-signs"}]}],
        "code": codes.panel(codes.VITAL_PANEL),
        "subject": {"reference": f"Patient/{row['resident_id']}"},
        "effectivePeriod": period,
        "dataAbsentReason": _reason("error", "Error")
        | {"text": "no device of the home could measure: out of contact, faulty or without power"},
    }
