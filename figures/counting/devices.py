"""Count the hours at which devices were heard: their time in service less the silences that were told of."""

import datetime as dt
from typing import Any, LiteralString

import psycopg

from care_network.protection.loading import OWN_DEVICE
from figures.core import months


def count(conn: psycopg.Connection[Any], month: dt.date, now: dt.datetime) -> None:
    """Count the month's devices anew, in the caller's transaction.

    A device is silent from the last time it was heard until the alert about it was closed; with a silent gateway all of
    its devices are. A time in which nobody looked (``protection_gap``) is unknown, and so is a home that was never
    heard. The registry has no past: devices that are registered now count from their gateway's registration on.
    """
    since, until = months.span(month)
    asked = {"month": month, "since": since, "until": min(until, now), "own": OWN_DEVICE}
    for table in ("figure_device", "figure_model"):
        conn.execute(f"DELETE FROM {table} WHERE month = %(month)s".encode(), asked)  # noqa: S608 - one of two names
    conn.execute(_SILENT, asked)
    conn.execute(_MODELS, asked)


_SPELL: LiteralString = """
    tstzrange(greatest(coalesce(to_timestamp((a.evidence ->> 'last_heard_us')::float8 / 1e6), a.onset), %(since)s),
              least(coalesce(a.closed_at, %(until)s), %(until)s))
"""
_SILENT: LiteralString = f"""
    WITH silence AS (
        SELECT a.household_id, regexp_replace(a.subject, '^[a-z]+:', '') AS name, a.subject LIKE 'gateway:%%' AS whole,
               {_SPELL} AS spell
        FROM alert a JOIN household h ON h.id = a.household_id
        WHERE a.severity = 'technical' AND a.evidence ->> 'kind' = 'silence' AND NOT h.synthetic
          AND a.onset < %(until)s AND coalesce(a.closed_at, %(until)s) > %(since)s
          AND coalesce(to_timestamp((a.evidence ->> 'last_heard_us')::float8 / 1e6), a.onset) < %(until)s
    ), silent AS (
        SELECT d.id, g.household_id, d.model, range_agg(s.spell) AS spells
        FROM silence s JOIN gateway g ON g.household_id = s.household_id
        JOIN device d ON d.gateway_id = g.id AND d.model <> %(own)s AND g.state <> 'never seen'
         AND s.name = CASE WHEN s.whole THEN g.name ELSE g.name || '/' || d.name END
        WHERE NOT isempty(s.spell) GROUP BY d.id, g.household_id
    )
    INSERT INTO figure_device
    SELECT %(month)s, s.id, s.household_id, h.area_id, s.model,
           (SELECT sum(extract(epoch FROM upper(u) - lower(u))) FROM unnest(s.spells) u)
    FROM silent s JOIN household h ON h.id = s.household_id
"""  # noqa: S608 - of constants
_MODELS: LiteralString = """
    WITH gap AS (
        SELECT coalesce(sum(extract(epoch FROM least(until, %(until)s) - greatest(since, %(since)s))), 0)::float8 AS s
        FROM protection_gap WHERE since < %(until)s AND until > %(since)s
    ), one AS (
        SELECT d.id, d.model, h.area_id, g.state = 'never seen' AS never,
               extract(epoch FROM %(until)s - greatest(g.registered_at, %(since)s))::float8 AS expected,
               coalesce(f.silent_s, 0) AS silent
        FROM device d JOIN gateway g ON g.id = d.gateway_id JOIN household h ON h.id = g.household_id
        LEFT JOIN figure_device f ON f.device_id = d.id AND f.month = %(month)s
        WHERE d.model <> %(own)s AND NOT h.synthetic AND g.registered_at < %(until)s
    )
    INSERT INTO figure_model
    SELECT %(month)s, node.id, o.model, count(*), count(*) FILTER (WHERE o.silent > 0), sum(o.expected),
           sum(least(o.silent, o.expected)),
           sum(CASE WHEN o.never THEN o.expected
                    ELSE least(gap.s, o.expected - least(o.silent, o.expected)) END)
    FROM one o CROSS JOIN gap JOIN area leaf ON leaf.id = o.area_id JOIN area node ON node.path @> leaf.path
    GROUP BY node.id, o.model
"""
