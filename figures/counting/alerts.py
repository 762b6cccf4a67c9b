"""Count the alerts of a month: a fact for each, then the sums of every node of the area tree."""

import datetime as dt
from typing import Any, LiteralString

import psycopg

from dispatch.sla import clock as sla
from dispatch.sla import report as sla_store
from figures.core import months
from vocabulary.rule_words import KEY


def count(conn: psycopg.Connection[Any], month: dt.date, now: dt.datetime) -> int:
    """Count a month anew, in the caller's transaction; gives the number of its alerts.

    Milestones are judged at ``now`` by :func:`dispatch.sla.clock.measure`, as the page of the service level does.
    """
    since, until = months.span(month)
    asked = {"since": since, "until": until, "month": month, "words": KEY, "now": now}
    stories = {story.alert_id: story for story in sla_store.stories(conn, since, until)}
    conn.execute("DELETE FROM figure_alert WHERE month = %(month)s", asked)
    rows = conn.execute(_FACTS, asked).fetchall()
    facts = []
    for alert_id, *row in rows:
        story = stories[str(alert_id)]
        measured: list[Any] = []
        for milestone in sla.MILESTONES:
            one = sla.measure(story, milestone, now)
            measured += [one.elapsed_s, one.verdict, one.target_s]
        facts.append((alert_id, month, *row, *measured))
    with conn.cursor() as cursor:  # not COPY, which a table with row-level security does not take
        cursor.executemany(_INSERT, facts)
    conn.execute("DELETE FROM figure_count WHERE month = %(month)s", asked)
    conn.execute("DELETE FROM figure_time WHERE month = %(month)s", asked)
    conn.execute(_COUNTS, asked)
    for milestone in sla.MILESTONES:  # their names are ours, not a reader's
        conn.execute(_TIMES.replace("<m>", milestone).encode(), asked)
    conn.execute(_RULES, asked)
    return len(rows)


