"""Count how alerts were answered and how they ended: a query, and a pure function over its rows."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
import psycopg
from psycopg.rows import class_row

from vocabulary.alert_state import OPEN
from vocabulary.severity import SEVERITIES

ANSWER_S = 60.0
"""Within so many seconds an alarm call is answered: 97.5 % of them; 26 TAC § 279.79 asks for the same time."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One alert. Spans in seconds since it was raised; None: not reached."""

    severity: str
    rule: str
    state: str
    outcome: str | None
    verdict: str | None
    cause: str | None
    injury: str | None
    hospital: str | None
    actions: list[str] | None
    acknowledged_s: float | None
    arrived_s: float | None
    closed_s: float | None
    steps: int
    """Number of times somebody was called out."""
    lapses: int
    """Number of times it was taken and left."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and spans of the alerts of one severity, or of all. Shares: 0 to 1; None: nothing to divide by."""

    alerts: int
    open: int
    answered_in_time: float | None
    """Share of those that somebody took or that still wait."""
    acknowledged_s: dict[str, float]
    """p50, p90, p99."""
    arrived_s: dict[str, float]
    closed_s: dict[str, float]
    false_share: float | None
    """Share of those that were resolved as true or false."""
    verdicts: dict[str, int]
    outcomes: dict[str, int]
    causes: dict[str, int]
    injuries: dict[str, int]
    hospital: dict[str, int]
    actions: dict[str, int]
    by_rule: dict[str, int]
    steps: int
    lapses: int


def summarise(cases: Iterable[Case]) -> dict[str, Summary]:
    """Summarise by severity, and under 'all'."""
    every = list(cases)
    severities: list[str] = [s for s in SEVERITIES if any(c.severity == s for c in every)]
    by_severity = {severity: _summary([c for c in every if c.severity == severity]) for severity in severities}
    return {**by_severity, "all": _summary(every)}


def load_cases(
    conn: psycopg.Connection[Any], since: dt.datetime, until: dt.datetime, under: str | None = None
) -> list[Case]:
    """Load the alerts raised in [since, until), of the homes below the area ``under``."""
    with conn.cursor(row_factory=class_row(Case)) as cursor:
        return cursor.execute(
            """
            SELECT a.severity, a.rule, a.state, a.outcome, f.verdict, f.cause, f.injury, f.hospital, f.actions,
                   extract(epoch FROM e.acknowledged - a.raised_at)::float8 AS acknowledged_s,
                   extract(epoch FROM e.arrived - a.raised_at)::float8 AS arrived_s,
                   extract(epoch FROM e.closed - a.raised_at)::float8 AS closed_s,
                   coalesce(e.steps, 0)::int AS steps, coalesce(e.lapses, 0)::int AS lapses
            FROM alert a JOIN household h ON h.id = a.household_id JOIN area ar ON ar.id = h.area_id
            LEFT JOIN alert_finding f ON f.alert_id = a.id AND a.closed_at IS NOT NULL
            LEFT JOIN LATERAL (
                SELECT min(at) FILTER (WHERE action IN ('acknowledge', 'respond', 'arrive')) AS acknowledged,
                       min(at) FILTER (WHERE action = 'arrive') AS arrived,
                       max(at) FILTER (WHERE to_state IN ('resolved', 'cancelled', 'cleared')) AS closed,
                       count(*) FILTER (WHERE action = 'call_out') AS steps,
                       count(*) FILTER (WHERE action = 'lapse') AS lapses
                FROM alert_event WHERE alert_id = a.id
            ) e ON true
            WHERE a.raised_at >= %(since)s AND a.raised_at < %(until)s AND NOT h.synthetic
              AND (%(under)s::text IS NULL OR ar.path <@ %(under)s::text::ltree)
            ORDER BY a.raised_at
            """,
            {"since": since, "until": until, "under": under},
        ).fetchall()


def _summary(cases: list[Case]) -> Summary:
    answered = [c.acknowledged_s for c in cases if c.acknowledged_s is not None]
    still = sum(c.state == "raised" and c.acknowledged_s is None for c in cases)
    judged = [c.verdict for c in cases if c.verdict in ("true", "false")]
    return Summary(
        alerts=len(cases),
        open=sum(c.state in OPEN for c in cases),
        answered_in_time=_share(sum(s <= ANSWER_S for s in answered), len(answered) + still),
        acknowledged_s=_percentiles(answered),
        arrived_s=_percentiles([c.arrived_s for c in cases if c.arrived_s is not None]),
        closed_s=_percentiles([c.closed_s for c in cases if c.closed_s is not None]),
        false_share=_share(judged.count("false"), len(judged)),
        verdicts=_count(c.verdict for c in cases),
        outcomes=_count(c.outcome for c in cases),
        causes=_count(c.cause for c in cases),
        injuries=_count(c.injury for c in cases),
        hospital=_count(c.hospital for c in cases),
        actions=_count(action for c in cases for action in c.actions or ()),
        by_rule=_count(c.rule for c in cases),
        steps=sum(c.steps for c in cases),
        lapses=sum(c.lapses for c in cases),
    )


def _count(values: Iterable[str | None]) -> dict[str, int]:
    return dict(Counter(value for value in values if value is not None).most_common())


def _share(part: int, whole: int) -> float | None:
    return None if whole == 0 else part / whole


def _percentiles(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    return {f"p{q}": float(np.percentile(values, q)) for q in (50, 90, 99)}
