"""Tell which readings the platform came to know within a time: those measured then, and those that came late.

A reading does not keep when it was stored. Ingest writes down of which times a home's readings came late, by quarters
of an hour (migration 0195); all others were stored within minutes of being measured. A search by ``_since`` so gives a
few minutes more than was asked for, and never less.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from exchange.fhir.search import FIRST, Span

SLACK = dt.timedelta(minutes=10)
"""Readings that are not written down as late were stored within five minutes; the rest is for a long transaction."""
QUARTER = dt.timedelta(minutes=15)
ARRIVALS_KEPT = dt.timedelta(days=40)
"""Of what came late; asked for what is new since an earlier moment, all is given that could have come since."""
LATEST = dt.timedelta(days=91)
"""No reading is taken that is older (:mod:`ingest`)."""
Spans = Mapping[int, Sequence[Span]]
"""By the number of a series: times that do not overlap, in their order."""


def spans_of(
    conn: psycopg.Connection[Any], series: Mapping[int, Mapping[str, Any]], span: Span, known: Span, now: dt.datetime
) -> Spans:
    """The times within ``span`` whose readings of these series the platform came to know within ``known``."""
    if known.since <= FIRST:
        one = [span.within(Span(until=known.until))]
        return dict.fromkeys(series, one)
    if known.since < now - ARRIVALS_KEPT + QUARTER:
        one = [span.within(Span(known.since - LATEST, known.until))]
        return dict.fromkeys(series, one)
    usual = Span(known.since - SLACK, known.until)
    rows = conn.execute(
        "SELECT gateway_id, first, last FROM late_arrival"
        " WHERE gateway_id = ANY(%s) AND arrived >= %s AND arrived < %s",
        (sorted({row["gateway_id"] for row in series.values()}), known.since - QUARTER - SLACK, known.until),
    ).fetchall()
    late: dict[int, list[Span]] = {}
    for gateway, first, last in rows:
        late.setdefault(gateway, []).append(Span(first, last + dt.timedelta(microseconds=1)))
    by_gateway = {gateway: merged([usual, *found], span) for gateway, found in late.items()}
    others = merged([usual], span)
    return {number: by_gateway.get(row["gateway_id"], others) for number, row in series.items()}


def merged(spans: Sequence[Span], bound: Span) -> list[Span]:
    """The same times within ``bound``, in their order and without overlap. Pure."""
    found: list[Span] = []
    for one in sorted((span.within(bound) for span in spans), key=lambda one: one.since):
        if one.since >= one.until:
            continue
        if found and one.since <= found[-1].until:
            found[-1] = Span(found[-1].since, max(found[-1].until, one.until))
        else:
            found.append(one)
    return found