_COLUMNS: LiteralString = (
    "alert_id, month, raised_at, area_id, household_id, grade, rule, severity, model, ending, acknowledged_s,"
    " acknowledged_is, acknowledged_target, contacted_s, contacted_is, contacted_target, on_scene_s, on_scene_is,"
    " on_scene_target, resolved_s, resolved_is, resolved_target"
)
_INSERT = f"INSERT INTO figure_alert ({_COLUMNS}) VALUES ({', '.join(['%s'] * 22)})".encode()  # noqa: S608
_FACTS: LiteralString = """
    SELECT a.id, a.raised_at, h.area_id, a.household_id, coalesce(r.ability_grade, ''), a.rule, a.severity,
           coalesce(d.model, CASE WHEN a.subject LIKE 'gateway:%%' THEN 'gateway' ELSE '' END),
           CASE WHEN alert_is_open(a.state) THEN 'open'
                WHEN f.verdict IS NOT NULL THEN f.verdict
                WHEN a.state IN ('cleared', 'cancelled') THEN a.state ELSE 'unrecorded' END
    FROM alert a JOIN household h ON h.id = a.household_id LEFT JOIN resident r ON r.id = a.resident_id
    LEFT JOIN alert_finding f ON f.alert_id = a.id
    LEFT JOIN LATERAL (
        SELECT min(d.model) AS model FROM device d JOIN gateway g ON g.id = d.gateway_id
        WHERE g.household_id = a.household_id AND d.name = regexp_replace(
            CASE WHEN a.subject LIKE 'device:%%' THEN a.subject ELSE a.evidence ->> 'device' END, '^.*/', '')
    ) d ON true
    WHERE a.raised_at >= %(since)s AND a.raised_at < %(until)s AND NOT h.synthetic
"""
_NODES: LiteralString = """
    FROM figure_alert f JOIN area leaf ON leaf.id = f.area_id JOIN area node ON node.path @> leaf.path
"""
_COUNTS: LiteralString = f"""
    INSERT INTO figure_count (month, area_id, what, key, ending, n)
    SELECT %(month)s, node.id, w.what, w.key, f.ending, count(*)
    {_NODES}, LATERAL (VALUES ('severity', f.severity), ('rule', f.rule), ('model', f.model), ('grade', f.grade))
                      w (what, key)
    WHERE f.month = %(month)s GROUP BY node.id, w.what, w.key, f.ending
"""
_TIMES = f"""
    WITH story AS (
        SELECT node.id AS node, f.severity, <m>_s, <m>_is, <m>_target,
               coalesce(<m>_s, resolved_s, extract(epoch FROM %(now)s - f.raised_at)::float8) AS waited,
               <m>_s IS NOT NULL OR <m>_is = 'pending'
               OR <m>_is = 'missed' AND ('<m>' <> 'on_scene' OR f.ending = 'open') AS there
        {_NODES} WHERE f.month = %(month)s
    ), step AS (
        SELECT node, severity, waited, count(<m>_s) AS seen,
               sum(count(*)) OVER (PARTITION BY node, severity ORDER BY waited DESC) AS at_risk
        FROM story WHERE there GROUP BY node, severity, waited
    ), curve AS (
        -- ends of all who are left: a logarithm that nothing comes up to
        SELECT node, severity, waited, sum(CASE WHEN seen = at_risk THEN -1e6 ELSE ln(1 - seen / at_risk) END)
                   OVER (PARTITION BY node, severity ORDER BY waited) AS left_ln
        FROM step
    ), beyond AS (
        SELECT node, severity, max(waited) AS longest, min(waited) FILTER (WHERE left_ln <= ln(0.5) + 1e-9) AS p50,
               min(waited) FILTER (WHERE left_ln <= ln(0.1) + 1e-9) AS p90
        FROM curve GROUP BY node, severity
    ), whole AS (
        SELECT node, severity, count(<m>_s) AS reached,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY <m>_s) AS p50,
               percentile_cont(0.9) WITHIN GROUP (ORDER BY <m>_s) AS p90,
               count(*) FILTER (WHERE <m>_is = 'met') AS met, count(*) FILTER (WHERE <m>_is = 'late') AS late,
               count(*) FILTER (WHERE <m>_is = 'missed') AS missed,
               count(*) FILTER (WHERE <m>_is = 'pending') AS pending,
               min(<m>_target) AS low, max(<m>_target) AS high, count(*) FILTER (WHERE there AND <m>_s IS NULL) AS wait
        FROM story GROUP BY node, severity
    )
    INSERT INTO figure_time (month, area_id, severity, milestone, reached, p50_s, p90_s, met, late, missed, pending,
                             target_low, target_high, waiting, p50_over, p90_over)
    SELECT %(month)s, node, severity, '<m>', reached,
           CASE WHEN wait = 0 THEN w.p50 ELSE coalesce(b.p50, longest) END,
           CASE WHEN wait = 0 THEN w.p90 ELSE coalesce(b.p90, longest) END,
           met, late, missed, pending, low, high, wait, wait > 0 AND b.p50 IS NULL, wait > 0 AND b.p90 IS NULL
    FROM whole w LEFT JOIN beyond b USING (node, severity)
"""  # noqa: S608 - of constants
"""Percentiles: of an alert that has not reached the milestone the time that it has waited so far counts, by
E. L. Kaplan and P. Meier, Journal of the American Statistical Association 53 (1958) 457-481. To leave those out would
make the times look the shorter, the longer people wait. One that was settled by telephone, and is closed, needs nobody
at the door: it has no time to there. Where nobody waits they are interpolated, as on the page of the
service level."""
_RULES: LiteralString = """
    INSERT INTO figure_rule
    SELECT DISTINCT ON (a.rule) a.rule, coalesce(a.evidence -> %(words)s ->> 'zh', ''),
           coalesce(a.evidence -> %(words)s ->> 'en', '')
    FROM alert a JOIN household h ON h.id = a.household_id
    WHERE a.raised_at >= %(since)s AND a.raised_at < %(until)s AND NOT h.synthetic
    ORDER BY a.rule, a.raised_at DESC
    ON CONFLICT (rule) DO UPDATE SET name_zh = excluded.name_zh, name_en = excluded.name_en
    WHERE excluded.name_zh <> ''
"""
