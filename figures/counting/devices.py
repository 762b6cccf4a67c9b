"""Count the hours at which devices were heard: their time in service less the silences that were told of."""

import datetime as dt
from typing import Any, LiteralString

import psycopg

from care_network.protection.loading import OWN_DEVICE
from figures.core import months


def count(conn: psycopg.Connection[Any], month: dt.date, now: dt.datetime) -> None:
    """Count the month's devices anew, in the caller's transaction: a line for each, then the sums of every node.

    A device is silent from the last time it was heard until the alert about it was closed; with a silent gateway all of
    its devices are. A time in which nobody looked (``protection_gap``) is unknown, and so is a home that was never
    heard. The registry has no past: devices that are registered now count from their gateway's registration on. Lines
    that say the same as before are left alone.
    """
    since, until = months.span(month)
    asked = {"month": month, "since": since, "until": min(until, now), "end": until, "own": OWN_DEVICE}
    conn.execute(_DEVICES, asked)
    conn.execute("DELETE FROM figure_model WHERE month = %(month)s", asked)
    conn.execute(_MODELS, asked)
    conn.execute("DELETE FROM figure_version WHERE month = %(month)s", asked)
    conn.execute(_VERSIONS, asked)


def count_running(conn: psycopg.Connection[Any], now: dt.datetime) -> None:
    """Count the devices in use by model, version and node of the tree, as they are now, in a transaction of its own."""
    with conn.transaction():
        conn.execute("DELETE FROM figure_running")
        conn.execute(_RUNNING, {"now": now, "low": BATTERY_LOW, "own": OWN_DEVICE})


