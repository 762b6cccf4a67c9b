"""Watch list for the next shift: lapsed alerts, paused homes, holes in the roster, orders under way."""

import datetime as dt
import uuid
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from dispatch.core.headline import headline
from vocabulary.alert_state import OPEN
from vocabulary.severity import Severity

LAPSES = 2
"""An open alert that was called out again so often is watched."""
AHEAD = dt.timedelta(hours=12)
"""Holes of the roster that begin within this time concern the next shift."""


class WatchedAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An open alert that lapsed again and again."""

    alert_id: uuid.UUID
    severity: Severity
    headline_zh: str
    headline_en: str
    resident_zh: str | None
    resident_en: str | None
    household: str
    lapses: int


class PausedHome(msgspec.Struct, frozen=True, kw_only=True):
    """A home in which some alerts rest now."""

    household: str
    address_zh: str
    address_en: str
    kind: str
    """``carer`` or ``maintenance``."""
    device: str
    """Empty: the whole home."""
    until: dt.datetime
    reason: str


class RosterHole(msgspec.Struct, frozen=True, kw_only=True):
    """Hours in which nobody is on duty who could be reached."""

    place_zh: str
    place_en: str
    text_zh: str
    text_en: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    severity: str


class OrderUnderWay(msgspec.Struct, frozen=True, kw_only=True):
    """A work order about an alert that is not done."""

    order_id: uuid.UUID
    number: int
    state: str
    urgency: str
    service: str
    staff_zh: str | None
    staff_en: str | None
    household: str
    resident_zh: str | None
    resident_en: str | None


class WatchList(msgspec.Struct, frozen=True, kw_only=True):
    """The watch list of an area."""

    open: dict[str, int]
    """Number of open alerts by severity, those that are merged into others left out."""
    unowned: int
    """Of them, those that nobody has."""
    lapsed: tuple[WatchedAlert, ...]
    paused: tuple[PausedHome, ...]
    holes: tuple[RosterHole, ...]
    orders: tuple[OrderUnderWay, ...]


class _Lapsed(msgspec.Struct, frozen=True, kw_only=True):
    id: uuid.UUID
    rule: str
    severity: Severity
    evidence: dict[str, Any]
    resident_zh: str | None
    resident_en: str | None
    household: str
    lapses: int


def watch_list(conn: psycopg.Connection[Any], area: str, now: dt.datetime) -> WatchList:
    """Load the watch list of the homes below ``area`` (path)."""
    values = {"area": area, "now": now, "ahead": now + AHEAD, "open": list(OPEN), "lapses": LAPSES}
    counts = conn.execute(_OPEN, values).fetchall()
    with conn.cursor(row_factory=class_row(_Lapsed)) as lapsed:
        rows = lapsed.execute(_LAPSED, values).fetchall()
    with conn.cursor(row_factory=class_row(PausedHome)) as paused:
        homes = tuple(paused.execute(_PAUSED, values).fetchall())
    with conn.cursor(row_factory=class_row(RosterHole)) as holes:
        gaps = tuple(holes.execute(_HOLES, values).fetchall())
    with conn.cursor(row_factory=class_row(OrderUnderWay)) as orders:
        under_way = tuple(orders.execute(_ORDERS, values).fetchall())
    return WatchList(
        open={row[0]: row[1] for row in counts},
        unowned=sum(row[2] for row in counts),
        lapsed=tuple(_watched(row) for row in rows),
        paused=homes,
        holes=gaps,
        orders=under_way,
    )


def _watched(row: _Lapsed) -> WatchedAlert:
    zh, en = headline(row.rule, row.severity, row.evidence)
    return WatchedAlert(
        alert_id=row.id, severity=row.severity, headline_zh=zh, headline_en=en, resident_zh=row.resident_zh,
        resident_en=row.resident_en, household=row.household, lapses=row.lapses,
    )  # fmt: skip


_OPEN = """
    SELECT a.severity, count(*)::int, (count(*) FILTER (WHERE a.owner_zh = ''))::int
    FROM alert a JOIN household h ON h.id = a.household_id JOIN area ar ON ar.id = h.area_id
    WHERE a.state = ANY(%(open)s) AND a.merged_into IS NULL AND NOT h.synthetic AND ar.path <@ %(area)s::text::ltree
    GROUP BY a.severity ORDER BY severity_rank(a.severity)
"""
_LAPSED = """
    SELECT a.id, a.rule, a.severity, a.evidence, r.name_zh AS resident_zh, r.name_en AS resident_en,
           h.code AS household, l.lapses
    FROM alert a JOIN household h ON h.id = a.household_id JOIN area ar ON ar.id = h.area_id
    LEFT JOIN resident r ON r.id = a.resident_id
    CROSS JOIN LATERAL (
        SELECT count(*)::int AS lapses FROM alert_event e WHERE e.alert_id = a.id AND e.action = 'lapse'
    ) l
    WHERE a.state = ANY(%(open)s) AND a.merged_into IS NULL AND NOT h.synthetic AND ar.path <@ %(area)s::text::ltree
      AND l.lapses >= %(lapses)s
    ORDER BY severity_rank(a.severity), a.raised_at LIMIT 50
"""
_PAUSED = """
    SELECT h.code AS household, h.address_zh, h.address_en, p.kind,
           coalesce(g.name || '/' || d.name, '') AS device, p.until, p.reason
    FROM pause p JOIN household h ON h.id = p.household_id JOIN area ar ON ar.id = h.area_id
    LEFT JOIN device d ON d.id = p.device_id LEFT JOIN gateway g ON g.id = d.gateway_id
    WHERE p.ended_at IS NULL AND p.since <= %(now)s AND p.until > %(now)s AND NOT h.synthetic
      AND ar.path <@ %(area)s::text::ltree
    ORDER BY p.until LIMIT 50
"""
_HOLES = """
    SELECT place AS place_zh, coalesce(nullif(place_en, ''), place) AS place_en, text_zh, text_en, starts_at, ends_at,
           severity
    FROM duty_warning
    WHERE gone_at IS NULL AND ends_at > %(now)s AND starts_at < %(ahead)s
      AND EXISTS (SELECT FROM unnest(areas) one WHERE one <@ %(area)s::text::ltree OR one @> %(area)s::text::ltree)
    ORDER BY starts_at LIMIT 50
"""
_ORDERS = """
    SELECT o.id AS order_id, o.number, o.state, o.urgency, o.service, s.name_zh AS staff_zh, s.name_en AS staff_en,
           h.code AS household, r.name_zh AS resident_zh, r.name_en AS resident_en
    FROM work_order o JOIN household h ON h.id = o.household_id JOIN area ar ON ar.id = h.area_id
    LEFT JOIN staff s ON s.id = o.staff_id LEFT JOIN resident r ON r.id = o.resident_id
    WHERE o.alert_id IS NOT NULL AND o.state NOT IN ('done', 'cancelled') AND NOT h.synthetic
      AND ar.path <@ %(area)s::text::ltree
    ORDER BY severity_rank(o.urgency), o.created_at LIMIT 50
"""
