"""Write readings as NDJSON: PostgreSQL makes the lines of a series, from a pattern that Python makes once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, LiteralString

import msgspec
import psycopg

from exchange.fhir import observations
from exchange.fhir.arrivals import Spans
from exchange.fhir.codes import DIASTOLIC, SYSTOLIC, decimals
from exchange.fhir.search import FIRST, us_of

BY_ONE = frozenset({SYSTOLIC, DIASTOLIC, "consciousness", "supplemental_oxygen"})
"""Channels of few readings whose resources are no plain value: these are made one by one."""
PAGE = 1000
_MARKS = ("@id@", "@time@", "@value@")

_COPY: LiteralString = r"""
    COPY (
        SELECT s.a || (extract(epoch FROM r.time) * 1000000)::bigint || s.b
               || to_char(r.time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || s.c
               || trim_scale(round(r.value::numeric, s.digits)) || s.d
        FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[], %s::timestamptz[],
                    %s::timestamptz[]) AS s(id, a, b, c, d, digits, since, until)
        CROSS JOIN LATERAL readings(s.id, s.since, s.until) r
        ORDER BY s.id, r.time
    ) TO STDOUT (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')
"""
"""Neither of the two characters is in a line, so that nothing is quoted."""


def pattern(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """The JSON of a series' readings, cut at the number, the time and the value."""
    sample = observations.observation(row, FIRST, 0.0)
    sample["id"], sample["effectiveDateTime"] = f"{row['id']}-{_MARKS[0]}", _MARKS[1]
    sample["valueQuantity"]["value"] = _MARKS[2]
    text = msgspec.json.encode(sample).decode()
    first, rest = text.split(_MARKS[0])
    second, rest = rest.split(_MARKS[1])
    third, last = rest.split(f'"{_MARKS[2]}"')
    return first, second, third, last


def readings(conn: psycopg.Connection[Any], series: observations.Series, spans: Spans) -> Iterator[bytes]:
    """Blocks of lines, one for each reading of the series within its times."""
    parts = [(row, span) for row in series.values() if row["channel"] not in BY_ONE for span in spans[row["id"]]]
    if parts:
        plain = [row for row, _ in parts]
        cuts = {row["id"]: pattern(row) for row in plain}
        cut = [cuts[row["id"]] for row in plain]
        asked: Sequence[Any] = (
            [row["id"] for row in plain], *(list(column) for column in zip(*cut, strict=True)),
            [decimals(row["channel"]) + 1 for row in plain], [span.since for _, span in parts],
            [span.until for _, span in parts],
        )  # fmt: skip
        with conn.cursor() as cursor, cursor.copy(_COPY, asked) as copy:
            yield from map(bytes, copy)
    others = {number: row for number, row in series.items() if row["channel"] in BY_ONE}
    key: tuple[int, ...] | None = None
    while True:
        rows = observations.in_order(conn, others, spans, key, PAGE)
        if rows:
            yield encoded(observations.resources(conn, others, rows))
            key = (rows[-1][0], us_of(rows[-1][1]))
        if len(rows) < PAGE:
            return


def encoded(resources: Sequence[dict[str, Any]]) -> bytes:
    """The lines of these resources."""
    return b"".join(msgspec.json.encode(one) + b"\n" for one in resources)