BATTERY_LOW = 20
"""Per cent, as on the pages of devices and products."""
_SPELL: LiteralString = """
    tstzrange(greatest(coalesce(to_timestamp((a.evidence ->> 'last_heard_us')::float8 / 1e6), a.onset), %(since)s),
              least(coalesce(a.closed_at, %(until)s), %(until)s))
"""
_DEVICES: LiteralString = f"""
    WITH silence AS (
        SELECT a.household_id, regexp_replace(a.subject, '^[a-z]+:', '') AS name, a.subject LIKE 'gateway:%%' AS whole,
               {_SPELL} AS spell
        FROM alert a JOIN household h ON h.id = a.household_id
        WHERE a.severity = 'technical' AND a.evidence ->> 'kind' = 'silence' AND NOT h.synthetic
          AND a.onset < %(until)s AND coalesce(a.closed_at, %(until)s) > %(since)s
          AND coalesce(to_timestamp((a.evidence ->> 'last_heard_us')::float8 / 1e6), a.onset) < %(until)s
    ), silent AS (
        SELECT d.id, range_agg(s.spell) AS spells
        FROM silence s JOIN gateway g ON g.household_id = s.household_id
        JOIN device d ON d.gateway_id = g.id AND d.model <> %(own)s AND g.state <> 'never seen'
         AND s.name = CASE WHEN s.whole THEN g.name ELSE g.name || '/' || d.name END
        WHERE NOT isempty(s.spell) GROUP BY d.id
    ), gap AS MATERIALIZED (
        SELECT coalesce(range_agg(tstzrange(greatest(since, %(since)s), least(until, %(until)s))), '{{}}') AS spells
        FROM protection_gap WHERE since < %(until)s AND until > %(since)s
    ), one AS (
        SELECT d.id, g.household_id, h.area_id, d.model, greatest(g.registered_at, %(since)s) AS since,
               g.state = 'never seen' AS never, s.spells, gap.spells AS gaps,
               -- told after the month: what ran in it is known from the count of then
               CASE WHEN w.told_at < %(since)s THEN w.version WHEN w.told_at >= %(end)s THEN old.version END AS version
        FROM device d JOIN gateway g ON g.id = d.gateway_id JOIN household h ON h.id = g.household_id CROSS JOIN gap
        LEFT JOIN silent s ON s.id = d.id LEFT JOIN device_firmware w ON w.device_id = d.id
        LEFT JOIN figure_device old ON old.month = %(month)s AND old.device_id = d.id
        WHERE d.model <> %(own)s AND NOT h.synthetic AND g.registered_at < %(until)s
    ), line AS (
        SELECT o.id, household_id, area_id, model, since, never,
               CASE WHEN spells IS NULL THEN 0 ELSE coalesce((
                   SELECT sum(extract(epoch FROM upper(u) - lower(u)))::float8
                   FROM unnest(spells * tstzmultirange(tstzrange(since, %(until)s))) u), 0) END AS silent,
               CASE WHEN isempty(gaps) OR never THEN 0 ELSE coalesce((
                   SELECT sum(extract(epoch FROM upper(u) - lower(u)))::float8
                   FROM unnest(gaps * tstzmultirange(tstzrange(since, %(until)s)) - coalesce(spells, '{{}}')) u), 0)
               END AS blank, version
        FROM one o
    ), gone AS (
        DELETE FROM figure_device f WHERE f.month = %(month)s AND NOT EXISTS (SELECT FROM line WHERE id = f.device_id)
    )
    INSERT INTO figure_device AS f (month, device_id, household_id, area_id, model, since, never, silent_s, unknown_s,
                                    version)
    SELECT %(month)s, id, household_id, area_id, model, since, never, silent, blank, version FROM line
    ON CONFLICT (month, device_id) DO UPDATE SET
        household_id = excluded.household_id, area_id = excluded.area_id, model = excluded.model,
        since = excluded.since, never = excluded.never, silent_s = excluded.silent_s, unknown_s = excluded.unknown_s,
        version = excluded.version
    WHERE (f.household_id, f.area_id, f.model, f.since, f.never, f.silent_s, f.unknown_s, f.version)
          IS DISTINCT FROM (excluded.household_id, excluded.area_id, excluded.model, excluded.since, excluded.never,
                            excluded.silent_s, excluded.unknown_s, excluded.version)
"""  # noqa: S608 - of constants
_MODELS: LiteralString = """
    INSERT INTO figure_model
    SELECT %(month)s, node.id, o.model, count(*), count(*) FILTER (WHERE o.silent_s > 0), sum(o.expected),
           sum(o.silent_s), sum(CASE WHEN o.never THEN o.expected ELSE o.unknown_s END)
    FROM (SELECT *, extract(epoch FROM %(until)s - since)::float8 AS expected FROM figure_device
          WHERE month = %(month)s) o
    JOIN area leaf ON leaf.id = o.area_id JOIN area node ON node.path @> leaf.path
    GROUP BY node.id, o.model
"""
_VERSIONS: LiteralString = """
    WITH home AS (
        SELECT household_id, model, min(version) AS version FROM figure_device WHERE month = %(month)s
        GROUP BY household_id, model HAVING count(*) = count(version) AND count(DISTINCT version) = 1
    ), leaf AS (
        SELECT area_id, model, version, count(*) AS devices, sum(expected) AS expected, sum(silent_s) AS silent,
               sum(CASE WHEN never THEN expected ELSE unknown_s END) AS unknown, 0 AS wrong, 0 AS low
        FROM (SELECT *, extract(epoch FROM %(until)s - since)::float8 AS expected FROM figure_device
              WHERE month = %(month)s AND version IS NOT NULL) o
        GROUP BY area_id, model, version
        UNION ALL
        SELECT f.area_id, f.model, h.version, 0, 0, 0, 0, count(*) FILTER (WHERE f.ending = 'false'),
               count(*) FILTER (WHERE f.rule = 'battery_low')
        FROM figure_alert f JOIN home h ON h.household_id = f.household_id AND h.model = f.model
        WHERE f.month = %(month)s AND (f.ending = 'false' OR f.rule = 'battery_low') GROUP BY 1, 2, 3
    )
    INSERT INTO figure_version
    SELECT %(month)s, node.id, l.model, l.version, sum(l.devices), sum(l.expected), sum(l.silent), sum(l.unknown),
           sum(l.wrong), sum(l.low)
    FROM leaf l JOIN area place ON place.id = l.area_id JOIN area node ON node.path @> place.path
    GROUP BY node.id, l.model, l.version
"""
_RUNNING: LiteralString = """
    WITH one AS MATERIALIZED (
        SELECT h.area_id, d.model, coalesce(f.version, '') AS version, g.household_id, n.battery, f.told_at
        FROM device d JOIN gateway g ON g.id = d.gateway_id
        JOIN household h ON h.id = g.household_id AND NOT h.synthetic
        LEFT JOIN device_firmware f ON f.device_id = d.id LEFT JOIN device_now n ON n.device_id = d.id
        WHERE d.retired_at IS NULL AND d.model <> %(own)s
    ), leaf AS (
        SELECT area_id, model, true AS of_version, version, count(*) AS devices, count(DISTINCT household_id) AS homes,
               count(*) FILTER (WHERE battery <= %(low)s) AS low, count(battery) AS known, min(told_at) AS told_at
        FROM one GROUP BY area_id, model, version
        UNION ALL
        SELECT area_id, model, false, '', count(*), count(DISTINCT household_id),
               count(*) FILTER (WHERE battery <= %(low)s), count(battery), min(told_at)
        FROM one GROUP BY area_id, model
    )
    INSERT INTO figure_running
    SELECT node.id, l.model, l.of_version, l.version, sum(l.devices), sum(l.homes), sum(l.low), sum(l.known),
           min(l.told_at), %(now)s
    FROM leaf l JOIN area place ON place.id = l.area_id JOIN area node ON node.path @> place.path
    GROUP BY node.id, l.model, l.of_version, l.version
"""
