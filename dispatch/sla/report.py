"""Report the service level from the database, and notify the dispatch desk once of each target that is missed."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg.rows import dict_row

from care_network.duty.centers import desk_of
from care_network.records import parameter_rows
from dispatch.channels.notifications import Recipient, enqueue
from dispatch.sla import clock as sla
from dispatch.sla.clock import HistoryEntry, ReportLine, Shift, Story
from dispatch.sla.targets import PREFIX, InForce
from vocabulary.alert_state import OPEN

log = structlog.get_logger(__name__)
LOOKED_BACK = dt.timedelta(days=7)
"""Age of an open alert beyond which missed targets are not noted any more: everybody knows."""


def targets(conn: psycopg.Connection[Any]) -> InForce:
    """Load the district's targets, present and past."""
    changes = parameter_rows.history(conn, parameter_rows.DISTRICT)
    return InForce([(change.at, change.name, change.new_value) for change in changes if change.name.startswith(PREFIX)])


def stories(
    conn: psycopg.Connection[Any], since: dt.datetime, until: dt.datetime, under: str | None = None
) -> list[Story]:
    """Load alerts raised in [since, until), below an area where one is given. Their organisation is the nearest street
    elder center, else any that serves the place, with its shift at that time."""
    shifts: dict[str, list[Shift]] = defaultdict(list)
    for organisation, code, starts, ends in conn.execute(
        "SELECT o.code, s.code, s.starts, s.ends FROM shift s JOIN organisation o ON o.id = s.organisation_id"
    ):
        shifts[organisation].append(Shift(code, starts, ends))
    in_force = targets(conn)
    rows = conn.execute(_ALERTS, {"since": since, "until": until, "under": under}).fetchall()
    histories = _histories(conn, [row[0] for row in rows])
    return [
        Story(
            alert_id=str(alert),
            severity=severity,
            raised_at=raised,
            history=tuple(histories[alert]),
            organisation=organisation or "",
            shift=sla.shift_at(shifts[organisation], raised) if organisation else "",
            targets=in_force.at(raised).seconds.get(severity),
        )
        for alert, severity, raised, organisation in rows
    ]


def report(
    conn: psycopg.Connection[Any],
    since: dt.datetime,
    until: dt.datetime,
    now: dt.datetime,
    *,
    under: str | None = None,
    by_shift: bool = True,
) -> list[ReportLine]:
    """Make the report of :func:`dispatch.sla.clock.report` for the alerts of a time and an area."""
    return sla.report(stories(conn, since, until, under), now, by_shift=by_shift)


def breaches(
    conn: psycopg.Connection[Any], since: dt.datetime, under: str | None = None, limit: int = 200
) -> list[dict[str, Any]]:
    """List targets missed since then, newest first, with the alert's reason and place."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            SELECT b.alert_id, b.milestone, b.target_s, b.due_at, b.noticed_at, o.code AS organisation, a.severity,
                   a.state, a.reason_zh, a.reason_en, ar.name_zh AS area_zh, ar.name_en AS area_en
            FROM sla_breach b JOIN alert a ON a.id = b.alert_id JOIN household h ON h.id = a.household_id
            JOIN area ar ON ar.id = h.area_id LEFT JOIN organisation o ON o.id = b.organisation_id
            WHERE b.noticed_at >= %(since)s AND NOT h.synthetic
              AND (%(under)s::ltree IS NULL OR ar.path <@ %(under)s::ltree)
            ORDER BY b.noticed_at DESC LIMIT %(limit)s
            """,
            {"since": since, "under": under, "limit": limit},
        ).fetchall()


def note_breaches(conn: psycopg.Connection[Any], now: dt.datetime) -> int:
    """Note each missed target of an open alert and notify the dispatch desk of the place, in one transaction each;
    gives the number of new ones. Two workers at once note each once: the first insert wins."""
    new = 0
    in_force = targets(conn)
    open_alerts = conn.execute(_OPEN, {"states": list(OPEN), "since": now - LOOKED_BACK, "now": now}).fetchall()
    histories = _histories(conn, [row[0] for row in open_alerts])
    for alert, severity, raised, path, noted in open_alerts:
        story = Story(
            alert_id=str(alert),
            severity=severity,
            raised_at=raised,
            history=tuple(histories[alert]),
            targets=in_force.at(raised).seconds.get(severity),
        )
        for one in sla.find_breaches(story, now):
            if one.milestone not in noted and one.target_s is not None:
                new += _note(conn, alert, path, one.milestone, raised, one.target_s, now)
    return new


def _note(
    conn: psycopg.Connection[Any],
    alert: UUID,
    path: str,
    milestone: sla.Milestone,
    raised: dt.datetime,
    target_s: float,
    now: dt.datetime,
) -> int:
    with conn.transaction():
        desk = desk_of(conn, path)
        row = conn.execute(
            """
            INSERT INTO sla_breach (alert_id, milestone, target_s, due_at, noticed_at, organisation_id)
            VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING alert_id
            """,
            (alert, milestone, target_s, raised + dt.timedelta(seconds=target_s), now, desk and desk[0]),
        ).fetchone()
        if row is None:
            return 0
        if desk is not None:
            enqueue(
                conn, alert_id=alert, step=sla.MILESTONES.index(milestone), round=1,
                recipients=[Recipient("organisation", desk[1])], reason="breach", at=now,
            )  # fmt: skip
    log.warning("service level missed", alert_id=str(alert), milestone=milestone, target_s=target_s)
    return 1


def _histories(conn: psycopg.Connection[Any], alerts: Sequence[UUID]) -> dict[UUID, list[HistoryEntry]]:
    histories: dict[UUID, list[HistoryEntry]] = defaultdict(list)
    rows = conn.execute(
        """
        SELECT alert_id, at, action, outcome FROM alert_event WHERE alert_id = ANY (%(alerts)s)
        UNION ALL
        SELECT alert_id, answered_at, 'call', result FROM call_attempt
        WHERE alert_id = ANY (%(alerts)s) AND called_kind = 'resident' AND answered_at IS NOT NULL
        ORDER BY at
        """,
        {"alerts": list(alerts)},
    )
    for alert, at, action, outcome in rows:
        histories[alert].append(HistoryEntry(at, action, outcome))
    return histories


_ALERTS = """
    WITH responsible AS MATERIALIZED (  -- of each area once: alerts are thousands
        SELECT ar.id, (
            SELECT o.code FROM organisation o JOIN area serves ON serves.id = o.area_id
            WHERE o.active AND serves.path @> ar.path
            ORDER BY o.kind <> 'street_elder_center', o.kind <> 'district_center', nlevel(serves.path) DESC, o.code
            LIMIT 1) AS code
        FROM area ar WHERE %(under)s::ltree IS NULL OR ar.path <@ %(under)s::ltree)
    SELECT a.id, a.severity, a.raised_at, o.code
    FROM alert a JOIN household h ON h.id = a.household_id JOIN area ar ON ar.id = h.area_id
    JOIN responsible o ON o.id = ar.id
    WHERE a.raised_at >= %(since)s AND a.raised_at < %(until)s AND NOT h.synthetic
      AND (%(under)s::ltree IS NULL OR ar.path <@ %(under)s::ltree)
    ORDER BY a.raised_at
"""
_OPEN = """
    SELECT a.id, a.severity, a.raised_at, ar.path::text,
           ARRAY(SELECT b.milestone FROM sla_breach b WHERE b.alert_id = a.id)
    FROM alert a JOIN household h ON h.id = a.household_id JOIN area ar ON ar.id = h.area_id
    WHERE a.state = ANY (%(states)s) AND a.raised_at BETWEEN %(since)s AND %(now)s AND NOT h.synthetic
    ORDER BY a.raised_at LIMIT 5000
"""
